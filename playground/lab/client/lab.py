"""The Lab, which the screen holds: it opens runs, asks their workers, and keeps them alive.

Every run has a worker process of its own. Opening another run starts another process, and leaves
the open run untouched until the new one is there. If the worker of the open run dies or hangs, the
Lab says so, starts a fresh worker, and goes on from the last checkpoint; training is deterministic,
so the losses that follow are the same.

The worker takes over plugin files that are saved while its run is open (`Follower`).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from microgpt.surgery import Component, Operation
from playground.catalog import Catalog, KnobValue
from playground.hooks.sources import PluginSources
from playground.lab.client.events import (
    CLOSED_RUN,
    LabEvent,
    Limits,
    OpenProgress,
    PluginSaved,
    PluginsUnwatched,
    WorkerBack,
    WorkerGone,
    WorkerLost,
)
from playground.lab.client.open_run import MOST_DEADLY, Background, Opener, OpenRun
from playground.lab.client.process import WorkerProcess
from playground.lab.client.recovery import CheckpointKeeper, Rescue
from playground.lab.client.reload import Reloader
from playground.lab.client.watches import LessonWatch, PanelWatch, Watch
from playground.lab.client.workers import CLOSED, Link, Workers
from playground.lab.client.writing import Writing
from playground.lab.protocol.choices import NamedChoices
from playground.lab.protocol.commands import (
    Advance,
    Command,
    Edit,
    Export,
    GetCard,
    GetCatalog,
    GetCheckpoint,
    GetCost,
    GetFrame,
    GetHeld,
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
    ProbesState,
    Rank,
    Reload,
    Run,
    Sample,
    Save,
    Try,
    Undo,
    UseEngine,
    Without,
)
from playground.lab.protocol.failures import Done, Failure, LabError, Progress
from playground.lab.protocol.frames import Frame, FrameRequest
from playground.lab.protocol.influence import Cost, Influences, LeftOut
from playground.lab.protocol.inside import Inside, Look
from playground.lab.protocol.lessons import Given, GuideStep, Judged, LessonCard, LessonPlace
from playground.lab.protocol.observation import Observation, Part
from playground.lab.protocol.run import (
    Checkpoint,
    Recording,
    Reloaded,
    RunInfo,
    SavedPlugin,
)
from playground.lab.protocol.sampling import Links, Preview, SampleBatch
from playground.lab.protocol.score import SAMPLES, SEED, Scored
from playground.lab.protocol.surgery import Held, Patching, Ranked, Surgical, Trial, Tried

__all__ = [
    "Lab",
    "LabError",
    "LabEvent",
    "Limits",
    "OpenProgress",
    "WorkerBack",
    "WorkerGone",
    "WorkerLost",
]

R = TypeVar("R")


class Lab:
    """Runs, each in a process of its own. Belongs to one event loop; no method blocks it.

    listener: called in the event loop with each LabEvent.
    prewarmed: a worker started earlier with `spawn_worker`, for the first run.
    Every method that asks the worker something raises LabError, at once if there is no worker.
    """

    def __init__(
        self,
        sources: PluginSources | None = None,
        *,
        listener: Callable[[LabEvent], None] = lambda _: None,
        prewarmed: WorkerProcess | None = None,
        limits: Limits | None = None,
        store: Path | None = None,
    ) -> None:
        """store: the file that runs are recorded in; None to record none."""
        limits = limits or Limits()

        def lost(link: Link, failure: Failure) -> None:
            self._rescue.lost(link, failure)

        self._workers = Workers(sources or PluginSources(), prewarmed, limits, lost)
        self._background = Background()
        self.store = str(store) if store else ""
        """Path of the file that runs are recorded in; "" if they are not."""
        self.open_run = OpenRun(self._workers, self._background, self.store)
        """The open run, also while its worker is being restarted."""
        self._keeper = CheckpointKeeper(limits)
        self._asked: dict[Surgical, int] = {}
        """How often each kind of long work was asked for."""
        self.panels = PanelWatch()
        """Which panels are switched off, because they took a worker down."""
        self._lessons = LessonWatch()
        watches = self.panels, self._lessons
        self._reloader = Reloader(self.sources, time.time())
        shared = self._workers, self._background
        self.writing = Writing(*shared, self._reloader)
        """Other models, in a process of their own."""
        self._opener = Opener(self.open_run, *shared, self._reloader, listener)
        self._rescue = Rescue(self.open_run, self._opener, *shared, self._keeper, watches, listener)
        self._follower = Follower(self.open_run, *shared, self._reloader, watches, listener)

    @property
    def sources(self) -> PluginSources:
        """Where plugins come from. Setting this affects the processes that start from then on."""
        return self._workers.sources

    @sources.setter
    def sources(self, sources: PluginSources) -> None:
        self._workers.sources = sources

    # ------------------------------------------------------------ opening

    async def open(
        self,
        spec: str,
        *,
        checkpoint: Checkpoint | None = None,
        observation: Observation | None = None,
        recording: Recording | None = None,
        said: NamedChoices | None = None,
    ) -> RunInfo:
        """Open a run in a fresh worker, and then close the one before.

        spec: RunSpec as JSON. observation: how to look at the run, as far as its data allow it;
        if None, the default with the probes of the open run. recording: what to record the run as;
        if None, a new run of the Lab's store. said: what the command line names in texts, instead
        of what the spec and the observation have. Raises LabError, with the open run untouched: for
        bad settings or data, a plugin that fails or hangs, `cancel_open`, or another opening under
        way.
        """
        if recording is None and self.store:
            recording = Recording(self.store)
        if observation is None:
            observation = Observation(probes=self.open_run.observation.probes)
        opening = Open(spec, checkpoint, observation, recording, said or NamedChoices())
        return await self._open(opening)

    async def open_recorded(self, run: int, at: int | None = None) -> RunInfo:
        """Go on with a run of the store, at step `at` or where it stood. Raises as `open` does."""
        recording = Recording(self.store, run, at)
        return await self._open(Open("", recording=recording))

    async def look_at(self, run: int, at: int | None = None) -> RunInfo:
        """Open a run of the store without changing it: it may be open elsewhere, and training it
        further makes a fork. Raises as `open` does."""
        recording = Recording(self.store, run, at, looking=True)
        return await self._open(Open("", recording=recording))

    async def _open(self, opening: Open) -> RunInfo:
        link, info, catalog = await self._opener.open(opening)
        self.open_run.begin(link, info, catalog, opening.recording)
        self._rescue.reset(info.spec, opening.checkpoint)
        self._rescue.watch(link)
        return info

    def cancel_open(self) -> bool:
        """Give up the opening under way; `open` then raises LabError with kind "cancelled".
        Returns False if no run is being opened."""
        return self._opener.cancel()

    # ------------------------------------------------------------ asking

    async def frame(self, request: FrameRequest | None = None) -> Frame:
        """The run as it is now, with what is new since the steps and batches in `request`."""
        link = self.open_run.link
        with self.panels.asked(request or FrameRequest()) as (wanted, instead):
            frame = await self.open_run.ask(GetFrame(wanted), Frame)
        if link is not self.open_run.link:  # another run was opened meanwhile
            raise LabError(CLOSED_RUN)
        frame = self.open_run.seen(frame)
        if instead is not None:
            frame = dataclasses.replace(frame, panel=dataclasses.replace(instead, step=frame.step))
        return frame

    async def advance(self, steps: int = 1) -> None:
        """Do `steps` steps, then pause. Returns when they are done."""
        self.open_run.set_running(False)
        await self._change(Advance(steps))

    async def run(self, speed: float | None = None) -> None:
        """Train on, at `speed` steps a second; None: flat out."""
        await self._change(Run(speed))
        self.open_run.set_running(True, speed)

    async def pause(self) -> None:
        """Stop after the step under way."""
        await self._change(Pause())
        self.open_run.set_running(False)

    async def go_to(self, step: int) -> None:
        """Go back or forward to the exact state after `step` steps, and pause."""
        self.open_run.set_running(False)
        await self._change(GoTo(step))

    async def observe(self, part: Part) -> None:
        """Replace the run's sampling, its metrics or its probes."""
        await self.open_run.ask(Observe(part), Done)
        self.open_run.observe(part)

    async def probes(self, since: int = -1, now: bool = False) -> ProbesState:
        """The probes, and the answers after step `since`. now: first ask where the run stands,
        unless it was asked there."""
        return await self.open_run.ask(GetProbes(since, now), ProbesState)

    async def sample(self) -> SampleBatch:
        """Sample a batch of texts."""
        return await self.open_run.ask(Sample(), SampleBatch)

    async def sample_timed(self) -> tuple[SampleBatch, float]:
        """(a batch of texts, the seconds that sampling took)."""
        return await self.open_run.ask_timed(Sample(), SampleBatch)

    async def probes_timed(self) -> tuple[ProbesState, float | None]:
        """(the probes with the answers where the run stands, the seconds that asking took). None in
        the place of the seconds if the probes were asked there before."""
        before = await self.probes()
        state, seconds = await self.open_run.ask_timed(GetProbes(now=True), ProbesState)
        asked = state.answers[-1:] != before.answers[-1:]
        return state, seconds if asked else None

    async def preview(self, limit: int = 64, chain: Links | None = None) -> Preview:
        """The `limit` likeliest tokens after the prompt. chain: tried instead of the run's own,
        which stays as it is."""
        return await self.open_run.ask(GetPreview(limit, chain), Preview)

    async def look_inside(self, look: Look) -> Inside:
        """What the microscope shows of the model as it stands."""
        return await self.open_run.ask(LookInside(look), Inside)

    async def edit(self, changes: Mapping[str, KnobValue]) -> None:
        """Change live settings, by dotted field."""
        link = self.open_run.link  # the edit's checkpoint is kept at once: no replay knows of it
        edit = Edit(dict(changes), self._keeper.request())
        self._rescue.keep(link, await self.open_run.ask(edit, Checkpoint))

    # ------------------------------------------------------------ surgery

    async def operate(self, operations: Sequence[Operation]) -> None:
        """Do this to the weights before the next step, as an edit of the run."""
        await self._by_hand(Operate(tuple(operations), self._keeper.request()))

    async def hold(self, operations: Sequence[Operation]) -> None:
        """Hold these weights, and no others, at their values from the next step on; without
        operations, release all."""
        await self._by_hand(Hold(tuple(operations), self._keeper.request()))

    async def held(self) -> tuple[Operation, ...]:
        """What is held where the run stands."""
        return (await self.open_run.ask(GetHeld(), Held)).operations

    async def undo(self) -> None:
        """Take back what was done last to the weights at this step: see `Frame.by_hand`."""
        await self._by_hand(Undo(self._keeper.request()))

    async def _by_hand(self, command: Operate | Hold | Undo) -> None:
        link = self.open_run.link
        self._rescue.keep(link, await self.open_run.ask(command, Checkpoint))

    async def try_out(
        self, operations: Sequence[Trial], text: str | None, tell: Callable[[Progress], None]
    ) -> Tried:
        """What operations would do to the model as it stands, which stays as it is. text: read
        before and after; None for the present document. tell: hears how far it is.

        A later call replaces the one under way, which then raises LabError with kind "cancelled",
        as it does after `give_up`. A task that is cancelled gives the work up; `rank`, `patch`,
        `part_at`, `without`, `influence` and `score` likewise.
        """
        with self._given_up_with("try"):
            return await self.open_run.ask(Try(tuple(operations), text), Tried, tell)

    async def rank(self, cuts: Sequence[Component], tell: Callable[[Progress], None]) -> Ranked:
        """What each of these components would cost; without any, each that the model has. tell:
        hears a RankProgress now and then."""
        with self._given_up_with("rank"):
            return await self.open_run.ask(Rank(tuple(cuts)), Ranked, tell)

    async def patch(self, patch: Patch, tell: Callable[[Progress], None]) -> Patching:
        """Which activation carries the difference between two texts."""
        with self._given_up_with("patch"):
            return await self.open_run.ask(patch, Patching, tell)

    async def without(
        self, step: int, tell: Callable[[Progress], None], to: int | None = None
    ) -> LeftOut:
        """The run as it would stand if this step, counted from 1, had been passed over. to: after
        so many steps, which are known; None for where it stands."""
        with self._given_up_with("without"):
            return await self.open_run.ask(Without(step, to), LeftOut, tell)

    async def influence(self, asked: Influence, tell: Callable[[Progress], None]) -> Influences:
        """The steps that pushed a prediction most."""
        with self._given_up_with("influence"):
            return await self.open_run.ask(asked, Influences, tell)

    async def score(
        self,
        tell: Callable[[Progress], None],
        *,
        samples: int = SAMPLES,
        seed: int = SEED,
        rule: str | None = None,
    ) -> Scored:
        """How good the model is as it stands now; the run trains on meanwhile. rule: what a valid
        text matches; None for the run's own rule."""
        with self._given_up_with("score"):
            return await self.open_run.ask(GetScore(samples, seed, rule), Scored, tell)

    async def cost(self, step: int | None, to: int | None = None) -> Cost:
        """What `without` this step would take; with None, `influence`."""
        return await self.open_run.ask(GetCost(step, to), Cost)

    async def give_up(self, what: Surgical) -> None:
        """Give up the work of this kind that is under way."""
        await self.open_run.ask(GiveUp(what), Done)

    # ------------------------------------------------------------ lessons

    async def lesson(self, name: str) -> LessonCard:
        """What a lesson is, by its name in the catalog, if a person has chosen it: it is asked even
        if it took a worker down. No run need be open."""
        self._lessons.allow(name)

        def at_fault(link: Link, lost: Failure, had_run: bool) -> bool:
            if had_run:  # `Rescue.lost` has judged
                return self._lessons.refusal(name) is not None
            return self._lessons.at_fault(name, link.blamed, lost, self.open_run.catalog)

        with self._lessons.asked(name):
            return await self._ask_any(GetCard(name), LessonCard, at_fault=at_fault)

    async def lesson_step(self, place: LessonPlace) -> GuideStep:
        """What a step of a lesson says, at this moment of the run. A lesson that took a worker down
        is not asked before `lesson` is called again; `judge` likewise."""
        with self._lessons.asked(place.lesson):
            return await self.open_run.ask(GetStep(place), GuideStep)

    def lesson_trouble(self, name: str) -> Failure | None:
        """Why a lesson is switched off: it took a worker down. None if it may be asked."""
        return self._lessons.refusal(name)

    async def judge(self, place: LessonPlace, given: Given | None) -> Judged:
        """What comes of an answer; None to be shown it."""
        with self._lessons.asked(place.lesson):
            return await self.open_run.ask(Judge(place, given), Judged)

    @contextlib.contextmanager
    def _given_up_with(self, what: Surgical) -> Iterator[None]:
        """Give the work up if the task that waits for it is cancelled."""
        self._asked[what] = mine = self._asked.get(what, 0) + 1
        try:
            yield
        except asyncio.CancelledError:
            self._background.spawn(self._drop(what, mine))
            raise

    async def _drop(self, what: Surgical, number: int) -> None:
        """Give the work up, unless a later call has replaced it."""
        if self._asked[what] == number:
            with contextlib.suppress(LabError):
                await self.give_up(what)

    async def part_at(
        self,
        component: Component,
        step: int,
        tell: Callable[[Progress], None],
        run: int | None = None,
    ) -> Operation:
        """The operation that puts in a component as it is after `step` steps of the open run, or of
        another run of the store, which must have the same shape. tell: hears how far it is."""
        get = GetPart(component, step)
        if run is None:
            with self._given_up_with("part"):
                return await self.open_run.ask(get, Operation, tell)
        recording = Recording(self.store, run, step, looking=True)
        link = await self._workers.fresh()
        try:
            info, _ = await self._opener.open_in(link, Open("", recording=recording), tell)
            here = self.open_run.info
            if here is not None and info.matrices != here.matrices:
                raise LabError(
                    Failure(
                        f"Run {run} has another shape",
                        f"Its model has {info.parameter_count:,} weights in "
                        f"{len(info.matrices)} matrices, and this one {here.parameter_count:,} in "
                        f"{len(here.matrices)}. What is put in must come from a model of the same "
                        "sizes and vocabulary.",
                    )
                )
            reply = await link.request(get, tell)
        finally:
            self._background.spawn(self._workers.retire(link))
        assert isinstance(reply, Operation), reply
        return reply

    # ------------------------------------------------------------ engines, files, contributions

    async def use_engine(self, name: str, tell: Callable[[Progress], None]) -> None:
        """Let another engine go on in the same state, as soon as the engine is made. Training goes
        on meanwhile, and a failure leaves the engine at work. tell: hears how far the making is."""
        link = self.open_run.link
        if link is not None:  # compiled code in the new engine may crash the process
            await self._rescue.keep_checkpoint(link)
        use = UseEngine(name, self._keeper.request())
        checkpoint = await self.open_run.ask(use, Checkpoint, tell)
        if link is self.open_run.link:
            self.open_run.work_with(name)
        self._rescue.keep(link, checkpoint)

    async def checkpoint(self) -> Checkpoint:
        """The whole state of the run."""
        return await self.open_run.ask(GetCheckpoint(), Checkpoint)

    async def save(self, path: str) -> None:
        """Write the run to a .safetensors file."""
        await self.open_run.ask(Save(path), Done)

    async def export(
        self,
        path: str,
        name: str,
        options: Mapping[str, KnobValue],
        tell: Callable[[Progress], None],
    ) -> None:
        """Write the run to a file with an exporter. tell: hears how far the exporter is."""
        await self.open_run.ask(Export(path, name, dict(options)), Done, tell)

    async def get_catalog(self, *, fresh: bool = False) -> Catalog:
        """The contributions to choose from. fresh: read the plugins anew, in a new process."""
        catalog = await self._ask_any(GetCatalog(), Catalog, fresh=fresh)
        self.open_run.offer(catalog)
        return catalog

    async def _ask_any(
        self,
        command: Command,
        expected: type[R],
        *,
        fresh: bool = False,
        at_fault: Callable[[Link, Failure, bool], bool] = lambda *_: False,
    ) -> R:
        """The reply of a worker, whether or not it has a run. If a plugin ends the worker while it
        is loaded, the next one is asked, which passes over that plugin. at_fault: called with a
        worker that was lost otherwise, why, and whether it had the open run; False if what is asked
        is not to blame, so that another worker is asked. Raises LabError."""
        again, tries = True, 0
        while True:
            tries += 1
            link = await self._any_worker(fresh=fresh)
            had_run = link is self.open_run.link
            try:
                reply = await link.request(command)
            except LabError:
                if tries <= MOST_DEADLY and link.lost_while_loading():
                    continue
                if link is self._workers.idle:
                    # Nobody tells a worker without a run of files that are saved.
                    self._workers.idle = None
                    self._background.spawn(self._workers.retire(link))
                lost = link.failure
                if lost is None or lost.kind == "cancelled" or not again or self._workers.closed:
                    raise
                again = False
                if at_fault(link, lost, had_run):
                    raise
                continue
            assert isinstance(reply, expected), reply
            return reply

    async def _any_worker(self, *, fresh: bool = False) -> Link:
        """The worker of the open run, or one that has no run. fresh: one that has just begun."""
        link = self.open_run.link
        if not fresh and link is not None and link.alive:
            return link
        if fresh and self._workers.idle is not None:
            self._background.spawn(self._workers.retire(self._workers.idle))
            self._workers.idle = None
        if self._workers.idle is None:
            self._workers.idle = await self._workers.fresh()
        return self._workers.idle

    async def _change(self, command: Command) -> None:
        try:
            await self.open_run.ask(command, Done)
        finally:
            self._keeper.changed.set()

    # ------------------------------------------------------------ plugins that are saved

    def follow_plugins(self) -> None:
        """Take over plugin files as they are saved, and tell the listener of each. Call this when
        a run is open."""
        self._follower.start()

    # ------------------------------------------------------------ recovery

    @property
    def last_checkpoint(self) -> Checkpoint | None:
        """The checkpoint from which a run that went down can be opened again; None if the run has
        only its start."""
        return self._keeper.latest()

    # ------------------------------------------------------------ the end

    async def close(self) -> None:
        """End every process, as `Workers.close` does, and every task."""
        self._workers.closed = True
        self._opener.close()
        tasks = self._background.cancel()
        await self._workers.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.open_run.lose(CLOSED)


