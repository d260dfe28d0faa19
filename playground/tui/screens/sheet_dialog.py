"""A dialog whose body is, or ends in, one sheet of lines."""

from __future__ import annotations

from typing import Generic

from textual import events
from textual.binding import Binding
from typing_extensions import override

from playground.tui.screens.dialog import Dialog, Result
from playground.tui.screens.inside.page import Page, lines_words
from playground.tui.widgets.sheet import Sheet


class SheetDialog(Dialog[Result], Generic[Result]):
    """A dialog with one Sheet, which a subclass yields in `body` and draws in `draw_page`."""

    def on_resize(self, _: events.Resize) -> None:
        self.call_after_refresh(self.draw)

    @override
    def draw(self) -> None:
        if not self.query(Sheet) or not self.is_attached:
            return  # the screen is not composed yet, or is being taken down
        sheet = self.query_one(Sheet)
        width, height = sheet.size
        page = Page(width or 76, height or 18, sheet.monochrome)
        self.draw_page(page)
        sheet.show(page.lines[: page.height], page.hits)
        self.refresh_bindings()

    def draw_page(self, page: Page) -> None:
        """Draw what the sheet shows."""
        raise NotImplementedError


TALL = 10_000
"""Lines that may be scrolled through."""


class ScrolledSheet(SheetDialog[Result], Generic[Result]):
    """A sheet that may have more lines than there is room for; the keys of `scroll_keys` move in
    it."""

    DEFAULT_CSS = """
    ScrolledSheet {
        #dialog { height: 100%; padding: 0 1; max-width: 120; }
        &.-high #dialog { height: 85%; }
        &.-low #dialog-foot { margin: 0; }
        #dialog-body { height: 1fr; }
        Sheet { height: 1fr; }
    }
    """

    _top = 0
    """The first line in sight."""
    _cut = False
    """True if there are more lines than there is room for."""

    def lay(self, page: Page, full: Page) -> None:
        """Lay the lines of `full` that are in sight below those of `page`."""
        room = page.room
        self._cut = len(full.lines) > room
        if self._cut:
            room = max(1, room - 1)
        self._top = min(max(0, self._top), max(0, len(full.lines) - room))
        for line in full.lines[self._top : self._top + room]:
            page.add(*line)
        if self._cut:
            page.add((lines_words(room, self._top, len(full.lines), "lines"), "caution"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "scroll":
            return self._cut
        return super().check_action(action, parameters)

    def action_scroll(self, by: int) -> None:
        self._top += by
        self.draw()


def scroll_keys(screen: str) -> list[Binding]:
    """The keys of a ScrolledSheet. screen: begins their ids."""
    return [
        Binding("down", "scroll(1)", "scroll", key_display="↑↓", id=f"{screen}.down",
                tooltip="See what has no room"),
        Binding("up", "scroll(-1)", "up", id=f"{screen}.up", show=False),
        Binding("pagedown", "scroll(10)", "down 10", id=f"{screen}.page-down", show=False),
        Binding("pageup", "scroll(-10)", "up 10", id=f"{screen}.page-up", show=False),
        Binding("home", "scroll(-99999)", "first line", id=f"{screen}.first", show=False),
        Binding("end", "scroll(99999)", "last line", id=f"{screen}.last", show=False),
    ]  # fmt: skip
