"""Opening runs, going back to the one before, and opening again one that went down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playground.catalog import STAGES
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.run import Checkpoint, Recording, RunInfo
from playground.lab.protocol.sampling import Sampling
from playground.tui.control.context import Context, Remark
from playground.tui.control.frames import Frames
from playground.tui.control.sampling import Previews


@dataclass(frozen=True, slots=True)
class Earlier:
    """The run before this one, as `undo` opens it again."""

    step: int
    run: int | None = None
    """Its number in the store, where it is recorded."""
    checkpoint: Checkpoint | None = None
    """The whole of it, where it is not."""


class Opening:
    """One run is opened at a time; the open one stays until the next is there."""

    def __init__(self, shared: Context, previews: Previews, frames: Frames) -> None:
        self._shared = shared
        self._previews = previews
        self._frames = frames
        self._busy = False
        self.previous: Earlier | None = None
        """The run before this one, for undo."""
        self.gone = False
        """The worker was given up: the next key that needs one opens the run again."""

    async def open(
        self,
        spec: Mapping[str, Any] | str,
        *,
        checkpoint: Checkpoint | None = None,
        sampling: Sampling | None = None,
        parent: tuple[int, int] | None = None,
        name: str = "",
    ) -> bool:
        """Open a run, and keep the one before it for undo; see Controller.open. name: what a
        fork is called until the person calls it something else."""
        text = spec if isinstance(spec, str) else json.dumps(dict(spec))
        lab, model = self._shared.lab, self._shared.model
        wanted = sampling or model.sampling

        recording = None
        if parent is not None and lab.store:
            recording = Recording(lab.store, parent=parent[0], fork_step=parent[1], name=name)

        def opening() -> Awaitable[RunInfo]:
            return lab.open(
                text,
                checkpoint=checkpoint,
                sampling=wanted,
                measuring=model.measuring,
                recording=recording,
            )

        return await self._instead(opening)

    async def open_recorded(self, run: int, at: int | None = None, *, looking: bool) -> bool:
        """The same for a run of the store. looking: leave that one as it is."""
        lab = self._shared.lab
        opening = lab.look_at if looking else lab.open_recorded
        return await self._instead(lambda: opening(run, at))

    async def _instead(self, opening: Callable[[], Awaitable[RunInfo]]) -> bool:
        """Open a run in the place of the one that is open."""
        lab, model = self._shared.lab, self._shared.model
        step, run = model.step, model.run
        last = lab.last_checkpoint if step and run is None else None
        keeping = asyncio.ensure_future(self._keep())
        try:
            # The old worker may be busy with a long step, or stopped: it is not waited for.
            await asyncio.wait({keeping}, timeout=0.05)
            opened = await self._open(opening)
            if opened and step:
                kept = keeping.result() if keeping.done() else last
                if run is not None or kept is not None:
                    self.previous = Earlier(step, run, kept)
        finally:
            keeping.cancel()
        return opened

    async def _open(self, opening: Callable[[], Awaitable[RunInfo]]) -> bool:
        lab, model = self._shared.lab, self._shared.model
        if self._busy:
            busy = "Another run is being opened; esc cancels that."
            self._shared.say(Remark("One moment", busy))
            return False
        given = model.sampling
        self._busy, model.opening = True, Progress("starting", 0, 0)
        self._shared.changed()
        try:
            info = await opening()
        except LabError as error:
            self._not_opened(error.failure)
            return False
        finally:
            self._busy, model.opening = False, None
            self._shared.changed()
        self.gone = False
        model.opened(info)
        model.measuring = info.measuring
        self._previews.taken(given, info.sampling)
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
        """The open run as it stands, if anything was trained and nobody records it."""
        model = self._shared.model
        if model.info is None or model.step == 0 or model.run is not None:
            return None
        try:
            return await self._shared.lab.checkpoint()
        except LabError:
            return None

    async def undo(self) -> None:
        """Go back to the run before this one; doing it again swaps them back."""
        before = self.previous
        if before is None:
            self._shared.say(Remark("Nothing to go back to", "No earlier run is kept."))
            return
        if before.run is not None:
            opened = await self.open_recorded(before.run, looking=False)
        else:
            assert before.checkpoint is not None
            opened = await self.open(before.checkpoint.spec, checkpoint=before.checkpoint)
        if opened:
            self._shared.say(Remark("Back to the run before", f"at step {before.step:,}"))

    async def revive(self) -> None:
        """Open the run again whose worker was given up, where it is known to have been.

        Raises LabError if it stays down.
        """
        lab, model = self._shared.lab, self._shared.model
        info = model.info
        if not self.gone or info is None:
            return
        run, spec, checkpoint = model.run, info.spec, lab.last_checkpoint

        def opening() -> Awaitable[RunInfo]:
            if run is not None:
                return lab.open_recorded(run)
            return lab.open(
                spec, checkpoint=checkpoint, sampling=model.sampling, measuring=model.measuring
            )

        if not await self._open(opening):
            raise LabError(Failure("The run stays down", "", kind="cancelled"))
        await self._frames.pull()
