"""Settings compared by the final losses of their runs."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playground.lab.store.sweeps import SweptRun

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Line:
    """One setting."""

    setting: int
    losses: Mapping[int, float]
    """The final loss by seed, in nats a token, of the runs that made all of their steps."""
    failed: int
    """How many runs ended early."""

    @functools.cached_property
    def mean(self) -> float:
        """Over the seeds; infinite if no run made all of its steps."""
        return statistics.fmean(self.losses.values()) if self.losses else math.inf

    @functools.cached_property
    def spread(self) -> float | None:
        """The standard deviation over the seeds; None for fewer than two."""
        return statistics.stdev(self.losses.values()) if len(self.losses) > 1 else None


@dataclass(frozen=True, slots=True)
class Difference:
    """How much lower the best setting's loss is than the next one's."""

    mean: float
    half: float
    """Half the width of the interval of 95 % around `mean`."""
    seeds: int

    @property
    def told_apart(self) -> bool:
        """True if the interval leaves out 0."""
        return abs(self.mean) > self.half


def held_out(runs: Sequence[SweptRun]) -> bool:
    """True if every run that made all of its steps has a hold-out loss, which then is compared;
    else the smoothed training losses are."""
    return all(run.heldout is not None for run in runs if run.step >= run.steps)


def final_loss(run: SweptRun, heldout: bool) -> float | None:
    """The loss that is compared; None if the run ended early, or its loss is no number."""
    loss = run.heldout if heldout else run.loss
    return loss if run.step >= run.steps and loss is not None and math.isfinite(loss) else None


def lines_of(runs: Sequence[SweptRun]) -> list[Line]:
    """One line a setting, best first."""
    heldout = held_out(runs)
    by_setting: dict[int, dict[int, float | None]] = {}
    for run in runs:
        by_setting.setdefault(run.setting, {})[run.seed] = final_loss(run, heldout)
    lines = [
        Line(
            setting,
            {seed: loss for seed, loss in losses.items() if loss is not None},
            sum(loss is None for loss in losses.values()),
        )
        for setting, losses in by_setting.items()
    ]
    return sorted(lines, key=lambda line: (line.mean, line.setting))


def difference(best: Line, other: Line) -> Difference | None:
    """The next loss minus the best one, paired by seed, with Student's interval of 95 %; None for
    fewer than two seeds that both have. Runs of one seed hold out the same texts and see the
    documents in the same order, so a pair has that part of the luck in common."""
    seeds = sorted(best.losses.keys() & other.losses.keys())
    if len(seeds) < 2:
        return None
    apart = [other.losses[seed] - best.losses[seed] for seed in seeds]
    half = student(len(seeds) - 1) * statistics.stdev(apart) / math.sqrt(len(seeds))
    return Difference(statistics.fmean(apart), half, len(seeds))


def measure(runs: Sequence[SweptRun]) -> str:
    """Which loss of these runs is compared, in words."""
    if held_out(runs):
        return "held-out, in nats a token, after the last step"
    return (
        "training, smoothed over about 20 steps, in nats a token, because not every run has a "
        "hold-out loss"
    )


def verdict(lines: Sequence[Line], more_seeds: str) -> str:
    """What the table says about the best setting and the next one. more_seeds: how a person gets
    more seeds, if one is too few."""
    if len(lines) < 2 or not lines[1].losses:
        return "There are no two settings to compare."
    found = difference(lines[0], lines[1])
    if found is None:
        apart = lines[1].mean - lines[0].mean
        return (
            f"The best differs from the next by {apart:.4f}; no two seeds tell how much of that is "
            f"luck: {more_seeds}."
        )
    told = "told apart" if found.told_apart else "not told apart"
    return (
        f"The best differs from the next by {found.mean:.4f} ± {found.half:.4f}: {told} "
        f"(95 %, paired by {found.seeds} seeds)."
    )


def student(freedom: int, confidence: float = CONFIDENCE) -> float:
    """The t below which |t| lies with this probability, for whole degrees of freedom.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    low, high = 0.0, 1.0
    while _within(high, freedom) < confidence:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """The probability that |t| is at most this."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine**2 * (k - 1) / k
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
