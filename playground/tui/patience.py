"""Waiting for the worker, visibly.

A step of a slow engine takes seconds, and so does a process that was stopped to be found out.
Whoever pressed a key meanwhile must see that it is being waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

R = TypeVar("R")

NOTICED = 0.5
"""Seconds after which a person wonders."""


class Patience:
    """Awaits, and tells for how many seconds already, about twice a second."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        """tell: called with the seconds so far, and with 0 when the wait is over."""
        self._tell = tell
        self._waits: dict[asyncio.Task[Any], float] = {}

    async def for_(self, work: Coroutine[Any, Any, R]) -> R:
        """What `work` returns or raises."""
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
