"""The commands of training: one after the other, each seen before the next.

What takes its time and tells how far it is: another engine, a checkpoint, an export.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from playground.catalog import KnobValue
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import Measuring
from playground.tui.control.context import NOTICED, Context, Remark
from playground.tui.control.frames import Frames
from playground.tui.control.opening import Opening
from playground.tui.model import SPEEDS


class Making:
    """Has things made of the run by its worker; the run itself goes on."""

    def __init__(
        self, shared: Context, frames: Frames, opening: Opening, training: Training
    ) -> None:
        self._shared = shared
        self._frames = frames
        self._opening = opening
        self._training = training
        self._first: Progress | None = None
        """What was told first of the engine that was asked for last."""

    async def use_engine(self, name: str) -> None:
        """Let another engine go on; see Controller.use_engine."""
        shared, model = self._shared, self._shared.model
        entry = model.catalog.find("engine", name) if model.catalog else None
        key = entry.qualified if entry else name

        def tell(progress: Progress) -> None:
            # The worker tells the full name; the person chose a shorter one.
            stage = progress.stage.removeprefix(key).removeprefix(name).removeprefix(": ")
            model.making = replace(progress, stage=f"{name}: {stage}")
            shared.changed()

        async with self._training.turn():
            pass  # what was asked for before is done, and there is a worker
        mine = model.making = Progress(f"{name}: getting ready", 0, 0)
        self._first = mine
        shared.changed()
        try:
            await shared.lab.use_engine(name, tell)
        except LabError as error:
            self._engine_refused(key, error.failure)
        else:
            model.engine_troubles.pop(key, None)
            shared.say(
                Remark(f"The {name} engine goes on", "It took over the weights and Adam's moments.")
            )
        finally:
            if self._first is mine:
                model.making = None
        self._frames.touch()

    def _engine_refused(self, key: str, failure: Failure) -> None:
        if failure.kind == "cancelled":
            return
        model = self._shared.model
        model.engine_troubles[key] = failure.message
        words = f"{failure.message} The run goes on with the {model.engine} engine."
        self._shared.say(Remark(failure.title, words, "error"))

    async def save(self, path: str) -> bool:
        """Write a checkpoint; says where it went, or why not."""
        shared = self._shared
        try:
            await self._opening.revive()
            await shared.patience.for_(shared.lab.save(path))
        except LabError as error:
            shared.complain(error.failure)
            return False
        shared.say(Remark(f"Saved step {shared.model.step:,}", path))
        return True

    async def export(self, path: str, name: str, options: Mapping[str, KnobValue]) -> bool:
        """Write the run with an exporter; says where it went, or why not."""
        shared, model, now = self._shared, self._shared.model, asyncio.get_running_loop().time
        told = now()

        def tell(progress: Progress) -> None:
            if now() - told > NOTICED:
                model.making = progress
                shared.changed()

        try:
            await self._opening.revive()
            await shared.patience.for_(shared.lab.export(path, name, options, tell))
        except LabError as error:
            shared.complain(error.failure)
            return False
        finally:
            model.making = None
        shared.say(Remark(f"Exported step {model.step:,}", path))
        return True


class Training:
    """Every method raises LabError if the worker could not do it."""

    def __init__(self, shared: Context, frames: Frames, opening: Opening) -> None:
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
