"""A sweep read out of the store: how far it is, its curves, and the list of all."""

from __future__ import annotations

import itertools
import math
from array import array
from pathlib import Path

import pytest

from playground.lab.store.locks import RunLock
from playground.lab.store.store import Store
from playground.lab.store.sweeps import glance, lock_of
from playground.lab.sweep.export import export_table, table_text
from playground.lab.sweep.plan import Plan, Setting
from playground.lab.sweep.reading import (
    SLACK,
    LossCurve,
    listed,
    mean_curve,
    pace_of,
    read_curves,
    read_plan,
    read_runs,
    time_left,
)
from tests.lab.sweep.recorded import RATES, STEPS, plan_of, record, record_sweep


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


def test_a_glance_tells_how_many_runs_there_are_and_whether_one_works_on_them(path: Path) -> None:
    plan = plan_of(RATES)
    sweep = record_sweep(path, plan, itertools.islice(plan.units(), 4))
    with Store.open(path) as store:
        assert (glance(store, sweep).recorded, glance(store, sweep).at_work) == (4, False)
        lock = RunLock(store.lock_folder, lock_of(sweep))
        assert lock.acquire()
        assert glance(store, sweep).at_work
        lock.release()


def test_sweeps_are_listed_newest_first_with_their_best_mean(path: Path) -> None:
    record_sweep(path, plan_of(RATES))
    part = plan_of({"n_embd": ["8", "16"], "n_layer": ["1", "2"]}, seeds=3)
    record_sweep(path, part, itertools.islice(part.units(), 3))
    with Store.open(path) as store:
        found = listed(store, {})
        assert [(one.row.id, one.names, one.row.recorded, one.total) for one in found] == [
            (2, ("n_embd", "n_layer"), 3, 12),
            (1, ("learning_rate",), 6, 6),
        ]
        assert found[1].best == pytest.approx(3 - 0.2 + 0.005)
        known = {one.row.id: one for one in found}
        record(store, 2, list(part.units())[3])
        again = listed(store, known)
        assert [one.row.recorded for one in again] == [4, 6]
        assert again[0].best == pytest.approx(2.9) and again[1].best == found[1].best


def test_curves_are_thinned_to_so_many_points_and_end_with_the_last_step(path: Path) -> None:
    plan = plan_of(RATES)
    sweep = record_sweep(path, plan)
    with Store.open(path) as store:
        runs = [run.run for run in read_runs(store, sweep).runs]
        curves = read_curves(store, runs, 10)
        whole = {curve.run: curve for curve in read_curves(store, runs, 10_000)}
    assert sorted(curve.run for curve in curves) == runs
    for curve in curves:
        assert len(curve.steps) == len(curve.losses) == 10
        assert (curve.steps[0], curve.steps[-1]) == (1, STEPS)
        full = whole[curve.run]
        assert [*curve.losses] == [full.losses[int(step) - 1] for step in curve.steps]


def test_a_run_without_a_step_has_no_curve_and_one_with_a_single_step_has_a_point(
    path: Path,
) -> None:
    plan = plan_of(RATES)
    sweep = record_sweep(path, plan, ())
    with Store.open(path) as store:
        none, one = (
            record(store, sweep, unit, made)
            for unit, made in zip(plan.units(), (0, 1), strict=False)
        )
        assert [(curve.run, [*curve.steps]) for curve in read_curves(store, [none, one], 5)] == [
            (one, [1.0])
        ]


def test_curves_of_other_steps_are_averaged_at_the_steps_of_the_first() -> None:
    one = LossCurve(1, array("d", (0, 2, 4)), array("d", (4, 2, 0)))
    other = LossCurve(2, array("d", (0, 1, 3)), array("d", (0, 1, 3)))
    steps, means = mean_curve([one, other])
    assert ([*steps], [*means]) == ([0, 2], [2, 2])
    steps, means = mean_curve([one, one])
    assert [*means] == [4, 2, 0]


def test_the_pace_leaves_out_the_time_when_the_sweep_stood() -> None:
    assert pace_of([]) is None and time_left(10, 0, None) is None
    assert pace_of([(100.0, 4.0)]) == 4.0
    # Two workers: their runs end together, and each took 4 seconds.
    pairs = [(100.0, 4.0), (100.0, 4.0), (104.0, 4.0), (104.0, 4.0)]
    assert pace_of(pairs) == 2.0
    night = [(when + 40_000 * (when > 100), took) for when, took in pairs]
    assert pace_of(night) == 1.0 < SLACK
    assert time_left(10, 4, 2.0) == 12.0


def test_the_table_has_a_row_a_run_and_no_cell_that_a_spreadsheet_computes(tmp_path: Path) -> None:
    plan = plan_of(RATES, seeds=1)
    wicked = ('=cmd|"/c calc"!A1', "-2+3", "plain, with a comma")
    settings = tuple(
        Setting((("@name", value),), one.spec)
        for value, one in zip(wicked, plan.settings, strict=True)
    )
    plan = Plan(settings, plan.seeds, "", plan.sources)
    path = tmp_path / "runs.sqlite"
    sweep = record_sweep(path, plan)
    with Store.open(path) as store:
        assert read_plan(store, sweep) == plan
        runs = read_runs(store, sweep).runs
    text = table_text(plan, runs)
    lines = text.splitlines()
    assert lines[0] == "'@name,seed,held_out,training,steps,run"
    assert lines[1].startswith("\"'=cmd|") and lines[2].startswith("'-2+3,42,2.9,2.9,40,2")
    assert lines[3].startswith('"plain, with a comma",42,')
    target = tmp_path / "sweep.csv"
    assert export_table(plan, runs, target) == target and target.read_text() == text


def test_losses_that_are_no_numbers_stay_as_they_are(path: Path) -> None:
    plan = plan_of(RATES, seeds=1)
    sweep = record_sweep(path, plan)
    with Store.open(path) as store:
        with store.database.writing() as db:
            db.execute("UPDATE runs SET loss = ?, heldout = NULL WHERE id = 1", (math.inf,))
        recorded = read_runs(store, sweep)
    assert [line.setting for line in recorded.lines] == [2, 1, 0]
    assert recorded.lines[-1].failed == 1
    assert ",,inf,40,1\n" in table_text(plan, recorded.runs)
