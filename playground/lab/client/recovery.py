"""What keeps the open run alive: recent checkpoints of it, and a fresh worker for a lost one.

`Rescue` replaces a lost worker. The other classes, and the functions `without...`, are what it
decides by: the latest checkpoint, how often to try, and what to switch off before the next try.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import math
import time
from array import array
from collections.abc import Callable, Sequence
from itertools import chain

from playground.catalog import BUILTIN, Entry
from playground.lab.client.events import (
    RESTARTING,
    LabEvent,
    Limits,
    WorkerBack,
    WorkerGone,
    WorkerLost,
)
from playground.lab.client.open_run import Background, Opener, OpenRun
from playground.lab.client.watches import Watch, bare, switch_off
from playground.lab.client.workers import Link, Workers
from playground.lab.edits import Edit, Edits
from playground.lab.protocol.commands import Command, GetCheckpoint, GoTo, Open, Run
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.run import (
    FALLBACK_ENGINE,
    FALLBACK_SCHEDULE,
    Checkpoint,
    Recording,
    RunInfo,
)
from playground.lab.protocol.sampling import Measuring, Sampling
from playground.lab.timeline import Clock


class CheckpointKeeper:
    """The latest checkpoint of the open run. Only the new part of its series is fetched, so that a
    run of a million steps costs no more than its last few hundred."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.reset("", None, recorded=False)

    def reset(self, spec: str, checkpoint: Checkpoint | None, *, recorded: bool) -> None:
        """Begin with another run, opened from `checkpoint` or, if None, from its start. recorded:
        the store has the run, so that a large state need not be kept here as well."""
        self.spec = spec
        self.left_out = False
        """True if the latest state is too large to be kept here."""
        self._most = self.limits.largest if recorded else None
        self.changed = asyncio.Event()
        """Set when something was done to the run since the checkpoint was made."""
        self._latest: Checkpoint | None = None
        self._losses = array("d")
        self._rates = array("d")
        self._evaluations: list[tuple[int, float]] = []
        self._measured: dict[str, dict[float, float]] = {}
        self._clock = Clock(())
        self._first = 0
        """The step after which the series begin."""
        self._epoch = -1
        if checkpoint is None:
            return
        self.left_out = self._most is not None and 4 * len(checkpoint.weights) > self._most
        if not self.left_out:
            self.keep(dataclasses.replace(checkpoint, epoch=-1))

    def request(self) -> GetCheckpoint:
        """The request that brings what is new since the latest checkpoint."""
        return GetCheckpoint(True, self._first + len(self._losses), self._epoch, self._most)

    def another_worker(self) -> None:
        """Ask the next worker for everything, because its epochs are not those of the last one."""
        self._epoch = -1

    def keep(self, checkpoint: Checkpoint) -> None:
        """Take in the worker's reply to `request`."""
        self.left_out = not (checkpoint.weights or checkpoint.at_start)
        if not checkpoint.weights:
            self._latest = None
            return
        kept = checkpoint.since_step - self._first
        if checkpoint.epoch == self._epoch and 0 <= kept <= len(self._losses):
            # Two requests at once: the reply to the second begins before the end of the series.
            del self._losses[kept:], self._rates[kept:]
        else:
            self._losses, self._rates = array("d"), array("d")
            self._evaluations, self._measured, self._clock = [], {}, Clock(())
            self._first = checkpoint.since_step
        self._losses.frombytes(checkpoint.losses)
        self._rates.frombytes(checkpoint.learning_rates)
        known = {step for step, _ in self._evaluations}
        self._evaluations += [pair for pair in checkpoint.evaluations if pair[0] not in known]
        for label, data in checkpoint.measured:
            pairs = array("d", data)
            values = self._measured.setdefault(label, {})
            values.update(zip(pairs[::2], pairs[1::2], strict=True))
        self._clock.forget_after(checkpoint.since_step)
        for point in Clock.of(array("d", checkpoint.clock)).between(-1, math.inf):
            self._clock.note(*point)
        self._epoch = checkpoint.epoch
        self._latest = dataclasses.replace(
            checkpoint, losses=b"", learning_rates=b"", evaluations=(), measured=(), clock=b""
        )

    def latest(self) -> Checkpoint | None:
        """The latest checkpoint with all its series; None while only the run's start is known."""
        if self._latest is None:
            return None
        return dataclasses.replace(
            self._latest,
            losses=self._losses.tobytes(),
            learning_rates=self._rates.tobytes(),
            evaluations=tuple(self._evaluations),
            since_step=self._first,
            measured=tuple(
                (label, array("d", chain.from_iterable(known.items())).tobytes())
                for label, known in self._measured.items()
            ),
            clock=self._clock.flat().tobytes(),
        )


