"""Opening runs, going back to the one before, and opening again one that went down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from playground.catalog import STAGES
from playground.lab.events import LabError
from playground.lab.protocol import Checkpoint, Failure, Progress, Sampling
from playground.tui.control.frames import Frames
from playground.tui.control.shared import Remark, Shared
from playground.tui.previews import Previews


class Opening:
    """One run is opened at a time; the open one stays until the next is there."""

    def __init__(self, shared: Shared, previews: Previews, frames: Frames) -> None:
        self._shared = shared
        self._previews = previews
        self._frames = frames
        self._busy = False
        self.previous: Checkpoint | None = None
        """The run before this one, for undo."""
        self.gone = False
        """The worker was given up: the next key that needs one opens the run again."""

    async def open(
        self,
        spec: Mapping[str, Any] | str,
        *,
        checkpoint: Checkpoint | None = None,
        sampling: Sampling | None = None,
    ) -> bool:
        """Open a run, and keep the one before it for undo; see Controller.open."""
        last = self._shared.lab.last_checkpoint if self._shared.model.step else None
        keeping = asyncio.ensure_future(self._keep())
        try:
            # The old worker may be busy with a long step, or stopped: it is not waited for.
            await asyncio.wait({keeping}, timeout=0.05)
            opened = await self._open(spec, checkpoint, sampling)
            if opened and (kept := keeping.result() if keeping.done() else last) is not None:
                self.previous = kept
        finally:
            keeping.cancel()
        return opened

    async def _open(
        self,
        spec: Mapping[str, Any] | str,
        checkpoint: Checkpoint | None,
        wanted: Sampling | None = None,
    ) -> bool:
        lab, model = self._shared.lab, self._shared.model
        if self._busy:
            busy = "Another run is being opened; esc cancels that."
            self._shared.say(Remark("One moment", busy))
            return False
        text = spec if isinstance(spec, str) else json.dumps(dict(spec))
        sampling, measuring = model.sampling, model.measuring
        self._busy, model.opening = True, Progress("starting", 0, 0)
        self._shared.changed()
        try:
            info = await lab.open(
                text, checkpoint=checkpoint, sampling=wanted or sampling, measuring=measuring
            )
        except LabError as error:
            self._not_opened(error.failure)
            return False
        finally:
            self._busy, model.opening = False, None
            self._shared.changed()
        self.gone = False
        model.opened(info)
        self._previews.taken(sampling, info.sampling)
        first = model.catalog is None
        model.catalog = await lab.get_catalog()
        if first:
            self._tell_problems()
        lab.follow_plugins()
        self._frames.touch()
        return True

    def _not_opened(self, failure: Failure) -> None:
        if failure.kind == "cancelled":
            self._shared.say(Remark("Cancelled", "The run stays as it was."))
        else:
            self._shared.say(Remark(failure.title, failure.message, "error"))
        if self._shared.model.info is None:
            self._shared.model.trouble = failure

    def _tell_problems(self) -> None:
        """What is wrong with plugins is said once; the plugins screen has the rest."""
        catalog = self._shared.model.catalog
        problems = catalog.problems if catalog else ()
        if not problems:
            return
        first = problems[0]
        more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
        self._shared.say(
            Remark(
                f"Plugin {first.plugin} {STAGES[first.stage]}",
                f"{first.message}{more} Press p for all of it.",
                "warning",
            )
        )

    async def _keep(self) -> Checkpoint | None:
        """The open run as it stands, if anything was trained."""
        if self._shared.model.info is None or self._shared.model.step == 0:
            return None
        try:
            return await self._shared.lab.checkpoint()
        except LabError:
            return None

    async def undo(self) -> None:
        """Go back to the run before this one; doing it again swaps them back."""
        if self.previous is None:
            self._shared.say(Remark("Nothing to go back to", "No earlier run is kept."))
            return
        checkpoint = self.previous
        if await self.open(checkpoint.spec, checkpoint=checkpoint):
            self._shared.say(Remark("Back to the run before", f"at step {checkpoint.step:,}"))

    async def revive(self) -> None:
        """Open the run again whose worker was given up, where it is known to have been.

        Raises LabError if it stays down.
        """
        info = self._shared.model.info
        if self.gone and info is not None:
            if not await self._open(info.spec, self._shared.lab.last_checkpoint):
                raise LabError(Failure("The run stays down", "", kind="cancelled"))
            await self._frames.pull()
