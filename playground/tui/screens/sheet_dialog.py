"""A dialog whose body is, or ends in, one sheet of lines."""

from __future__ import annotations

from typing import Generic

from textual import events
from typing_extensions import override

from playground.tui.screens.dialog import Dialog, Result
from playground.tui.screens.inside.page import Page
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
