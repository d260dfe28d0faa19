"""A matrix as a heat map: two rows in a line of half blocks, or glyphs where colour is absent."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import ClassVar, Unpack

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.colors import diverging
from playground.tui.widgets.line_widget import LineWidget, Run, WidgetOptions, strip_of
from playground.tui.widgets.matrix import HOLE, LEVELS, STEPS, ZERO, levels, pool, signed, window
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.text import fit
from playground.widths import cell_len

POSITIVE = " ·░▒▓█"
NEGATIVE = " ╌─═≡▤"
"""Six glyphs from 0 to the end of the scale, for each sign."""
_CURSOR, _NONE = LEVELS, LEVELS + 1  # beyond the levels: the cursor, and no cell at all
LARGEST = 4
"""The most that cells are magnified, if there is room. Their height is magnified up to twice as
much, which makes them square: a row in a line of half blocks is half as high as a cell is wide."""
LABEL = 5
"""The most cells that the label of a row takes."""
LEAP = 8
"""How many cells a shifted arrow key moves."""

CURSOR = Binding.Group("cursor", compact=True)


def glyph_of(level: int) -> str:
    """The glyph that shows a level without colour."""
    if level == HOLE:
        return "?"
    if level == _NONE:
        return " "
    distance = abs(level - ZERO)
    ramp = POSITIVE if level >= ZERO else NEGATIVE
    return ramp[-(-distance * (len(ramp) - 1) // STEPS)]


class HeatMap(LineWidget, can_focus=True):
    """A matrix on a diverging scale around 0, with a cursor on one cell.

    A heat map of three lines or more has a legend with the ends of the scale in the last one. A
    matrix too large to be seen whole scrolls with the cursor, or is pooled with `fit`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "heatmap--negative",
        "heatmap--zero",
        "heatmap--positive",
        "heatmap--hole",
        "heatmap--cursor",
        "heatmap--legend",
        "heatmap--hint",
        "heatmap--label",
    }
    # `colors.diverging` keeps the two ends apart in every theme.
    DEFAULT_CSS = """
    HeatMap {
        & > .heatmap--negative { color: $primary; }
        & > .heatmap--zero { color: $surface-lighten-1; }
        & > .heatmap--positive { color: $warning; }
        & > .heatmap--hole { color: $error; }
        & > .heatmap--cursor { color: $foreground; }
        & > .heatmap--legend { color: $foreground 75%; }
        & > .heatmap--hint { color: $foreground 55%; }
        & > .heatmap--label { color: $foreground 75%; }
        &:ansi > .heatmap--negative { color: $secondary; }
        &:ansi > .heatmap--hint { text-style: dim; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", "up", id="heatmap.up", group=CURSOR, show=False,
                tooltip="One row up"),
        Binding("down", "move(1, 0)", "down", id="heatmap.down", group=CURSOR, show=False,
                tooltip="One row down"),
        Binding("left", "move(0, -1)", "left", id="heatmap.left", group=CURSOR, show=False,
                tooltip="One column left"),
        Binding("right", "move(0, 1)", "right", id="heatmap.right", group=CURSOR, show=False,
                tooltip="One column right"),
        Binding("shift+up", f"move(-{LEAP}, 0)", "up 8", id="heatmap.leap-up", group=CURSOR,
                show=False, tooltip="Eight rows up"),
        Binding("shift+down", f"move({LEAP}, 0)", "down 8", id="heatmap.leap-down", group=CURSOR,
                show=False, tooltip="Eight rows down"),
        Binding("shift+left", f"move(0, -{LEAP})", "left 8", id="heatmap.leap-left",
                group=CURSOR, show=False, tooltip="Eight columns left"),
        Binding("shift+right", f"move(0, {LEAP})", "right 8", id="heatmap.leap-right",
                group=CURSOR, show=False, tooltip="Eight columns right"),
        Binding("home", "corner(0)", "first", id="heatmap.first", group=CURSOR, show=False,
                tooltip="The first cell"),
        Binding("end", "corner(1)", "last", id="heatmap.last", group=CURSOR, show=False,
                tooltip="The last cell"),
    ]  # fmt: skip

    class CellHighlighted(WidgetMessage["HeatMap"]):
        """The cursor moved to another cell. A new value under the cursor posts no message."""

        def __init__(self, heatmap: HeatMap, row: int, col: int, value: float) -> None:
            super().__init__(heatmap)
            self.heatmap = heatmap
            self.row = row
            self.col = col
            self.value = value

    def __init__(
        self,
        *,
        fit: bool = False,
        pointing: bool = True,
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        """fit: pool the matrix until all of it is in sight, instead of scrolling. pointing: False
        for a picture without a cursor."""
        super().__init__(**widget_options)
        self._values: Sequence[float] = array("d")
        self._rows = self._cols = 0
        self._part = (0, 0, 0, 0)  # first row, first column, rows and columns of the values
        self._scale = 1.0
        self._fit = fit
        self._pointing = pointing
        self._cursor = (0, 0) if pointing else (-1, -1)
        self._first = (0, 0)  # the row and column at the top left, in blocks
        self._labels: Sequence[str] = ()
        self._widest = 0  # cells of the widest of them, LABEL at most
        self._gutter = 0  # cells for the labels of the rows
        self._block = (1, 1)  # rows and columns pooled into one block
        self._cell_width = 1
        self._lines_per_row = 0.5
        self._shown = (0, 0)  # blocks in sight, as last painted
        self._palette: dict[tuple[int, int], Style] = {}
        self._colours: list[Color] = []

    # -- data ----------------------------------------------------------------------------------

    def set_matrix(
        self,
        values: Sequence[float],
        rows: int,
        cols: int,
        scale: float,
        labels: Sequence[str] = (),
        part: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Show `values`, `rows` x `cols` of them, row after row.

        scale: the value at the positive end of the colours; its negative is at the other end.
        labels: plain text for each row, beside it; where two rows share a line, both if each takes
        one cell, or else the upper one's. The sequences are kept, not copied: hand in a new one
        for new values. part: (first row, first column, rows, columns) of what `values` hold,
        where that is only a part; the rest of the matrix stays empty. Raises ValueError if `values`
        is not as long as that.
        """
        part = part or (0, 0, rows, cols)
        if rows < 0 or cols < 0 or len(values) != part[2] * part[3]:
            raise ValueError(f"{len(values)} values do not make {part[2]} rows of {part[3]}")
        if (
            (rows, cols, scale, part) == (self._rows, self._cols, self._scale, self._part)
            and (values is self._values or values == self._values)
            and (labels is self._labels or labels == self._labels)
        ):
            return
        if (rows, cols) != (self._rows, self._cols):
            row, col = self._cursor
            self._cursor = (min(row, max(0, rows - 1)), min(col, max(0, cols - 1)))
        self._values, self._rows, self._cols, self._scale = values, rows, cols, scale
        self._part = part
        if labels is not self._labels:
            self._labels = labels
            self._widest = min(LABEL, max(map(cell_len, labels), default=0))
        self.changed()

    @property
    def fit(self) -> bool:
        """True if the matrix is pooled until all of it is in sight."""
        return self._fit

    @fit.setter
    def fit(self, fit: bool) -> None:
        if fit != self._fit:
            self._fit = fit
            self.changed()

    @property
    def cursor(self) -> tuple[int, int]:
        """The row and column of the cursor."""
        return self._cursor

    @cursor.setter
    def cursor(self, cell: tuple[int, int]) -> None:
        row = min(max(cell[0], 0), max(0, self._rows - 1))
        col = min(max(cell[1], 0), max(0, self._cols - 1))
        if (row, col) != self._cursor and self._rows and self._cols and self._pointing:
            self._cursor = (row, col)
            self.changed()
            value = self._value_at(row, col)
            self.post_message(self.CellHighlighted(self, row, col, value))

    @property
    def value(self) -> float | None:
        """The value under the cursor; None for an empty matrix."""
        row, col = self._cursor
        return self._value_at(row, col) if self._rows and self._cols else None

    def _value_at(self, row: int, col: int) -> float:
        """One value; NaN if it is not in the part that is known."""
        top, left, rows, cols = self._part
        inside = top <= row < top + rows and left <= col < left + cols
        return self._values[(row - top) * cols + col - left] if inside else math.nan

    def _levels(self, row: int, first: int, count: int) -> list[int]:
        """The levels of some cells of a row; of those that are not known, that of no cell."""
        top, left, rows, cols = self._part
        if not top <= row < top + rows:
            return [_NONE] * count
        begin, end = max(first, left), min(first + count, left + cols)
        at = (row - top) * cols - left
        known = levels(self._values[at + begin : at + end], self._scale) if begin < end else []
        if len(known) == count:
            return known
        before = min(count, begin - first)
        return [*[_NONE] * before, *known, *[_NONE] * (count - before - len(known))]

    def action_move(self, rows: int, cols: int) -> None:
        down, across = self._block
        self.cursor = (self._cursor[0] + rows * down, self._cursor[1] + cols * across)

    def action_corner(self, last: int) -> None:
        self.cursor = ((self._rows - 1) * last, (self._cols - 1) * last)

    def _cell_at(self, event: events.MouseEvent) -> tuple[int, int] | None:
        at = event.get_content_offset(self)
        if at is None:
            return None
        row, col = int(at.y / self._lines_per_row), (at.x - self._gutter) // self._cell_width
        if row >= self._shown[0] or not 0 <= col < self._shown[1]:
            return None
        row, col = (row + self._first[0]) * self._block[0], (col + self._first[1]) * self._block[1]
        return row, col

    def on_mouse_move(self, event: events.MouseMove) -> None:
        cell = self._cell_at(event)
        if cell is not None:
            self.cursor = cell

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the cell; from that cell, to the other row of the same line."""
        cell = self._cell_at(event)
        if cell is not None:
            other = (cell[0] + self._block[0], cell[1])
            self.cursor = other if cell == self._cursor and self._lines_per_row < 1 else cell

    # -- picture -------------------------------------------------------------------------------

    @override
    def forget(self) -> None:
        super().forget()
        self._palette.clear()
        self._colours = []

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        if not self._rows or not self._cols:
            return []
        legend = height >= 3
        lines = height - legend
        glyphs = self.monochrome
        self._lines_per_row = 1.0 if glyphs else 0.5
        room = lines if glyphs else 2 * lines
        values, rows, cols = self._values, self._rows, self._cols
        self._block = (1, 1)
        whole = width
        self._gutter = self._room_for_labels(rows, cols, room, width)
        width -= self._gutter
        pooled = self._fit and (rows > room or cols > width)
        if pooled:
            self._block = (-(-rows // room), -(-cols // width))
            values = pool(values, rows, cols, *self._block)
            rows, cols = -(-rows // self._block[0]), -(-cols // self._block[1])
        # Whole cells, magnified as far as all of them stay in sight.
        self._cell_width, zoom = _magnified(rows, cols, room, width, squared=not glyphs)
        self._lines_per_row *= zoom
        shown_rows, shown_cols = min(rows, room), min(cols, width // self._cell_width)
        row, col = self._cursor[0] // self._block[0], self._cursor[1] // self._block[1]
        top = window(row, self._first[0], shown_rows, rows)
        if not glyphs and top % 2:  # keep the same two rows in a line while scrolling
            if row < top + shown_rows - 1:
                top -= 1
            elif top + 1 + shown_rows <= rows:
                top += 1
        left = window(col, self._first[1], shown_cols, cols)
        self._first, self._shown = (top, left), (shown_rows, shown_cols)
        grid = [
            levels(values[r * cols + left : r * cols + left + shown_cols], self._scale)
            if pooled
            else self._levels(r, left, shown_cols)
            for r in range(top, top + shown_rows)
        ]
        at = (row - top, col - left)
        if glyphs:
            out = self._glyph_lines(grid, at, width, zoom)
        else:
            if 0 <= at[0] < len(grid) and 0 <= at[1] < len(grid[at[0]]):
                grid[at[0]][at[1]] = _CURSOR
            out = self._half_lines([line for line in grid for _ in range(zoom)], width)
        if self._gutter:
            out = [
                Strip.join(
                    [
                        strip_of([(label, self.ink("heatmap--label"))], self._gutter, self.ink()),
                        line,
                    ]
                )
                for label, line in zip(self._line_labels(top, len(out)), out, strict=True)
            ]
        if legend:
            out.append(self._legend(whole, rows, cols))
        return out

    def _room_for_labels(self, rows: int, cols: int, room: int, width: int) -> int:
        """The cells that the labels take; 0 where the map would be drawn smaller for them."""
        if len(self._labels) != rows or (self._fit and (rows > room or cols > width)):
            return 0
        wanted = 2 if self._widest <= 1 and self._lines_per_row < 1 else self._widest + 1

        cells = {
            _magnified(rows, cols, room, wide, squared=True) for wide in (width, width - wanted)
        }
        return wanted if cols <= width - wanted and len(cells) == 1 else 0

    def _line_labels(self, top: int, lines: int) -> list[str]:
        """The label beside each line of the map, whose first row is `top`."""
        rows = [top + int(line / self._lines_per_row) for line in range(lines)]
        if self._lines_per_row < 1 and self._gutter == 2:
            return ["".join(self._labels[row : row + 2]) for row in rows]
        return [
            fit(self._labels[row], self._gutter - 1) if row != before else ""
            for before, row in zip([-1, *rows], rows, strict=False)
        ]

    def _half_lines(self, grid: list[list[int]], width: int) -> list[Strip]:
        """Two rows of levels on each line: the upper row is the ink of ▀, the lower its ground."""
        if len(grid) % 2:
            grid = [*grid, [_NONE] * len(grid[0])]
        cell = "▀" * self._cell_width
        out = []
        for upper, lower in zip(grid[::2], grid[1::2], strict=True):
            segments: list[Segment] = []
            pairs = list(zip(upper, lower, strict=True))
            start = 0
            for index in range(1, len(pairs) + 1):
                if index == len(pairs) or pairs[index] != pairs[start]:
                    segments.append(Segment(cell * (index - start), self._pair(pairs[start])))
                    start = index
            rest = width - len(pairs) * self._cell_width
            if rest > 0:
                segments.append(Segment(" " * rest, self.ink()))
            out.append(Strip(segments, width))
        return out

    def _glyph_lines(
        self, grid: list[list[int]], at: tuple[int, int], width: int, zoom: int
    ) -> list[Strip]:
        """Each row of levels on `zoom` lines; the glyph shows sign and size."""
        out = []
        for row, line in enumerate(grid):
            runs: list[Run] = []
            for col, level in enumerate(line):
                style = self._sign_ink(level)
                if (row, col) == at:
                    style = self.ink("heatmap--cursor") + Style(reverse=True)
                runs.append((glyph_of(level) * self._cell_width, style))
            out += [strip_of(runs, width, self.ink())] * zoom
        return out

    def _sign_ink(self, level: int) -> Style:
        if level == HOLE:
            return self.ink("heatmap--hole")
        return self.ink("heatmap--positive" if level >= ZERO else "heatmap--negative")

    def _pair(self, pair: tuple[int, int]) -> Style:
        style = self._palette.get(pair)
        if style is None:
            colours = self._all_colours()
            upper, lower = colours[pair[0]], colours[pair[1]]
            style = Style.from_color(upper.rich_color, lower.rich_color)
            self._palette[pair] = style
        return style

    def _all_colours(self) -> list[Color]:
        """The colour of every level, of the cursor, and of no cell at all."""
        if not self._colours:
            below = self.background_colors[1]
            negative, zero, positive, hole, cursor = (
                below + self.get_component_styles(f"heatmap--{part}").color
                for part in ("negative", "zero", "positive", "hole", "cursor")
            )
            scale = diverging(negative, zero, positive)
            self._colours = [*scale, hole, cursor, below]
        return self._colours

    def _legend(self, width: int, rows: int, cols: int) -> Strip:
        """The ends of the scale with a ramp between, and at the right what is not in sight."""
        low, high = signed(-self._scale), signed(self._scale)
        ink, hint_ink = self.ink("heatmap--legend"), self.ink("heatmap--hint")
        ends = len(low) + len(high) + 2
        hint = next((h for h in self._hints(rows, cols) if ends + 5 + 2 + len(h) <= width), "")
        ramp = min(STEPS + 1, width - ends - (len(hint) + 2 if hint else 0))
        if ramp < 3:
            return strip_of([(fit(f"±{high.lstrip('+')}", width), ink)], width, self.ink())
        runs: list[Run] = [(low + " ", ink)]
        for index in range(ramp):
            first = round(index * 2 * STEPS / (ramp - 0.5))
            if self.monochrome:
                runs.append((glyph_of(first), self._sign_ink(first)))
            else:
                second = round((index + 0.5) * 2 * STEPS / (ramp - 0.5))
                runs.append(("▌", self._pair((first, second))))
        runs.append((" " + high, ink))
        room = width - ends - ramp
        if hint:
            runs.append((hint.rjust(room), hint_ink))
        return strip_of(runs, width, self.ink())

    def _hints(self, rows: int, cols: int) -> list[str]:
        """Which part of the matrix is in sight, or how many values one cell stands for: in full,
        then shorter for less room; nothing if all values have cells in sight."""
        if self._block != (1, 1):
            block = f"{self._block[0]}×{self._block[1]} in one"
            return [f"{block}, farthest from 0", block]
        axes = zip(("rows", "cols"), self._first, self._shown, (rows, cols), strict=True)
        hidden = [axis for axis in axes if axis[2] < axis[3]]
        full = [f"{what} {at}–{at + n - 1} of {total}" for what, at, n, total in hidden]
        short = [f"{what[0]} {at}–{at + n - 1}/{total}" for what, at, n, total in hidden]
        return [", ".join(full), ", ".join(short), *short[:1]] if hidden else []


def _magnified(rows: int, cols: int, room: int, width: int, *, squared: bool) -> tuple[int, int]:
    """(columns of a cell, times that its height is magnified). room: rows that fit into the height
    unmagnified. squared: rows are half a line high, and may become as high as cells are wide; or
    else they are a line high, and cells may become twice as wide as they are high."""
    most = max(1, min(width // (2 * cols), LARGEST))
    both = max(1, min(room // rows, most))
    across = both if squared else min(most, 2 * both)
    down = max(both, min(room // rows, 2 * both)) if squared else both
    return (2 * across if 2 * cols <= width else 1), down
