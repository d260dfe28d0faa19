"""What every part of the controller needs: the lab, the model, and ways to tell the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from playground.lab.events import RESTARTING
from playground.lab.protocol import Failure
from playground.tui.model import PlaygroundModel
from playground.tui.patience import Patience

if TYPE_CHECKING:
    from playground.lab.client import Lab

Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to tell the person. Plain text, never markup."""

    title: str
    message: str = ""
    severity: Severity = "information"


class Shared:
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
