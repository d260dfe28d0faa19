"""Reads a sweep out of the store for the screen, which neither trains nor records.

Each function is one call, in a thread of the screen's process.
"""

from __future__ import annotations

import math
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from playground.lab.smoothing import smoothed
from playground.lab.store.database import understood
from playground.lab.store.store import Store
from playground.lab.store.sweeps import (
    SweepRow,
    SweptRun,
    clocks_of,
    losses_of,
    plan_of,
    runs_of,
    sweeps,
)
from playground.lab.sweep.plan import Plan
from playground.lab.sweep.table import Line, lines_of

LAST = 20
"""Runs whose ends tell the present pace."""
SLACK = 30.0
"""Seconds that a process takes at most to start and to record a run, beside the training."""


@dataclass(frozen=True, slots=True)
class ListedSweep:
    """A sweep in the list of sweeps."""

    row: SweepRow
    names: tuple[str, ...]
    """The settings that are varied."""
    settings: int
    total: int
    """The runs of the whole sweep."""
    best: float | None
    """The lowest mean of a setting's final losses; None if no run made all of its steps."""


def listed(store: Store, known: Mapping[int, ListedSweep]) -> list[ListedSweep]:
    """All sweeps, newest first. known: what was listed before, by number; of that, what has no new
    run, and is to have no more, is not computed again. Raises StoreError."""
    found = []
    for row in sweeps(store):
        before = known.get(row.id)
        if before is not None and (before.row.recorded, before.row.plan) == (
            row.recorded,
            row.plan,
        ):
            found.append(replace(before, row=row))
            continue
        with understood(store.path):
            plan = Plan.parse(row.plan)
        lines = lines_of(runs_of(store, row.id))
        best = lines[0].mean if lines and lines[0].losses else None
        total = plan.count * len(plan.seeds)
        found.append(ListedSweep(row, plan.names, plan.count, total, best))
    return found


def read_plan(store: Store, sweep: int) -> Plan:
    """What a sweep trains. Raises StoreError."""
    text = plan_of(store, sweep)
    with understood(store.path):
        return Plan.parse(text)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a sweep has recorded."""

    runs: tuple[SweptRun, ...]
    lines: tuple[Line, ...]
    """One for each setting that has a run, best first."""
    pace: float | None
    """Seconds that one run takes of the sweep's time, lately; None before there is one."""


def read_runs(store: Store, sweep: int) -> Recorded:
    """What a sweep has recorded so far. Raises StoreError."""
    runs = runs_of(store, sweep)
    return Recorded(tuple(runs), tuple(lines_of(runs)), pace_of(clocks_of(store, sweep)))


def pace_of(clocks: Sequence[tuple[float, float]]) -> float | None:
    """Seconds that one run took of the sweep's time, on average over the last ones; None without
    a run.

    clocks: as `clocks_of` gives them. While a sweep is at work no time between the ends of two runs
    is longer than its longest run: a longer one is a time when it stood, and is left out.
    """
    if not clocks:
        return None
    longest = max(seconds for _, seconds in clocks) + SLACK
    last = clocks[-LAST:]
    ends = [end for end, _ in last]
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    return (last[0][1] + sum(gap for gap in gaps if 0 <= gap <= longest)) / len(last)


def time_left(total: int, recorded: int, pace: float | None) -> float | None:
    """Seconds to the end of a sweep at this pace; None before there is one."""
    return None if pace is None else pace * max(0, total - recorded)


@dataclass(frozen=True, slots=True)
class LossCurve:
    """The smoothed training losses of a run, thinned out to what a screen can show."""

    run: int
    steps: array[float]
    losses: array[float]
    """In nats a token, of the same length; those of a run that diverged may not be finite."""


def read_curves(
    store: Store, runs: Sequence[int], points: int, stop: Callable[[], bool] = lambda: False
) -> list[LossCurve]:
    """The curves of these runs, of `points` points each at most, the last step among them. Runs
    without a step have none. stop: asked between two runs; what is read by then is returned.
    Raises StoreError."""
    found = []
    for run, first, losses in losses_of(store, runs):
        found.append(_thinned(run, first, losses, points))
        if stop():
            break
        time.sleep(0)  # the screen's thread goes first
    return found


def _thinned(run: int, first: int, losses: array[float], points: int) -> LossCurve:
    averages = smoothed(losses)
    last = len(averages) - 1
    count = min(points, len(averages))
    places = [round(number * last / max(1, count - 1)) for number in range(count)]
    if count == 1:
        places = [last]
    return LossCurve(
        run,
        array("d", (first + 1 + place for place in places)),
        array("d", (averages[place] for place in places)),
    )


def mean_curve(curves: Sequence[LossCurve]) -> tuple[array[float], array[float]]:
    """(steps, the mean of the curves at each) over the steps that all of these curves have, at
    least one curve. Curves that were thinned out at other steps are read between their points."""
    steps = curves[0].steps
    if all(curve.steps == steps for curve in curves):
        sums = map(math.fsum, zip(*(curve.losses for curve in curves), strict=True))
    else:
        end = min(curve.steps[-1] for curve in curves)
        steps = array("d", (step for step in steps if step <= end))
        sums = map(math.fsum, ([_at(curve, step) for curve in curves] for step in steps))
    return steps, array("d", (whole / len(curves) for whole in sums))


def _at(curve: LossCurve, step: float) -> float:
    """The loss at a step between the first and the last, on the line between two points."""
    place = bisect_left(curve.steps, step)
    if place >= len(curve.steps):
        return curve.losses[-1]
    if place == 0 or curve.steps[place] == step:
        return curve.losses[place]
    before, after = curve.steps[place - 1], curve.steps[place]
    part = (step - before) / (after - before)
    return curve.losses[place - 1] + part * (curve.losses[place] - curve.losses[place - 1])
