"""What keeps the open run alive: recent checkpoints of it, and a fresh worker for a lost one."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable

from playground.lab.background import Background
from playground.lab.events import (
    RESTARTING,
    LabError,
    LabEvent,
    WorkerBack,
    WorkerGone,
    WorkerLost,
)
from playground.lab.link import Link
from playground.lab.opener import Opener
from playground.lab.openrun import OpenRun
from playground.lab.protocol import (
    Checkpoint,
    Command,
    Failure,
    GoTo,
    Open,
    Recording,
    Run,
    RunInfo,
)
from playground.lab.recovery import (
    Keeper,
    Lives,
    PanelWatch,
    without,
    without_engine,
    without_metric,
    without_schedule,
    wrote_nothing,
)
from playground.lab.workers import Workers


class Rescue:
    """Watches over the open run. What it decides by is in recovery.py."""

    def __init__(
        self,
        run: OpenRun,
        opener: Opener,
        workers: Workers,
        background: Background,
        keeper: Keeper,
        panels: PanelWatch,
        listener: Callable[[LabEvent], None],
    ) -> None:
        self._run = run
        self._opener = opener
        self._workers = workers
        self._background = background
        self._keeper = keeper
        self._panels = panels
        self._listener = listener
        self._limits = keeper.limits
        self._lives = Lives(keeper.limits)

    def reset(self, spec: str, checkpoint: Checkpoint | None) -> None:
        """Another run is open, from `checkpoint` or from its start."""
        self._keeper.reset(spec, checkpoint)
        self._lives.reset()

    # ------------------------------------------------------------ checkpoints

    def watch(self, link: Link) -> None:
        """Hold recent states of the run, for as long as this is the worker that has it; another
        one takes over at once if it died before anybody knew that it has the run."""
        if link.failure is not None:
            self.lost(link, link.failure)
        else:
            self._background.spawn(self._keep_checkpoints(link))

    async def _keep_checkpoints(self, link: Link) -> None:
        """Hold a recent state of the run, at a pace that costs it next to nothing."""
        keeper = self._keeper
        while link is self._run.link and link.alive:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(keeper.changed.wait(), self._limits.checkpoint)
            if link is self._run.link and (self._run.running or keeper.changed.is_set()):
                with contextlib.suppress(LabError):
                    await self.keep_checkpoint(link)
                await asyncio.sleep(link.spent / self._limits.share)

    async def keep_checkpoint(self, link: Link) -> None:
        """Hold the state that the run has now. Raises LabError."""
        self._keeper.changed.clear()
        reply = await link.request(self._keeper.request())
        assert isinstance(reply, Checkpoint)
        self.keep(link, reply)

    def keep(self, link: Link | None, checkpoint: Checkpoint) -> None:
        """Hold this state, unless another worker has the run by now."""
        if link is not None and link is self._run.link:
            self._keeper.keep(checkpoint)
            self._run.step = checkpoint.step

    # ------------------------------------------------------------ another worker

    def lost(self, link: Link, failure: Failure) -> None:
        """A worker is no more; if it had the open run, a fresh one takes over."""
        run = self._run
        if link is run.link and not self._workers.closed:
            run.link, run.down = None, RESTARTING
            # Now: the requests under way, which tell what was being drawn, are about to end.
            panel = self._panels.culprit(link.blamed, failure, run.catalog)
            aside = self._panels.switch_off(panel, failure) or wrote_nothing(link.blamed)
            self._background.spawn(self._recover(link, failure, aside))

    async def _recover(self, lost: Link, failure: Failure, aside: str) -> None:
        """aside: a sentence about what took the worker down without being part of the run."""
        run = self._run
        assert run.info is not None
        running, speed, seen = run.running, run.speed, run.step
        run.set_running(False)
        checkpoint, spec = self._keeper.latest(), self._keeper.spec
        if not self._lives.spend():
            self._give_up(failure)
            return
        self._listener(WorkerLost(failure))
        sampling, note = without(run.sampling, lost.blamed)
        measuring, off = without_metric(run.measuring, lost.blamed)
        aside = aside or off
        running = running and (lost.external or aside != "")  # what looks on stops no training
        note = note or aside
        blameless = lost.external or note != ""
        if not blameless and lost.blamed.partition(":")[0] in ("", "engine"):
            engine = run.catalog.find("engine", run.engine) if run.catalog else None
            spec, checkpoint, note = without_engine(spec, checkpoint, engine)
        elif not blameless:
            spec, checkpoint, note = without_schedule(spec, checkpoint, lost.blamed)
        recording = run.recording
        if recording is not None and checkpoint is None and spec != self._keeper.spec:
            recording = Recording(recording.store)  # not the run that took the worker with it
        if blameless and recording is not None:  # what it was at when it died is in the store
            recording = dataclasses.replace(recording, worker=lost.process.pid)
        self._keeper.spec = spec
        self._keeper.another_worker()
        link: Link | None = None

        def then(info: RunInfo) -> Command | None:
            if running:
                return Run(speed)
            # Where training is to blame, the steps that led to its end are not made again.
            return GoTo(seen) if blameless and seen > info.resumed_at else None

        try:
            link = await self._workers.fresh()
            opening = Open(spec, checkpoint, sampling, measuring, run.probes, recording)
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
        run.take(link, info, catalog)
        run.sampling, run.measuring = sampling, measuring
        there = then(info)
        run.step = step = there.step if isinstance(there, GoTo) else info.resumed_at
        run.set_running(running, speed)
        self._lives.begin()
        self._keeper.changed.set()
        self._listener(WorkerBack(info, step, running, note))
        self.watch(link)

    def _give_up(self, failure: Failure) -> None:
        again = "Open the run again to go on from the last state that is known."
        down = dataclasses.replace(failure, message=f"{failure.message} {again}")
        self._run.down = down
        self._listener(WorkerGone(down))
