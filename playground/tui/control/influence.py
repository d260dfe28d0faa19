"""What the microscope asks of a run's past: the run without a step, and what taught a prediction.

Both are replays, which the worker makes between steps and other commands. What they will take is
asked first. Of one dialog's work at most one piece is under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from playground.lab.protocol.commands import Influence
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.influence import Cost, Influences, LeftOut
from playground.tui.control.context import Context

if TYPE_CHECKING:
    from playground.tui.control.tasks import BackgroundTasks

AT_ONCE = 1.0
"""Seconds of work below which nobody is asked whether to begin."""


class Replaying:
    """One question about the past of the open run, while a dialog shows it."""

    def __init__(self, context: Context, tasks: BackgroundTasks) -> None:
        self._context = context
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self.cost: Cost | None = None
        """What the work would take; None until that is known."""
        self.progress: Progress | None = None
        """How far the work is; None while none is under way."""
        self.trouble: Failure | None = None
        """Why nothing came."""
        self.found: LeftOut | Influences | None = None
        self._work: Callable[[], Coroutine[Any, Any, LeftOut | Influences]] | None = None
        """What is asked of the worker."""

    @property
    def waits(self) -> bool:
        """True if the work is long enough to ask before, and has not been begun."""
        return self.cost is not None and self._task is None and self._nothing

    @property
    def _nothing(self) -> bool:
        return self.found is None and self.trouble is None

    def without(self, step: int, to: int) -> None:
        """Ask for the run without this step, up to step `to`."""
        self._work = lambda: self._context.lab.without(step, self._tell, to)
        self._begin(self._priced(step, to))

    def influence(self, asked: Influence) -> None:
        """Ask for what taught this prediction."""
        self._work = lambda: self._context.lab.influence(asked, self._tell)
        self._begin(self._priced(None, None))

    def go_on(self) -> None:
        """Begin the work, after its cost was told."""
        if self.waits:
            self._begin(self._found())

    def give_up(self) -> None:
        """End the work under way, if there is any."""
        task, self._task, self.progress = self._task, None, None
        if task is not None:
            task.cancel()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = self._tasks.spawn(self._guarded(work))
        self._task.add_done_callback(lambda _: work.close())

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        mine = asyncio.current_task()
        try:
            await work
        except LabError as error:
            if self._task is mine and error.failure.kind != "cancelled":
                self.trouble = error.failure
        finally:
            if self._task is mine:
                self._task = self.progress = None
            self._context.changed()

    async def _priced(self, step: int | None, to: int | None) -> None:
        self.cost = await self._context.lab.cost(step, to)
        if self.cost.seconds < AT_ONCE:
            await self._found()

    async def _found(self) -> None:
        assert self._work is not None
        self.progress = Progress("replaying", 0, 0)
        self.found = await self._work()

    def _tell(self, progress: Progress) -> None:
        if self._task is not None:
            self.progress = progress
            self._context.changed()