class Follower:
    """Hands what the Reloader notices to the worker of the open run, and tells the listener."""

    def __init__(
        self,
        run: OpenRun,
        workers: Workers,
        background: Background,
        reloader: Reloader,
        watches: Sequence[Watch],
        listener: Callable[[LabEvent], None],
    ) -> None:
        self._run = run
        self._workers = workers
        self._background = background
        self._reloader = reloader
        self._watches = watches
        self._listener = listener
        self._following = False

    def start(self) -> None:
        """Begin to follow, if a run is open; further calls change nothing."""
        catalog = self._run.catalog
        if not self._following and self._reloader.wanted and catalog is not None:
            self._following = True
            self._background.spawn(self._follow(catalog))

    async def _follow(self, catalog: Catalog) -> None:
        reloader, sources = self._reloader, self._workers.sources
        async with contextlib.aclosing(reloader.changes(catalog)) as changes:
            async for saved in changes:
                self._workers.sources = reloader.sources(sources)
                with contextlib.suppress(LabError):  # the next worker is told when it opens
                    await self._reload(saved)
        self._listener(PluginsUnwatched(reloader.trouble))

    async def _reload(self, saved: SavedPlugin) -> None:
        reloaded = await self._run.ask(Reload((saved,)), Reloaded)
        for path, problem in reloaded.refused.items():
            saved = self._reloader.refuse(path, problem)
        before, sampling = self._run.observation.sampling, reloaded.sampling
        if sampling is not None:
            self._run.observe(sampling)
        self._run.offer(reloaded.catalog)
        for watch in self._watches:  # the person may have mended what took a worker down
            for entry in reloaded.catalog.of(watch.kind):
                if entry.origin == saved.path:
                    watch.allow(entry.name)
        changed = sampling if sampling != before else None
        self._listener(PluginSaved(saved, reloaded, changed))
