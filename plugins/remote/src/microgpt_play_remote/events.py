"""Server-sent events: lines of bytes to the data of each event.

The reader is the project's own, because it has to hold a limit, to tell a stream that breaks off
from one that ends, and to read what servers write that do not keep to the standard: lines that end
with CR, LF or both, comments, several events without an empty line between them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

_ENDS = re.compile(rb"\r\n|\n|\r")
DONE = "[DONE]"


class GarbageError(Exception):
    """Data that is no JSON. text: the beginning of it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def parsed(text: str) -> Any:
    """The JSON value. Raises GarbageError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    raise GarbageError(text[:4000])


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a text in UTF-8 that comes in pieces, the last one also without its end."""
    pending = b""
    for chunk in chunks:
        pending += chunk
        if b"\n" not in chunk and b"\r" not in chunk and not pending.endswith(b"\r"):
            continue
        # A CR at the end may be the first half of a CR LF.
        held = b"\r" if pending.endswith(b"\r") else b""
        *whole, rest = _ENDS.split(pending[: len(pending) - len(held)])
        pending = rest + held
        for line in whole:
            yield line.decode("utf-8", "replace")
    for line in _ENDS.split(pending):
        yield line.decode("utf-8", "replace")


def values(of: Iterable[str]) -> Iterator[Any]:
    """The JSON value of each event, and DONE where the stream says that it is at its end.

    Raises GarbageError.
    """
    data: list[str] = []
    for line in of:
        if not line:
            yield from _of_event(data)
            data = []
            continue
        name, _, value = line.removeprefix("\ufeff").partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
    yield from _of_event(data)


def _of_event(data: list[str]) -> Iterator[Any]:
    """One value of an event; or one of each line, if these are values of their own."""
    if len(data) > 1:
        try:
            yield parsed("\n".join(data))
        except GarbageError:
            pass
        else:
            return
    for line in data:
        text = line.strip()
        if text == DONE:
            yield DONE
        elif text:
            yield parsed(text)
