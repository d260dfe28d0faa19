"""The base of the drawing widgets: they paint all lines together, and keep them until a change.

Textual asks for one line at a time, but these widgets lay out a whole picture. So the first line
that Textual asks for paints all lines, which are kept until the data, the size, or the colours
beneath change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypedDict, Unpack

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Run = tuple[str, Style]
"""A piece of a line: its text and its style."""


class WidgetOptions(TypedDict, total=False):
    """What every Textual widget takes; the widgets here pass these on as they are."""

    name: str | None
    id: str | None
    classes: str | None
    disabled: bool


def strip_of(runs: Iterable[Run], width: int, fill: Style, known: int | None = None) -> Strip:
    """A strip of `runs` exactly `width` cells wide, cropped or padded with `fill`.

    known: the width of all `runs` in cells, if the caller knows it.
    """
    strip = Strip([Segment(text, style) for text, style in runs if text], known)
    return strip.adjust_cell_length(width, fill)


def monochrome(app: App[Any]) -> bool:
    """True if colour is absent or unreliable: `NO_COLOR`, an ansi theme, 16 colours."""
    system = app.console.color_system
    return app.no_color or app.native_ansi_color or system not in ("256", "truecolor")


class LineWidget(Widget):
    """A widget that paints plain data onto strips. Subclasses write `paint`."""

    ALLOW_SELECT = False

    def __init__(self, **widget_options: Unpack[WidgetOptions]) -> None:
        super().__init__(**widget_options)
        self._lines: Sequence[Strip] | None = None
        self._painted_size = (0, 0)
        self._line_key: object = None
        self._inks: dict[tuple[str, ...], Style] = {}

    def paint(self, width: int, height: int) -> Sequence[Strip]:
        """The lines of the widget: at most `height` strips, `width` cells each (both >= 1)."""
        raise NotImplementedError

    def changed(self, layout: bool = False) -> None:
        """Drop the painted lines and ask for a repaint: call after the data changed.

        layout: also measure a widget of automatic height again.
        """
        self._lines = None
        self.refresh(layout=layout and self.styles.auto_dimensions)

    def ink(self, *components: str) -> Style:
        """The Rich style of component classes on this widget's background, cached."""
        style = self._inks.get(components)
        if style is None:
            style = self.get_component_rich_style(*components) if components else self.rich_style
            self._inks[components] = style
        return style

    @property
    def monochrome(self) -> bool:
        """True if colour is absent or unreliable."""
        return monochrome(self.app)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.forget()

    def render_lines(self, crop: Region) -> list[Strip]:
        # The background may change, with a theme or a parent, without an event to this widget.
        key = (self.rich_style, self.monochrome, self.has_focus)
        if key != self._line_key:
            self.forget()
            self._line_key = key
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if width <= 0:
            return Strip.blank(0)
        size = (width, height)
        if self._lines is None or self._painted_size != size:
            self._painted_size = size
            self._lines = self.paint(width, height) if height > 0 else []
        if 0 <= y < len(self._lines):
            return self._lines[y]
        return Strip.blank(width, self.ink())

    def forget(self) -> None:
        """Drop all that was derived from colours; a subclass also drops what it keeps itself."""
        self._lines = None
        self._inks.clear()
