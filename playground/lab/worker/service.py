"""The worker's loop: serves commands between steps, and makes steps between commands."""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from playground.hooks.errors import PluginError, UnknownNameError, describe, traceback_text
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.protocol.commands import (
    Advance,
    Close,
    Command,
    Edit,
    Export,
    GetCard,
    GetCatalog,
    GetCheckpoint,
    GetCost,
    GetFrame,
    GetHeld,
    GetLeaving,
    GetPart,
    GetPreview,
    GetProbes,
    GetScore,
    GetStep,
    GiveUp,
    GoTo,
    Hold,
    Influence,
    Judge,
    LookInside,
    Observe,
    Open,
    Operate,
    Patch,
    Pause,
    Rank,
    Reload,
    Reply,
    Run,
    Sample,
    Save,
    Try,
    Undo,
    UseEngine,
    Without,
    Write,
)
from playground.lab.protocol.failures import Done, Failure, LabError, Progress
from playground.lab.protocol.surgery import Cut, RankProgress, Surgical
from playground.lab.run.engines import EngineBuild, ReadyEngine
from playground.lab.run.guard import Activity, failure_of
from playground.lab.run.speed import Speedometer
from playground.lab.session import Session, open_session
from playground.lab.spec import SpecError
from playground.lab.worker.jobs import Job, Jobs, turn
from playground.lab.worker.reload import PluginReloader

if TYPE_CHECKING:
    from playground.lab.inside.surgeon import Surgeon

_GIVEN_UP = Failure("Changing the engine was given up", "", kind="cancelled")
_DROPPED = Failure("This was given up", "", kind="cancelled")

Answer = Callable[[int, Any, float], None]

_QUIET = 0.05
"""Seconds without a command after which a run that stands goes on with its film."""
_PUT_OFF = 0.5
"""Seconds for which a stream of commands puts off the next row of that film."""
_IN_A_ROW = 4
"""The most commands served before a due step: a stream of commands does not stop training."""


class PendingSteps:
    """Steps to a target, made between other commands."""

    def __init__(self, request: int, target: int, replay: bool) -> None:
        self.request = request
        self.target = target
        self.replay = replay
        self.began = time.perf_counter()


class _Recorded:
    """The recording thread puts this among the commands when it has room for more."""


@dataclass(frozen=True, slots=True)
class _EngineMade:
    """The thread that made an engine puts this among the commands."""

    build: EngineBuild


