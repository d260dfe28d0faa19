"""How fast a run goes, and how much of its time may be spent beside training."""

from __future__ import annotations

from collections import deque

_WINDOW = 1.0
_GRAIN = 0.05


class Speedometer:
    """Steps and tokens a second, over about the last second of running time."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[float, int, int]] = deque()
        self._seconds = 0.0
        self._steps = 0
        self._tokens = 0

    def add(self, seconds: float, tokens: int, steps: int = 1) -> None:
        """Add `steps` steps that took `seconds`, with the waiting that a set pace asked for."""
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
        """The seconds of running time that the figures cover, up to about one."""
        return self._seconds + sum(bucket[0] for bucket in self._buckets)

    @property
    def steps_per_second(self) -> float:
        return self._rate(1, self._steps)

    @property
    def tokens_per_second(self) -> float:
        return self._rate(2, self._tokens)


class Ration:
    """Time for work that training waits for: BEGINNING seconds, then a SHARE of the training time.

    A run of a few seconds is sampled as often as was asked for, with any engine; a run of thirty
    thousand steps a second is not held up by texts that nobody could read.
    """

    BEGINNING = 0.5
    SHARE = 0.1

    def __init__(self) -> None:
        self._seconds = self.BEGINNING
        self.endless = False
        """True if the work is done however long it takes, and so on every machine alike."""

    @property
    def left(self) -> bool:
        """True while there is time left."""
        return self.endless or self._seconds > 0

    def earn(self, seconds: float) -> None:
        """Add the share of `seconds` of training, up to BEGINNING in all."""
        self._seconds = min(self.BEGINNING, self._seconds + self.SHARE * seconds)

    def spend(self, seconds: float) -> None:
        """Subtract the `seconds` for which training waited."""
        self._seconds -= seconds
