"""A sheet of words and shades: lines of pieces, each with the name of its ink, that can be clicked.

Whoever draws a sheet says what a piece means, as "a shade of 0.7", and the sheet finds the colour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region, Size
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.colors import diverging
from playground.tui.widgets.line_widget import LineWidget, WidgetOptions
from playground.tui.widgets.matrix import HOLE, STEPS
from playground.tui.widgets.message import WidgetMessage
from playground.widths import cell_len

SHADES = 16
"""Steps of the tint."""
NAN = SHADES + 1
"""The level of a shade that is not a number."""
NONE = SHADES + 2
"""The level of a cell that holds nothing."""

Ink = str | tuple[str, int] | tuple[str, bytes]
"""The name of an ink: one of INKS, ("shade", level) for a tinted ground, the level from 0 to
SHADES, NAN or NONE, ("sign", level) for a ground on the diverging scale of heat maps, ("flame",
level) for the same scale as the colour of the letters. With bytes in the place of a level, a row of
cells is one piece: each byte is the level of an equal share of the text, whose characters are one
column wide."""
INKS = (
    "text", "muted", "faint", "strong", "pointed", "good", "caution", "bad", "cursor", "row",
    "plus", "minus",
)  # fmt: skip
Piece = tuple[str, Ink]
Line = list[Piece]
_RUNS = re.compile(rb"((.)\2*)", re.DOTALL)
_KEPT = 4096
"""Segments that are kept ready, at most."""


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
        & > .sheet--plus { color: $text-primary 75%; }
        & > .sheet--minus { color: $text-secondary 75%; }
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
        self._segments: dict[Piece, Segment] = {}
        self._blanks: dict[tuple[str, int], _Blanks] = {}
        self._painted: list[tuple[Line, int, Strip]] = []
        """Each line with its width and its strip, as they were painted last."""

    def show(self, lines: Sequence[Line], hits: Sequence[Hit] = ()) -> None:
        """Show `lines`, and hear clicks on `hits`. Only the lines that changed are painted."""
        self._hits = hits
        before, self._drawn = self._drawn, lines
        if len(lines) != len(before):
            self.changed(layout=True)
            return
        rows = [row for row, line in enumerate(lines) if line != before[row]]
        if rows:
            self._lines = None
            width = self.size.width
            self.refresh(*(Region(0, row, width, 1) for row in rows if row < self.size.height))

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
        self._segments = {}
        self._blanks = {}
        self._painted = []

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        before = self._painted
        self._painted = []
        for row, line in enumerate(self._drawn[:height]):
            known = before[row] if row < len(before) else None
            if known is None or known[1] != width or known[0] != line:
                known = (line, width, self._strip(line, width))
            self._painted.append(known)
        return [strip for _, _, strip in self._painted]

    def _strip(self, line: Line, width: int) -> Strip:
        segments: list[Segment] = []
        columns = 0
        for piece in line:
            text, ink = piece
            if not text:
                continue
            if isinstance(ink, tuple) and isinstance(ink[1], bytes):
                columns += len(text)
                self._cells(text, ink[0], ink[1], segments)
                continue
            columns += len(text) if text.isascii() else cell_len(text)
            segments.append(self._segments.get(piece) or self._segment(piece))
        return Strip(segments, columns).adjust_cell_length(width, self.ink())

    def _cells(self, text: str, kind: str, levels: bytes, segments: list[Segment]) -> None:
        """Add a row of cells: equal neighbours are one segment."""
        cell = len(text) // len(levels)
        if text.isspace():
            ready = self._blanks.get((kind, cell))
            if ready is None:
                ready = self._blanks[kind, cell] = _Blanks(self, kind, cell)
            segments += [ready[run] for run, _ in _RUNS.findall(levels)]
            return
        end = 0
        for run, _ in _RUNS.findall(levels):
            start, end = end, end + cell * len(run)
            piece = (text[start:end], (kind, run[0]))
            segments.append(self._segments.get(piece) or self._segment(piece))

    def _segment(self, piece: Piece) -> Segment:
        if len(self._segments) >= _KEPT:
            self._segments.clear()
        segment = self._segments[piece] = Segment(piece[0], self.style_of(piece[1]))
        return segment

    def style_of(self, ink: Ink) -> Style:
        """The style of an ink of one level."""
        if isinstance(ink, str):
            return self.ink(f"sheet--{ink}") if ink else self.ink()
        kind, level = ink
        assert isinstance(level, int)
        ramp = self._ramps.get(kind)
        if ramp is None:
            ramp = self._ramps[kind] = self._ramp(kind)
        return ramp[level]

    def _ramp(self, kind: str) -> list[Style]:
        others = [self.ink("sheet--bad"), self.ink("sheet--faint")]
        if self.monochrome:  # without a tint, high values are bold
            text = self.ink("sheet--text")
            bold = text + Style(bold=True)
            if kind == "shade":
                tints = [bold if step >= SHADES // 2 else text for step in range(SHADES + 1)]
                return [*tints, *others]
            return [bold if abs(step - STEPS) >= STEPS // 2 else text for step in range(HOLE + 1)]
        below = self.background_colors[1]

        def colour(part: str) -> Color:
            return below + self.get_component_styles(f"sheet--{part}").color

        if kind == "shade":
            ground, tint = colour("ground"), colour("tint")
            grounds = (ground.blend(tint, 0.9 * step / SHADES) for step in range(SHADES + 1))
            return [*map(_ground, grounds), *others]
        scale = diverging(colour("negative"), colour("zero"), colour("positive"))
        scale.append(colour("hole"))
        if kind == "sign":
            return [_ground(one) for one in scale]
        return [Style.from_color(one.rich_color, below.rich_color) for one in scale]


class _Blanks(dict[bytes, Segment]):
    """Segments of blank cells, by the levels of a run of equal ones."""

    def __init__(self, sheet: Sheet, kind: str, cell: int) -> None:
        super().__init__()
        self._sheet, self._kind, self._cell = sheet, kind, cell

    def __missing__(self, run: bytes) -> Segment:
        style = self._sheet.style_of((self._kind, run[0]))
        segment = self[run] = Segment(" " * (self._cell * len(run)), style)
        return segment


def _ground(colour: Color) -> Style:
    """A ground of this colour, and letters that can be read on it."""
    ink = colour + colour.get_contrast_text(0.92)
    return Style.from_color(ink.rich_color, colour.rich_color)
