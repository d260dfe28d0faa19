"""A family of curves without a screen: the range in sight, the dots of each curve, the mean.

The dots of a curve are one integer, column after column, so that any choice of a thousand curves is
drawn by a thousand times `|`. The work on the single points is done in lists at once: a loop over
every point of every curve would take seconds.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import add, itemgetter, mul
from typing import Any

from playground.tui.widgets.braille import pack, run, stride
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.plot import Frame, y_range

_ROOM = 0.5
"""How far the frame may reach above the calmer curves in any case, as a part of their height."""


@dataclass(frozen=True, slots=True)
class Family:
    """What is drawn: curves over a common x, and what is said of some of them."""

    curves: tuple[Curve, ...]
    """One for each run. A y that is not finite is a gap. A curve may grow in place; `set_data`
    with the same family then draws the new points."""
    selected: tuple[bool, ...] | None = None
    """For each curve whether it is brighter than the rest; None where nothing is selected."""
    chosen: int | None = None
    """The curve that is bright."""
    group: tuple[int, ...] = ()
    """The curves, such as the seeds of the chosen setting, whose mean is drawn, within a band of
    one standard deviation above and below."""
    group_name: str = ""
    """What the group is called, as "3 seeds of learning_rate 0.01"."""
    chosen_name: str = ""
    """What the chosen curve is called, as "seed 2"."""


@dataclass
class FamilyState:
    """Where a person is among the curves."""

    cursor: float | None = None
    """The x whose values are read out; None reads out the last ones."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The dots of one curve."""

    dots: int
    """Packed columns, as `braille.pack` has them, from the left edge of the frame on."""
    above: frozenset[int] = frozenset()
    """The columns of cells in which the curve goes above the frame."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of several curves at each x that all of them have, and its spread."""

    mean: Curve
    low: Curve
    """The mean less one sample standard deviation."""
    high: Curve
    """The mean and one sample standard deviation."""
    count: int


