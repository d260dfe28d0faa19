"""What the parts of the controller share: the lab, the model, ways to tell the person, a wait.

A step of a slow engine takes seconds, and so does a worker that hangs until it is given up. Whoever
pressed a key meanwhile sees for how long the playground has been waiting.
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
    """The lab, the model, and the ways to the person, as each part of the controller needs them."""

    def __init__(
        self,
        lab: Lab,
        model: PlaygroundModel,
        changed: Callable[[], None],
        say: Callable[[Remark], None],
    ) -> None:
        """changed: draws the model again. say: tells the person something."""
        self.lab = lab
        self.model = model
        self.changed = changed
        self.say = say
        self.patience = Patience(self._wait)

    def complain(self, failure: Failure) -> None:
        """Say what could not be done. A cancelled request is not said, because the person asked for
        it; the death of a worker is not said here, because an event of the lab says it."""
        if failure == RESTARTING:
            self.say(Remark("One moment", failure.title + "."))
        elif failure.kind not in ("cancelled", "dead", "hung"):
            self.say(Remark(failure.title, failure.message, "error"))

    def run_is_open(self) -> bool:
        """True if a run is open and the catalog is known; asks the person to wait if not."""
        if self.model.info is None or self.model.catalog is None:
            self.say(Remark("One moment", "The run is still being opened."))
            return False
        return True

    def _wait(self, seconds: float) -> None:
        self.model.waiting = seconds
        self.changed()


R = TypeVar("R")

NOTICED = 0.5
"""Seconds after which a person wonders."""


class Patience:
    """Awaits the worker's answers, and tells about twice a second for how long already."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        """tell: called with the seconds so far, and with 0 when the wait is over."""
        self._tell = tell
        self._waits: dict[asyncio.Task[Any], float] = {}

    async def for_(self, work: Coroutine[Any, Any, R]) -> R:
        """Wait for `work`; returns or raises what it does."""
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
