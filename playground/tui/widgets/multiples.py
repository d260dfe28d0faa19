"""Small multiples: a grid of tiny curves, a row for each value of one setting and a column for each
value of another, all on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.braille import cells, unpack
from playground.tui.widgets.canvas import CLIPPED, Canvas
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.family import Pen, framed
from playground.tui.widgets.line_widget import LineWidget, Run, WidgetOptions, strip_of
from playground.tui.widgets.matrix import window
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.plot import Frame
from playground.tui.widgets.text import fit, visible
from playground.tui.widgets.ticks import place_text, value_text
from playground.widths import cell_len

NARROWEST, WIDEST = 8, 30
"""The fewest and the most columns of a cell, the blank one at its right included."""
LOWEST, HIGHEST = 2, 8
"""The fewest and the most lines of a cell, that of its value included."""
NAMED_FROM = 9
"""The height, in lines, from which the setting of the columns and the scale have a line."""
BEST, NONE = "●", "·"
"""The signs of the best cell, and of a cell without runs."""
LEAP = 5
"""How many cells a shifted arrow key moves."""
CURSOR = Binding.Group("cursor", compact=True)


@dataclass(frozen=True, slots=True)
class Multiple:
    """One cell of the grid."""

    curve: Curve
    """The mean over the runs of the cell."""
    value: float = math.nan
    """The final mean loss, written beneath the curve; NaN for none."""
    runs: int = 1
    """How many runs the mean is of."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What is drawn."""

    row_name: str
    column_name: str
    rows: tuple[str, ...]
    """The values of the setting `row_name`, from the top."""
    columns: tuple[str, ...]
    """The values of the setting `column_name`, from the left."""
    cells: tuple[tuple[Multiple | None, ...], ...]
    """For each row a cell for each column; None where there is no run."""

    @property
    def best(self) -> tuple[int, int] | None:
        """(row, column) of the lowest value, the first of equal ones; None if no cell has one."""
        found = [
            (cell.value, row, column)
            for row, line in enumerate(self.cells)
            for column, cell in enumerate(line)
            if cell is not None and math.isfinite(cell.value)
        ]
        return min(found)[1:] if found else None


@dataclass
class MultiplesState:
    """Where a person is in the grid."""

    row: int = 0
    column: int = 0
    top: int = 0
    """The first row in sight."""
    left: int = 0
    """The first column in sight."""


@dataclass(frozen=True, slots=True)
class GridPlaces:
    """Where the cells stand on the screen."""

    heading: int
    """Lines above the cells."""
    gutter: int
    """Columns left of the cells."""
    wide: int
    """Columns of a cell, the blank one at its right included."""
    high: int
    """Lines of a cell, that of its value included."""
    rows: range
    """The rows in sight."""
    columns: range
    """The columns in sight."""

    def cell(self, x: int, y: int) -> tuple[int, int] | None:
        """(row, column) of the cell at a place of the screen; None beside the cells."""
        row, column = (y - self.heading) // self.high, (x - self.gutter) // self.wide
        if 0 <= row < len(self.rows) and 0 <= column < len(self.columns):
            return self.rows[row], self.columns[column]
        return None


