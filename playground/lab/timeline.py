"""Where a run has been: its series, its edits, and keyframes to go back to.

Training is deterministic, so any step is a keyframe at or before it plus a replay. Keyframes
are close together over the last thousand steps and ever farther apart before that, within a
budget of memory. Edits are kept by step and made again by the replay, until a new edit at an
earlier step makes another future.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass

SPACING = 25
"""Steps between keyframes before any are thinned out."""
RECENT = 1000
"""Steps over which keyframes stay as dense as that, if memory allows."""
BUDGET = 64 * 1024 * 1024
"""Bytes for all keyframes together."""
_FEWEST = 4


@dataclass(frozen=True, slots=True)
class Keyframe:
    """Everything that the steps to come depend on, but for the edits."""

    step: int
    tokens_seen: int
    weights: array[float]
    first_moment: array[float]
    second_moment: array[float]

    @property
    def size(self) -> int:
        """Bytes it holds."""
        return 3 * 8 * len(self.weights)


class Timeline:
    """Keyframes by step, within a budget; edits of the base learning rate by step."""

    def __init__(self, learning_rate: float, budget: int = BUDGET) -> None:
        self.learning_rate = learning_rate
        """The base learning rate before any edit."""
        self.edits: dict[int, float] = {}
        """What was set after so many steps."""
        self._budget = budget
        self._frames: dict[int, Keyframe] = {}

    @property
    def earliest(self) -> int:
        """The first step that can be gone back to."""
        return min(self._frames)

    @property
    def steps(self) -> list[int]:
        """Where the keyframes are."""
        return sorted(self._frames)

    def wants(self, step: int) -> bool:
        """There should be a keyframe here, and is none."""
        return step % SPACING == 0 and step not in self._frames

    def keep(self, frame: Keyframe) -> None:
        """Take a keyframe; the least useful one goes if there is no room."""
        self._frames[frame.step] = frame
        most = max(_FEWEST, self._budget // max(1, frame.size))
        while len(self._frames) > most:
            self._drop_one()

    def _drop_one(self) -> None:
        """Drop the keyframe whose absence is felt least: the smallest gap for its age."""
        steps = self.steps
        newest = steps[-1]
        least, victim = float("inf"), steps[1]
        for before, step, after in zip(steps, steps[1:], steps[2:], strict=False):
            felt = (after - before) / (newest - step + RECENT)
            if felt < least:
                least, victim = felt, step
        del self._frames[victim]

    def before(self, step: int) -> Keyframe:
        """The last keyframe before `step`, so that step itself is done again; at the earliest
        step that one."""
        steps = self.steps
        place = bisect_right(steps, step - 1)
        return self._frames[steps[max(0, place - 1)]]

    def rate_at(self, step: int) -> float:
        """The base learning rate after `step` steps and the edits made there."""
        made = [at for at in self.edits if at <= step]
        return self.edits[max(made)] if made else self.learning_rate

    def edit(self, step: int, learning_rate: float) -> None:
        """Set the base learning rate after `step` steps. What was recorded after it is void."""
        self.forget_after(step)
        self.edits[step] = learning_rate

    def forget_after(self, step: int) -> None:
        """Another future begins here."""
        self.edits = {at: rate for at, rate in self.edits.items() if at <= step}
        self.forget_frames_after(step)

    def forget_frames_after(self, step: int) -> None:
        """Drop the keyframes after `step`; the same future is to be gone through again."""
        self._frames = {at: frame for at, frame in self._frames.items() if at <= step}


class Series:
    """Loss and learning rate of every step recorded, and the hold-out losses."""

    def __init__(self, first: int = 0) -> None:
        self.first = first
        """The step before the first one recorded."""
        self.losses = array("d")
        self.learning_rates = array("d")
        self.evaluations: dict[int, float] = {}

    @property
    def head(self) -> int:
        """The last step recorded."""
        return self.first + len(self.losses)

    def record(self, step: int, loss: float, learning_rate: float) -> None:
        """The next step; or one recorded before, which was done again."""
        place = step - self.first - 1
        if place < len(self.losses):
            self.losses[place] = loss
            self.learning_rates[place] = learning_rate
        else:
            self.losses.append(loss)
            self.learning_rates.append(learning_rate)

    def forget_after(self, step: int) -> None:
        """Drop what came after `step`."""
        place = max(0, step - self.first)
        del self.losses[place:]
        del self.learning_rates[place:]
        self.evaluations = {at: loss for at, loss in self.evaluations.items() if at <= step}

    def between(
        self, since: int, step: int
    ) -> tuple[int, array[float], array[float], tuple[tuple[int, float], ...]]:
        """(first step, losses, learning rates, evaluations) of the steps after `since` up to
        `step`. From the start on, that includes the evaluation before the first step."""
        begin = max(since, self.first)
        part = slice(begin - self.first, max(begin, step) - self.first)
        lowest = since if since > 0 else -1
        evaluations = tuple(
            sorted((at, x) for at, x in self.evaluations.items() if lowest < at <= step)
        )
        return begin + 1, self.losses[part], self.learning_rates[part], evaluations