class RestartBudget:
    """Decides whether a run that lost its worker gets another one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """Forget all deaths, because another run is open."""
        self._deaths = 0
        self._began: float | None = None

    def begin(self) -> None:
        """Note that a fresh worker has taken over."""
        self._began = time.monotonic()

    def spend(self) -> bool:
        """Count a death. True if the run gets another worker."""
        lived = None if self._began is None else time.monotonic() - self._began
        if lived is not None and lived > self._limits.steady:
            self._deaths = 0
        self._deaths += 1
        if lived is not None and lived < self._limits.settle:
            return False
        return self._deaths < self._limits.deaths


def without(sampling: Sampling, blamed: str) -> tuple[Sampling, str]:
    """The same sampling with the strategy that hung switched off, and a sentence about it."""
    kind, _, name = blamed.partition(":")
    short = bare(name)
    if kind != "strategy" or not any(link.name in (name, short) for link in sampling.chain):
        return sampling, ""
    chain = tuple(
        dataclasses.replace(link, enabled=False) if link.name in (name, short) else link
        for link in sampling.chain
    )
    return (
        dataclasses.replace(sampling, chain=chain),
        f"The strategy {short!r} hung and is switched off.",
    )


def without_metric(measuring: Measuring, blamed: str) -> tuple[Measuring, str]:
    """The same metrics without the one that hung, and a sentence about it."""
    kind, _, name = blamed.partition(":")
    rest = tuple(one for one in measuring.metrics if one.name not in (name, bare(name)))
    if kind != "metric" or len(rest) == len(measuring.metrics):
        return measuring, ""
    return (
        dataclasses.replace(measuring, metrics=rest),
        f"The metric {bare(name)!r} hung and is switched off.",
    )


def wrote_nothing(blamed: str) -> str:
    """A sentence about an exporter that hung; empty if none did."""
    kind, _, name = blamed.partition(":")
    return f"The exporter {bare(name)!r} hung, and wrote nothing." if kind == "exporter" else ""


def without_schedule(
    spec: str, checkpoint: Checkpoint | None, blamed: str
) -> tuple[str, Checkpoint | None, str]:
    """The same run with microgpt's own schedule in the place of one that hung, and a sentence
    about it; "" if no schedule hung."""
    kind, _, name = blamed.partition(":")
    if kind != "schedule":
        return spec, checkpoint, ""
    spec = json.dumps({**json.loads(spec), "schedule": {"name": FALLBACK_SCHEDULE}})
    if checkpoint is not None:
        checkpoint = dataclasses.replace(checkpoint, spec=spec, repeatable=False)
    words = f"The schedule {bare(name)!r} hung; the {FALLBACK_SCHEDULE} one goes on in its place."
    return spec, checkpoint, words


def without_engine(
    spec: str, checkpoint: Checkpoint | None, engine: Entry | None
) -> tuple[str, Checkpoint | None, str]:
    """The same run with a built-in engine in the place of a plugin's that hung or crashed, and a
    sentence about it; "" if a built-in engine was at work."""
    if engine is None or engine.plugin == BUILTIN:
        return spec, checkpoint, ""
    note = f"The engine {engine.name!r} was at work; {FALLBACK_ENGINE} goes on in its place."
    if checkpoint is None:
        return json.dumps({**json.loads(spec), "engine": FALLBACK_ENGINE}), None, note
    kept = [
        edit for edit in checkpoint.edits if edit.field != "engine" or edit.step < checkpoint.step
    ]
    edits = Edits.of([*kept, Edit(checkpoint.step, "engine", FALLBACK_ENGINE)])
    return spec, dataclasses.replace(checkpoint, edits=edits), note


class Rescue:
    """Keeps recent checkpoints of the open run, and replaces a lost worker."""

    def __init__(
        self,
        run: OpenRun,
        opener: Opener,
        workers: Workers,
        background: Background,
        keeper: CheckpointKeeper,
        watches: Sequence[Watch],
        listener: Callable[[LabEvent], None],
    ) -> None:
        self._run = run
        self._opener = opener
        self._workers = workers
        self._background = background
        self._keeper = keeper
        self._watches = watches
        self._listener = listener
        self._limits = keeper.limits
        self._budget = RestartBudget(keeper.limits)

    def reset(self, spec: str, checkpoint: Checkpoint | None) -> None:
        """Watch over another run, opened from `checkpoint` or, if None, from its start."""
        recorded = self._run.recording is not None
        self._keeper.reset(spec, checkpoint, recorded=recorded)
        self._budget.reset()

    # ------------------------------------------------------------ checkpoints

    def watch(self, link: Link) -> None:
        """Keep checkpoints of the run while the worker behind `link` has it. If that worker died
        before it was known to have the run, another one takes over at once."""
        if link.failure is not None:
            self.lost(link, link.failure)
        else:
            self._background.spawn(self._keep_checkpoints(link))

    async def _keep_checkpoints(self, link: Link) -> None:
        """Keep checkpoints, at a pace that costs the run next to nothing."""
        keeper = self._keeper
        while link is self._run.link and link.alive:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(keeper.changed.wait(), self._limits.checkpoint)
            if link is self._run.link and (self._run.running or keeper.changed.is_set()):
                with contextlib.suppress(LabError):
                    await self.keep_checkpoint(link)
                await asyncio.sleep(link.spent / self._limits.share)

    async def keep_checkpoint(self, link: Link) -> None:
        """Fetch a checkpoint of the run now. Raises LabError."""
        self._keeper.changed.clear()
        reply = await link.request(self._keeper.request())
        assert isinstance(reply, Checkpoint)
        self.keep(link, reply)

    def keep(self, link: Link | None, checkpoint: Checkpoint) -> None:
        """Keep this checkpoint, unless another worker has the run by now."""
        if link is not None and link is self._run.link:
            self._keeper.keep(checkpoint)
            self._run.stand_at(checkpoint.step)

    # ------------------------------------------------------------ another worker

    def lost(self, link: Link, failure: Failure) -> None:
        """Let a fresh worker take over, if the lost one had the open run."""
        run = self._run
        if link is run.link and not self._workers.closed:
            run.lose(RESTARTING)
            # Before the requests under way end: they tell which panel was being drawn.
            off = switch_off(self._watches, link.blamed, failure, run.catalog)
            # What is off takes no other worker down, before a person chooses it again.
            spared = off != "" or self._budget.spend()
            aside = off or wrote_nothing(link.blamed)
            self._background.spawn(self._recover(link, failure, aside, spared))

    async def _recover(self, lost: Link, failure: Failure, aside: str, spared: bool) -> None:
        """aside: a sentence about what took the worker down, or "". spared: True if the run gets
        another worker."""
        run = self._run
        assert run.info is not None
        running, speed, seen = run.running, run.speed, run.step
        run.set_running(False)
        checkpoint, spec = self._keeper.latest(), self._keeper.spec
        if not spared:
            self._give_up(failure)
            return
        self._listener(WorkerLost(failure))
        sampling, note = without(run.observation.sampling, lost.blamed)
        measuring, off = without_metric(run.observation.measuring, lost.blamed)
        observation = Observation(sampling, measuring, run.observation.probes)
        note = note or aside or off
        engine = run.catalog.find("engine", run.engine) if run.catalog else None
        sudden = lost.sudden and (engine is None or engine.plugin == BUILTIN)
        # Nothing that trains is to blame: a signal, or who looks on, stops no training. What dies
        # again at once stays down; see RestartBudget.
        blameless = lost.external or sudden or note != ""
        if not blameless and self._keeper.left_out:
            # Another engine would have to begin at the start: the record has the state.
            self._give_up(failure)
            return
        running = running and blameless
        if not blameless and lost.blamed.partition(":")[0] in ("", "engine"):
            spec, checkpoint, note = without_engine(spec, checkpoint, engine)
        elif not blameless:
            spec, checkpoint, note = without_schedule(spec, checkpoint, lost.blamed)
        recording = run.recording
        if recording is not None and checkpoint is None and spec != self._keeper.spec:
            recording = Recording(recording.store)  # changed settings make another run
        if blameless and recording is not None:  # the store knows how far the lost worker came
            recording = dataclasses.replace(recording, worker=lost.process.pid)
        self._keeper.spec = spec
        self._keeper.another_worker()
        link: Link | None = None

        def then(info: RunInfo) -> Command | None:
            if running:
                return Run(speed)
            # If training is to blame, the steps that led to the death are not made again.
            return GoTo(seen) if blameless and seen > info.resumed_at else None

        try:
            link = await self._workers.fresh()
            opening = Open(spec, checkpoint, observation, recording)
            info, catalog = await self._opener.open_in(link, opening, then=then)
        except LabError as error:
            if link is not None:
                link.kill(RESTARTING)
            if run.wanting:
                self._give_up(error.failure)
            return
        if not run.wanting:  # another run was opened meanwhile
            self._background.spawn(self._workers.retire(link))
            return
        there = then(info)
        step = there.step if isinstance(there, GoTo) else info.resumed_at
        before, taken = run.observation.sampling, info.observation.sampling
        run.go_on(link, info, catalog, observation.having(taken), step)
        run.set_running(running, speed)
        self._budget.begin()
        self._keeper.changed.set()
        self._listener(WorkerBack(info, step, running, note, taken if taken != before else None))
        self.watch(link)

    def _give_up(self, failure: Failure) -> None:
        again = "Open the run again to go on from the last state that is known."
        down = dataclasses.replace(failure, message=f"{failure.message} {again}")
        self._run.lose(down)
        self._listener(WorkerGone(down))
