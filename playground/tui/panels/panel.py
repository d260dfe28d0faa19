"""What the four panels share: a titled frame, a number to reach it by, a way to be drawn."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from playground.tui.model import PlaygroundModel
from playground.tui.styles import MUTED


class Panel(Vertical):
    """A framed part of the main screen that draws from the model and keeps no state."""

    NUMBER: ClassVar[int]
    TITLE: ClassVar[str]

    @property
    def heading(self) -> str:
        """Number and title, as markup: our own words, never a file's."""
        return Content.assemble((f"{self.NUMBER} ", MUTED), self.TITLE).markup

    def on_mount(self) -> None:
        self.border_title = self.heading

    def subtitle(self, *texts: str) -> None:
        """Plain words in the lower frame: the first of these that fits, else none.

        Setting it draws the whole panel, so it is set only if it is new.
        """
        room = self.size.width - 2  # beside the corners of the frame
        text = next((text for text in texts if cell_len(text) <= room), "")
        if text != self._subtitle:
            self._subtitle = text
            self.border_subtitle = Content(text).markup

    _subtitle = ""

    def show(self, model: PlaygroundModel) -> None:
        """Draw the model as it is now."""
        raise NotImplementedError

    def target(self) -> Widget | None:
        """The widget that takes the keys when the panel is chosen."""
        return next((child for child in self.query("*").results(Widget) if child.focusable), None)
