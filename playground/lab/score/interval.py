"""Figures with a 95 % confidence interval: by bootstrap over documents, or by Wilson's formula."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

RESAMPLES = 1000
BLOCKS = 256
"""Blocks of documents that are drawn at most; more documents share blocks."""
_SEED = 16
_Z = 1.959963984540054
"""The quantile 0.975 of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, and the ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def mapped(self, function: Callable[[float], float]) -> Figure:
        """The figure under a function that rises throughout."""
        return Figure(function(self.value), function(self.low), function(self.high))

    def as_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


def wilson(hits: int, count: int) -> Figure:
    """The share of hits, with Wilson's score interval. Raises ValueError for a count of 0.

    Source: E. B. Wilson, Probable inference (1927), J. Am. Stat. Assoc. 22, 209-212.
    """
    if count < 1:
        raise ValueError("a share needs one case at least")
    share, square = hits / count, _Z * _Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = (
        _Z
        / (1 + square / count)
        * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    )
    return Figure(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


class Bootstrap:
    """Draws documents with replacement, always the same ones: figures of one Bootstrap are paired,
    so that the interval of a difference counts what two competitors find hard alike only once.

    The interval is that of the percentiles 2.5 and 97.5 of `RESAMPLES` draws. One document says
    nothing of a spread: its interval is endless.
    """

    def __init__(self, count: int) -> None:
        """count: documents, 1 or more."""
        if count < 1:
            raise ValueError("a bootstrap needs one document at least")
        self._count = count
        self._blocks = min(count, BLOCKS)
        rng = random.Random(_SEED)
        places = range(self._blocks)
        self._draws = [rng.choices(places, k=self._blocks) for _ in range(RESAMPLES)]

    def figure(
        self, columns: Sequence[Sequence[float]], of: Callable[[list[float]], float]
    ) -> Figure:
        """columns: numbers that add up, one a document in each column. of: the figure that follows
        from the sums of the columns."""
        blocks = [
            [math.fsum(column[first :: self._blocks]) for first in range(self._blocks)]
            for column in columns
        ]
        value = of([math.fsum(column) for column in columns])
        if self._count == 1:
            return Figure(value, -math.inf, math.inf)
        found = sorted(
            of([sum(map(block.__getitem__, draw)) for block in blocks]) for draw in self._draws
        )
        low, high = found[round(0.025 * RESAMPLES)], found[round(0.975 * RESAMPLES) - 1]
        return Figure(value, min(value, low), max(value, high))

    def ratio(self, above: Sequence[float], below: Sequence[float]) -> Figure:
        """The sum of one column over the sum of another; 0 where the latter is 0."""
        return self.figure([above, below], lambda sums: sums[0] / sums[1] if sums[1] else 0.0)

    def mean(self, column: Sequence[float]) -> Figure:
        """The mean of a column over the documents."""
        return self.ratio(column, [1.0] * self._count)
