"""How fast a run goes, over about a second of its running time."""

from __future__ import annotations

from collections import deque

_WINDOW = 1.0
_GRAIN = 0.05


class Speedometer:
    """Steps and tokens a second. Fed with every step; costs a few additions."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[float, int, int]] = deque()
        self._seconds = 0.0
        self._steps = 0
        self._tokens = 0

    def add(self, seconds: float, tokens: int) -> None:
        """A step took so long, the waiting that its pace asked for included."""
        self._seconds += seconds
        self._steps += 1
        self._tokens += tokens
        if self._seconds >= _GRAIN:
            self._buckets.append((self._seconds, self._steps, self._tokens))
            self._seconds, self._steps, self._tokens = 0.0, 0, 0
            total = sum(bucket[0] for bucket in self._buckets)
            while len(self._buckets) > 1 and total - self._buckets[0][0] >= _WINDOW:
                total -= self._buckets.popleft()[0]

    def _rate(self, place: int, open_bucket: int) -> float:
        seconds = self._seconds + sum(bucket[0] for bucket in self._buckets)
        amount = open_bucket + sum(int(bucket[place]) for bucket in self._buckets)
        return amount / seconds if seconds > 0 else 0.0

    @property
    def steps_per_second(self) -> float:
        return self._rate(1, self._steps)

    @property
    def tokens_per_second(self) -> float:
        return self._rate(2, self._tokens)
