"""The mathematics of the line chart: the range in sight, the dots of curves, places of labels.

Pure functions from curves to dots; the widget in `chart.py` gives the dots colour.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from playground.tui.widgets.braille import run
from playground.tui.widgets.curve import Curve, Extent
from playground.tui.widgets.ticks import nice_step
from playground.widths import cell_len

Extents = Sequence[Extent | None]

LARGEST = 1e300
"""Larger values are drawn as this one, so that differences stay finite."""


@dataclass(frozen=True)
class Frame:
    """The part of the plane in sight, and the cells that show it.

    `y0` and `y1` are on the drawn scale: log10 of the value if `log`.
    """

    x0: float
    x1: float
    y0: float
    y1: float
    width: int
    height: int
    log: bool = False

    @property
    def columns(self) -> int:
        """Columns of dots."""
        return 2 * self.width

    @property
    def dots(self) -> int:
        """Dots in a column."""
        return 4 * self.height

    def column(self, x: float) -> float:
        """The dot column of `x`, 0 to `columns` - 1 within the frame."""
        span = self.x1 - self.x0
        return (x - self.x0) / span * (self.columns - 1) if span > 0 else 0.0

    def cell(self, x: float) -> int | None:
        """The cell column of `x`; None outside the frame."""
        if not self.x0 <= x <= self.x1:
            return None
        return min(int(self.column(x) + 0.5) // 2, self.width - 1)

    def x_at(self, cell: int) -> float:
        """The x in the middle of a cell column."""
        return self.x0 + (self.x1 - self.x0) * (cell + 0.5) / max(1, self.width)

    def dot(self, y: float) -> int | None:
        """The dot of `y`, 0 at the bottom, clamped to the frame; None for NaN, or no logarithm."""
        if y != y:
            return None
        if self.log:
            if y <= 0:
                return None
            y = math.log10(y) if y < math.inf else self.y1
        span = self.y1 - self.y0
        at = (y - self.y0) / span * (self.dots - 1) if span > 0 else 0.0
        return 0 if at <= 0 else self.dots - 1 if at >= self.dots - 1 else int(at + 0.5)

    def row(self, y: float) -> int | None:
        """The line of text that `y` lies on, 0 at the top; None outside the frame."""
        dot = self.dot(y)
        scaled = scale(y, self.log)
        if dot is None or scaled is None or not self.y0 <= scaled <= self.y1:
            return None
        return self.height - 1 - dot // 4


class Ruler(NamedTuple):
    """Which x each column of a chart stands for."""

    left: int
    """Cells left of the plot."""
    frame: Frame


def scale(y: float, log: bool) -> float | None:
    """`y` on the drawn scale: log10 if `log`; None if `y` is not finite or has no logarithm."""
    if not math.isfinite(y):
        return None
    if not log:
        return min(max(y, -LARGEST), LARGEST)
    return math.log10(y) if y > 0 else None


def trace_extents(extents: Extents, frame: Frame, joined: bool, over_gaps: bool) -> list[int]:
    """Columns of dots from the extremes of each column.

    joined: the dots of neighbouring columns touch, as in a line. over_gaps: the line also crosses
    columns without points.
    """
    out = [0] * len(extents)
    before: tuple[int, int] | None = None
    for index, extent in enumerate(extents):
        if extent is None:
            if not over_gaps:
                before = None
            continue
        high = frame.dot(extent[1])
        if high is None:
            before = None
            continue
        low = frame.dot(extent[0]) or 0
        out[index] |= run(low, high)
        if joined and before is not None:
            if before[1] < low - 1:
                out[index] |= run(before[1] + 1, low)
            elif before[0] > high + 1:
                out[index] |= run(high, before[0] - 1)
        before = (low, high)
    return out


def trace_points(curve: Curve, start: int, stop: int, frame: Frame) -> list[int]:
    """Columns of dots of the straight lines between the points `start` to `stop` - 1."""
    out = [0] * frame.columns
    before: tuple[float, int] | None = None
    for x, y in zip(curve.xs[start:stop], curve.ys[start:stop], strict=True):
        dot = frame.dot(y) if math.isfinite(y) else None
        if dot is None:
            before = None
            continue
        at = frame.column(x)
        if before is None:
            if 0 <= at <= frame.columns - 1:
                out[int(at + 0.5)] |= 1 << dot
        else:
            _draw_line(out, before[0], before[1], at, dot)
        before = (at, dot)
    return out


def _draw_line(out: list[int], x0: float, y0: int, x1: float, y1: int) -> None:
    first, last = int(x0 + 0.5), int(x1 + 0.5)
    slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
    for column in range(max(first, 0), min(last, len(out) - 1) + 1):
        a = y0 if column == first else y0 + slope * (column - 0.5 - x0)
        b = y1 if column == last else y0 + slope * (column + 0.5 - x0)
        low, high = (a, b) if a <= b else (b, a)
        out[column] |= run(int(low + 0.5), max(int(low + 0.5), int(high + 0.49)))


def trace(curve: Curve, frame: Frame, line: bool) -> list[int]:
    """Columns of dots of a curve: a line, or the envelope of its extremes. With fewer points than
    columns, both are straight lines from point to point."""
    start, stop = curve.index_range(frame.x0, frame.x1)
    if stop - start <= frame.columns:
        return trace_points(curve, max(0, start - 1), stop + 1, frame)
    extents = curve.envelope(frame.x0, frame.x1, frame.columns)
    return trace_extents(extents, frame, line, over_gaps=not curve.has_gaps)


def markers(curve: Curve, frame: Frame) -> list[tuple[int, int]]:
    """(cell column, line) of the last point in each cell column; points out of sight are left out.

    If more than a third of the columns have a marker, only markers `APART` columns apart are kept:
    all of them would be a thick line over everything else.
    """
    start, stop = curve.index_range(frame.x0, frame.x1)
    if stop - start <= 4 * frame.width:
        indices = list(range(start, stop))
    else:
        width = (frame.x1 - frame.x0) / frame.width
        cuts = (bisect_left(curve.xs, frame.x0 + c * width) for c in range(1, frame.width + 1))
        indices = [cut - 1 for cut in cuts if cut > start]
    last: dict[int, int] = {}
    for index in indices:
        y = curve.ys[index]
        cell = frame.cell(curve.xs[index])
        row = frame.row(y) if math.isfinite(y) else None
        if cell is not None and row is not None:
            last[cell] = row
    if len(last) <= frame.width // 3:
        return list(last.items())
    apart: list[tuple[int, int]] = []
    for cell, row in sorted(last.items()):
        if not apart or cell - apart[-1][0] >= APART:
            apart.append((cell, row))
    return apart


APART = 4
"""The fewest cell columns from one marker to the next, if there are very many."""


def robust(extents: Extents, log: bool) -> Extent | None:
    """The range of the columns on the drawn scale; None without values. Outliers, at most 3 % of
    the columns, are cut off at an end where they would widen the range by more than half."""
    lows = sorted(y for e in extents if e and (y := scale(e[0], log)) is not None)
    highs = sorted(y for e in extents if e and (y := scale(e[1], log)) is not None)
    if not highs:
        return None
    low, high = (lows or highs)[0], highs[-1]
    skip = len(highs) // 33
    if skip and len(lows) > skip:
        calm_low, calm_high = lows[skip], highs[-1 - skip]
        span = max(calm_high - calm_low, 1e-12)
        if high - calm_high > span / 2:
            high = calm_high + span / 20
        if calm_low - low > span / 2:
            low = calm_low - span / 20
    return low, high


FEW_ROWS = 6


def y_range(ranges: Sequence[Extent], lines: Sequence[float], early: bool, rows: int) -> Extent:
    """The range to draw: all of `ranges`, and those of the baselines `lines` that leave the data
    at least three fifths of the height. All on the drawn scale.

    early: there are few points. All baselines are in sight then, or the nearest alone where the
    plot has fewer than `FEW_ROWS` lines of text: the data would lie in one of them.

    The range ends at round numbers, so that it does not tremble as points arrive.
    """
    if ranges:
        low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    elif lines:
        low, high = min(lines), max(lines)
    else:
        return 0.0, 1.0
    span = max(high - low, 1e-9 * max(abs(high), abs(low), 1.0))
    for index, line in enumerate(sorted(lines, key=lambda y: max(low - y, y - high))):
        new_low, new_high = min(low, line), max(high, line)
        wanted = early and (rows >= FEW_ROWS or not index)
        if wanted or new_high - new_low <= span / 0.6:
            low, high = new_low, new_high
    if high - low < 1e-6 * max(abs(high), 1e-6):
        margin = max(abs(high) * 0.05, 1e-3)
        low, high = low - margin, high + margin
    unit = nice_step(high - low, max(4, rows)) / 2
    pad = (high - low) * 0.02
    return math.floor((low - pad) / unit) * unit, math.ceil((high + pad) / unit) * unit


def place_labels(
    wanted: Sequence[Sequence[str]], busy: Sequence[int], margin: int
) -> list[tuple[int, str]]:
    """Where the labels of one line of text stand in that line: (column, text) for each that stays.

    wanted: for each label its texts from the longest to the shortest, the most wanted label first.
    busy: for each column of the line how bad it is to cover it, 0 where no curve is drawn. margin:
    the column where labels begin; at the width of the line, labels end with the line instead.

    The first label stands where it covers no curve, as near to its place as can be, and has a
    shorter text if the longest has no such room. If each text must cover a part of a curve, the
    label covers as little as can be, and of that the oldest. The other labels stand beside it, and
    only where they cover nothing. Between two labels is a gap. A label stands with the whole of a
    text or not at all.
    """
    width = len(busy)
    placed: list[tuple[int, str]] = []
    taken = list(busy)
    for texts in wanted:
        drawn = list(accumulate(taken, initial=0))
        best: tuple[int, int, int, str] | None = None
        for text in texts:
            length = cell_len(text)
            if placed:
                home = placed[0][0] - _APART - length
            else:
                home = margin if margin + length <= width else width - length
            for start in range(width - length + 1):
                covered = drawn[min(start + length + 1, width)] - drawn[max(start - 1, 0)]
                if covered and placed:
                    continue
                way = start if covered else abs(start - home)
                if best is None or (covered, way) < best[:2]:
                    best = (covered, way, start, text)
            if best is not None and not best[0]:
                break
        if best is None:
            continue
        _, _, start, text = best
        placed.append((start, text))
        for column in range(max(start - 2, 0), min(start + cell_len(text) + 2, width)):
            taken[column] = 1
    return placed


_APART = 3
"""Cells from one label to the next: a blank beside each, and one between the blanks."""
