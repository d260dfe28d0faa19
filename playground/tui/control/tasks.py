"""What goes on in the background: what fails there is said, and what falls over is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from playground.lab.protocol.failures import Failure, LabError


class BackgroundTasks:
    """The tasks of a controller; they end with it."""

    def __init__(
        self, complain: Callable[[Failure], None], failed: Callable[[BaseException], None]
    ) -> None:
        """complain: told what the lab could not do. failed: told of a defect."""
        self._complain = complain
        self._failed = failed
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asked = 0

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Carry out work that handles its own LabErrors."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    @property
    def busy(self) -> bool:
        """Is something that was asked for not done yet? It may not even have begun."""
        return self._asked > 0

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Carry out work; what fails is said, never lost."""

        def done(_: asyncio.Task[Any]) -> None:
            self._asked -= 1
            work.close()  # it may have been cancelled unbegun

        self._asked += 1
        self.spawn(self._guarded(work)).add_done_callback(done)

    def cancel(self) -> None:
        """Stop them all."""
        for task in list(self._tasks):
            task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A task that fell over is a defect of ours: it is shown, never swallowed."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    async def _guarded(self, work: Awaitable[Any]) -> None:
        try:
            await work
        except LabError as error:
            self._complain(error.failure)
