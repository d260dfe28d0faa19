"""Which of a run's keyframes are kept on disk.

In memory keyframes are cheap and close together (timeline.py). On disk they stand as far apart
as an engine goes in about a tenth of a second, farther in a long run, and are thinned out by the
same rule once they are larger than a budget: every place in a run stays a short replay away
after it was closed, and a run that trains for days does not wear out the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from playground.lab.timeline import Keyframe, least_missed

BUDGET = 16 * 1024 * 1024
"""Bytes of keyframes that a run keeps on disk."""
BETWEEN = 0.1
"""Seconds of steps between two keyframes on disk, before they are thinned out."""
RATE = 4 * 1024 * 1024
"""Bytes of keyframes a second that are written at most, for large models."""
NEWEST = 1.0
"""Seconds after which the newest state is written again, while a run trains."""
LARGEST = 999_000_000
"""Bytes of the largest keyframe that is kept: the store's values have up to 1,000,000,000."""
_FEWEST = 4
_DENSER = 2
"""How much closer together than they would be if they were evenly spread new ones are kept."""


@dataclass(slots=True)
class Shelf:
    """The steps whose keyframes are on disk, in order."""

    steps: list[int] = field(default_factory=list)
    _allowance: float = RATE
    _since_tip: float = NEWEST

    def earn(self, seconds: float) -> None:
        """So much time went by since something was written."""
        self._allowance = min(RATE, self._allowance + RATE * seconds)
        self._since_tip += seconds

    def affords(self, size: int) -> bool:
        """May so many bytes be written now? One that is larger than all that may be saved up is
        written when all of that is."""
        return self._allowance >= min(size, RATE)

    def spend(self, size: int) -> None:
        """They were."""
        self._allowance -= size

    def affords_tip(self, size: int) -> bool:
        """May the newest state be written now, while the run trains?"""
        return self._since_tip >= NEWEST and self.affords(size)

    def spend_on_tip(self, size: int) -> None:
        """It was."""
        self.spend(size)
        self._since_tip = 0.0

    def put(self, frame: Keyframe) -> None:
        """One after all others, wherever they are to be."""
        self.spend(frame.size)
        self.steps.append(frame.step)

    def choose(self, frames: Iterable[Keyframe], pace: float) -> list[Keyframe]:
        """Those of `frames`, in order, that are to be kept. pace: seconds a step."""
        chosen: list[Keyframe] = []
        last = self.steps[-1] if self.steps else None
        for frame in frames:
            if last is not None and frame.step < last + self._apart(frame, pace):
                continue
            if not self.affords(frame.size):
                break
            self.spend(frame.size)
            chosen.append(frame)
            last = frame.step
        self.steps += [frame.step for frame in chosen]
        return chosen

    def _apart(self, frame: Keyframe, pace: float) -> int:
        whole = frame.step - self.steps[0] if self.steps else 0
        return max(1, int(BETWEEN / max(pace, 1e-9)), whole // (_DENSER * _most(frame.size)))

    def thin(self, size: int) -> tuple[int, ...]:
        """Take out what is too much, at `size` bytes a keyframe; the steps that went."""
        gone: list[int] = []
        while len(self.steps) > _most(size):
            victim = least_missed(self.steps)
            self.steps.remove(victim)
            gone.append(victim)
        return tuple(gone)


def _most(size: int) -> int:
    """Keyframes of so many bytes that the budget is enough for."""
    return max(_FEWEST, BUDGET // max(1, size))
