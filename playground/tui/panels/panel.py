"""What the panels share: a titled frame, a number to reach the panel by, a way to be drawn."""

from __future__ import annotations

from itertools import takewhile
from typing import ClassVar

from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from playground.tui.model import PlaygroundModel
from playground.tui.styles import MUTED
from playground.widths import cell_len


class Panel(Vertical):
    """A framed part of the main screen. It draws the model, and keeps only how it is looked at."""

    NUMBER: ClassVar[int]
    TITLE: ClassVar[str]

    class Resized(Message):
        """The panel has another size: what it shows, and what it asks of the run, depend on its
        room."""

    @property
    def heading(self) -> str:
        """Number and title as markup, which no file's words are part of."""
        return Content.assemble((f"{self.NUMBER} ", MUTED), self.TITLE).markup

    @property
    def title_in_words(self) -> str:
        """What the panel shows, as plain text."""
        return self.TITLE

    @property
    def file_name(self) -> str:
        """The panel in the name of a file: "data-set"."""
        return "".join(sign if sign.isalnum() else "-" for sign in self.title_in_words.lower())

    def on_mount(self) -> None:
        self.border_title = self.heading

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def subtitle(self, *texts: str) -> None:
        """Show plain words in the lower edge of the frame: the first of `texts` that fits, or none.

        Every change of the edge draws the whole panel again, so the edge is set only to new words.
        """
        room = self.size.width - 2  # between the corners of the frame
        text = next((text for text in texts if cell_len(text) <= room), "")
        if text != self._subtitle:
            self._subtitle = text
            self.border_subtitle = Content(text).markup

    _subtitle = ""

    def show(self, model: PlaygroundModel) -> None:
        """Draw the model."""
        raise NotImplementedError

    def set_zoomed(self, zoomed: bool) -> None:
        """Show what belongs to a panel that has the whole screen, or to one of several."""
        self.set_class(zoomed, "-zoomed")

    def target(self) -> Widget | None:
        """The widget that takes the keys when the panel is chosen."""
        return next((child for child in self.query("*").results(Widget) if self.takes(child)), None)

    def takes(self, child: Widget) -> bool:
        """True if a widget of the panel is shown, and can have the focus."""
        within = takewhile(lambda node: node is not self, child.ancestors_with_self)
        return child.focusable and all(node.display for node in within)
