"""Parallel coordinates without a screen: axes, lines and brushes, where they stand, their dots.

The dots between two neighbouring axes are one integer, column after column. Lines that rise or fall
by the same number of dots have one shape, which is computed once and shifted: a thousand lines are
a few thousand shifts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress, pairwise

from playground.tui.widgets.braille import pack, run, stride, unpack
from playground.tui.widgets.matrix import window
from playground.tui.widgets.text import visible
from playground.widths import cell_len, fit

APART = 10
"""The fewest columns from one axis to the next: room for a label of six cells and some line. More
axes than have this room scroll."""
_NEAR = 1e-9
"""By how much a value may lie beyond a brush and still be within it: rounding alone."""


# ---------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: that of a setting whose values are listed, or a continuous one."""

    name: str
    ticks: tuple[tuple[float, str], ...]
    """(position, label), rising. The position is 0 at the low end of the axis and 1 at the high
    one. A continuous axis has its low and its high end here."""
    text_at: Callable[[float], str] | None = field(default=None, compare=False)
    """Writes the value at a position of a continuous axis. None makes an axis of listed values, on
    which the cursor goes from tick to tick."""

    @property
    def listed(self) -> bool:
        """True if the axis has no values but those of its ticks."""
        return self.text_at is None and bool(self.ticks)

    def tick(self, at: float) -> int:
        """The number of the tick nearest to a position."""
        return min(range(len(self.ticks)), key=lambda index: abs(self.ticks[index][0] - at))

    def text(self, at: float) -> str:
        """The value at a position, in writing: on a listed axis that of the nearest tick."""
        if self.text_at is not None:
            return visible(self.text_at(at))
        return visible(self.ticks[self.tick(at)][1]) if self.ticks else ""

    def range_text(self, low: float, high: float) -> str:
        """A stretch of the axis in writing, as "0.003 to 0.01"."""
        first, last = self.text(low), self.text(high)
        return first if first == last else f"{first} to {last}"


@dataclass(frozen=True, slots=True)
class Lines:
    """What is drawn: a line for each run."""

    axes: tuple[Axis, ...]
    values: tuple[tuple[float, ...], ...]
    """For each run its position, 0 to 1, on each axis. NaN: the run has no value there. It is not
    drawn there, and no brush of that axis selects it."""


@dataclass
class Brushes:
    """The stretches of axes that a run must lie in, all of them, to be selected."""

    ranges: dict[int, tuple[float, float]] = field(default_factory=dict)
    """(low, high) by the number of the axis, both ends inclusive."""

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def set(self, axis: int, low: float, high: float) -> None:
        """Brush an axis from one position to another, in either order, instead of what it had."""
        self.ranges[axis] = (min(low, high), max(low, high))

    def clear(self, axis: int | None = None) -> None:
        """Take the brush off one axis, or all brushes."""
        if axis is None:
            self.ranges.clear()
        else:
            self.ranges.pop(axis, None)

    def selected(self, lines: Lines) -> list[bool]:
        """For each run whether it lies in every brush; without brushes every run does."""
        out = [True] * len(lines.values)
        for axis, (low, high) in self.ranges.items():
            low, high = low - _NEAR, high + _NEAR
            out = [
                yes and axis < len(run) and low <= run[axis] <= high
                for yes, run in zip(out, lines.values, strict=True)
            ]
        return out


@dataclass
class ParallelState:
    """What a person has done to the axes."""

    axis: int = 0
    """The axis with the cursor."""
    at: float = 1.0
    """The cursor's place on that axis, 0 to 1."""
    brushes: Brushes = field(default_factory=Brushes)
    anchor: float | None = None
    """Where the brush that is being drawn began; None while none is being drawn."""
    first: int = 0
    """The first axis in sight."""


# ---------------------------------------------------------------- places


