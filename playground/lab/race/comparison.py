"""Two series of losses, compared as they grow: from which step on they differ, and how much."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from operator import ne, sub

from playground.lab.protocol.frames import Metrics
from playground.lab.race.state import ROUNDING, Gap
from playground.lab.smoothing import smoothed

TOLERANCES = (ROUNDING, 0.01, 0.1)
"""Relative differences whose first step is noted: the same as far as anybody needs; seen in a
chart; another model."""


class Track:
    """The losses that one side has recorded, from the step after `first` on."""

    def __init__(self) -> None:
        self.first = 0
        self.losses = array("d")
        self.smoothed = array("d")
        self._evaluations: dict[int, float] = {}
        self._errors: dict[int, float] = {}

    @property
    def end(self) -> int:
        """The last step recorded."""
        return self.first + len(self.losses)

    @property
    def evaluations(self) -> tuple[tuple[int, float], ...]:
        """(step, hold-out loss) pairs in order."""
        return tuple(sorted(self._evaluations.items()))

    @property
    def errors(self) -> Mapping[int, float]:
        """The standard error of the hold-out loss, by step."""
        return self._errors

    def grow(self, metrics: Metrics) -> None:
        """Take in the new losses of a frame; the frame may repeat known ones."""
        if not self.losses:
            self.first = metrics.first_step - 1
        known = max(0, self.end + 1 - metrics.first_step)
        self.losses.extend(metrics.losses[known:])
        self._smooth()
        self._evaluations.update(metrics.evaluations)
        self._errors = {**self._errors, **dict(metrics.evaluation_errors)}

    def _smooth(self) -> None:
        before = self.smoothed[-1] if self.smoothed else math.nan
        self.smoothed.extend(smoothed(self.losses[len(self.smoothed) :], before))

    def again(self, metrics: Metrics) -> int:
        """Replace the series with the whole series of a run that was rewound. Returns the last step
        up to which the losses are the same bits."""
        before, first = self.losses, self.first
        now = metrics.losses
        common = min(len(before), len(now))
        if first != metrics.first_step - 1:
            common = 0
        elif _bits(before[:common]) != _bits(now[:common]):
            common = _first_unlike(before[:common], now[:common])
        self.first, self.losses = metrics.first_step - 1, now[:]
        del self.smoothed[common:]
        self._smooth()
        self._evaluations = dict(metrics.evaluations)
        self._errors = dict(metrics.evaluation_errors)
        return self.first + common


def _bits(values: array[float]) -> bytes:
    return values.tobytes()


def _first_unlike(one: array[float], other: array[float]) -> int:
    """The first index at which two series of the same length are not the same bits; the length if
    there is none."""
    if _bits(one) == _bits(other):
        return len(one)
    left, right = memoryview(_bits(one)).cast("Q"), memoryview(_bits(other)).cast("Q")
    return next((index for index, unlike in enumerate(map(ne, left, right)) if unlike), len(one))


class Comparison:
    """The losses of the right track minus those of the left, over the steps that both hold."""

    def __init__(self, left: Track, right: Track) -> None:
        self._left, self._right = left, right
        self.first = 0
        self.difference = array("d")
        self.parted: Gap | None = None
        self.largest: Gap | None = None
        self.beyond: dict[float, int] = {}
        """The first step at which the losses differ by more than each of TOLERANCES, relative to
        the left one; those that were not reached are missing."""
        self.epoch = 0
        """Grows by one whenever compared steps become invalid."""

    @property
    def step(self) -> int:
        """The last step compared."""
        return self.first + len(self.difference)

    def rewound(self, step: int) -> None:
        """Forget the comparison after `step`, because a run was rewound."""
        self.epoch += 1
        self._keep(max(0, step - self.first))

    def _keep(self, count: int) -> None:
        del self.difference[count:]
        if self.parted is not None and self.parted.step > self.step:
            self.parted = None
        if self.largest is not None and self.largest.step > self.step:
            self.largest = None
            self._seek_largest(0)
        self.beyond = {size: step for size, step in self.beyond.items() if step <= self.step}

    def update(self) -> None:
        """Compare the steps that are new on both sides."""
        left, right = self._left, self._right
        first = max(left.first, right.first)
        if first != self.first:
            self.first = first
            self._keep(0)
            self.parted = self.largest = None
            self.epoch += 1
        done, end = self.step, min(left.end, right.end)
        if end < done:
            self.rewound(end)
        if end <= done:
            return
        one = left.losses[done - left.first : end - left.first]
        other = right.losses[done - right.first : end - right.first]
        begin = len(self.difference)
        self.difference.extend(map(sub, other, one))
        if self.parted is None and (index := _first_unlike(one, other)) < len(one):
            self.parted = self._gap(begin + index)
        self._seek_largest(begin)
        self._seek_beyond(begin, one)

    def _seek_beyond(self, begin: int, losses: array[float]) -> None:
        """Look from index `begin` on, of which these are the left losses, for the tolerances."""
        for size in TOLERANCES:
            if size in self.beyond:
                continue
            pairs = zip(self.difference[begin:], losses, strict=True)
            found = (at for at, (gap, loss) in enumerate(pairs) if not abs(gap) <= size * abs(loss))
            at = next(found, None)
            if at is None:  # nor is a wider one reached
                return
            self.beyond[size] = self.first + begin + at + 1

    def _seek_largest(self, begin: int) -> None:
        """Look from index `begin` on for a gap wider than `largest`."""
        if self.parted is None:
            return
        sizes = [abs(value) for value in self.difference[begin:]]
        widest = max((size for size in sizes if not math.isnan(size)), default=0.0)
        if widest > (abs(self.largest.difference) if self.largest is not None else 0.0):
            self.largest = self._gap(begin + sizes.index(widest))

    def _gap(self, index: int) -> Gap:
        step = self.first + index + 1
        left, right = self._left, self._right
        return Gap(step, left.losses[step - 1 - left.first], right.losses[step - 1 - right.first])

    def average(self, step: int) -> Gap | None:
        """The smoothed losses after `step` steps, or after the last step that both tracks hold;
        None before the first."""
        step = min(step, self.step)
        if step <= self.first:
            return None
        left, right = self._left, self._right
        return Gap(
            step, left.smoothed[step - 1 - left.first], right.smoothed[step - 1 - right.first]
        )
