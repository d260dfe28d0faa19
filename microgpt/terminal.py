"""What others wrote reaches a terminal as text, and is never obeyed there.

File names, data, samples, and what plugins say may hold escape sequences, which put text into the
clipboard, change the title or clear the screen, and marks that turn the order of letters round.
`guard` puts a gate before the standard streams that are terminals. The gate writes such characters
as `\\x1b`, and lets nothing pass but `Codes`, which are the program's own.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import re
import sys
from typing import Any, TextIO

OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters: C0, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # marks that set the direction of text
    "\u2028\u2029"  # line and paragraph separators
    "\ufff9-\ufffb\U000e0000-\U000e007f"  # annotations and tags
    "\ud800-\udfff]"  # halves of a pair, which no encoding can write
)
"""Characters that a terminal obeys, that reorder other characters, or that cannot be written."""
_OF_A_TEXT = frozenset("\n\t")
_SIGNS = {" ": "␠", "\n": "⏎", "\t": "⇥", "\r": "␍", "\N{NO-BREAK SPACE}": "⍽"}


class Codes(str):
    """Text with escape sequences of the program's own, which a guarded stream writes as it is.

    What others wrote is never a part of it, unless it went through `printable`.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return self  # so that print() hands it to the stream as it is


def printable(text: str, keep: str = "") -> str:
    """The text with its unprintable characters escaped, so that it cannot steer the terminal.

    For text from files and plugins, and for names. keep: control characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else escape(char) for char in text)


def sign_of(char: str) -> str:
    """The sign of a white-space character wherever it must be seen: on tiles, in rows, bars, tables
    and vocabularies. Any other character stays as it is."""
    return _SIGNS.get(char, char)


def in_a_line(text: str) -> str:
    """The text as one line: line ends, tabs and no-break spaces are their signs."""
    return "".join([char if char == " " else sign_of(char) for char in text])


def escape(char: str) -> str:
    """A character as Python writes it: \\x1b, \\u202e."""
    return char.encode("unicode_escape").decode("ascii")


def json_text(value: Any, **options: Any) -> str:
    """The value as JSON without any character that a terminal obeys; json.dumps keeps DEL."""
    return json.dumps(value, **options).replace("\x7f", "\\u007f")


class Guarded(io.TextIOBase):
    """A text stream that writes to `stream`, with the characters of OBEYED escaped; line ends and
    tabs stay. What is written to its `buffer` goes the same way."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decoder: codecs.IncrementalDecoder | None = None

    def write(self, text: str) -> int:
        self._stream.write(text if isinstance(text, Codes) else OBEYED.sub(_seen, text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Flush. The stream below belongs to the interpreter, and stays open."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._stream.errors

    def reconfigure(self, **options: Any) -> None:
        """Change how the stream below encodes, as TextIOWrapper has it."""
        self._stream.reconfigure(**options)  # type: ignore[attr-defined]

    @property
    def buffer(self) -> _Bytes:
        """The same gate for whoever writes bytes."""
        if sys.platform == "win32":  # where click would take it for the console itself
            raise AttributeError("buffer")
        return _Bytes(self)

    def write_bytes(self, data: bytes) -> None:
        """Write bytes in the encoding of the stream; in UTF-8 if that is ASCII, as click does."""
        if self._decoder is None:
            name = codecs.lookup(self.encoding or "utf-8").name
            kind = codecs.getincrementaldecoder("utf-8" if name == "ascii" else name)
            self._decoder = kind("backslashreplace")
        self.write(self._decoder.decode(data))


class _Bytes(io.RawIOBase):
    """Takes bytes in the encoding of a guarded stream."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded

    def write(self, data: Any) -> int:
        given = bytes(data)
        self._guarded.write_bytes(given)
        return len(given)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        self._guarded.flush()

    def fileno(self) -> int:
        return self._guarded.fileno()

    def isatty(self) -> bool:
        return self._guarded.isatty()


def _seen(found: re.Match[str]) -> str:
    return found[0] if found[0] in _OF_A_TEXT else escape(found[0])


def guard() -> None:
    """Put the gate before standard output and standard error, where they are terminals."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and _is_terminal(stream):
            setattr(sys, name, Guarded(stream))
            # Newer interpreters colour their own errors, in codes that would not pass the gate.
            os.environ["PYTHON_COLORS"] = "0"


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (OSError, ValueError):  # a stream that is closed
        return False