def framed(curves: Sequence[Curve], width: int, height: int, rounded: bool = True) -> Frame | None:
    """The frame of `width` x `height` cells in which all curves are in sight, but for those that go
    far above most others; None without a value.

    The frame reaches down to the lowest value: the best run is always whole. It reaches up to the
    highest curve whose highest value lies no further above that of the calmer quarter of the curves
    than the latter lies above the lowest value, or than half of itself. One run that diverges
    flattens no other.

    rounded: the frame ends at round numbers, so that it does not tremble as points arrive.
    """
    found = [extent for curve in curves if (extent := curve.extent(0, len(curve)))]
    if not found:
        return None
    low, highs = min(extent[0] for extent in found), sorted(extent[1] for extent in found)
    calm = highs[(len(highs) - 1) // 4]
    limit = calm + max(calm - low, _ROOM * abs(calm))
    high = max(high for high in highs if high <= limit)
    if rounded or high - low < 1e-6 * max(abs(high), 1e-6):
        low, high = y_range([(low, high)], [], False, height)
    x0 = min(curve.xs[0] for curve in curves if curve)
    x1 = max(curve.xs[-1] for curve in curves if curve)
    x1 = x1 if x1 > x0 else x0 + max(1.0, abs(x0) * 1e-6)
    return Frame(x0, x1, low, high, width, height)


class Pen:
    """Draws curves into one frame."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._powers = [1 << dot for dot in range(frame.dots + 2)]
        self._plans: dict[object, _Plan] = {}

    def draw(self, curve: Curve) -> Drawn:
        """The dots of a curve: the lowest to the highest point of each column, joined from column
        to column; with fewer points than columns, straight lines."""
        frame = self._frame
        dots, above = 0, set[int]()
        for start, stop in stretches(curve):
            first, lows, highs = self._extents(curve, start, stop)
            whole = max(highs) <= frame.y1 and min(lows) >= frame.y0
            masks = self._joined(lows, highs, whole)
            if not whole:
                for index, (low, high) in enumerate(zip(lows, highs, strict=True)):
                    if high > frame.y1:
                        above.add((first + index) // 2)
                    if low > frame.y1:
                        masks[index] = 0
            dots |= pack(masks, frame.height) << first * stride(frame.height)
        return Drawn(dots, frozenset(above))

    def band(self, mean: Mean) -> int:
        """The dots between the curves `low` and `high`, every other one; packed."""
        frame = self._frame
        dots = 0
        pattern = int("5" * frame.height, 16)
        for start, stop in stretches(mean.high):
            first, lows, _ = self._extents(mean.low, start, stop)
            _, _, highs = self._extents(mean.high, start, stop)
            masks = [
                0 if low > frame.y1 else run(a, b) & (pattern << (first + index) % 2)
                for index, (low, a, b) in enumerate(
                    zip(lows, self._dots(lows), self._dots(highs), strict=True)
                )
            ]
            dots |= pack(masks, frame.height) << first * stride(frame.height)
        return dots

    def _extents(
        self, curve: Curve, start: int, stop: int
    ) -> tuple[int, Sequence[float], Sequence[float]]:
        """The first column of dots of a stretch of points that are all finite, and the lowest and
        the highest y in each column from that one on."""
        xs = curve.xs[start:stop]
        key = (xs.start, xs.stop) if isinstance(xs, range) else bytes(memoryview(xs))  # type: ignore[arg-type]
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _plan(xs, self._frame)
        lows, highs = plan.read(curve.ys[start:stop])
        return plan.first, lows, highs

    def _dots(self, values: Sequence[float], whole: bool = False) -> list[int]:
        """The dot of each value, those beyond the frame at its edge. whole: none is beyond it."""
        low, high, top = self._frame.y0, self._frame.y1, self._frame.dots - 1
        unit = top / (high - low)
        if whole:
            return [int((y - low) * unit + 0.5) for y in values]
        return [
            int((y - low) * unit + 0.5) if low <= y <= high else 0 if y < low else top
            for y in values
        ]

    def _joined(self, lows: Sequence[float], highs: Sequence[float], whole: bool) -> list[int]:
        """Columns from the lowest to the highest dot, and on to the column before."""
        low = self._dots(lows, whole)
        high = low if lows is highs else self._dots(highs, whole)
        powers, bits = self._powers, self._powers[1:]  # `bits[dot]` is 1 << dot + 1
        out = [bits[high[0]] - powers[low[0]]]
        # A column goes on to the dot next to those of the column before, `down` to `up`.
        out += [
            bits[b if b >= down else down - 1] - powers[a if a <= up else up + 1]
            for a, b, down, up in zip(low[1:], high[1:], low, high, strict=False)
        ]
        return out


def stretches(curve: Curve) -> Iterator[tuple[int, int]]:
    """The stretches of finite values between the gaps of a curve, as half-open ranges."""
    if not curve.has_gaps:
        if curve:
            yield 0, len(curve)
        return
    start = None
    for index, y in enumerate(curve.ys):
        if math.isfinite(y):
            if start is None:
                start = index
        elif start is not None:
            yield start, index
            start = None
    if start is not None:
        yield start, len(curve)


def mean_of(curves: Sequence[Curve]) -> Mean | None:
    """The mean and the sample standard deviation of at least two curves, at each x that all of them
    have; None of fewer curves, and where they have no x in common. Where one curve has a gap, the
    mean has it, too."""
    if len(curves) < 2:
        return None
    xs: Sequence[float] = min((curve.xs for curve in curves), key=len)
    size = len(xs)
    if all(curve.xs[:size] == xs for curve in curves):
        columns: Sequence[Sequence[float]] = [curve.ys[:size] for curve in curves]
    else:
        known = [dict(zip(curve.xs, curve.ys, strict=True)) for curve in curves]
        xs = [x for x in xs if all(x in one for one in known)]
        columns = [[one[x] for x in xs] for one in known]
    if not xs:
        return None
    count = len(curves)
    means, lows, highs = [], [], []
    for ys in zip(*columns, strict=True):
        mean = sum(ys) / count
        spread = math.sqrt(sum([(y - mean) * (y - mean) for y in ys]) / (count - 1))
        means.append(mean)
        lows.append(mean - spread)
        highs.append(mean + spread)
    return Mean(Curve(xs, means), Curve(xs, lows), Curve(xs, highs), count)


# ---------------------------------------------------------------- reading points for columns

_Read = Callable[[Any], tuple[Sequence[float], Sequence[float]]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the points at given xs are read for columns of dots; made once for curves that share
    their xs."""

    first: int
    """The first column that the points reach."""
    read: _Read
    """(lowest, highest) of each column from `first` on, for the ys; one and the same list where
    each column has one value."""


def _plan(xs: Sequence[float], frame: Frame) -> _Plan:
    columns = frame.columns
    width = (frame.x1 - frame.x0) / columns
    first, last = (min(max(int((x - frame.x0) / width), 0), columns - 1) for x in (xs[0], xs[-1]))
    cuts = [
        0, *(bisect_left(xs, frame.x0 + c * width) for c in range(first + 1, last + 1)), len(xs)
    ]  # fmt: skip
    sizes = [stop - start for start, stop in itertools.pairwise(cuts)]
    if all(sizes):
        parts = [slice(start, stop) for start, stop in itertools.pairwise(cuts)]
        if max(sizes) == 1:
            return _Plan(first, lambda ys: (ys, ys))
        return _Plan(first, lambda ys: _extremes(list(map(ys.__getitem__, parts))))
    # Columns without a point lie on the straight line between the points beside them.
    before, after, share = [], [], []
    for index, size in enumerate(sizes):
        at = cuts[index] - (0 if size else 1)
        x = frame.x0 + (first + index + 0.5) * width
        alone = size > 0 or at + 1 >= len(xs)
        before.append(at)
        after.append(at if alone else at + 1)
        share.append(0.0 if alone else min(max((x - xs[at]) / (xs[at + 1] - xs[at]), 0.0), 1.0))
    if len(before) == 1:
        return _Plan(first, lambda ys: _extremes([ys]))
    lefts, rights = itemgetter(*before), itemgetter(*after)
    rest = [1.0 - one for one in share]

    def lines(ys: Sequence[float]) -> list[float]:
        return list(map(add, map(mul, lefts(ys), rest), map(mul, rights(ys), share)))

    def read(ys: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
        drawn = lines(ys)
        return drawn, drawn

    crowded = [(index, cuts[index], cuts[index + 1]) for index, n in enumerate(sizes) if n > 1]

    def read_crowded(ys: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
        lows, highs = lines(ys), lines(ys)
        for index, start, stop in crowded:
            lows[index], highs[index] = min(ys[start:stop]), max(ys[start:stop])
        return lows, highs

    return _Plan(first, read_crowded if crowded else read)


def _extremes(parts: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    return list(map(min, parts)), list(map(max, parts))
