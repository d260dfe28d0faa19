"""Shown while the terminal is too small for the panels."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static


class TooSmallScreen(ModalScreen[None]):
    """Says what is needed in as many words as fit. Whoever pushed it takes it away again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "app.leave", "quit", id="toosmall.quit", tooltip="Leave"),
    ]
    DEFAULT_CSS = """
    TooSmallScreen {
        align: center middle;
        background: $background;
        overflow: hidden;
        Static { width: auto; height: auto; text-align: center; }
    }
    """

    def __init__(self, needed: tuple[int, int] = (60, 16)) -> None:
        super().__init__()
        self._needed = needed

    def compose(self) -> ComposeResult:
        yield Static(id="toosmall", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        text = fitting_words(event.size.width, event.size.height, self._needed)
        self.query_one("#toosmall", Static).update(text)


def fitting_words(width: int, height: int, needed: tuple[int, int]) -> str:
    """The fullest message that fits into width x height cells, wrapped between words."""
    here, wanted = f"{width}x{height}", f"{needed[0]}x{needed[1]}"
    messages = (
        f"This terminal is {here}. microgpt-play needs {wanted}; enlarge it or zoom out.\n"
        "The run goes on. q quits",
        f"This terminal is {here}; microgpt-play needs {wanted}.\nq quits",
        f"{here} is too small, {wanted} is needed.\nq quits",
        f"needs {wanted}\nq quits",
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
    return "q quits"
