"""One line of a terminal that is written again and again, and stays one line."""

from __future__ import annotations

import os
import shutil
from typing import TextIO

from microgpt.plain import can_write
from microgpt.terminal import Codes
from playground.widths import cell_len


class OneLine:
    """The line of a terminal in which progress is shown.

    A line is cut to the columns of the terminal, the last of which stays free, because a line that
    fills that column wraps in some terminals. If the terminal was made narrower since, it has
    wrapped the line that stands there, whose rows are then erased together.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = ""
        """What stands in the line."""

    def draw(self, text: str, tail: str = "") -> None:
        """Show the text instead of what stands there. Of a text that is too long the end is cut;
        `tail` is shown in any case, if it has room. Both are printable."""
        text = fitting(text, self.room - cell_len(tail), self._stream) + tail
        text = fitting(text, self.room, self._stream)
        self._stream.write(Codes(f"{self._back()}{text}\x1b[K"))
        self._stream.flush()
        self._shown = text

    def clear(self) -> None:
        """Erase the line."""
        if self._shown:
            self._stream.write(Codes(f"{self._back()}\x1b[K"))
            self._stream.flush()
            self._shown = ""

    def end(self) -> None:
        """Leave what stands in the line, and go to the next one."""
        if self._shown:
            self._stream.write("\n")
            self._shown = ""
        self._stream.flush()

    @property
    def room(self) -> int:
        """How many columns a text may take."""
        return columns_of(self._stream) - 1

    def _back(self) -> str:
        """What leads to the beginning of the line, and erases the rows that it was wrapped into."""
        rows = 1 if _keeps_rows() else rows_of(self._shown, columns_of(self._stream))
        return "\r" + "\x1b[K\x1b[A" * (rows - 1)


def columns_of(stream: TextIO) -> int:
    """Columns of the terminal behind the stream, which need not be that of standard output."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return columns or shutil.get_terminal_size().columns


def fitting(text: str, room: int, stream: TextIO) -> str:
    """The text, cut if it takes more than so many columns."""
    if cell_len(text) <= room:
        return text
    end = "…" if can_write(stream, "…") else "~"
    while text and cell_len(text) > room - 1:
        text = text[:-1]
    return text + end if room > 0 else ""


def rows_of(text: str, columns: int) -> int:
    """Rows of a terminal with so many columns that a text takes."""
    rows, used = 1, 0
    for char in text:
        width = cell_len(char)
        if used + width > columns:
            rows, used = rows + 1, 0
        used += width
    return rows


def _keeps_rows() -> bool:
    """True in a terminal that cuts its lines when it is made narrower, and does not wrap them."""
    term = os.environ.get("TERM", "")
    plain = term == "linux" or (term.startswith("screen") and "TMUX" not in os.environ)
    return plain or "XTERM_VERSION" in os.environ
