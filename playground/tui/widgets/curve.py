"""A curve whose time to draw depends on its columns on screen, not on its number of points.

Beside the points, the curve keeps the lowest and highest value of every block of 64 points, and of
every block of 64 blocks. The extremes of any stretch are then found from a few dozen numbers, even
of a million points, and a new point changes only the last block of each level.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import gt

BLOCK = 64
"""Points in a block, and blocks in a block of the next level."""
LEVELS = 2
_FEW = 8
"""Fewer points than this are quicker added one by one."""

Extent = tuple[float, float]
"""The lowest and the highest value of a stretch."""


class Curve:
    """Points (x, y), x never decreasing. A y that is not finite is a gap in the curve."""

    def __init__(self, xs: Iterable[float] = (), ys: Iterable[float] = ()) -> None:
        self._xs: array[float] | range = range(0)
        """A range as long as the points are the steps of a run, one after the other: eight bytes a
        step less."""
        self._ys = array("d")
        # Level k: the extremes of BLOCK ** (k + 1) points; an empty block is (inf, -inf).
        self._lows = [array("d") for _ in range(LEVELS)]
        self._highs = [array("d") for _ in range(LEVELS)]
        self._holes = 0
        self._revision = 0
        self.extend(xs, ys)

    def __len__(self) -> int:
        return len(self._xs)

    @property
    def xs(self) -> Sequence[float]:
        """The x of every point."""
        return self._xs

    @property
    def ys(self) -> array[float]:
        """The y of every point; to be read, not changed."""
        return self._ys

    @property
    def revision(self) -> int:
        """A number that grows with every change."""
        return self._revision

    @property
    def has_gaps(self) -> bool:
        """True if any y is not finite."""
        return self._holes > 0

    def append(self, x: float, y: float) -> None:
        """Add a point at the end. Raises ValueError if `x` is not finite or before the last x."""
        if not math.isfinite(x) or (self._xs and x < self._xs[-1]):
            raise ValueError(f"x must be finite and not decrease: {x:g} after {[*self._xs[-1:]]}")
        index = len(self._xs)
        self._follow(range(int(x), int(x) + 1) if x == int(x) else array("d", (x,)))
        self._ys.append(y)
        self._revision += 1
        finite = math.isfinite(y)
        self._holes += not finite
        for lows, highs in zip(self._lows, self._highs, strict=True):
            index //= BLOCK
            if index == len(lows):
                lows.append(math.inf)
                highs.append(-math.inf)
            if finite:
                if y < lows[index]:
                    lows[index] = y
                if y > highs[index]:
                    highs[index] = y

    def extend(self, xs: Iterable[float], ys: Iterable[float]) -> None:
        """Add points at the end; a thousand cost little more than a few.

        Raises ValueError as `append` does, and if there are not as many `ys` as `xs`.
        """
        more = xs if isinstance(xs, range) and xs.step == 1 else array("d", xs)
        values = array("d", ys)
        if len(more) != len(values):
            raise ValueError(f"{len(more)} places for {len(values)} values")
        if len(more) < _FEW:
            for x, y in zip(more, values, strict=True):
                self.append(x, y)
            return
        before = bool(self._xs) and more[0] < self._xs[-1]
        if before or (not isinstance(more, range) and not _grows(more)):
            raise ValueError("every x must be finite and not lie before the one before it")
        start = len(self._xs)
        self._follow(more)
        self._ys += values
        self._revision += 1
        self._holes += len(values) - sum(map(math.isfinite, values))
        lows = highs = self._ys
        for level in range(LEVELS):
            first = start // BLOCK
            self._fold(level, first, lows, highs)
            start, lows, highs = first, self._lows[level], self._highs[level]

    def _follow(self, more: array[float] | range) -> None:
        """Add places at the end."""
        xs = self._xs
        if isinstance(xs, range) and isinstance(more, range) and (not xs or xs.stop == more.start):
            self._xs = range(xs.start if xs else more.start, more.stop)
            return
        if isinstance(xs, range):
            self._xs = xs = array("d", xs)
        xs.extend(more)

    def _fold(self, level: int, first: int, lows: array[float], highs: array[float]) -> None:
        """Compute the extremes of a level's blocks again from block `first` on."""
        del self._lows[level][first:], self._highs[level][first:]
        for at in range(first * BLOCK, len(lows), BLOCK):
            low, high = lows[at : at + BLOCK], highs[at : at + BLOCK]
            if level == 0 and self._holes:
                low = high = array("d", filter(math.isfinite, low))
            self._lows[level].append(min(low, default=math.inf))
            self._highs[level].append(max(high, default=-math.inf))

    def clear(self) -> None:
        """Drop all points."""
        self._cut(0)

    def truncate_after(self, x: float) -> None:
        """Drop the points that lie beyond `x`."""
        self._cut(bisect_right(self._xs, x))

    def _cut(self, size: int) -> None:
        if size == len(self._xs):
            return
        self._holes -= sum(1 for y in self._ys[size:] if not math.isfinite(y))
        self._xs = self._xs[:size]
        del self._ys[size:]
        self._revision += 1
        span = 1
        for lows, highs in zip(self._lows, self._highs, strict=True):
            span *= BLOCK
            blocks = -(-size // span)
            del lows[blocks:], highs[blocks:]
            if size % span:  # the last block lost points
                values = [y for y in self._ys[(blocks - 1) * span :] if math.isfinite(y)]
                lows[-1] = min(values, default=math.inf)
                highs[-1] = max(values, default=-math.inf)

    def value_at(self, x: float) -> float | None:
        """The value of the last point at or before `x`; None if there is no such point or its value
        is not finite."""
        index = bisect_right(self._xs, x) - 1
        if index < 0 or not math.isfinite(self._ys[index]):
            return None
        return self._ys[index]

    def index_range(self, x0: float, x1: float) -> tuple[int, int]:
        """The points from `x0` to `x1`, both inclusive, as a half-open range of indices."""
        start = bisect_left(self._xs, x0)
        return start, max(start, bisect_right(self._xs, x1))

    def extent(self, start: int, stop: int) -> Extent | None:
        """The extremes of the points with indices `start` to `stop - 1`, gaps left out."""
        low, high = self._extent(max(0, start), min(stop, len(self._xs)), 0)
        return (low, high) if low <= high else None

    def _extent(self, start: int, stop: int, level: int) -> Extent:
        """The extremes of entries `start` to `stop - 1` of a level (0: points, k: blocks)."""
        if start >= stop:
            return math.inf, -math.inf
        lows = self._lows[level - 1] if level else self._ys
        highs = self._highs[level - 1] if level else self._ys
        if level < LEVELS and stop - start > 2 * BLOCK:
            first, last = -(-start // BLOCK), stop // BLOCK
            parts = (
                self._extent(start, first * BLOCK, level),
                self._extent(first, last, level + 1),
                self._extent(last * BLOCK, stop, level),
            )
            return min(part[0] for part in parts), max(part[1] for part in parts)
        some_lows, some_highs = lows[start:stop], highs[start:stop]
        if level == 0 and self._holes:
            some_lows = array("d", (y for y in some_lows if math.isfinite(y)))
            if not some_lows:
                return math.inf, -math.inf
            some_highs = some_lows
        return min(some_lows), max(some_highs)

    def envelope(self, x0: float, x1: float, columns: int) -> list[Extent | None]:
        """For each of `columns` equal stretches of `x0`..`x1`, the extremes of the points in it,
        or None for a stretch without points. A point on a border belongs to the stretch that
        begins there; a point at `x1` to the last one."""
        if columns <= 0:
            return []
        if not x1 > x0:
            start, stop = self.index_range(x0, x0)
            return [self.extent(start, stop), *[None] * (columns - 1)]
        xs = self._xs
        width = (x1 - x0) / columns
        start = bisect_left(xs, x0)
        end = bisect_right(xs, x1)
        out: list[Extent | None] = []
        for column in range(1, columns + 1):
            stop = end if column == columns else bisect_left(xs, x0 + column * width, start, end)
            out.append(self.extent(start, stop) if stop > start else None)
            start = stop
        return out


def _grows(xs: array[float]) -> bool:
    """True if all are finite and none lies before the one before it."""
    return all(map(math.isfinite, xs)) and not any(map(gt, xs, xs[1:]))
