"""Text that costs nothing while it stays the same.

A Static asks for a new layout at every update, and a layout draws the whole screen again: at
fifteen frames a second these layouts are most of what a screen costs.
"""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from playground.tui.widgets.gate import shown


class Words(Static):
    """Content that is redrawn if it changed, and laid out again only if its height changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._said: Content | None = None

    def say(self, content: Content) -> None:
        """Show `content`."""
        content = shown(content)
        before = self._said
        if before is not None and before.is_same(content):
            return
        self._said = content
        height = self.styles.height
        grows = height is not None and height.is_auto
        self.update(content, layout=grows and self._lines(before) != self._lines(content))

    @property
    def words(self) -> str:
        """The content shown, as plain text."""
        return self._said.plain if self._said is not None else ""

    def _lines(self, content: Content | None) -> int:
        if content is None:
            return -1
        return content.get_height({}, max(1, self.size.width))