def arrange(grid: Grid, width: int, height: int, state: MultiplesState) -> GridPlaces:
    """The places of the cells: as large as all of them have room, and where they have none, the
    smallest, of those that are nearest to the ones in sight before, with the cursor among them."""
    heading = (2 if height >= NAMED_FROM else 1) if height >= 4 else 0
    status = int(height >= 3)
    labels = [visible(text) for text in (grid.row_name, *grid.rows)]
    widest = max(map(cell_len, labels))
    gutter = min(widest + 2, max(width // 5, 6)) if width >= 2 * NARROWEST else 0
    across, down = max(1, width - gutter), max(1, height - heading - status)
    wide = min(max(across // max(1, len(grid.columns)), NARROWEST), WIDEST, across)
    high = min(max(down // max(1, len(grid.rows)), LOWEST), HIGHEST, down)
    rows, columns = min(down // high, len(grid.rows)), min(across // wide, len(grid.columns))
    top = window(state.row, state.top, rows, len(grid.rows))
    left = window(state.column, state.left, columns, len(grid.columns))
    return GridPlaces(
        heading, gutter, wide, high, range(top, top + rows), range(left, left + columns)
    )


_Picture = tuple[list[list[str]], frozenset[int]]
"""The glyphs of a curve, line by line, and the columns in which it goes above the frame."""


class SmallMultiples(LineWidget, can_focus=True):
    """A grid of tiny curves on one scale, with a cursor on one cell.

    The last line tells the values of the cell under the cursor, and which part of a large grid is
    in sight.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"multiples--{part}"
        for part in (
            "curve", "pointed", "value", "best", "cursor", "none", "name", "label", "here",
            "clipped", "status",
        )
    }  # fmt: skip
    DEFAULT_CSS = """
    SmallMultiples {
        min-height: 1;
        & > .multiples--curve { color: $foreground 60%; }
        & > .multiples--pointed { color: $text-accent; text-style: bold; }
        & > .multiples--value { color: $foreground; }
        & > .multiples--best { color: $text-success; text-style: bold; }
        & > .multiples--cursor { color: $text-accent; text-style: bold reverse; }
        & > .multiples--none { color: $foreground 40%; }
        & > .multiples--name { color: $foreground 60%; }
        & > .multiples--label { color: $foreground 75%; }
        & > .multiples--here { color: $text-accent; text-style: bold; }
        & > .multiples--clipped { color: $foreground 60%; }
        & > .multiples--status { color: $foreground 75%; }
        &:ansi > .multiples--none { text-style: dim; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", "up", id="multiples.up", group=CURSOR, show=False,
                tooltip="One row up"),
        Binding("down", "move(1, 0)", "down", id="multiples.down", group=CURSOR, show=False,
                tooltip="One row down"),
        Binding("left", "move(0, -1)", "left", id="multiples.left", group=CURSOR, show=False,
                tooltip="One column left"),
        Binding("right", "move(0, 1)", "right", id="multiples.right", group=CURSOR, show=False,
                tooltip="One column right"),
        Binding("shift+up", f"move(-{LEAP}, 0)", "far up", id="multiples.far-up", group=CURSOR,
                show=False, tooltip="Five rows up"),
        Binding("shift+down", f"move({LEAP}, 0)", "far down", id="multiples.far-down",
                group=CURSOR, show=False, tooltip="Five rows down"),
        Binding("shift+left", f"move(0, -{LEAP})", "far left", id="multiples.far-left",
                group=CURSOR, show=False, tooltip="Five columns left"),
        Binding("shift+right", f"move(0, {LEAP})", "far right", id="multiples.far-right",
                group=CURSOR, show=False, tooltip="Five columns right"),
        Binding("home", "corner(0)", "first", id="multiples.first", group=CURSOR, show=False,
                tooltip="The first cell"),
        Binding("end", "corner(1)", "last", id="multiples.last", group=CURSOR, show=False,
                tooltip="The last cell"),
    ]  # fmt: skip

    class Chosen(WidgetMessage["SmallMultiples"]):
        """The cursor went to another cell, by a key or by a click."""

        def __init__(self, multiples: SmallMultiples) -> None:
            super().__init__(multiples)
            self.multiples = multiples
            self.row = multiples.state.row
            self.column = multiples.state.column

    def __init__(
        self,
        state: MultiplesState | None = None,
        *,
        y_unit: str = "nats",
        x_unit: str = "steps",
        placeholder: str = "no runs yet",
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**widget_options)
        self._state = state if state is not None else MultiplesState()
        self._y_unit, self._x_unit = visible(y_unit), visible(x_unit)
        self._placeholder = visible(placeholder)
        self._grid = Grid("", "", (), (), ())
        self._revisions: tuple[int, ...] = ()
        self._framed: tuple[object, Frame | None] | None = None
        self._pen: Pen | None = None
        self._pen_frame: Frame | None = None
        self._drawn: dict[int, tuple[Curve, int, _Picture]] = {}
        """By the identity of a curve: the curve, its revision, and its picture in the frame."""
        self._places: GridPlaces | None = None  # as last painted

    # -- data ----------------------------------------------------------------------------------

    @property
    def state(self) -> MultiplesState:
        """Cursor and scroll position. After changing them from outside, call `changed`."""
        return self._state

    @property
    def grid(self) -> Grid:
        """What is drawn."""
        return self._grid

    def set_data(self, grid: Grid) -> None:
        """Draw `grid`; redraws only if it changed, or a curve of it grew."""
        revisions = tuple(
            cell.curve.revision for line in grid.cells for cell in line if cell is not None
        )
        if grid == self._grid and revisions == self._revisions:
            return
        self._grid, self._revisions = grid, revisions
        there = {id(cell.curve) for line in grid.cells for cell in line if cell is not None}
        self._drawn = {key: known for key, known in self._drawn.items() if key in there}
        state = self._state
        state.row = min(state.row, max(0, len(grid.rows) - 1))
        state.column = min(state.column, max(0, len(grid.columns) - 1))
        self.changed()

    def action_move(self, rows: int, columns: int) -> None:
        self._go(self._state.row + rows, self._state.column + columns)

    def action_corner(self, last: int) -> None:
        self._go((len(self._grid.rows) - 1) * last, (len(self._grid.columns) - 1) * last)

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        cell = self._places.cell(at.x, at.y) if at is not None and self._places else None
        if cell is not None:
            self._go(*cell)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(1, 0)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-1, 0)

    def _go(self, row: int, column: int) -> None:
        state, grid = self._state, self._grid
        if not grid.rows or not grid.columns:
            return
        row = min(max(row, 0), len(grid.rows) - 1)
        column = min(max(column, 0), len(grid.columns) - 1)
        if (row, column) != (state.row, state.column):
            state.row, state.column = row, column
            self.changed()
            self.post_message(self.Chosen(self))

    # -- picture -------------------------------------------------------------------------------

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        grid, state = self._grid, self._state
        if not grid.rows or not grid.columns:
            self._places = None
            return self._empty(width, height)
        places = self._places = arrange(grid, width, height, state)
        state.top, state.left = places.rows.start, places.columns.start
        canvas = Canvas(width, places.heading + len(places.rows) * places.high)
        frame = self._frame_of(max(1, places.wide - 1), max(1, places.high - 1))
        self._headings(canvas, places, frame)
        best = grid.best
        for index, row in enumerate(places.rows):
            y = places.heading + index * places.high
            if places.gutter:
                label = fit(visible(grid.rows[row]), places.gutter - 2, right=True)
                canvas.write(y + places.high - 1, 0, label, self._label_ink(row == state.row))
            for at, column in enumerate(places.columns):
                x = places.gutter + at * places.wide
                self._cell(canvas, frame, places, (x, y), (row, column), (row, column) == best)
        out = [self._strip(canvas, row) for row in range(canvas.height)]
        blank = Strip.blank(width, self.ink())
        out += [blank] * (height - len(out))
        if height >= 3:
            out[height - 1] = self._status(places, width)
        return out[:height]

    def _strip(self, canvas: Canvas, row: int) -> Strip:
        runs = [(text, self._ink(ink)) for text, ink in canvas.runs(row)]
        return strip_of(runs, canvas.width, self.ink())

    def _ink(self, name: str) -> Style:
        return self.ink(f"multiples--{name}") if name else self.ink()

    @staticmethod
    def _label_ink(here: bool) -> str:
        return "here" if here else "label"

    def _empty(self, width: int, height: int) -> list[Strip]:
        text = fit(self._placeholder, min(width, cell_len(self._placeholder)))
        before = " " * ((width - cell_len(text)) // 2)
        line = strip_of([(before + text, self._ink("none"))], width, self.ink())
        blank = Strip.blank(width, self.ink())
        return [line if row == height // 2 else blank for row in range(height)]

    def _frame_of(self, width: int, rows: int) -> Frame | None:
        """The one scale of all cells, those out of sight included; None without a curve."""
        key = (self._grid, self._revisions, width, rows)
        if self._framed is None or self._framed[0] != key:
            curves = [cell.curve for line in self._grid.cells for cell in line if cell is not None]
            self._framed = (key, framed(curves, width, rows, rounded=False))
        return self._framed[1]

    def _draw(self, curve: Curve, frame: Frame) -> _Picture:
        """The lines of a curve, and the columns in which it goes above the frame; of a curve that
        has not grown, those of the last time."""
        if self._pen is None or self._pen_frame != frame:
            self._pen, self._pen_frame, self._drawn = Pen(frame), frame, {}
        known = self._drawn.get(id(curve))
        if known is None or known[0] is not curve or known[1] != curve.revision:
            drawn = self._pen.draw(curve)
            columns = unpack(drawn.dots, frame.columns, frame.height)
            picture = [list(line) for line in cells(columns, frame.height)], drawn.above
            known = self._drawn[id(curve)] = (curve, curve.revision, picture)
        return known[2]

    def _headings(self, canvas: Canvas, places: GridPlaces, frame: Frame | None) -> None:
        grid = self._grid
        if places.heading >= 2:
            scale = self._scale(frame)
            room = canvas.width - places.gutter
            shown = scale if cell_len(scale) + 4 <= room else ""
            name = fit(visible(grid.column_name), max(0, room - cell_len(shown) - 2)).rstrip(" ")
            canvas.write(0, places.gutter, name, "name")
            canvas.write(0, canvas.width - cell_len(shown), shown, "name")
        if places.heading:
            line = places.heading - 1
            if places.gutter:
                name = fit(visible(grid.row_name), places.gutter - 2, right=True)
                canvas.write(line, 0, name, "name")
            for at, column in enumerate(places.columns):
                text = fit(visible(grid.columns[column]), places.wide - 1).rstrip(" ")
                ink = self._label_ink(column == self._state.column)
                canvas.write(line, places.gutter + at * places.wide, text, ink)

    def _scale(self, frame: Frame | None) -> str:
        """The common scale in writing."""
        if frame is None:
            return ""
        low, high = value_text(frame.y0), value_text(frame.y1)
        first, last = place_text(frame.x0), place_text(frame.x1)
        return f"each {low} to {high} {self._y_unit}, {first} to {last} {self._x_unit}"

    def _cell(
        self,
        canvas: Canvas,
        frame: Frame | None,
        places: GridPlaces,
        corner: tuple[int, int],
        at: tuple[int, int],
        best: bool,
    ) -> None:
        """One cell: its curve, and beneath it its value. corner: (column, line) of its top left."""
        (x, y), (row, column) = corner, at
        cell = self._grid.cells[row][column]
        pointed = at == (self._state.row, self._state.column)
        room, line = max(1, places.wide - 1), y + places.high - 1
        if cell is None:
            text, ink = NONE, "none"
        else:
            text, ink = self._value(cell.value, room, best), "best" if best else "value"
            if frame is not None and places.high > 1:
                stroke = "pointed" if pointed else "curve"
                lines, above = self._draw(cell.curve, frame)
                for down, glyphs in enumerate(lines):
                    canvas.glyphs[y + down][x : x + room] = glyphs
                    canvas.inks[y + down][x : x + room] = [stroke] * room
                for across in above:
                    canvas.put(y, x + min(across, room - 1), CLIPPED, "clipped")
        if pointed:
            canvas.write(line, x, fit(text, room), "cursor" if self.has_focus else "pointed")
            if x + room < canvas.width:  # blanks would have the ink of the cursor
                canvas.write(line, x + room, " ", "value")
        else:
            canvas.write(line, x, fit(text, room).rstrip(" "), ink)

    @staticmethod
    def _value(value: float, room: int, best: bool) -> str:
        text = "–" if value != value else value_text(value)
        if not best:
            return text
        marked = [f"{BEST} {text} best", f"{BEST} {text}", f"{BEST}{text}"]
        return next((one for one in marked if cell_len(one) <= room), marked[-1])

    def _status(self, places: GridPlaces, width: int) -> Strip:
        """The cell under the cursor; at the right which part of the grid is in sight."""
        grid, state = self._grid, self._state
        cell = grid.cells[state.row][state.column]
        row = f"{visible(grid.row_name)} {visible(grid.rows[state.row])}"
        column = f"{visible(grid.column_name)} {visible(grid.columns[state.column])}"
        where, value, runs = f"{row} · {column}", "no run", ""
        if cell is not None:
            value = "–" if cell.value != cell.value else value_text(cell.value)
            runs = f", mean of {cell.runs}" if cell.runs != 1 else ", one run"
            if grid.best == (state.row, state.column):
                runs += f" {BEST} best"
        hints = self._hints(places)
        need = cell_len(where) + 2 + cell_len(value)
        hint = next((h for h in hints if need + 2 + cell_len(h) <= width), "".join(hints[-1:]))
        if cell_len(hint) + 2 + cell_len(value) > width:
            hint = ""
        room = width - cell_len(hint) - (2 if hint else 0)
        texts = [
            [(f"{where}  ", "status"), (value, "here"), (runs, "status")],
            [(f"{where}  ", "status"), (value, "here")],
        ]
        for pieces in texts:
            if sum(cell_len(text) for text, _ in pieces) <= room:
                break
        else:
            where = fit(where, max(0, room - cell_len(value) - 2)).rstrip(" ")
            pieces = [(f"{where}  " if where else "", "status"), (value, "here")]
        words: list[Run] = [(text, self._ink(ink)) for text, ink in pieces]
        used = sum(cell_len(text) for text, _ in words)
        words.append((fit(hint, max(0, width - used), right=True), self._ink("status")))
        return strip_of(words, width, self.ink())

    def _hints(self, places: GridPlaces) -> list[str]:
        """Which part of the grid is in sight: in full, then shorter; nothing if all of it is."""
        axes = (
            ("rows", places.rows, len(self._grid.rows)),
            ("columns", places.columns, len(self._grid.columns)),
        )
        hidden = [(what, part, total) for what, part, total in axes if len(part) < total]
        if not hidden:
            return []
        full = [f"{what} {part.start + 1}–{part.stop} of {n}" for what, part, n in hidden]
        short = [f"{what[:3]} {part.start + 1}–{part.stop}/{n}" for what, part, n in hidden]
        return [", ".join(full), ", ".join(short)]
