"""Another model beside the run's own: something that continues a prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


class WriterError(Exception):
    """A text that could not be had. title: what happened; message: why, and what to do."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(f"{title}: {message}")
        self.title = title
        self.message = message


@dataclass(frozen=True, slots=True)
class Outlet:
    """What leaves this machine when a writer is asked, and for where. A person is shown all of it,
    and nothing is sent before that person agrees to it."""

    address: str
    """Where the prompt goes, with its scheme: "https://api.example.org/v1/chat/completions"."""
    sends: tuple[str, ...]
    """What is sent, each a noun phrase: "the prompt", "the name of the model, small-2"."""
    key: str = ""
    """Where the key comes from: "the environment variable EXAMPLE_API_KEY". Never the key. "" if
    none is sent."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a writer wrote."""

    text: str
    """What follows the prompt; the prompt itself is not repeated."""
    ended: bool = True
    """False if the text was cut at a limit."""
    tokens_read: int | None = None
    """Tokens of what was sent, in the writer's own tokens; None if they are not known."""
    tokens_written: int | None = None
    """Tokens of the text, in the writer's own tokens; None if they are not known."""
    dollars: float | None = None
    """The price in US dollars; 0 if there is nothing to pay, None if the price is not known."""
    model: str = ""
    """Which model wrote, as the writer names it; "" if it says none."""


@runtime_checkable
class Writer(Protocol):
    """Continues prompts. It works in a process of its own, apart from the run's, so that it may
    wait for a network; a person who gives up ends that process."""

    def outlet(self) -> Outlet | None:
        """What `write` would send, and for where; None if it sends nothing, not even to a server
        on this machine. Quick: no network is used, and no key is read."""

    def write(self, prompt: str, tell: Callable[[str], None]) -> Continuation:
        """Continue the prompt, which may be "". Nothing is sent but what `outlet` says.

        tell: called with the whole text so far whenever there is more of it. What `tell` raises
        goes through. Raises WriterError, whose words never hold a key; no other exception may hold
        one either, since its words and its traceback are shown.
        """
