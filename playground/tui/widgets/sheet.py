"""A sheet of words and shades: lines of pieces, each with the name of its ink, that can be clicked.

Whoever draws a sheet says what a piece means, as "a shade of 0.7", and the sheet finds the colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Size
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.colors import diverging
from playground.tui.widgets.line_widget import LineWidget, WidgetOptions, strip_of
from playground.tui.widgets.matrix import HOLE, STEPS
from playground.tui.widgets.message import WidgetMessage

SHADES = 16
"""Steps of the tint."""

Ink = str | tuple[str, int]
"""The name of an ink: one of INKS, ("shade", 0 to SHADES) for a tinted ground, ("sign", level) for
a ground on the diverging scale of heat maps, ("flame", level) for the same scale as the colour of
the letters."""
INKS = (
    "text", "muted", "faint", "strong", "pointed", "good", "caution", "bad", "cursor", "row",
    "plus", "minus",
)  # fmt: skip
Piece = tuple[str, Ink]
Line = list[Piece]


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that can be clicked: the cells `start` to `end` of a line."""

    row: int
    start: int
    end: int
    what: tuple[str, int, int]
    """The name of what is there, and two numbers of it, as ("cell", 3, 1)."""
    each: int = 0
    """If not 0, the second number grows by 1 every so many cells: a row of cells is one hit."""


class Sheet(LineWidget):
    """Lines of pieces. A click on a `Hit` is told as `Pressed`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"sheet--{name}" for name in INKS),
        "sheet--tint",
        "sheet--ground",
        "sheet--zero",
        "sheet--hole",
        "sheet--negative",
        "sheet--positive",
    }
    DEFAULT_CSS = """
    Sheet {
        & > .sheet--text { color: $foreground; }
        & > .sheet--muted { color: $foreground 65%; }
        & > .sheet--faint { color: $foreground 40%; }
        & > .sheet--strong { color: $foreground; text-style: bold; }
        & > .sheet--pointed { color: $text-primary; text-style: bold; }
        & > .sheet--good { color: $text-success; }
        & > .sheet--caution { color: $text-warning; }
        & > .sheet--bad { color: $text-error; text-style: bold; }
        & > .sheet--cursor { color: $background; background: $foreground; text-style: bold; }
        & > .sheet--row { background: $foreground 9%; }
        & > .sheet--plus { color: $text-primary; }
        & > .sheet--minus { color: $text-secondary; }
        & > .sheet--tint { color: $accent; }
        & > .sheet--ground { color: $surface-lighten-1; }
        & > .sheet--zero { color: $surface-lighten-1; }
        & > .sheet--hole { color: $error; }
        & > .sheet--negative { color: $secondary; }
        & > .sheet--positive { color: $primary; }
        &:ansi > .sheet--muted { text-style: dim; }
        &:ansi > .sheet--faint { text-style: dim; }
        &:ansi > .sheet--cursor {
            color: ansi_default; background: ansi_default; text-style: bold reverse;
        }
        &:ansi > .sheet--row { background: ansi_default; text-style: underline; }
    }
    """

    class Pressed(WidgetMessage["Sheet"]):
        """A place was clicked."""

        def __init__(self, sheet: Sheet, what: tuple[str, int, int]) -> None:
            super().__init__(sheet)
            self.what = what

    def __init__(self, **widget_options: Unpack[WidgetOptions]) -> None:
        super().__init__(**widget_options)
        self._drawn: Sequence[Line] = ()
        self._hits: Sequence[Hit] = ()
        self._ramps: dict[str, list[Style]] = {}

    def show(self, lines: Sequence[Line], hits: Sequence[Hit] = ()) -> None:
        """Show `lines`, and hear clicks on `hits`."""
        self._hits = hits
        if lines != self._drawn:
            grows = len(lines) != len(self._drawn)
            self._drawn = lines
            self.changed(layout=grows)

    @property
    def words(self) -> str:
        """What is shown, as plain text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._drawn)

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._drawn)

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        for hit in self._hits:
            if at is not None and hit.row == at.y and hit.start <= at.x < hit.end:
                name, first, second = hit.what
                if hit.each:
                    second += (at.x - hit.start) // hit.each
                self.post_message(self.Pressed(self, (name, first, second)))
                return

    @override
    def forget(self) -> None:
        super().forget()
        self._ramps = {}

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        style = self._style
        fill = self.ink()
        return [
            strip_of([(text, style(ink)) for text, ink in line], width, fill)
            for line in self._drawn[:height]
        ]

    def _style(self, ink: Ink) -> Style:
        if isinstance(ink, str):
            return self.ink(f"sheet--{ink}") if ink else self.ink()
        kind, level = ink
        ramp = self._ramps.get(kind)
        if ramp is None:
            ramp = self._ramps[kind] = self._ramp(kind)
        return ramp[level]

    def _ramp(self, kind: str) -> list[Style]:
        if self.monochrome:  # without a tint, high values are bold
            text = self.ink("sheet--text")
            bold = text + Style(bold=True)
            if kind == "shade":
                return [bold if step >= SHADES // 2 else text for step in range(SHADES + 1)]
            return [bold if abs(step - STEPS) >= STEPS // 2 else text for step in range(HOLE + 1)]
        below = self.background_colors[1]

        def colour(part: str) -> Color:
            return below + self.get_component_styles(f"sheet--{part}").color

        if kind == "shade":
            ground, tint = colour("ground"), colour("tint")
            return [_ground(ground.blend(tint, 0.9 * step / SHADES)) for step in range(SHADES + 1)]
        scale = diverging(colour("negative"), colour("zero"), colour("positive"))
        scale.append(colour("hole"))
        if kind == "sign":
            return [_ground(one) for one in scale]
        return [Style.from_color(one.rich_color, below.rich_color) for one in scale]


def _ground(colour: Color) -> Style:
    """A ground of this colour, and letters that can be read on it."""
    ink = colour + colour.get_contrast_text(0.92)
    return Style.from_color(ink.rich_color, colour.rich_color)
