"""The words that replace the panels while the terminal is too small for them.

They are a widget and not a screen: a screen that is pushed during a resize makes two sizes of the
terminal chase each other.
"""

from __future__ import annotations

import textwrap

from textual.content import Content

from playground.tui.widgets.static_text import Words

SMALLEST = (60, 16)
"""Columns and rows below which the panels make no sense."""


def too_small(width: int, height: int) -> bool:
    """True if `width` columns and `height` rows have no room for the panels."""
    return width < SMALLEST[0] or height < SMALLEST[1]


class TooSmall(Words):
    """Says which size is needed, in as many words as fit."""

    def show(self, width: int, height: int, *, what: str = "run", out: str = "q quits") -> None:
        """what: the thing that goes on meanwhile. out: the key that leaves, and what it does."""
        self.say(Content(fitting_words(width, height, SMALLEST, what, out)))


def fitting_words(
    width: int, height: int, needed: tuple[int, int], what: str = "run", out: str = "q quits"
) -> str:
    """The longest message that fits into width x height cells, wrapped between words."""
    here, wanted = f"{width}x{height}", f"{needed[0]}x{needed[1]}"
    messages = (
        f"This terminal is {here}. microgpt-play needs {wanted}; enlarge it or zoom out.\n"
        f"The {what} goes on. {out}",
        f"This terminal is {here}; microgpt-play needs {wanted}.\n{out}",
        f"{here} is too small, {wanted} is needed.\n{out}",
        f"needs {wanted}\n{out}",
        f"needs {wanted}",
        f"{wanted}",
    )
    for message in messages:
        lines = [
            line
            for part in message.split("\n")
            for line in textwrap.wrap(part, max(1, min(width, 56)), break_long_words=False)
        ]
        if len(lines) <= height and all(len(line) <= width for line in lines):
            return "\n".join(lines)
    return out
