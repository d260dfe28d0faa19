"""A sheet that scrolls: what a zoomed panel tells, line by line, however long it is."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from playground.tui.widgets.sheet import Hit, Line, Sheet


class Reading(VerticalScroll, can_focus=True):
    """Lines of pieces in a place that scrolls by the arrow keys, the page keys and the wheel."""

    DEFAULT_CSS = """
    Reading { scrollbar-size-vertical: 1; }
    Reading > Sheet { height: auto; }
    """

    def compose(self) -> ComposeResult:
        yield Sheet()

    @property
    def columns(self) -> int:
        """Cells of a line: one column is for the scroll bar."""
        return max(16, self.size.width - 1 - bool(self.show_vertical_scrollbar))

    def say(self, lines: Sequence[Line], hits: Sequence[Hit] = ()) -> None:
        """Show these lines."""
        self.query_one(Sheet).show(lines, hits)

    @property
    def words(self) -> str:
        """What is shown, as plain text."""
        return self.query_one(Sheet).words
