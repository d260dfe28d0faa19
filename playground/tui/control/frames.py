"""Frames: pulled from the worker into the model, at a pace, and what they report said once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.frames import Frame
from playground.lab.protocol.run import RecordState
from playground.tui.control.context import Context, Remark
from playground.tui.control.plugins import cure
from playground.tui.control.sampling import Previews

FRAMES_PER_SECOND = 12


class Frames:
    """Looks at the run while it runs, and whenever a person did something to it."""

    def __init__(self, shared: Context, previews: Previews) -> None:
        self._shared = shared
        self._previews = previews
        self._wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._told: Failure | None = None
        """The trouble that was said last; once is enough."""
        self._told_of_metrics: list[Failure] = []
        self.interrupted = False
        """The run was running when its trouble came."""
        self.ready = asyncio.Event()
        """Set once the first frame of a run is in the model."""
        self.recorded: Callable[[], None] = lambda: None
        """Called when the recording stands otherwise than before."""
        self._record: RecordState | None = None

    def touch(self) -> None:
        """Look again, at once."""
        self._wanted.set()
        self._hurry.set()

    async def _breathe(self, seconds: float) -> None:
        """The pace of the pictures, which a person's key cuts short."""
        self._hurry.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    async def pump(self) -> None:
        """Pull frames, forever, as often as they are wanted."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._shared.model.info is None:
                continue
            try:
                await self.pull()
            except LabError as error:
                if error.failure.kind not in ("dead", "hung"):
                    self._shared.complain(error.failure)
                continue
            self._shared.changed()
            await self._breathe(1 / FRAMES_PER_SECOND)

    async def pull(self) -> None:
        """One frame, now. Raises LabError."""
        lab, model = self._shared.lab, self._shared.model
        before, running = (model.step, model.frame is None), model.running
        frame = await self._shared.patience.for_(lab.frame(model.request()))
        if not model.take(frame):
            frame = await lab.frame(model.request())
            model.take(frame)
        self._say_troubles(frame, running)
        if frame.record != self._record:
            self._record = frame.record
            self.recorded()
        late = frame.panel is not None and frame.panel.step != frame.step
        pending = frame.record is not None and frame.record.pending
        if frame.state == "running" or late or pending:
            self._wanted.set()  # a slow panel is drawn when its turn comes, a run made in a moment
        if (model.step, False) != before:
            self._previews.want()
        self.ready.set()

    def _say_troubles(self, frame: Frame, running: bool) -> None:
        """running: as it was before this frame."""
        trouble, say = frame.trouble, self._shared.say
        if trouble is not None and trouble != self._told:
            self.interrupted = running
            say(Remark(trouble.title, trouble.message + cure(trouble), "error"))
        self._told = trouble
        for meter in frame.meters:  # the worker keeps it off; it is said once
            if meter.trouble is not None and meter.trouble not in self._told_of_metrics:
                self._told_of_metrics.append(meter.trouble)
                say(Remark(meter.trouble.title, meter.trouble.message, "warning"))
