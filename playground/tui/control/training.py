"""The commands to the worker that trains.

`Training` moves the run, by one command after the other; the frame of each comes before the next.
`Making` has the worker make something of the run while the run goes on: an engine, a checkpoint,
an exported file, texts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from playground.catalog import KnobValue
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.probes import ProbeSet
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import Measuring
from playground.tui.control.context import WHERE, Context, Remark
from playground.tui.control.frames import Frames
from playground.tui.control.opening import Opening
from playground.tui.control.sampling import Previews
from playground.tui.control.tasks import NOTICED
from playground.tui.model import SPEEDS


class Training:
    """Moves the run, and changes what is done as it moves. Methods raise LabError if the worker
    could not do what they ask."""

    def __init__(
        self, context: Context, previews: Previews, frames: Frames, opening: Opening
    ) -> None:
        self._context = context
        self._previews = previews
        self._frames = frames
        self._opening = opening
        self._lock = asyncio.Lock()
        self._sought: int | None = None
        """The step of the timeline that was asked for last, until the run goes there."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the commands before this one, then hold the run for the command inside.

        Each command begins in the state that the one before led to: five quick presses are five
        steps, also while the run is still being opened. The frame that the command led to is in
        the model when this returns.
        """
        async with self._lock:
            if self._context.model.info is None:
                await self._frames.ready.wait()
            await self._opening.revive()
            if self._context.model.frame is None:
                await self._frames.pull()
            yield
            await self._frames.look()

    async def settle(self) -> None:
        """Wait until all commands so far are done, and their frames are in the model."""
        await asyncio.sleep(0)  # a command that was asked for in this moment begins first
        async with self.turn():
            pass

    async def step(self, steps: int = 1) -> None:
        """Do exactly `steps` steps, then pause."""
        async with self.turn():
            if not self._at_end():
                await self._context.patience.for_(self._context.lab.advance(steps))

    async def reset(self) -> None:
        """Go back to step 0. Nothing is lost: the same steps come again."""
        await self.back(None)

    async def back(self, steps: int | None = 1) -> None:
        """Go exactly `steps` steps back; if None, to step 0."""
        async with self.turn():
            step = self._context.model.step
            if step == 0:
                self._context.say(
                    Remark("This is the beginning", "No step has been done yet.", about=WHERE)
                )
            else:
                target = 0 if steps is None else max(0, step - steps)
                await self._go_to(target)

    async def seek(self, step: int) -> None:
        """Go to a step of the record. While the run is on its way to one step, only the last of
        the steps that are asked for meanwhile counts."""
        model, self._sought = self._context.model, step
        if model.seeking:
            return
        model.seeking = True
        try:
            async with self.turn():
                while (to := self._sought) is not None:
                    self._sought = None
                    await self._go_to(to)
                    await self._frames.look()
        finally:
            model.seeking, self._sought = False, None
            self._context.changed()

    async def _go_to(self, step: int) -> None:
        model = self._context.model
        model.going = step
        try:
            await self._context.patience.for_(self._context.lab.go_to(step))
        finally:
            model.going = None

    async def checkpoint_at(self, step: int) -> Checkpoint:
        """The run's state after `step` steps, to fork from. The run is paused, and stands
        afterwards where it stood before."""
        async with self.turn():
            # The frame may be older than the run; where a paused run stands is certain.
            if self._context.model.running:
                await self._context.patience.for_(self._context.lab.pause())
                await self._frames.pull()
            stood = self._context.model.step
            if stood != step:
                await self._go_to(step)
            checkpoint = await self._context.patience.for_(self._context.lab.checkpoint())
            if checkpoint.step != step:  # `stop_going` stopped it on the way, and has said so
                raise LabError(Failure("There is no fork", "", kind="cancelled"))
            if stood != step:
                await self._go_to(stood)
            return checkpoint

    async def stop_going(self) -> None:
        """Stop a run that is on its way to a step, at the step it has come to."""
        going, self._sought = self._context.model.going, None
        if going is not None:
            await self._context.lab.pause()
            self._context.say(Remark(f"Stopped on the way to step {going:,}", about=WHERE))

    async def toggle(self) -> None:
        """Pause if the run is running, run it if not."""
        async with self.turn():
            if self._context.model.running:
                await self._context.patience.for_(self._context.lab.pause())
            elif not self._at_end():
                await self.run()
        self._frames.touch()

    async def run(self) -> None:
        """Train on at the model's speed. Call it only within a turn."""
        speed = SPEEDS[self._context.model.speed]
        await self._context.patience.for_(self._context.lab.run(speed))

    def _at_end(self) -> bool:
        """True if all steps are done; tells the person so."""
        frame = self._context.model.frame
        if frame is None or frame.state != "finished":
            return False
        self._context.say(
            Remark(
                f"All {frame.steps:,} steps are done",
                "f goes on with more steps, b steps back, r returns to the beginning.",
                about=WHERE,
            )
        )
        return True

    async def set_speed(self, speed: int) -> None:
        """Train at another speed. speed: an index into SPEEDS; one beyond an end means that end."""
        self._context.model.speed = min(max(speed, 0), len(SPEEDS) - 1)
        async with self.turn():
            if self._context.model.running:
                await self.run()
        self._frames.touch()

    async def edit(self, changes: Mapping[str, KnobValue]) -> None:
        """Change settings of the run while it trains, by their dotted names."""
        async with self.turn():
            await self._context.patience.for_(self._context.lab.edit(changes))

    async def undo(self) -> None:
        """Take back what was done last to the weights where the run stands; if nothing was done
        there, open the run before this one."""
        model = self._context.model
        async with self.turn():
            before = model.frame.by_hand if model.frame is not None and not model.running else ()
            if before:
                await self._context.patience.for_(self._context.lab.undo())
        if not before:
            await self._opening.undo()
            return
        left = model.frame.by_hand if model.frame is not None else ()
        undone = ", ".join(words for words in before if words not in left) or before[-1]
        self._context.say(Remark("Taken back", f"{undone}, at step {model.step:,}", about=WHERE))

    async def set_metrics(self, measuring: Measuring) -> None:
        """Measure these metrics from now on."""
        async with self.turn():
            await self._context.patience.for_(self._context.lab.observe(measuring))
            self._context.model.measuring = measuring
        self._frames.touch()

    async def set_probes(self, probes: ProbeSet) -> None:
        """Ask these probes from now on."""
        async with self.turn():
            await self._context.lab.observe(probes)
        asked = f"{len(probes.prompts)} probes every {probes.every:,} steps"
        self._context.say(Remark(asked if probes.prompts else "No probes any more"))

    async def go_on_without(self, strategy: str) -> None:
        """Switch a sampling strategy off, by its qualified name, and train on if the run was
        running when the strategy failed."""
        self._previews.set_sampling(self._context.model.without_strategy(strategy))
        async with self.turn():
            await self._previews.send()
            if self._frames.interrupted:
                self._frames.interrupted = False
                await self.run()
        self._frames.touch()


