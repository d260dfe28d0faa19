"""Another model beside the run's own: which one, what leaves the machine for it, what it wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from playground.catalog import KnobValue
from playground.lab.protocol.failures import Progress
from playground.strict import fields, items, name_of, parsed, text_of

MOST_TEXT = 20_000
"""Characters of a continuation that are kept; what is longer is cut."""


@dataclass(frozen=True, slots=True)
class WriterChoice:
    """A writer by name, and the values of its knobs."""

    name: str
    options: Mapping[str, KnobValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What leaves this machine when a writer is asked, as `playground.api.Outlet` has it; without
    an address, nothing leaves."""

    address: str = ""
    sends: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class WritingProgress(Progress):
    """The text that has come so far, without the prompt; untrusted."""

    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer wrote. The texts are untrusted."""

    prompt: str
    text: str
    """The continuation, without the prompt."""
    ended: bool
    """False if the text was cut at a limit."""
    seconds: float
    """From the call to its end."""
    first: float | None
    """From the call to the first piece of text; None if the text came whole."""
    tokens_read: int | None
    tokens_written: int | None
    dollars: float | None
    """The price; None if it is not known."""
    model: str
    """Which model wrote, as the writer names it; "" if it says none."""


# ---------------------------------------------------------------- as preferences keep it


def kept_text(choice: WriterChoice, agreed: Leaving | None) -> str:
    """A choice, and what a person agreed to, as JSON. No key is in it: no knob holds one."""
    return json.dumps({
        "name": choice.name,
        "options": dict(choice.options),
        "agreed": None if agreed is None else asdict(agreed),
    })  # fmt: skip


def kept_of(text: str) -> tuple[WriterChoice, Leaving | None] | None:
    """The choice and the agreement in that JSON; None if the text is not such a one."""
    try:
        of = fields(parsed(text, "the writer"), "the writer", "name", "options", "agreed")
        options = fields(of["options"], "the options")
        if not all(isinstance(one, bool | int | float | str | None) for one in options.values()):
            return None
        choice = WriterChoice(name_of(of["name"], "a writer"), options)
        agreed = of["agreed"]
        if agreed is None:
            return choice, None
        said = fields(agreed, "what was agreed to", "address", "sends", "key")
        sends = tuple(text_of(one, "what is sent") for one in items(said["sends"], "what is sent"))
        address, key = text_of(said["address"], "the address"), text_of(said["key"], "the key")
        return choice, Leaving(address, sends, key)
    except ValueError:  # a Refusal is one
        return None
