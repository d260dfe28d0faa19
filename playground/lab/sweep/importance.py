"""How much each setting that a sweep varies matters for the final loss.

Two measures. PED-ANOVA, from Optuna, tells which settings decide whether a run is among the best;
it wants many settings, and Optuna. Explained variance tells which share of the variance of all
losses the means by the values of one setting account for; it needs neither.

Runs that ended early have no loss and are left out of both.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.lab.store.sweeps import SweptRun
from playground.lab.sweep.plan import Plan, on_log_scale
from playground.lab.sweep.table import final_loss, held_out
from playground.words import read_number

AMONG_BEST = 5
"""Settings that PED-ANOVA calls the best, at least: its authors ask for five, or a tenth."""
LEAST = 2 * AMONG_BEST
"""Settings below which PED-ANOVA is not asked, so that the best are at most half of them."""
GROUPS = 4
"""Groups at most of a setting whose values are almost all different."""


@dataclass(frozen=True, slots=True)
class Importances:
    """How much each varied setting matters."""

    shares: tuple[tuple[str, float], ...]
    """(name of the setting, share from 0 to 1), greatest first."""
    by: str
    """How the shares were computed, in words that follow "importance, by"."""
    rest: float | None = None
    """The share that no single setting explains: what settings do together, and the seeds. None
    where the shares do not add up to a whole: see `explained_variance`, or by PED-ANOVA, whose
    shares add up to 1 by themselves."""


def importances(plan: Plan, runs: Sequence[SweptRun]) -> Importances | None:
    """The importance of each setting that the plan varies; None if the runs cannot tell.

    By PED-ANOVA where Optuna is installed, at least two settings have several values, and at least
    LEAST combinations have a loss; else by explained variance. The first call that needs Optuna
    imports it, which takes 0.25 s: call it off the screen's loop.
    """
    found = _losses(runs)
    values = {number: dict(setting.values) for number, setting in enumerate(plan.settings)}
    return _ped_anova(values, found) or explained_variance(values, found)


def explained_variance(
    values: Mapping[int, Mapping[str, str]], losses: Mapping[int, Sequence[float]]
) -> Importances | None:
    """The share of the variance of the losses that the means by the value of one setting account
    for: eta squared, the sum of squares between the groups over the whole sum of squares.

    values: by the number of a combination, the value of each setting. losses: by the same number,
    those of its seeds; a combination without losses is left out.

    The groups are the values, as they are: no logarithm is taken of a learning rate, and none is
    needed. Where almost all combinations have a value of their own, as those drawn from a range,
    each group would be one combination and would explain everything; then combinations with
    neighbouring values are one group, of GROUPS at most, about equally many in each.

    In a full grid the shares and `rest` add up to 1. `rest` is None where they overlap, because the
    values of two settings do not meet equally often: combinations drawn at random, or missing runs.

    Returns None if all losses are equal, or if the runs cannot tell: no setting has two values, or
    there is one run to a group. Source: R. A. Fisher, Statistical Methods for Research Workers,
    1925, chapter VII.
    """
    if not losses:
        return None
    names = list(next(iter(values.values())))
    numbers = list(losses)
    several = [name for name in names if len({values[number][name] for number in numbers}) > 1]
    groups = {}
    for name in several:
        column = {number: one[name] for number, one in values.items()}
        group = _grouped(column, alone=len(several) == 1)
        groups[name] = [group[number] for number in numbers]
    if not groups:
        return None
    sizes = [len(losses[number]) for number in numbers]
    if any(len(set(group)) == sum(sizes) for group in groups.values()):
        return None  # one run to a group
    if len(several) > 1 and any(len(set(group)) == len(numbers) for group in groups.values()):
        return None  # each combination has a word of its own, which cannot be told from the others
    whole = statistics.fmean(loss for number in numbers for loss in losses[number])
    total = math.fsum((loss - whole) ** 2 for number in numbers for loss in losses[number])
    if not total > 0:
        return None
    shares = []
    for name in names:
        by_group: dict[Hashable, list[float]] = {}
        for number, place in zip(numbers, groups.get(name, [""] * len(numbers)), strict=True):
            by_group.setdefault(place, []).extend(losses[number])
        between = math.fsum(
            len(some) * (statistics.fmean(some) - whole) ** 2 for some in by_group.values()
        )
        shares.append((name, min(1.0, between / total)))
    rest = None
    if _add_up(list(groups.values()), sizes):
        rest = max(0.0, 1 - math.fsum(share for _, share in shares))
    return Importances(_greatest_first(shares), "explained variance", rest)


def _losses(runs: Sequence[SweptRun]) -> dict[int, list[float]]:
    """The losses that are compared, by the number of their combination."""
    heldout = held_out(runs)
    found: dict[int, list[float]] = {}
    for run in runs:
        loss = final_loss(run, heldout)
        if loss is not None:
            found.setdefault(run.setting, []).append(loss)
    return found


def _grouped(column: Mapping[int, str], *, alone: bool) -> dict[int, Hashable]:
    """The group of each combination by one setting, whose values these are. alone: no other setting
    varies, so that what a value explains is its own."""
    numbers = None if alone else _drawn(list(column.values()))
    if numbers is None:
        return dict(column)
    count = max(2, min(GROUPS, len(column) // 2))
    places: dict[float, int] = {}
    for place, number in enumerate(sorted(numbers)):
        places.setdefault(number, count * place // len(column))
    return {key: places[number] for key, number in zip(column, numbers, strict=True)}


def _drawn(column: Sequence[str]) -> list[float] | None:
    """The values as numbers, if they are numbers and more than half of them are different, as those
    drawn from a range; else None."""
    if len(set(column)) <= max(2, len(column) / 2):
        return None
    try:
        return [float(read_number(text)) for text in column]
    except ValueError:
        return None


def _add_up(groups: Sequence[Sequence[Hashable]], sizes: Sequence[int]) -> bool:
    """True if the groups of any two settings meet in proportion, as in a full grid: the runs that
    are in a group of the one and a group of the other are as many as the two sizes alone say. The
    sums of squares of the settings are then parts of one whole."""
    total = sum(sizes)
    for place, one in enumerate(groups):
        for other in groups[:place]:
            both: dict[tuple[Hashable, Hashable], int] = {}
            ones: dict[Hashable, int] = {}
            others: dict[Hashable, int] = {}
            for a, b, size in zip(one, other, sizes, strict=True):
                both[a, b] = both.get((a, b), 0) + size
                ones[a] = ones.get(a, 0) + size
                others[b] = others.get(b, 0) + size
            if any(
                both.get((a, b), 0) * total != ones[a] * others[b] for a in ones for b in others
            ):
                return False
    return True


def _ped_anova(
    values: Mapping[int, Mapping[str, str]], losses: Mapping[int, Sequence[float]]
) -> Importances | None:
    """By Optuna's PedAnovaImportanceEvaluator over the mean losses of the combinations; None if it
    is not installed, or the runs are too few for it.

    Source: S. Watanabe, A. Bansal, F. Hutter, PED-ANOVA, IJCAI 2023, arXiv:2304.10255.
    """
    numbers = list(losses)
    if len(numbers) < LEAST:
        return None
    names = list(values[numbers[0]])
    if sum(len({values[number][name] for number in numbers}) > 1 for name in names) < 2:
        return None
    try:
        import optuna
    except ImportError:
        return None
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # its news would land on the screen
    spaces, typed = {}, {}
    for name in names:
        column = {number: one[name] for number, one in values.items()}
        spaces[name], typed[name] = _space(name, column)
    means = [statistics.fmean(losses[number]) for number in numbers]
    study = optuna.create_study()
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: typed[name][number] for name in names},
                distributions=spaces,
                value=mean,
            )
            for number, mean in zip(numbers, means, strict=True)
        ]
    )
    wanted = max(AMONG_BEST, math.ceil(len(numbers) / 10))
    # The evaluator rounds the number of the best up, so half of one less keeps it exact.
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(
        target_quantile=(wanted - 0.5) / len(numbers)
    )
    last = sorted(means)[wanted - 1]
    best = sum(mean <= last for mean in means)  # more than wanted if some are equal
    found = evaluator.evaluate(study)
    total = math.fsum(found.values())
    if best == len(numbers) or not total > 0:
        return None
    shares = _greatest_first([(name, found[name] / total) for name in names])
    return Importances(shares, f"Optuna's PED-ANOVA for the best {best} of {len(numbers)} settings")


def _space(name: str, column: Mapping[int, str]) -> tuple[Any, dict[int, Any]]:
    """Optuna's distribution of a setting, and its values for that: numbers if they are drawn from a
    range, else categories."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    numbers = _drawn(list(column.values()))
    if numbers is None:
        return CategoricalDistribution(tuple(dict.fromkeys(column.values()))), dict(column)
    low, high = min(numbers), max(numbers)
    space = FloatDistribution(low, high, log=on_log_scale(name, low, high))
    return space, dict(zip(column, numbers, strict=True))


def _greatest_first(shares: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """The shares in order; equal ones stay as they were."""
    return tuple(sorted(shares, key=lambda share: -share[1]))