class Making:
    """Has the worker make something of the run, and tells how far it is; the run goes on."""

    def __init__(
        self,
        context: Context,
        previews: Previews,
        frames: Frames,
        opening: Opening,
        training: Training,
    ) -> None:
        self._context = context
        self._previews = previews
        self._frames = frames
        self._opening = opening
        self._training = training
        self._first: Progress | None = None
        """The first progress of the engine that was asked for last; by it the call knows whether
        another engine has been asked for since."""

    async def use_engine(self, name: str) -> None:
        """Let another engine go on in the state of the run, as soon as the engine is made.

        The run goes on meanwhile; a failure leaves the run the engine it had. The engine at work
        is asked for again only while another one is being made.
        """
        context, model = self._context, self._context.model
        if name == model.engine and model.making is None:
            return
        entry = model.catalog.find("engine", name) if model.catalog else None
        key = entry.qualified if entry else name

        def tell(progress: Progress) -> None:
            # The worker tells the full name; the person chose a shorter one.
            stage = progress.stage.removeprefix(key).removeprefix(name).removeprefix(": ")
            model.making = replace(progress, stage=f"{name}: {stage}")
            context.changed()

        await self._training.settle()
        mine = model.making = Progress(f"{name}: getting ready", 0, 0)
        self._first = mine
        context.changed()
        try:
            await context.lab.use_engine(name, tell)
        except LabError as error:
            self._engine_refused(key, error.failure)
        else:
            model.engine_troubles.pop(key, None)
            moments = " and Adam's moments" if model.optimizer == "adam" else ""
            context.say(Remark(f"The {name} engine goes on", f"It took over the weights{moments}."))
        finally:
            if self._first is mine:
                model.making = None
        self._frames.touch()

    def _engine_refused(self, key: str, failure: Failure) -> None:
        if failure.kind == "cancelled":
            return
        model = self._context.model
        model.engine_troubles[key] = failure.message
        words = f"{failure.message} The run goes on with the {model.engine} engine."
        self._context.say(Remark(failure.title, words, "error"))

    async def save(self, path: str) -> bool:
        """Write a checkpoint to a file, and tell the person. Returns False if it failed."""
        context = self._context
        try:
            await self._opening.revive()
            await context.patience.for_(context.lab.save(path))
        except LabError as error:
            context.complain(error.failure)
            return False
        context.say(Remark(f"Saved step {context.model.step:,}", path))
        return True

    async def export(self, path: str, name: str, options: Mapping[str, KnobValue]) -> bool:
        """Write the run to a file with an exporter, and tell the person. Returns False if it
        failed."""
        context, model, now = self._context, self._context.model, asyncio.get_running_loop().time
        told = now()

        def tell(progress: Progress) -> None:
            if now() - told > NOTICED:
                model.making = progress
                context.changed()

        try:
            await self._opening.revive()
            await context.patience.for_(context.lab.export(path, name, options, tell))
        except LabError as error:
            context.complain(error.failure)
            return False
        finally:
            model.making = None
        context.say(Remark(f"Exported step {model.step:,}", path))
        return True

    async def sample(self) -> None:
        """Have the model write a batch of texts now. Raises LabError."""
        context = self._context
        await self._opening.revive()
        await self._previews.send()
        batch = await context.patience.for_(context.lab.sample())
        if batch.note:
            context.say(Remark("No samples", batch.note, "warning"))
        self._frames.touch()
