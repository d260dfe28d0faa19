"""Frames: pulled from the worker into the model at a steady pace, and their troubles told once."""

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
TRIES = 4
"""How often one frame is asked for at most, if the run changes its past meanwhile."""
BEHIND_PER_SECOND = 2
"""The same while a dialog lies over the panels, and their drawing may not delay its keys."""


class Frames:
    """Fetches a frame whenever the run moves, or a person did something that changes the screen."""

    def __init__(self, context: Context, previews: Previews) -> None:
        self._context = context
        self._previews = previews
        self._wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._told: Failure | None = None
        """The run's trouble that the person was told of last."""
        self._told_of_metrics: list[Failure] = []
        self.interrupted = False
        """True if the run was running when its trouble came."""
        self.ready = asyncio.Event()
        """Set once the first frame of a run is in the model."""
        self.recorded: Callable[[], None] = lambda: None
        """Called when a frame reports another state of the recording than the one before."""
        self._record: RecordState | None = None
        self.per_second = FRAMES_PER_SECOND
        """The pace at which a run that moves is followed."""

    def touch(self) -> None:
        """Fetch a frame at once, ahead of the pace."""
        self._wanted.set()
        self._hurry.set()

    async def pump(self) -> None:
        """Fetch frames whenever they are wanted, `per_second` times at most; never returns."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._context.model.info is None:
                continue
            try:
                await self.pull()
            except LabError as error:
                if error.failure.kind not in ("dead", "hung"):
                    self._context.complain(error.failure)
                continue
            self._context.changed()
            await self._pause(1 / self.per_second)

    async def _pause(self, seconds: float) -> None:
        """Wait `seconds` seconds, or until `touch`."""
        self._hurry.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    async def look(self) -> None:
        """Fetch one frame now, and draw it. Raises LabError."""
        await self.pull()
        self._context.changed()

    async def pull(self) -> None:
        """Fetch one frame now, into the model. Raises LabError."""
        lab, model = self._context.lab, self._context.model
        before, running = (model.step, model.frame is None), model.running
        frame = await self._context.patience.for_(lab.frame(model.request()))
        for _ in range(TRIES):
            if model.take(frame):
                break
            frame = await lab.frame(model.request())
        self._say_troubles(frame, running)
        if frame.record != self._record:
            self._record = frame.record
            self.recorded()
        # A slow panel is drawn later than its frame, a run is entered into the store in a moment.
        late = frame.panel is not None and frame.panel.step != frame.step
        pending = frame.record is not None and frame.record.pending
        filming = frame.film is not None and frame.film.waiting > 0
        if frame.state == "running" or late or pending or filming or model.rest:
            self._wanted.set()
        if (model.step, False) != before:
            self._previews.want()
        self.ready.set()

    def _say_troubles(self, frame: Frame, running: bool) -> None:
        """running: True if the run was running before this frame."""
        trouble, say = frame.trouble, self._context.say
        if trouble is not None and trouble != self._told:
            self.interrupted = running
            say(Remark(trouble.title, trouble.message + cure(trouble), "error"))
        self._told = trouble
        for meter in frame.meters:  # the worker keeps a metric that failed switched off
            if meter.trouble is not None and meter.trouble not in self._told_of_metrics:
                self._told_of_metrics.append(meter.trouble)
                say(Remark(meter.trouble.title, meter.trouble.message, "warning"))