@dataclass(frozen=True, slots=True)
class Scale:
    """The lines of text of an axis, and the dots of each."""

    rows: int

    @property
    def dots(self) -> int:
        """Dots in a column."""
        return 4 * self.rows

    def dot(self, at: float) -> int | None:
        """The dot of a position, 0 at the bottom; None for NaN. A position beyond an end is drawn
        at the end."""
        return None if at != at else int(min(max(at, 0.0), 1.0) * (self.dots - 1) + 0.5)

    def row(self, at: float) -> int:
        """The line of text of a position, 0 at the top."""
        return self.rows - 1 - (self.dot(at) or 0) // 4

    def middle(self, row: int) -> float:
        """The position in the middle of a line of text."""
        if self.rows == 1:
            return 0.5
        return (4 * (self.rows - 1 - row) + 1.5) / (self.dots - 1)

    def reach(self, row: int) -> tuple[float, float]:
        """The positions whose dots are in a line of text, from the lowest to the highest."""
        low = (4 * (self.rows - 1 - row) - 0.5) / (self.dots - 1)
        return max(low, 0.0), min(low + 4 / (self.dots - 1) - _NEAR * 10, 1.0)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the axes in sight stand, and what is written at them."""

    first: int
    """The number of the first axis in sight."""
    columns: tuple[int, ...]
    """The cell column of each axis in sight, rising."""
    names: tuple[tuple[int, str], ...]
    """(start, text) of the name of each."""
    room: int
    """The most cells of a label, which begins two cells after its axis."""

    @property
    def shown(self) -> range:
        """The numbers of the axes in sight."""
        return range(self.first, self.first + len(self.columns))

    def nearest(self, column: int) -> int:
        """The number of the axis in sight that is nearest to a column."""
        at = min(range(len(self.columns)), key=lambda index: abs(self.columns[index] - column))
        return self.first + at


def place(axes: Sequence[Axis], width: int, cursor: int, first: int) -> Places | None:
    """Where the axes stand on `width` columns. Of more axes than have room, those are in sight that
    are nearest to the ones from `first` on and have axis `cursor` among them. None without axes."""
    if not axes or width < 1:
        return None
    widest = max(cell_len(visible(label)) for axis in axes for _, label in [*axis.ticks, (0, "")])
    margin = min(widest + 2, max(width // 6, 7), width - 1)
    free = width - 1 - margin
    count = min(len(axes), 1 + free // APART)
    first = window(cursor, first, count, len(axes))
    apart = free / (count - 1) if count > 1 else 0.0
    columns = tuple(int(index * apart) for index in range(count))
    gap = int(apart) - 1 if count > 1 else margin
    return Places(
        first,
        columns,
        _names([visible(axis.name) for axis in axes[first : first + count]], columns, width),
        max(0, min(gap - 3 if count > 1 else margin, margin - 1)),
    )


def _names(names: Sequence[str], columns: Sequence[int], width: int) -> tuple[tuple[int, str], ...]:
    """Each name from its axis on, cut where the next one begins. The last begins as far left of its
    axis as it must to be whole, and takes at most half of the way to the axis before."""
    starts = list(columns)
    if len(columns) > 1:
        before, last = columns[-2:]
        own = min(cell_len(names[-2]), (last - before) // 2)
        starts[-1] = min(last, max(width - cell_len(names[-1]), before + own + 2))
    ends = [*(start - 1 for start in starts[1:]), width]
    return tuple(
        (start, fit(name, max(end - start, 0)).rstrip(" "))
        for start, end, name in zip(starts, ends, names, strict=True)
    )


def tick_rows(axis: Axis, scale: Scale, room: int, cursor: float | None) -> dict[int, int]:
    """Which ticks are labelled: (line of text: number of the tick). Where several ticks share a
    line, the label there is that under the cursor, or else of an end of the axis, or else of the
    highest."""
    if not axis.ticks or room < 1:
        return {}
    last = len(axis.ticks) - 1
    order = [last, 0, *range(last - 1, 0, -1)]
    if cursor is not None and axis.listed:
        order.insert(0, axis.tick(cursor))
    out: dict[int, int] = {}
    for index in order:
        out.setdefault(scale.row(axis.ticks[index][0]), index)
    return out


# ---------------------------------------------------------------- dots

_Pair = tuple[int | None, int | None]
"""The dots of a line at an axis and at the next."""


class Strands:
    """The dots of lines on axes at their places."""

    def __init__(self, lines: Lines, places: Places, scale: Scale) -> None:
        self.lines = lines
        self._rows = scale.rows
        self._shapes: dict[tuple[int, int], int] = {}
        columns = places.columns
        self._gaps = [2 * (after - before - 1) for before, after in pairwise(columns)]
        dots = [tuple(map(scale.dot, run)) for run in lines.values]
        self._pairs = [
            [_pair(run, axis) for run in dots] for axis in places.shown[: len(self._gaps)]
        ]

    def columns(self, which: Sequence[bool] | None = None) -> list[int]:
        """Columns of dots, two a cell, of the lines that `which` names, or of all lines; from the
        first axis in sight to the last. The axes themselves have none."""
        out: list[int] = []
        for count, pairs in zip(self._gaps, self._pairs, strict=True):
            drawn = set(pairs if which is None else compress(pairs, which))
            dots = unpack(self._joined(drawn, count), max(count, 0), self._rows)
            out += [0, 0, *dots]
        return [*out, 0, 0]

    def _joined(self, pairs: Iterable[_Pair], count: int) -> int:
        out = 0
        step = stride(self._rows)
        for a, b in pairs:
            if a is None or b is None:
                if a is not None:
                    out |= 1 << a
                elif b is not None:
                    out |= 1 << b + (count - 1) * step
                continue
            shape = self._shapes.get((count, b - a))
            if shape is None:
                shape = self._shapes[count, b - a] = _shape(count, b - a, self._rows)
            out |= shape << min(a, b)
        return out


def _pair(run: Sequence[int | None], axis: int) -> _Pair:
    """The dots of a run at an axis and at the next. A value between two axes without one, which has
    no line to lie on, is drawn as a dot beside its axis."""
    a, b = run[axis], run[axis + 1]
    if a is not None and b is None and axis > 0 and run[axis - 1] is not None:
        a = None
    if b is not None and a is None and axis + 2 < len(run) and run[axis + 2] is not None:
        b = None
    return a, b


def _shape(count: int, rise: int, rows: int) -> int:
    """A line from 0 to `rise` in `count` columns of dots, or from -`rise` to 0, as one integer."""
    # From the middle of an axis to that of the next it is a cell further than the gap is wide.
    way, height = count + 2, abs(rise)
    columns = []
    for column in range(count):
        low = int(height * (column + 1) / way + 0.5)
        columns.append(run(low, max(low, int(height * (column + 2) / way + 0.49))))
    return pack(columns if rise >= 0 else columns[::-1], rows)


def thick(columns: Sequence[int], dots: int) -> list[int]:
    """The columns with every dot two dots high."""
    full, top = (1 << dots) - 1, 1 << dots - 1
    return [
        (column | column << 1 | (column >> 1 if column & top else 0)) & full for column in columns
    ]


def positions(values: Sequence[float], low: float, high: float, log: bool = False) -> list[float]:
    """Where values lie on an axis from `low` to `high`: 0 to 1, NaN where a value is not finite, or
    has no logarithm on an axis that is logarithmic. On an axis without length all lie at 0.5."""
    ends = (low, high)
    if log:
        ends = (math.log(low), math.log(high))
        values = [math.log(value) if value > 0 else math.nan for value in values]
    span = ends[1] - ends[0]
    return [
        math.nan if not math.isfinite(value) else (value - ends[0]) / span if span > 0 else 0.5
        for value in values
    ]
