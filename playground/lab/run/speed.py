"""How fast a run goes, over about a second of its running time."""

from __future__ import annotations

from collections import deque

_WINDOW = 1.0
_GRAIN = 0.05


class Speedometer:
    """Steps and tokens a second. Fed with every step or stretch; costs a few additions."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[float, int, int]] = deque()
        self._seconds = 0.0
        self._steps = 0
        self._tokens = 0

    def add(self, seconds: float, tokens: int, steps: int = 1) -> None:
        """So many steps took so long, the waiting that their pace asked for included."""
        self._seconds += seconds
        self._steps += steps
        self._tokens += tokens
        if self._seconds >= _GRAIN:
            self._buckets.append((self._seconds, self._steps, self._tokens))
            self._seconds, self._steps, self._tokens = 0.0, 0, 0
            total = sum(bucket[0] for bucket in self._buckets)
            while len(self._buckets) > 1 and total - self._buckets[0][0] >= _WINDOW:
                total -= self._buckets.popleft()[0]

    def _rate(self, place: int, open_bucket: int) -> float:
        seconds = self.seconds
        amount = open_bucket + sum(int(bucket[place]) for bucket in self._buckets)
        return amount / seconds if seconds > 0 else 0.0

    @property
    def seconds(self) -> float:
        """How long it has been fed, up to about a second."""
        return self._seconds + sum(bucket[0] for bucket in self._buckets)

    @property
    def steps_per_second(self) -> float:
        return self._rate(1, self._steps)

    @property
    def tokens_per_second(self) -> float:
        return self._rate(2, self._tokens)


class Ration:
    """Time for what training waits for: some to begin with, then a share of the training time.

    A run of a few seconds is sampled as often as was asked for, whatever its engine; one of
    thirty thousand steps a second is not held up by what nobody could read.
    """

    BEGINNING = 0.5
    SHARE = 0.1

    def __init__(self) -> None:
        self._seconds = self.BEGINNING

    @property
    def left(self) -> bool:
        """Is there any?"""
        return self._seconds > 0

    def earn(self, seconds: float) -> None:
        """Training went on for so long."""
        self._seconds = min(self.BEGINNING, self._seconds + self.SHARE * seconds)

    def spend(self, seconds: float) -> None:
        """It waited for so long."""
        self._seconds -= seconds
