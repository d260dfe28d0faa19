"""One side of a race: its Lab, the losses so far, and its troubles."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from playground.lab.client.events import LabEvent, OpenProgress, WorkerBack, WorkerGone, WorkerLost
from playground.lab.fork import with_edits
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.frames import Frame, FrameRequest
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.probes import ProbeSet
from playground.lab.protocol.sampling import SampleBatch, Sampling
from playground.lab.race.comparison import Track
from playground.lab.race.state import Entrant, SideState, SideStatus

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab

R = TypeVar("R")

LabFactory = Callable[[Callable[[LabEvent], None]], "Lab"]
KEPT_NOTES = 3
KEPT_BATCHES = 20


class Side:
    """One run of the race. If its worker is lost, the Lab replaces it, and a method that was
    waiting for the worker waits for the next one."""

    def __init__(self, entrant: Entrant, make_lab: LabFactory, changed: Callable[[], None]) -> None:
        self.entrant = entrant
        self.lab = make_lab(self._heard)
        self.track = Track()
        self.frame: Frame | None = None
        self.batches: list[SampleBatch] = []
        """The automatic batches that the race has not paired yet."""
        self.rewound: Callable[[int], None] = lambda _: None
        """Called after a rewind, with the last step up to which the series are unchanged."""
        self.lowest = 0
        """The lowest step at which the side stood since ProbeTracker last set this."""
        self._changed = changed
        self._opened = False
        self._closing = False
        self._down: Failure | None = None
        self._restarting: Failure | None = None
        self._notes: list[str] = []
        self._stage = ""
        self._settled = asyncio.Event()
        """Clear from the loss of a worker until the Lab has replaced it or given it up."""
        self._settled.set()
        self._epoch: int | None = None
        self._batch = 0
        self._stuck = False
        """True if the last step failed."""
        self._sampled = (-1, 0)
        """The step of the last sample on demand, and how many the worker made at that step."""

    # ------------------------------------------------------------ life

    async def open(self, sampling: Sampling) -> None:
        """Open the entrant's run. Raises LabError."""
        entrant = self.entrant
        await self.lab.open(
            entrant.spec,
            checkpoint=entrant.checkpoint,
            observation=Observation(sampling, probes=entrant.probes or ProbeSet()),
            recording=entrant.recording,
        )
        self._opened = True
        self.lowest = (await self.pull()).step

    async def close(self) -> None:
        self._closing = True
        self._settled.set()
        await self.lab.close()

    def _heard(self, event: LabEvent) -> None:
        if isinstance(event, OpenProgress):
            self._stage = event.progress.stage  # who waits for the race looks from time to time
            return
        if isinstance(event, WorkerLost):
            self._restarting = event.failure
            self._settled.clear()
        elif isinstance(event, WorkerBack):
            if self._restarting is not None:
                self._note(f"{self._restarting.title}. It goes on from step {event.step:,}.")
            self._restarting, self._sampled = None, (-1, 0)
            if event.note:
                self._note(event.note)
            self._settled.set()
        elif isinstance(event, WorkerGone):
            self._restarting, self._down = None, event.failure
            self._settled.set()
        else:
            return
        self._changed()

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes = [*self._notes[1 - KEPT_NOTES :], text]

    # ------------------------------------------------------------ where it stands

    @property
    def step(self) -> int:
        return self.frame.step if self.frame is not None else 0

    @property
    def earliest(self) -> int:
        return self.frame.earliest if self.frame is not None else 0

    @property
    def usable(self) -> bool:
        """True if the side was opened and not given up."""
        return self._opened and self._down is None

    @property
    def can_go(self) -> bool:
        """True if the side is usable and its next step can be expected to succeed."""
        if self.frame is None or not self.usable:
            return False
        return self.frame.state != "finished" and not self._stuck

    def try_again(self) -> None:
        """Let the side make steps again after one that failed."""
        self._stuck = False

    @property
    def status(self) -> SideStatus:
        if self._down is not None:
            return "down"
        if self._restarting is not None:
            return "restarting"
        return self.frame.state if self.frame is not None else "opening"

    def state(self) -> SideState:
        """The side at this moment, as plain values."""
        frame, track = self.frame, self.track
        trouble = self._down or self._restarting or (frame.trouble if frame is not None else None)
        record = frame.record if frame is not None else None
        parent = None
        if record is not None and record.parent is not None and record.fork_step is not None:
            parent = record.parent, record.fork_step
        state = SideState(
            self.entrant.name, self.status, trouble=trouble, notes=(*self._notes,),
            stage=self._stage,
        )  # fmt: skip
        if frame is None:
            return state
        return replace(
            state,
            step=frame.step,
            steps=frame.steps,
            earliest=frame.earliest,
            first=track.first,
            losses=track.losses,
            smoothed=track.smoothed,
            evaluations=track.evaluations,
            heldout_errors=track.errors,
            learning_rate=frame.learning_rate,
            engine=frame.engine,
            steps_per_second=frame.steps_per_second,
            info=self.lab.open_run.info,
            scored=frame.scored,
            run=record.run if record is not None else None,
            parent=parent,
        )

    def in_force(self) -> dict[str, Any]:
        """The side's settings in force, those set by hand included."""
        info, frame = self.lab.open_run.info, self.frame
        values: dict[str, Any] = json.loads(info.spec) if info is not None else {}
        if frame is not None and values:
            return with_edits(
                values, frame.base_learning_rate, frame.engine, frame.held, frame.operated
            )
        return values

    # ------------------------------------------------------------ asking

    async def ask(self, question: Callable[[], Awaitable[R]]) -> R:
        """The worker's answer; the next worker's, if this one is lost meanwhile. Raises
        LabError."""
        while True:
            try:
                return await question()
            except LabError as error:
                lost = error.failure.kind in ("dead", "hung")
                if not lost or self._down is not None or self._closing:
                    raise
                self._settled.clear()  # the Lab reports the loss only a moment later
                await self._settled.wait()
                if self._closing or self._down is not None:
                    raise

    async def pull(self) -> Frame:
        """Fetch a frame, and take in what is new. Raises LabError."""
        since = self.track.end if self._epoch is not None else 0
        frame = await self.ask(partial(self.lab.frame, _request(since, self._batch)))
        if self._epoch in (None, frame.epoch):
            self.track.grow(frame.metrics)
        else:  # the run was rewound, or another worker has it, which numbers batches from 1 again
            self._batch = 0
            frame = await self.ask(partial(self.lab.frame, _request(0, 0)))
            self.rewound(self.track.again(frame.metrics))
        self._epoch = frame.epoch
        for batch in frame.batches:
            if batch.number > self._batch:
                self._batch = batch.number
                self.batches.append(batch)
        del self.batches[:-KEPT_BATCHES]
        self.frame = frame
        self.lowest = min(self.lowest, frame.step)
        self._stuck = frame.state == "failed"
        return frame

    async def reach(self, target: int) -> None:
        """Train up to step `target`, or as far as the side can. Raises LabError if the side is
        given up."""
        while self.can_go and self.step < target:
            before, worker = self.step, self._epoch
            count = target - before
            await self.ask(partial(self.lab.advance, count))
            await self.pull()
            if self.step <= before and self._epoch == worker:
                return

    async def go_to(self, step: int) -> None:
        """Go to the exact state after `step` steps. Raises LabError."""
        if step != self.step:
            await self.ask(partial(self.lab.go_to, step))
        await self.pull()

    # ------------------------------------------------------------ sampling

    @property
    def sampled(self) -> int:
        """How many batches were sampled on demand at the step where the side stands."""
        at, count = self._sampled
        return count if at == self.step else 0

    async def sample(self, times: int) -> SampleBatch:
        """The `times`-th batch that a worker samples at this step. The random numbers depend on
        that count, so sides with equal counts sample alike. Raises LabError."""
        while True:
            batch = await self.ask(self.lab.sample)
            at, count = self._sampled
            self._sampled = (batch.step, count + 1 if at == batch.step else 1)
            if self._sampled[1] >= times:
                return batch


def _request(since_step: int, since_batch: int) -> FrameRequest:
    return FrameRequest(since_step, since_batch, document=False)
