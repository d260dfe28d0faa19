"""The commands of training: one after the other, each seen before the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from playground.catalog import KnobValue
from playground.lab.events import LabError
from playground.lab.protocol import Checkpoint, Failure, Measuring
from playground.tui.control.frames import Frames
from playground.tui.control.opening import Opening
from playground.tui.control.shared import Remark, Shared
from playground.tui.model import SPEEDS


class Training:
    """Every method raises LabError if the worker could not do it."""

    def __init__(self, shared: Shared, frames: Frames, opening: Opening) -> None:
        self._shared = shared
        self._frames = frames
        self._opening = opening
        self._lock = asyncio.Lock()
        self._sought: int | None = None
        """The step asked for last on the timeline."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One command after the other, each from the state that the one before led to: five
        quick presses are five steps, also while the run is still being opened."""
        async with self._lock:
            if self._shared.model.info is None:
                await self._frames.ready.wait()
            await self._opening.revive()
            if self._shared.model.frame is None:
                await self._frames.pull()
            yield
            await self._frames.pull()
            self._shared.changed()

    async def step(self, steps: int) -> None:
        """Exactly so many steps, then pause."""
        async with self.turn():
            if not self._at_end():
                await self._shared.patience.for_(self._shared.lab.advance(steps))

    async def back(self, steps: int | None) -> None:
        """Exactly so many steps back; None: to step 0."""
        async with self.turn():
            step = self._shared.model.step
            if step == 0:
                self._shared.say(Remark("This is the beginning", "No step has been done yet."))
            else:
                target = 0 if steps is None else max(0, step - steps)
                await self._go_to(target)

    async def seek(self, step: int) -> None:
        """Go to a step, as the timeline is moved: only the place asked for last counts."""
        model, self._sought = self._shared.model, step
        if model.seeking:
            return
        model.seeking = True
        try:
            async with self.turn():
                while (to := self._sought) is not None:
                    self._sought = None
                    await self._go_to(to)
                    await self._frames.pull()
                    self._shared.changed()
        finally:
            model.seeking, self._sought = False, None
            self._shared.changed()

    async def _go_to(self, step: int) -> None:
        model = self._shared.model
        model.going = step
        try:
            await self._shared.patience.for_(self._shared.lab.go_to(step))
        finally:
            model.going = None

    async def checkpoint_at(self, step: int) -> Checkpoint:
        """The run's state after `step` steps, to fork from; the run itself stays where it
        stands, paused."""
        async with self.turn():
            # The picture may be older than the run: where that stands is known once it is paused.
            if self._shared.model.running:
                await self._shared.patience.for_(self._shared.lab.pause())
                await self._frames.pull()
            stood = self._shared.model.step
            if stood != step:
                await self._go_to(step)
            checkpoint = await self._shared.patience.for_(self._shared.lab.checkpoint())
            if checkpoint.step != step:  # stopped on the way there, which is said
                raise LabError(Failure("There is no fork", "", kind="cancelled"))
            if stood != step:
                await self._go_to(stood)
            return checkpoint

    async def stop_going(self) -> None:
        """Stay where the run has come to on its way to a step that is far from a kept state."""
        going, self._sought = self._shared.model.going, None
        if going is not None:
            await self._shared.lab.pause()
            self._shared.say(Remark(f"Stopped on the way to step {going:,}"))

    async def toggle(self) -> None:
        """Run, or pause."""
        async with self.turn():
            if self._shared.model.running:
                await self._shared.patience.for_(self._shared.lab.pause())
            elif not self._at_end():
                await self.run()
        self._frames.touch()

    async def run(self) -> None:
        """Train on, at the speed that is set. Only within a turn."""
        speed = SPEEDS[self._shared.model.speed]
        await self._shared.patience.for_(self._shared.lab.run(speed))

    def _at_end(self) -> bool:
        frame = self._shared.model.frame
        if frame is None or frame.state != "finished":
            return False
        self._shared.say(
            Remark(
                f"All {frame.steps:,} steps are done",
                "b steps back, r returns to the beginning, h sets more steps.",
            )
        )
        return True

    async def set_speed(self, speed: int) -> None:
        """An index into SPEEDS; ends are kept to."""
        self._shared.model.speed = min(max(speed, 0), len(SPEEDS) - 1)
        async with self.turn():
            if self._shared.model.running:
                await self.run()
        self._frames.touch()

    async def edit(self, changes: Mapping[str, KnobValue]) -> None:
        """Change live settings at once."""
        async with self.turn():
            await self._shared.patience.for_(self._shared.lab.edit(changes))

    async def set_metrics(self, measuring: Measuring) -> None:
        """From now on measure these."""
        async with self.turn():
            await self._shared.patience.for_(self._shared.lab.set_metrics(measuring))
            self._shared.model.measuring = measuring
        self._frames.touch()