class Service:
    """Drives one session by commands, in the worker's main thread."""

    def __init__(
        self,
        sources: PluginSources,
        activity: Activity,
        inbox: SimpleQueue[tuple[int, Any]],
        answer: Answer,
    ) -> None:
        self._sources = sources
        self._activity = activity
        self._inbox = inbox
        self._answer = answer
        self._registry: Registry | None = None
        self._reloader: PluginReloader | None = None
        self._session: Session | None = None
        self._pending: PendingSteps | None = None
        self._build: tuple[int, GetCheckpoint, EngineBuild] | None = None
        """(the request for an engine, the state that the reply has, the build of the engine)."""
        self._jobs = Jobs()
        self._job_turn = False
        """True if the last turn between commands was a step."""
        self._served = 0
        self._due = 0.0
        """When the next paced step is due."""
        self._film_due = math.inf
        """When a run that stands goes on with its film though commands come."""
        self._mark: float | None = None
        """When the step before ended; None while the session pauses."""
        self._handlers: dict[type[Any], Callable[[int, Any], Reply | None]] = {
            Open: self._open,
            Advance: self._advance,
            Run: self._run,
            Pause: lambda *_: self._halt(),
            GoTo: self._go_to,
            GetFrame: lambda _, command: self._get().frame(command.request),
            Observe: self._observe,
            GetProbes: lambda _, command: self._get().probes(command.since, command.now),
            Sample: lambda *_: self._get().sample(),
            GetPreview: lambda _, command: self._get().preview(command.limit, command.chain),
            LookInside: lambda _, command: self._get().look_inside(command.look),
            Edit: self._edit,
            Operate: lambda _, command: self._by_hand(
                command.then, lambda surgeon: surgeon.operate(command.operations)
            ),
            Hold: lambda _, command: self._by_hand(
                command.then, lambda surgeon: surgeon.hold(command.operations)
            ),
            Undo: lambda _, command: self._by_hand(command.then, lambda surgeon: surgeon.undo()),
            GetHeld: lambda *_: self._surgeon.held,
            GetPart: lambda request, command: self._begin_job(
                request,
                "part",
                f"going to step {command.step:,}",
                self._surgeon.part_at(command.component, command.step),
            ),
            Try: lambda request, command: self._begin_job(
                request, "try", "trying", self._get().trying(command.operations, command.text)
            ),
            Rank: self._rank,
            Patch: lambda request, command: self._begin_job(
                request, "patch", "patching", self._surgeon.patching(command)
            ),
            Without: lambda request, command: self._begin_job(
                request,
                "without",
                f"replaying without step {command.step:,}",
                self._get().replays.without(command.step, command.to),
            ),
            Influence: lambda request, command: self._begin_job(
                request, "influence", "tracing", self._get().influence.tracing(command)
            ),
            GetScore: self._score,
            GetCost: lambda _, command: self._get().influence.cost(command.step, command.to),
            GiveUp: self._give_up,
            GetCard: self._card,
            GetStep: lambda _, command: self._get().teacher.step(command.place),
            Judge: lambda _, command: self._get().teacher.judge(command.place, command.given),
            UseEngine: self._use_engine,
            _EngineMade: self._engine_made,
            _Recorded: self._recorded,
            GetCheckpoint: lambda _, command: self._checkpoint(command),
            Save: self._save,
            Export: self._export,
            GetLeaving: self._leaving,
            Write: self._write,
            GetCatalog: lambda *_: self.load_plugins().catalog(),
            Reload: self._reload,
        }

    def load_plugins(self) -> Registry:
        """The registry; imports the plugins at the first call."""
        if self._registry is None:
            with self._activity.doing("plugin", "", "its import"):
                self._registry = load(
                    self._sources,
                    silent=False,  # into the log
                    begins=self._activity.imports,
                )
        return self._registry

    def run(self) -> int:
        """Serve until a Close; returns the number of that request."""
        while True:
            item = self._next()
            if item is None:
                self._served = 0
                if self._jobs and (self._job_turn or not self._step_is_due):
                    self._job_turn = False
                    self._work()
                else:
                    self._job_turn = True
                    self._step()
                continue
            self._served += 1
            request, command = item
            if isinstance(command, Close):
                if self._session is not None:
                    seconds = math.ceil(self._session.closing_seconds)
                    self._answer(request, Progress("writing what is left", 0, seconds), 0.0)
                    self._session.close()
                return request
            self._serve(request, command)

    def _next(self) -> tuple[int, Command | _EngineMade | _Recorded] | None:
        """The next command; None when it is time for a step, or for a piece of a job."""
        inbox, session = self._inbox, self._session
        if not inbox.empty() and self._served < _IN_A_ROW:
            return inbox.get()
        if self._pending is not None or self._jobs:
            return None
        if session is None or not session.running:
            self._served = 0
            if session is not None and session.undeveloped:
                if time.monotonic() < self._film_due:
                    with contextlib.suppress(Empty):  # whoever pressed a key waits for a frame, too
                        return inbox.get(timeout=_QUIET)
                self._develop(session)
                self._film_due = time.monotonic() + _PUT_OFF
            return inbox.get()
        if session.speed is not None:
            if self._due - time.perf_counter() > session.camera.cost:
                self._develop(session, 1)
            wait = self._due - time.perf_counter()
            if wait > 0:
                self._served = 0
                try:
                    return inbox.get(timeout=wait)
                except Empty:
                    return None
        return None

    def _develop(self, session: Session, most: float = math.inf) -> None:
        """Write rows of the film that wait, `most` at most, until a command comes."""
        while most > 0 and session.undeveloped and self._inbox.empty():
            with self._activity.doing("own", "the film"):
                session.develop()
            most -= 1

    def _serve(self, request: int, command: Command | _EngineMade | _Recorded) -> None:
        began = time.perf_counter()
        reply: Reply | None
        try:
            with self._activity.doing("own", type(command).__name__):
                reply = self._handlers[type(command)](request, command)
        except BaseException as error:  # ctrl+c does not reach a worker
            reply = _failure(error)
        if reply is not None:
            self._answer(request, reply, time.perf_counter() - began)

    # ------------------------------------------------------------ jobs

    @property
    def _step_is_due(self) -> bool:
        session = self._session
        if self._pending is not None:
            return True
        if session is None or not session.running:
            return False
        return session.speed is None or time.perf_counter() >= self._due

    def _work(self) -> None:
        """Do a piece of the job whose turn it is."""
        job = self._jobs.next()
        reply: Reply | Progress | None
        try:
            with self._activity.doing("own", job.stage):
                reply = turn(job)
        except StopIteration as end:
            self._jobs.drop(job.kind)
            reply = end.value
        except BaseException as error:
            self._jobs.drop(job.kind)
            reply = _failure(error)
        if reply is not None:
            self._answer(job.request, reply, 0.0)

    def _begin_job(
        self,
        request: int,
        kind: Surgical,
        stage: str,
        work: Generator[tuple[int, int], None, Any],
        progress: Callable[[str, int, int], Progress] = Progress,
    ) -> None:
        self._drop(kind)
        self._jobs.put(Job(request, kind, stage, work, progress))

    def _rank(self, request: int, command: Rank) -> None:
        """Rank parts; each progress has those that were done since the one before."""
        found: list[Cut] = []

        def progress(stage: str, done: int, total: int) -> RankProgress:
            told = RankProgress(stage, done, total, tuple(found))
            found.clear()
            return told

        work = self._get().ranking(command.cuts, lambda *one: found.append(one))
        self._begin_job(request, "rank", "trying each part", work, progress)

    def _score(self, request: int, command: GetScore) -> None:
        """Score the model, and tell at which stage that is."""
        scoring = self._get().scoring(command.samples, command.seed, command.rule)
        now = Progress("scoring", 0, 0)

        def work() -> Generator[tuple[int, int], None, Any]:
            nonlocal now
            with contextlib.closing(scoring):
                while True:
                    try:
                        now = next(scoring)
                    except StopIteration as end:
                        return end.value
                    yield now.done, now.total

        def told(_: str, done: int, total: int) -> Progress:
            return Progress(now.stage, done, total)

        self._begin_job(request, "score", "scoring", work(), told)

    def _drop(self, kind: Surgical) -> None:
        job = self._jobs.drop(kind)
        if job is not None:
            self._answer(job.request, _DROPPED, 0.0)

    def _give_up(self, _: int, command: GiveUp) -> Reply:
        self._drop(command.what)
        return Done()

    # ------------------------------------------------------------ steps

    def _step(self) -> None:
        session = self._get()
        pending, before, seen = self._pending, session.step, session.training.tokens_seen
        if pending is None:
            done = session.advance(1 if session.speed is not None else session.spec.steps)
        else:
            rest = pending.target - before
            done = session.replay(rest) if pending.replay else session.advance(rest)
        now = time.perf_counter()
        if self._mark is not None and session.step > before:
            tokens = session.training.tokens_seen - seen
            session.speedometer.add(now - self._mark, tokens, session.step - before)
        self._mark = now
        if pending is not None:
            if not done or session.step >= pending.target:
                self._end_steps()
        elif not done or session.finished:
            self._halt()
        elif session.speed is not None:
            # Time lost in a slow step is not made up: that would be a burst of steps.
            self._due = max(self._due + 1 / session.speed, now)

    def _begin_steps(self, request: int, target: int, replay: bool) -> None:
        self._pending = PendingSteps(request, target, replay)
        self._mark = time.perf_counter()
        self._get().running = True

    def _end_steps(self) -> None:
        """Pause, and reply to the request for steps if there is one."""
        pending, self._pending = self._pending, None
        session = self._get()
        session.running, self._mark = False, None
        session.flush()
        if pending is None:
            return
        reply: Reply = Done()
        if pending.replay and session.trouble is not None:
            reply = session.trouble
        self._answer(pending.request, reply, time.perf_counter() - pending.began)

    def _halt(self) -> Reply:
        self._get()
        self._end_steps()
        return Done()

    # ------------------------------------------------------------ commands

    def _get(self) -> Session:
        if self._session is None:
            raise LabError(Failure("No run is open", "Open one first.", kind="internal"))
        return self._session

    def _open(self, request: int, command: Open) -> Reply:
        if self._session is not None:
            raise LabError(Failure("A run is open already", "Start another worker."))
        self._session = open_session(
            command,
            self.load_plugins(),
            self._reporter(request),
            self._activity,
            lambda: self._inbox.put((0, _Recorded())),
        )
        self._film_due = time.monotonic() + _PUT_OFF
        gc.collect()
        gc.freeze()  # the collector need not look through millions of documents again
        return self._session.info

    def _reporter(self, request: int) -> Callable[[Progress], None]:
        """A function that sends progress, at most 25 times a second and at the start of a stage."""
        told = 0.0

        def report(progress: Progress) -> None:
            nonlocal told
            self._activity.alive()
            now = time.monotonic()
            if now - told > 0.04 or progress.done == 0:
                told = now
                self._answer(request, progress, 0.0)

        return report

    def _advance(self, request: int, command: Advance) -> Reply | None:
        session = self._get()
        self._halt()
        target = min(session.step + command.steps, session.spec.steps)
        if target <= session.step:
            return Done()
        self._begin_steps(request, target, replay=False)
        return None

    def _run(self, _: int, command: Run) -> Reply:
        session = self._get()
        if command.speed is not None and not 0 < command.speed < float("inf"):
            raise LabError(Failure("That speed cannot be", f"{command.speed} steps a second."))
        self._end_steps()
        if session.finished:
            return Done()
        session.running, session.speed = True, command.speed
        self._mark = self._due = time.perf_counter()
        return Done()

    def _go_to(self, request: int, command: GoTo) -> Reply | None:
        session = self._get()
        self._halt()
        session.training.seek(command.step)
        if session.step >= command.step:
            session.flush()
            return Done()
        self._begin_steps(request, command.step, replay=True)
        return None

    def _observe(self, _: int, command: Observe) -> Reply:
        session = self._get()
        session.observe(command.part)
        session.flush()
        return Done()

    def _edit(self, _: int, command: Edit) -> Reply:
        session = self._get()
        if self._pending is not None and self._pending.replay:
            self._end_steps()
        session.edit(command.changes)
        session.flush()
        return self._checkpoint(command.then)

    @property
    def _surgeon(self) -> Surgeon:
        return self._get().surgeon

    def _by_hand(self, then: GetCheckpoint, do: Callable[[Surgeon], object]) -> Reply:
        """Change the weights, as an edit of the run."""
        if self._pending is not None and self._pending.replay:
            self._end_steps()
        do(self._surgeon)
        self._get().flush()
        return self._checkpoint(then)

    def _checkpoint(self, command: GetCheckpoint) -> Reply:
        return self._get().checkpoint(
            command.series, command.since_step, command.epoch, command.most
        )

    def _card(self, _: int, command: GetCard) -> Reply:
        from playground.lab.lessons.teacher import card  # few runs are a lesson's

        return card(self.load_plugins(), self._activity, command.lesson)

    def _use_engine(self, request: int, command: UseEngine) -> Reply | None:
        engines, inbox = self._get().engines, self._inbox
        self._give_up_build()
        name = engines.full_name(command.engine)
        if engines.known(name) is not None:
            return self._take_engine(name, None, command.then)
        self._build = (
            request,
            command.then,
            EngineBuild(
                engines,
                name,
                lambda progress: self._answer(request, progress, 0.0),
                lambda build: inbox.put((request, _EngineMade(build))),
            ),
        )
        return None

    def _give_up_build(self) -> None:
        if self._build is not None:
            request, _, build = self._build
            self._build = None
            build.cancel()
            self._answer(request, _GIVEN_UP, 0.0)

    def _engine_made(self, _: int, command: _EngineMade) -> Reply | None:
        if self._build is None or self._build[2] is not command.build:
            return None  # another engine was asked for meanwhile
        _, then, build = self._build
        self._build = None
        if isinstance(build.error, PluginError):
            title = f"The engine {build.entry.name!r} cannot be used"
            return Failure(title, build.error.reason, kind="plugin", detail=build.error.detail)
        if build.error is not None:
            raise build.error
        return self._take_engine(build.name, build.made, then)

    def _take_engine(self, name: str, made: ReadyEngine | None, then: GetCheckpoint) -> Reply:
        session = self._get()
        if self._pending is not None and self._pending.replay:
            self._end_steps()
        session.use_engine(name, made)
        session.speedometer = Speedometer()
        session.flush()
        return self._checkpoint(then)

    def _recorded(self, *_: object) -> None:
        if self._session is not None:
            self._session.flush()

    def _reload(self, _: int, command: Reload) -> Reply:
        if self._reloader is None:
            self._reloader = PluginReloader(self.load_plugins(), self._activity)
        return self._reloader.take(command.plugins, self._session)

    def _save(self, _: int, command: Save) -> Reply:
        self._get().save(command.path)
        return Done()

    def _export(self, request: int, command: Export) -> Reply:
        self._get().export(command.path, command.name, command.options, self._reporter(request))
        return Done()

    def _leaving(self, _: int, command: GetLeaving) -> Reply:
        from playground.lab.run import writing  # few processes are a writer's

        return writing.leaving(self.load_plugins(), command.choice, self._activity)

    def _write(self, request: int, command: Write) -> Reply:
        from playground.lab.run import writing

        if self._session is not None:
            raise LabError(Failure("A run is open here", "Ask a worker of its own.", "internal"))
        report = self._reporter(request)
        return writing.write(self.load_plugins(), command, report, self._activity)


def _failure(error: BaseException) -> Failure:
    """What a person is told of an error."""
    if isinstance(error, LabError):
        return error.failure
    if isinstance(error, (PluginError, UnknownNameError)):
        return failure_of(error)
    if isinstance(error, SpecError):
        return Failure("These settings cannot be", str(error), problems=error.problems)
    if isinstance(error, MemoryError):
        return Failure("There is not enough memory", "Use less data, or a smaller model.")
    return Failure(
        "Something unforeseen went wrong",
        describe(error),
        kind="internal",
        detail=traceback_text(error),
    )
