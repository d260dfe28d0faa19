"""What the controller does in the background while the screen stays free, and how long it waits.

A step of a slow engine takes seconds, and so does a worker that hangs until it is given up. Whoever
pressed a key meanwhile sees for how long the playground has been waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

from playground.lab.protocol.failures import Failure, LabError


class BackgroundTasks:
    """The tasks of a controller. None outlives it, and no failure of one is lost."""

    def __init__(
        self, complain: Callable[[Failure], None], failed: Callable[[BaseException], None]
    ) -> None:
        """complain: told what the lab could not do. failed: told of any other exception, which is
        a defect of the playground."""
        self._complain = complain
        self._failed = failed
        self._tasks: set[asyncio.Task[Any]] = set()
        self._commands = 0

    @property
    def busy(self) -> bool:
        """True while a command that was given to `do` is not done, or has not even begun."""
        return self._commands > 0

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Carry out a command; a LabError is told to the person."""

        def done(_: asyncio.Task[Any]) -> None:
            self._commands -= 1
            work.close()  # the task may have been cancelled before it began

        self._commands += 1
        self.spawn(self._guarded(work)).add_done_callback(done)

    def attend(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any] | None:
        """Carry out work that shows a screen and waits for the person; nothing is busy meanwhile.

        The work runs up to its first wait before this returns, so that the screen is there for the
        next key: a task alone would begin later. A LabError is told to the person. Returns the task
        with the rest of the work; None if nothing is left of it.
        """
        guarded = self._guarded(work)
        try:
            wait = guarded.send(None)
        except StopIteration:
            return None
        task = self.spawn(_rest(guarded, wait))
        task.add_done_callback(lambda _: guarded.close())
        return task

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Carry out work that handles its own LabErrors."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def cancel(self) -> None:
        """Cancel all tasks."""
        for task in list(self._tasks):
            task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    async def _guarded(self, work: Awaitable[Any]) -> None:
        try:
            await work
        except LabError as error:
            self._complain(error.failure)


async def _rest(work: Coroutine[Any, Any, Any], wait: Any) -> None:
    """The rest of a coroutine that was begun by `send` and has come to wait for `wait`. Python 3.12
    has tasks that begin at once; 3.11 has not."""
    await _Rest(work, wait)


class _Rest:
    """What `_rest` awaits. A task of Python 3.12 takes a coroutine alone, and no generator."""

    def __init__(self, work: Coroutine[Any, Any, Any], wait: Any) -> None:
        self._work, self._wait = work, wait

    def __await__(self) -> Generator[Any, Any, None]:
        wait = self._wait
        while True:
            failure: BaseException | None = None
            try:
                yield wait
            except BaseException as error:
                failure = error  # of what is waited for: the work hears of it
            try:
                wait = self._work.send(None) if failure is None else self._work.throw(failure)
            except StopIteration:
                return


R = TypeVar("R")

NOTICED = 0.5
"""Seconds after which a person notices a wait."""


class Patience:
    """Awaits the worker's answers, and tells about twice a second how long the wait has been."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        """tell: called with the seconds so far, and with 0 when the wait is over."""
        self._tell = tell
        self._waits: dict[asyncio.Task[Any], float] = {}

    async def for_(self, work: Coroutine[Any, Any, R]) -> R:
        """Wait for `work`; returns or raises what `work` does."""
        now = asyncio.get_running_loop().time
        task = asyncio.ensure_future(work)
        began = now()
        try:
            while not (await asyncio.wait({task}, timeout=NOTICED))[0]:
                self._waits[task] = now() - began
                self._tell(max(self._waits.values()))
            return task.result()
        finally:
            task.cancel()
            if self._waits.pop(task, None) is not None and not self._waits:
                self._tell(0.0)
