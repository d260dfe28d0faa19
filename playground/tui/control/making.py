"""What takes its time and tells how far it is: another engine, a checkpoint, an export."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from playground.catalog import KnobValue
from playground.lab.events import LabError
from playground.lab.protocol import Failure, Progress
from playground.tui.control.frames import Frames
from playground.tui.control.opening import Opening
from playground.tui.control.shared import Remark, Shared
from playground.tui.control.training import Training
from playground.tui.patience import NOTICED


class Making:
    """Has things made of the run by its worker; the run itself goes on."""

    def __init__(
        self, shared: Shared, frames: Frames, opening: Opening, training: Training
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
