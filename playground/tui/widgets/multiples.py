"""Small multiples: a grid of tiny curves, a row for each value of one setting and a column for each
value of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.curve import Curve
from playground.tui.widgets.line_widget import LineWidget, WidgetOptions
from playground.tui.widgets.message import WidgetMessage


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
            for row, cells in enumerate(self.cells)
            for column, cell in enumerate(cells)
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


class SmallMultiples(LineWidget, can_focus=True):
    """A grid of tiny curves on one scale, with a cursor on one cell."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"multiples--curve"}

    class Chosen(WidgetMessage["SmallMultiples"]):
        """The cursor went to another cell, by a key or by a click."""

        def __init__(self, multiples: SmallMultiples) -> None:
            super().__init__(multiples)
            self.multiples = multiples
            self.row = multiples.state.row
            self.column = multiples.state.column

    def __init__(
        self, state: MultiplesState | None = None, **widget_options: Unpack[WidgetOptions]
    ) -> None:
        super().__init__(**widget_options)
        self._state = state if state is not None else MultiplesState()
        self._grid = Grid("", "", (), (), ())

    @property
    def state(self) -> MultiplesState:
        """Cursor and scroll position. After changing them from outside, call `changed`."""
        return self._state

    def set_data(self, grid: Grid) -> None:
        """Draw `grid`."""
        self._grid = grid
        self.changed()

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        return []
