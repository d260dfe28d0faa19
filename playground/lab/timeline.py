"""Where a run has been: its series, its edits, and keyframes to go back to.

Training is deterministic, so any step can be reached from a keyframe before it by a replay.
Keyframes are close together over the last thousand steps and ever farther apart before these,
within a budget of memory. Of a large model the first and the two newest ones are kept: one step
back is then a replay from the older of these at most. A replay makes the edits of the learning rate
and the engine again, each after its step; a new edit at an earlier step drops those that come
later.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from playground.lab.edits import Edit, Edits

SPACING = 25
"""Steps between keyframes before thinning, with an engine that is not very fast."""
RECENT = 1000
"""The last steps over which keyframes stay about equally dense when they are thinned out."""
BUDGET = 64 * 1024 * 1024
"""Bytes for all keyframes together, if FEWEST or more of them fit in."""
FEWEST = 4
"""How many keyframes are kept of a larger model, the first one included."""
LARGE = 64 * 1024 * 1024
"""Bytes above which a single keyframe is large: a model of 2.8 million parameters has such ones."""
LARGE_BUDGET = 1536 * 1024 * 1024
"""Bytes for the large keyframes of a run beside its first one. Two of a model of 33 million
parameters fit in, or one of the largest model that there can be; the weights of the first one are
kept anyhow, to begin other engines with."""
_LARGE_ONES = 2
"""How many large keyframes are kept beside the first: the way back from the newest one begins at
the one before."""
HELD_OUT_ERROR = "held-out error"
"""The label of the standard errors of the hold-out losses, among the values of metrics."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """The state that the next steps depend on, without the edits: one value a parameter."""

    step: int
    tokens_seen: int
    weights: array[float]
    first_moment: array[float]
    second_moment: array[float]

    @property
    def size(self) -> int:
        """Bytes of the three arrays."""
        return keyframe_size(len(self.weights))


def keyframe_size(parameters: int) -> int:
    """Bytes of the keyframe of a model with so many parameters."""
    return 3 * 8 * parameters


class Timeline:
    """Keyframes by step, within a budget; edits of the base learning rate and of the engine."""

    def __init__(self, learning_rate: float, engine: str = "", budget: int = BUDGET) -> None:
        self.learning_rate = learning_rate
        """The base learning rate before any edit."""
        self.engine = engine
        """The name of the engine before any edit."""
        self.edits = Edits()
        self.spacing = SPACING
        """Steps between keyframes from now on. The spacing of a fast engine is wide: keeping a
        keyframe takes as long as many of its steps, and a replay is quick."""
        self._budget = budget
        self._frames: dict[int, Keyframe] = {}
        self._steps: list[int] = []

    @property
    def earliest(self) -> int:
        """The earliest step that a replay can reach."""
        return self._steps[0]

    @property
    def steps(self) -> list[int]:
        """The steps of the keyframes, in order."""
        return self._steps

    def next_wanted(self, step: int) -> int:
        """The first step after `step` that should have a keyframe."""
        place = bisect_right(self._steps, step)
        wanted = self._steps[place - 1] + self.spacing if place else 0
        return max(wanted, step + 1)

    def keep(self, frame: Keyframe) -> None:
        """Add a keyframe, and drop the least useful ones beyond the budget."""
        if frame.step not in self._frames:
            insort(self._steps, frame.step)
        self._frames[frame.step] = frame
        self._thin(frame.step, frame.size, most_keyframes(frame.size, self._budget))

    def make_room(self, step: int, size: int) -> None:
        """Drop the large keyframe that goes when the one of `step` is kept, so that both are not in
        memory at once."""
        if size > LARGE and step not in self._frames:
            self._thin(step, size, most_keyframes(size) - 1)

    def _thin(self, step: int, size: int, most: int) -> None:
        """Drop the least useful keyframes beyond `most`. step: where the run stands, from which
        the way goes back more often than on."""
        while len(self._frames) > most:
            if size <= LARGE:
                victim = least_missed(self._steps)
            else:
                victim = self._steps[-1] if self._steps[-1] > step else self._steps[1]
            del self._frames[victim]
            self._steps.remove(victim)

    def before(self, step: int) -> Keyframe:
        """The last keyframe before `step`, so that a replay makes `step` again; the first keyframe
        if none is before it."""
        place = bisect_right(self._steps, step - 1)
        return self._frames[self._steps[max(0, place - 1)]]

    def begin_at(self, frame: Keyframe) -> None:
        """Keep this keyframe alone: the steps before it cannot be replayed."""
        self._frames, self._steps = {frame.step: frame}, [frame.step]

    def after(self, step: int) -> Iterator[Keyframe]:
        """The keyframes after `step`, in order."""
        for at in self._steps[bisect_right(self._steps, step) :]:
            yield self._frames[at]

    # ------------------------------------------------------------ edits

    def rate_at(self, step: int) -> float:
        """The base learning rate after `step` steps and the edits made there."""
        return self.edits.rate_at(step, self.learning_rate)

    def engine_at(self, step: int) -> str:
        """The engine after `step` steps and the edits made there."""
        return self.edits.engine_at(step, self.engine)

    def edit(self, edit: Edit) -> None:
        """Add an edit; drop the edits and keyframes after it, which are void: another learning rate
        leads elsewhere, and another engine differs in the last bits."""
        self.edits = self.edits.until(edit.step).having(edit)
        self.forget_frames_after(edit.step)

    def forget_frames_after(self, step: int) -> None:
        """Drop the keyframes after `step`, and keep the edits."""
        self._frames = {at: frame for at, frame in self._frames.items() if at <= step}
        self._steps = sorted(self._frames)


def most_keyframes(size: int, budget: int = BUDGET) -> int:
    """How many keyframes of `size` bytes are kept in memory, the first one included."""
    if size <= LARGE:
        return max(FEWEST, budget // max(1, size))
    return 1 + max(1, min(_LARGE_ONES, LARGE_BUDGET // size))


def least_missed(steps: Sequence[int]) -> int:
    """The step whose keyframe is least useful: removing it leaves the smallest gap for its age.
    steps: three or more, in order; never returns the first or the last."""
    newest = steps[-1]
    least, victim = float("inf"), steps[1]
    for before, step, after in zip(steps, steps[1:], steps[2:], strict=False):
        felt = (after - before) / (newest - step + RECENT)
        if felt < least:
            least, victim = felt, step
    return victim


class Measured:
    """The values of one metric, in the order of their steps."""

    def __init__(self, pairs: Iterable[tuple[int, float]] = ()) -> None:
        """pairs: (step, value) in any order; of two with the same step the later one counts."""
        known = sorted(dict(pairs).items())
        self.steps = array("q", [step for step, _ in known])
        self.values = array("d", [value for _, value in known])

    def __len__(self) -> int:
        return len(self.steps)

    def at(self, step: int) -> float | None:
        """The value at exactly this step; None if that step was not measured."""
        place = bisect_left(self.steps, step)
        found = place < len(self.steps) and self.steps[place] == step
        return self.values[place] if found else None

    def record(self, step: int, value: float) -> None:
        """Add a value for a step that has none."""
        place = bisect_left(self.steps, step)
        self.steps.insert(place, step)
        self.values.insert(place, value)

    def forget_after(self, step: int) -> None:
        """Drop the values after `step`."""
        place = bisect_right(self.steps, step)
        del self.steps[place:], self.values[place:]

    def between(self, first: int, last: int) -> tuple[tuple[int, float], ...]:
        """(step, value) pairs from `first` to `last`, both included."""
        part = slice(bisect_left(self.steps, first), bisect_right(self.steps, last))
        return tuple(zip(self.steps[part], self.values[part], strict=True))


@dataclass(frozen=True, slots=True)
class HeldOutLoss:
    """One evaluation on held-out documents."""

    mean: float
    """Mean loss over all predicted tokens, in nats a token."""
    error: float | None
    """Standard error of the mean; None if it is not known."""


class Clock:
    """How many tokens a run had seen, and how many seconds its training had taken, after some of
    its steps. Between two of these steps, both are taken to have grown evenly."""

    GRAIN = 0.05
    """Seconds of training between two of these steps."""

    def __init__(self, points: Iterable[tuple[float, float, float]] = ((0, 0, 0.0),)) -> None:
        """points: (step, tokens, seconds), in order; nothing is known of the steps before the
        first."""
        self.steps, self.tokens, self.seconds = array("d"), array("d"), array("d")
        for point in points:
            self.note(*point)

    @classmethod
    def of(cls, flat: array[float]) -> Clock:
        """The clock from step, tokens, seconds, step, tokens, seconds ..."""
        return cls(zip(flat[::3], flat[1::3], flat[2::3], strict=True))

    def flat(self, since: float = -1, until: float = math.inf) -> array[float]:
        """The points after `since` up to `until`, as `of` takes them."""
        return array("d", chain.from_iterable(self.between(since, until)))

    def note(self, step: float, tokens: float, seconds: float) -> None:
        """Add a point after all others; one that is not after them is left out, and neither number
        ever falls."""
        if self.steps and step <= self.steps[-1]:
            return
        self.steps.append(step)
        self.tokens.append(max(tokens, *self.tokens[-1:], 0.0))
        self.seconds.append(max(seconds, *self.seconds[-1:], 0.0))

    def spend(self, step: int, tokens: int, seconds: float) -> None:
        """Count `seconds` more, up to `step`. Points less than GRAIN apart are moved together."""
        spent = (self.seconds[-1] if self.seconds else 0.0) + seconds
        if len(self.steps) > 1 and self.seconds[-1] - self.seconds[-2] < self.GRAIN:
            del self.steps[-1:], self.tokens[-1:], self.seconds[-1:]
        self.note(step, tokens, spent)

    def forget_after(self, step: int) -> None:
        """Drop the points after `step`, where the clock stands then."""
        at = self.at(step)
        kept = bisect_right(self.steps, step)
        del self.steps[kept:], self.tokens[kept:], self.seconds[kept:]
        if at is not None:
            self.note(step, round(at[0]), at[1])

    def between(self, since: float, until: float) -> list[tuple[float, float, float]]:
        """The points after `since` up to `until`."""
        part = slice(bisect_right(self.steps, since), bisect_right(self.steps, until))
        return list(zip(self.steps[part], self.tokens[part], self.seconds[part], strict=True))

    def at(self, step: float) -> tuple[float, float] | None:
        """(tokens, seconds) after `step`; None before the first point."""
        place = bisect_right(self.steps, step) - 1
        if place < 0:
            return None
        here = self.tokens[place], self.seconds[place]
        if place + 1 == len(self.steps):
            return here
        part = (step - self.steps[place]) / (self.steps[place + 1] - self.steps[place])
        return (
            here[0] + part * (self.tokens[place + 1] - here[0]),
            here[1] + part * (self.seconds[place + 1] - here[1]),
        )


class Series:
    """The loss and learning rate of every recorded step, the hold-out losses, and the values of
    metrics."""

    def __init__(self, first: int = 0) -> None:
        self.first = first
        """The step before the first one recorded."""
        self.losses = array("d")
        self.learning_rates = array("d")
        self.evaluations: dict[int, float] = {}
        self.measured: dict[str, Measured] = {}
        """The values of each metric, by its label."""
        self.noted: dict[str, Measured] = {}
        """Values that the record keeps of its own, by label. At which steps depends on the clock,
        so these values are shown and recorded, and are in no state of the run."""
        self.clock = Clock()
        """The tokens and the seconds at these steps."""

    @property
    def head(self) -> int:
        """The last step recorded."""
        return self.first + len(self.losses)

    def record(self, step: int, losses: array[float], learning_rates: array[float]) -> None:
        """Record the steps after `step`; replayed steps replace their own values."""
        begin = step - self.first
        part = slice(begin, begin + len(losses))
        self.losses[part] = losses
        self.learning_rates[part] = learning_rates

    def evaluate(self, step: int, loss: HeldOutLoss) -> None:
        """Record the hold-out loss after `step`, and its standard error."""
        self.evaluations[step] = loss.mean
        errors = self.measured.setdefault(HELD_OUT_ERROR, Measured())
        if loss.error is not None and errors.at(step) is None:
            errors.record(step, loss.error)

    def held_out(self, step: int) -> HeldOutLoss | None:
        """The hold-out loss after exactly `step`; None if it was not measured there. Runs of
        earlier versions have no standard error."""
        mean = self.evaluations.get(step)
        errors = self.measured.get(HELD_OUT_ERROR)
        return None if mean is None else HeldOutLoss(mean, errors.at(step) if errors else None)

    def forget_after(self, step: int) -> None:
        """Drop the values after `step`."""
        place = max(0, step - self.first)
        del self.losses[place:]
        del self.learning_rates[place:]
        self.evaluations = {at: loss for at, loss in self.evaluations.items() if at <= step}
        for measured in (*self.measured.values(), *self.noted.values()):
            measured.forget_after(step)
        self.clock.forget_after(step)

    def measured_between(self, first: int, last: int) -> dict[str, tuple[tuple[int, float], ...]]:
        """Each metric's (step, value) pairs from `first` to `last`, both included; metrics without
        pairs are left out."""
        found = {label: one.between(first, last) for label, one in self.measured.items()}
        return {label: pairs for label, pairs in found.items() if pairs}

    def shown_between(self, first: int, last: int) -> dict[str, tuple[tuple[int, float], ...]]:
        """As `measured_between`, and with `noted`; a metric's own value counts."""
        found = self.measured_between(first, last)
        for label, noted in self.noted.items():
            if pairs := noted.between(first, last):
                found[label] = tuple(sorted(dict((*pairs, *found.get(label, ()))).items()))
        return found

    def between(
        self, since: int, step: int
    ) -> tuple[int, array[float], array[float], tuple[tuple[int, float], ...]]:
        """(first step, losses, learning rates, evaluations) of the steps after `since` up to
        `step`. If `since` is 0, this includes the evaluation before the first step."""
        begin = max(since, self.first)
        part = slice(begin - self.first, max(begin, step) - self.first)
        lowest = since if since > 0 else -1
        evaluations = tuple(
            sorted((at, x) for at, x in self.evaluations.items() if lowest < at <= step)
        )
        return begin + 1, self.losses[part], self.learning_rates[part], evaluations
