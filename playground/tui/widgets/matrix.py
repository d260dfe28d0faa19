"""A matrix as levels of a diverging scale, whole or pooled. Pure functions."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

STEPS = 16
"""Levels on either side of 0."""
ZERO = STEPS
HOLE = 2 * STEPS + 1
"""The level of a value that is not a number."""
LEVELS = HOLE + 1

Matrix = Sequence[float]
"""rows * cols numbers, row after row."""


def levels(values: Sequence[float], scale: float) -> list[int]:
    """Each value's level: 0 for -`scale` and below, `ZERO` for 0, 2 * `STEPS` for +`scale` and
    above, `HOLE` for NaN. A value that is not 0 may still round to the level of 0."""
    if not 1e-300 < scale < math.inf:
        scale = 1.0
    factor = STEPS / scale
    middle, top, hole = STEPS + 0.5, 2 * STEPS, HOLE
    out: list[int] = []
    add = out.append
    for value in values:
        at = value * factor + middle
        if at < 1:
            add(0)
        elif at < top:
            add(int(at))
        else:
            add(top if at >= top else hole)
    return out


def pool(values: Matrix, rows: int, cols: int, down: int, across: int) -> array[float]:
    """The matrix with every block of `down` x `across` values replaced by the one farthest from
    0, sign kept; NaN counts as farthest. Shape (ceil(rows / down), ceil(cols / across))."""
    out = array("d")
    for top in range(0, rows, down):
        lines = [values[row * cols : (row + 1) * cols] for row in range(top, min(top + down, rows))]
        for left in range(0, cols, across):
            low, high, hole = 0.0, 0.0, False
            for line in lines:
                piece = line[left : left + across]
                low, high = min(low, *piece), max(high, *piece)
                hole = hole or any(value != value for value in piece)
            out.append(math.nan if hole else high if high >= -low else low)
    return out


def largest(values: Sequence[float]) -> float:
    """The greatest distance from 0 among the finite values; 0 where there are none."""
    return max((abs(value) for value in values if math.isfinite(value)), default=0.0)


def window(cursor: int, first: int, shown: int, total: int) -> int:
    """The first line in sight, of `shown` out of `total`: as near to `first` as it can be with
    `cursor` in sight."""
    if shown >= total or shown <= 0:
        return 0
    if cursor < first:
        first = cursor
    elif cursor >= first + shown:
        first = cursor - shown + 1
    return min(max(first, 0), total - shown)


def signed(value: float) -> str:
    """A number with its sign, in at most 8 cells."""
    if value != value:
        return "nan"
    if math.isinf(value):
        return "+∞" if value > 0 else "-∞"
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.001 or size >= 10_000:
        return f"{value:+.1e}".replace("e-0", "e-").replace("e+0", "e+")
    return f"{value:+.{3 if size < 0.1 else 2 if size < 10 else 1}f}"
