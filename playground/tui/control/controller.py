"""The controller: it owns the Lab and the model, wires the parts that do the work, and takes in
what the lab reports.

A key calls one part: `controller.training.step()`, in the background by `controller.tasks.do`. The
controller and its parts know no widget. They report by three callbacks that the app supplies:
`changed` (draw the model again), `say` (tell the person) and `failed` (a defect: end with its
traceback).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

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
from playground.lab.protocol.run import RecordState
from playground.tui.control.beside import Beside
from playground.tui.control.context import WORKER, Context, Remark
from playground.tui.control.frames import Frames
from playground.tui.control.inside import Looking
from playground.tui.control.opening import Opening
from playground.tui.control.plugins import Reloads
from playground.tui.control.runs import Runs
from playground.tui.control.sampling import Previews
from playground.tui.control.score import Scoring
from playground.tui.control.surgery import Surgery
from playground.tui.control.sweeps import Sweeps
from playground.tui.control.tasks import BackgroundTasks
from playground.tui.control.tour import Lessons
from playground.tui.control.training import Making, Training
from playground.tui.model import PlaygroundModel

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab
    from playground.lab.store.preferences import Preferences


class Controller:
    """Between the keys and the worker."""

    def __init__(
        self,
        lab_factory: Callable[[Callable[[LabEvent], None]], Lab],
        model: PlaygroundModel,
        *,
        changed: Callable[[], None],
        say: Callable[[Remark], None],
        failed: Callable[[BaseException], None],
        store: Path | None = None,
        lessons: Lessons | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        """store: the file that the lab records runs in; None if it records none. lessons: what the
        tour needs, if the run is that of a lesson. preferences: None to keep none."""
        self.model = model
        self.lab = lab = lab_factory(self._heard)
        self.context = context = Context(lab, model, changed, say)
        self.tasks = BackgroundTasks(context.complain, failed)
        self.previews = Previews(context)
        self.frames = Frames(context, self.previews)
        self.looking = Looking(context)
        self.opening = Opening(context, self.frames)
        self.training = Training(context, self.previews, self.frames, self.opening)
        self.making = Making(context, self.previews, self.frames, self.opening, self.training)
        self.surgery = Surgery(context, self.training, self.tasks)
        self.scoring = Scoring(context, self.tasks)
        self.beside = Beside(context, self.tasks, self.previews, preferences)
        self.runs = Runs(context, self.opening, self.training, store)
        self.sweeps = Sweeps(self.runs.store, lambda: lab.sources)
        self._reloads = Reloads(context, self.previews)
        self.tour = lessons.tour(context, self.opening) if lessons is not None else None
        self.frames.recorded = lambda: self.tasks.do(self.runs.follow())

    def start(self) -> None:
        """Begin to fetch frames and previews. Call it once, inside the event loop."""
        self.tasks.spawn(self.frames.pump())
        self.tasks.spawn(self.previews.pump())
        self.tasks.spawn(self.looking.pump())
        if self.tour is not None:
            self.tasks.spawn(self.tour.pump())

    async def close(self) -> None:
        """End the tasks, the lab and the store."""
        if self.tour is not None:
            await self.record()
            self.tour.keep()
        self.tasks.cancel()
        await self.lab.close()
        await self.sweeps.close()
        self.runs.close()

    async def record(self) -> RecordState | None:
        """The state of the recording. Waits, a second at most, for a run that is just being entered
        into the store."""
        with suppress(TimeoutError, LabError):
            async with asyncio.timeout(1):
                while (frame := self.model.frame) and frame.record and frame.record.pending:
                    await asyncio.sleep(0.02)
                    await self.frames.pull()
        return self.model.frame.record if self.model.frame else None

    def _heard(self, event: LabEvent) -> None:
        """Take in an event of the lab, and draw."""
        model, say = self.model, self.context.say
        match event:
            case OpenProgress(progress):
                model.opening = progress
            case PluginSaved() | PluginsUnwatched():
                self._reloads.heard(event)
                self.frames.touch()
            case WorkerLost(failure):
                model.trouble = failure
                say(Remark(failure.title, failure.message, "error", WORKER))
            case WorkerBack(info, step, running, note, sampling):
                model.opened(info)
                model.catalog = self.lab.open_run.catalog or model.catalog
                if sampling is not None:
                    model.adopt(sampling)
                goes = "It trains on" if running else "It waits, paused,"
                say(
                    Remark(
                        "A fresh worker has taken over",
                        f"{goes} from step {step:,}. {note}",
                        about=WORKER,
                    )
                )
                self.frames.touch()
            case WorkerGone(failure):
                self.opening.gone = True
                model.went_down(failure)
                words = f"{failure.message} Press s or space for that."
                say(Remark(failure.title, words, "error", WORKER))
        self.context.changed()
