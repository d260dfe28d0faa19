"""Between the keys and the worker: it carries out what a person asks for, and pulls frames.

The controller owns the Lab and the model. It knows no widget: it reports by three callbacks,
`changed` (draw again), `say` (tell the person) and `failed` (a defect: leave with its
traceback), which the app supplies. How things are done is in `control`, one part a file; what
the app calls is all here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.catalog import KnobValue
from playground.lab.client.events import (
    LabEvent,
    OpenProgress,
    PluginSaved,
    PluginsUnwatched,
    WorkerBack,
    WorkerGone,
    WorkerLost,
)
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.probes import ProbeSet
from playground.lab.protocol.run import Checkpoint, RecordState
from playground.lab.protocol.sampling import Measuring, Sampling
from playground.tui.control.context import Context, Remark, Severity
from playground.tui.control.frames import FRAMES_PER_SECOND, Frames
from playground.tui.control.opening import Earlier, Opening
from playground.tui.control.plugins import Reloads
from playground.tui.control.runs import Runs
from playground.tui.control.sampling import Previews
from playground.tui.control.tasks import BackgroundTasks
from playground.tui.control.training import Making, Training
from playground.tui.model import PlaygroundModel

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab

__all__ = ["FRAMES_PER_SECOND", "Controller", "Remark", "Severity"]


class Controller:
    """Carries out what is asked for; one call a key."""

    def __init__(
        self,
        lab_factory: Callable[[Callable[[LabEvent], None]], Lab],
        model: PlaygroundModel,
        *,
        changed: Callable[[], None],
        say: Callable[[Remark], None],
        failed: Callable[[BaseException], None],
        store: Path | None = None,
    ) -> None:
        """store: the file that the lab records runs in; None if it records none."""
        self.model = model
        self.lab = lab_factory(self._heard)
        self.changed = changed
        self.say = say
        self._shared = shared = Context(self.lab, model, changed, say)
        self._chores = BackgroundTasks(shared.complain, failed)
        self._previews = Previews(self.lab, model, changed)
        self._reloads = Reloads(
            model, self._previews, lambda title, text, severity: say(Remark(title, text, severity))
        )
        self._frames = Frames(shared, self._previews)
        self._opening = Opening(shared, self._previews, self._frames)
        self._training = Training(shared, self._frames, self._opening)
        self.runs = Runs(shared, self._opening, self._training, store)
        self._frames.recorded = lambda: self.do(self.runs.follow())
        self._making = Making(shared, self._frames, self._opening, self._training)
        self.ready = self._frames.ready
        """Set once the first frame of a run is in the model."""

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Begin pulling. Call once, inside the event loop."""
        self._chores.spawn(self._frames.pump())
        self._chores.spawn(self._previews.pump())

    async def close(self) -> None:
        """End everything."""
        self._chores.cancel()
        await self.lab.close()
        self.runs.close()

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Carry out work in the background; what fails is said, never lost."""
        self._chores.do(work)

    async def look(self) -> None:
        """Have a frame of the open run in the model. Raises LabError."""
        await self._frames.pull()
        self.changed()

    async def record(self) -> RecordState | None:
        """How the recording stands; if the run is just being made in the store, once that is
        done, or a second is over."""
        with suppress(TimeoutError, LabError):
            async with asyncio.timeout(1):
                while (frame := self.model.frame) and frame.record and frame.record.pending:
                    await asyncio.sleep(0.02)
                    await self._frames.pull()
        return self.model.frame.record if self.model.frame else None

    def touch(self) -> None:
        """A person did something that changes what is seen: look again, at once."""
        self._frames.touch()

    # ------------------------------------------------------------ opening

    @property
    def previous(self) -> Earlier | None:
        """The run before this one, for undo."""
        return self._opening.previous

    async def open(
        self,
        spec: Mapping[str, Any] | str,
        *,
        checkpoint: Checkpoint | None = None,
        sampling: Sampling | None = None,
        parent: tuple[int, int] | None = None,
    ) -> bool:
        """Open a run; the one before it stays until this one is there. False if it failed.

        sampling: how it samples; as the open run does if not given. parent: the recorded run
        that it is a fork of, and the step.
        """
        return await self._opening.open(
            spec, checkpoint=checkpoint, sampling=sampling, parent=parent
        )

    async def open_recorded(
        self, run: int, at: int | None = None, *, looking: bool = False
    ) -> bool:
        """Go on with a run of the store, at step `at` or where it stood; as `open`. looking:
        leave that run as it is: it may be open elsewhere, and training makes a fork of it."""
        return await self._opening.open_recorded(run, at, looking=looking)

    @property
    def busy(self) -> bool:
        """Is something under way, after which the run may stand otherwise than it is seen?"""
        return self._chores.busy

    async def settle(self) -> None:
        """Until all that was asked for so far is done, and seen."""
        async with self._training.turn():
            pass

    async def fork(self, step: int, changes: Mapping[str, KnobValue]) -> None:
        """Go on from this step as a new run, with these changes; the run before stays."""
        await self.runs.fork(step, changes)

    async def undo(self) -> None:
        """Go back to the run before this one; doing it again swaps them back."""
        await self._opening.undo()

    def cancel_open(self) -> bool:
        """Stop opening; False if nothing was being opened."""
        return self.lab.cancel_open()

    # ------------------------------------------------------------ training

    async def step(self, steps: int = 1) -> None:
        """Exactly so many steps, then pause."""
        await self._training.step(steps)

    async def back(self, steps: int = 1) -> None:
        """Exactly so many steps back."""
        await self._training.back(steps)

    async def reset(self) -> None:
        """Back to step 0. Nothing is lost: the same steps come again."""
        await self._training.back(None)

    async def seek(self, step: int) -> None:
        """To a step of the record; while that takes its time, only the last one asked for
        counts."""
        await self._training.seek(step)

    async def stop_going(self) -> None:
        """Stay where the run is on its way to a step."""
        await self._training.stop_going()

    async def toggle(self) -> None:
        """Run, or pause."""
        await self._training.toggle()

    async def set_speed(self, speed: int) -> None:
        """An index into SPEEDS; ends are kept to."""
        await self._training.set_speed(speed)

    async def edit(self, changes: Mapping[str, KnobValue]) -> None:
        """Change live settings at once."""
        await self._training.edit(changes)

    async def set_metrics(self, measuring: Measuring) -> None:
        """From now on measure these, and draw them below the loss."""
        await self._training.set_metrics(measuring)

    async def set_probes(self, probes: ProbeSet) -> None:
        """From now on ask these again and again."""
        async with self._training.turn():
            await self.lab.set_probes(probes)
        self.say(
            Remark(
                f"{len(probes.prompts)} probes every {probes.every:,} steps"
                if probes.prompts
                else "No probes any more"
            )
        )

    # ------------------------------------------------------------ what takes its time

    async def use_engine(self, name: str) -> None:
        """Let another engine go on, in the state of the run, as soon as it is made. The run
        goes on meanwhile; a failure leaves it the engine it had."""
        await self._making.use_engine(name)

    async def save(self, path: str) -> bool:
        """Write a checkpoint; says where it went, or why not."""
        return await self._making.save(path)

    async def export(self, path: str, name: str, options: Mapping[str, KnobValue]) -> bool:
        """Write the run with an exporter; says where it went, or why not."""
        return await self._making.export(path, name, options)

    # ------------------------------------------------------------ sampling and looking

    def allow_panel(self, name: str) -> None:
        """A panel that was switched off for hanging is drawn again: a person chose it."""
        self.lab.panels.allow(name)

    def set_sampling(self, sampling: Sampling) -> None:
        """From now on sample like this; the bars follow at once."""
        self.model.sampling = sampling
        self._previews.want()
        self.changed()

    async def go_on_without(self, strategy: str) -> None:
        """Switch a strategy off, by its qualified name, and train on if it was that which
        stopped the run."""
        self.set_sampling(self.model.without_strategy(strategy))
        async with self._training.turn():
            await self._previews.send()
            if self._frames.interrupted:
                self._frames.interrupted = False
                await self._training.run()
        self.touch()

    def set_prompt(self, prompt: str) -> None:
        self.set_sampling(replace(self.model.sampling, prompt=prompt))

    async def sample(self) -> None:
        """A batch of texts now."""
        await self._opening.revive()
        await self._previews.send()
        batch = await self._shared.patience.for_(self.lab.sample())
        if batch.note:
            self.say(Remark("No samples", batch.note, "warning"))
        self.touch()

    # ------------------------------------------------------------ what the lab reports

    def _heard(self, event: LabEvent) -> None:
        match event:
            case OpenProgress(progress):
                self.model.opening = progress
            case PluginSaved() | PluginsUnwatched():
                self._reloads.heard(event)
                self.touch()
            case WorkerLost(failure):
                self.model.trouble = failure
                self.say(Remark(failure.title, failure.message, "error"))
            case WorkerBack(info, step, running, note):
                self.model.opened(info)
                self.model.catalog = self.lab.catalog or self.model.catalog
                self._previews.taken(None, info.sampling)
                goes = "It trains on" if running else "It waits, paused,"
                self.say(
                    Remark("A fresh worker has taken over", f"{goes} from step {step:,}. {note}")
                )
                self.touch()
            case WorkerGone(failure):
                self._opening.gone = True
                self.model.went_down(failure)
                words = f"{failure.message} Press s or space for that."
                self.say(Remark(failure.title, words, "error"))
        self.changed()
