"""Another model that continues a prompt: made, asked, timed, and what it gives checked.

This is done in a process that has no run. What a writer gives travels as exact built-in values:
unpickling a subclass of the plugin's would import the plugin in the screen's process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from playground.api import Continuation, Outlet, Writer, WriterError
from playground.hooks import plain
from playground.hooks.errors import one_line, plugin_call
from playground.hooks.registry import Registry
from playground.lab.protocol.commands import Write
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.writing import (
    MOST_TEXT,
    Leaving,
    WriterChoice,
    WritingProgress,
    Written,
)
from playground.lab.run.guard import Activity, Guard, make, naming_the_knob, plugin_failures

MOST_SENT = 20
"""Things that are sent, at most: a person has to read them all."""


def leaving(registry: Registry, choice: WriterChoice, activity: Activity) -> Leaving:
    """What would leave this machine. Raises LabError; its `problems` name a knob."""
    return _leaving(*_made(registry, choice, activity))


def write(
    registry: Registry,
    command: Write,
    report: Callable[[Progress], None],
    activity: Activity,
    clock: Callable[[], float] = time.perf_counter,
) -> Written:
    """Have a prompt continued. report: hears a WritingProgress whenever there is more text. clock:
    seconds. Raises LabError."""
    writer, guard = _made(registry, command.choice, activity)
    if _leaving(writer, guard) != command.agreed:
        raise LabError(
            Failure(
                "Something else would leave this machine",
                f"What {guard.label} sends is not what you agreed to. Nothing was sent: choose the "
                "writer again, and look at what it sends by now.",
            )
        )
    began = clock()
    first: float | None = None

    def tell(text: str) -> None:
        nonlocal first
        activity.alive()
        so_far = plain.text(text)[:MOST_TEXT]
        if so_far:
            first = clock() - began if first is None else first
            report(WritingProgress("writing", len(so_far), 0, so_far))

    try:
        with (
            plugin_failures(),
            guard.doing("write", "writer"),
            plugin_call(guard.entry, "in write", command.prompt, passing=(WriterError,)),
        ):
            given: Any = writer.write(command.prompt, tell)
            seconds = clock() - began
            return _written(given, guard, command.prompt, seconds, first)
    except WriterError as error:
        title, message = one_line(str(error.title)), one_line(str(error.message))
        raise LabError(Failure(title or "No text came", message)) from error


def _made(registry: Registry, choice: WriterChoice, activity: Activity) -> tuple[Writer, Guard]:
    with naming_the_knob("This writer cannot be asked", choice.name):
        return make(registry, "writer", choice.name, choice.options, activity)


def _leaving(writer: Writer, guard: Guard) -> Leaving:
    with plugin_failures(), guard.at("outlet"):
        given: Any = writer.outlet()
        if given is None:
            return Leaving()
        if type(given) is not Outlet:
            raise guard.broken("outlet", f"an Outlet or None, not {plain.type_name(given)}")
        sends = tuple(one_line(one) for one in given.sends)
        address = one_line(given.address)
        if not address or not sends or len(sends) > MOST_SENT or not all(sends):
            raise guard.broken(
                "outlet",
                f"an Outlet names an address, and 1 to {MOST_SENT} things that are sent there",
            )
        return Leaving(address, sends, one_line(given.key))


def _written(
    given: object, guard: Guard, prompt: str, seconds: float, first: float | None
) -> Written:
    if type(given) is not Continuation:
        raise guard.broken("write", f"a Continuation, not {plain.type_name(given)}")
    text = plain.text(given.text)
    return Written(
        prompt=prompt,
        text=text[:MOST_TEXT],
        ended=plain.scalar(given.ended) is True and len(text) <= MOST_TEXT,
        seconds=seconds,
        first=first,
        tokens_read=_count(given.tokens_read, "tokens_read", guard),
        tokens_written=_count(given.tokens_written, "tokens_written", guard),
        dollars=_price(given.dollars, guard),
        model=one_line(given.model),
    )


def _count(value: object, name: str, guard: Guard) -> int | None:
    value = plain.scalar(value)
    if value is None or (type(value) is int and value >= 0):
        return value
    raise guard.broken("write", f"{name} must be a count, 0 or more, or None")


def _price(value: object, guard: Guard) -> float | None:
    value = plain.scalar(value)
    if value is None:
        return None
    if isinstance(value, int | float) and type(value) is not bool and 0 <= value < math.inf:
        return float(value)
    raise guard.broken("write", "dollars must be a price, 0 or more, or None")
