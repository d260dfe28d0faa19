"""What the parts of the controller share: the lab, the model, ways to tell the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from playground.lab.client.events import RESTARTING
from playground.lab.protocol.failures import Failure
from playground.tui.control.tasks import Patience
from playground.tui.model import PlaygroundModel

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab


Severity = Literal["information", "warning", "error"]


WHICH_RUN, WORKER, RECORDING, WHERE = "which run is open", "its worker", "its record", "its step"
"""What several remarks are about: see `Remark.about`."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to tell the person. Plain text, never markup."""

    title: str
    message: str = ""
    severity: Severity = "information"
    about: str = ""
    """What the remark is about, if other remarks are about the same thing: the later one takes the
    place of the earlier one on the screen."""

    @property
    def subject(self) -> str:
        """What the remark is about; its title if nothing else is said."""
        return self.about or self.title


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
