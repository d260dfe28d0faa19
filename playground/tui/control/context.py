"""What every part of the controller needs: the lab, the model, and ways to tell the person.

Waiting for the worker, visibly.

A step of a slow engine takes seconds, and so does a process that was stopped to be found out.
Whoever pressed a key meanwhile must see that it is being waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from playground.lab.client.events import RESTARTING
from playground.lab.protocol.failures import Failure
from playground.tui.model import PlaygroundModel

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab


Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to tell the person. Plain text, never markup."""

    title: str
    message: str = ""
    severity: Severity = "information"


class Context:
    """Handed to each part of the controller."""

    def __init__(
        self,
        lab: Lab,
        model: PlaygroundModel,
        changed: Callable[[], None],
        say: Callable[[Remark], None],
    ) -> None:
        """changed: draw again. say: tell the person."""
        self.lab = lab
        self.model = model
        self.changed = changed
        self.say = say
        self.patience = Patience(self._wait)

    def complain(self, failure: Failure) -> None:
        """Say what could not be done, unless it was cancelled, or is told by an event."""
        if failure == RESTARTING:
            self.say(Remark("One moment", failure.title + "."))
        elif failure.kind not in ("cancelled", "dead", "hung"):  # a death is told by its event
            self.say(Remark(failure.title, failure.message, "error"))

    def _wait(self, seconds: float) -> None:
        self.model.waiting = seconds
        self.changed()


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
