"""Settings compared by their losses."""

from __future__ import annotations

import math

import pytest

from playground.lab.store.sweeps import SweptRun
from playground.lab.sweep.table import difference, held_out, lines_of, student


def run(setting: int, seed: int, heldout: float | None, step: int = 10) -> SweptRun:
    return SweptRun(setting, seed, 10 * setting + seed, 9.0, heldout, step, 10)


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042)]
)
def test_students_t_is_that_of_the_printed_tables(freedom: int, t: float) -> None:
    assert student(freedom) == pytest.approx(t, abs=5e-4)


def test_the_best_comes_first_with_mean_and_standard_deviation() -> None:
    lines = lines_of([run(0, 1, 3.0), run(0, 2, 3.2), run(1, 1, 2.0), run(1, 2, 2.4)])
    assert [line.setting for line in lines] == [1, 0]
    assert [line.mean for line in lines] == pytest.approx([2.2, 3.1])
    assert lines[0].spread == pytest.approx(math.sqrt(0.08))


def test_seeds_are_paired_so_that_a_constant_difference_is_told_apart() -> None:
    """The seeds differ by far more than the settings do."""
    runs = [run(setting, seed, seed + 0.01 * setting) for setting in (0, 1) for seed in (1, 2, 3)]
    found = difference(*lines_of(runs))
    assert found is not None and found.mean == pytest.approx(0.01) and found.told_apart


def test_a_difference_that_changes_its_sign_is_not_told_apart() -> None:
    first = [run(0, 1, 2.0), run(0, 2, 2.0), run(0, 3, 2.0)]
    found = difference(*lines_of([*first, run(1, 1, 2.3), run(1, 2, 1.9), run(1, 3, 2.1)]))
    assert found is not None and not found.told_apart
    assert found.mean == pytest.approx(0.1)
    assert found.half == pytest.approx(4.3027 * 0.2 / math.sqrt(3), abs=1e-4)


def test_one_seed_tells_nothing_of_luck() -> None:
    best, other = lines_of([run(0, 1, 2.0), run(1, 1, 3.0)])
    assert difference(best, other) is None and best.spread is None


def test_a_run_that_ended_early_counts_as_failed_and_its_loss_for_nothing() -> None:
    lines = lines_of([run(0, 1, 1.0, step=4), run(0, 2, 3.0), run(1, 1, 1.0, step=4)])
    assert [(line.mean, line.failed) for line in lines] == [(3.0, 1), (math.inf, 1)]


def test_training_losses_are_compared_where_a_run_has_no_hold_out_loss() -> None:
    runs = [run(0, 1, 3.0), run(1, 1, None)]
    assert not held_out(runs)
    assert [line.mean for line in lines_of(runs)] == [9.0, 9.0]
