"""Several marked runs in one chart: each is told from the others, and the best is named."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from playground.lab.client.async_store import AsyncStore
from playground.lab.store.store import Store
from playground.tui.screens.runs.screen import RunsScreen
from playground.tui.screens.runs.table import RunList
from playground.tui.widgets.chart import Chart
from tests.lab.store.conftest import new_run, steps
from tests.tui.screens.conftest import Host
from tests.tui.screens.runs.test_runs import LARGE, settled, words

Screen = Callable[[], Host]


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Screen]:
    """The screen on a store of ten runs that differ in their seed; run n has the loss 2 + n / 10 at
    each of its steps, which are 60, and 30 in run 2."""
    path = tmp_path / "runs.sqlite"
    with Store.open(path) as store:
        for number in range(1, 11):
            run = store.create(new_run(seed=number), "")
            count = 30 if number == 2 else 60
            losses = array("d", [2 + number / 10] * count)
            held = ((count, 3 - number / 10),)
            done = steps(0, count, evaluations=held, bits_per_nat=1.5, status="finished")
            store.append(run, replace(done, losses=losses))
    desk = AsyncStore(path)
    yield lambda: Host(RunsScreen(desk, None))
    desk.close()


async def mark(pilot: Pilot[None], *runs: int) -> None:
    table = pilot.app.screen.query_one(RunList)
    for run in runs:
        table.move_to(run)
        await settled(pilot, "space")


def table(pilot: Pilot[None]) -> list[str]:
    """The lines that begin with the letter of a run."""
    return [one for one in words(pilot).splitlines() if one[1:2] == " " and one[0] in "ABCDEFGH"]


async def test_marked_runs_are_a_letter_each_and_listed_the_best_first(many: Screen) -> None:
    async with many().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await mark(pilot, 5, 3, 4)
        rows = [line.split() for line in table(pilot)]
        assert [row[1:4] for row in rows] == [[str(run), "seed", str(run)] for run in (3, 4, 5)]
        assert [row[-1] for row in rows] == ["best", "+0.1000", "+0.2000"]
        assert sorted(row[0] for row in rows) == ["A", "B", "C"]
        chart = pilot.app.screen.query_one(Chart)
        drawn = "".join(strip.text for strip in chart.paint(*chart.size))
        assert all(letter in drawn for letter in "ABC") and "D" not in drawn


async def test_the_table_reads_out_the_place_of_the_cursor(many: Screen) -> None:
    async with many().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await mark(pilot, 1, 2, 3)
        pilot.app.screen.query_one(Chart).cursor = 45
        await settled(pilot)
        assert "at step 45" in words(pilot)
        assert "ended" in table(pilot)[-1] and " 2  seed 2 " in table(pilot)[-1]


async def test_v_and_j_show_another_loss_over_another_x(many: Screen) -> None:
    async with many().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await mark(pilot, 1, 2, 3)
        chart = pilot.app.screen.query_one(Chart)
        assert chart.values_at(60)["run 1"] == pytest.approx(2.1)
        await settled(pilot, "v")
        assert "held out, nats a token" in words(pilot)
        assert table(pilot)[0].split()[1] == "3", "of the held-out losses, run 3 has the lowest"
        await settled(pilot, "v")
        assert "bits a character" in words(pilot)
        assert chart.values_at(60)["run 1 bits"] == pytest.approx(2.9 * 1.5)
        await settled(pilot, "j")
        assert chart.unit == "tokens seen"
        assert chart.values_at(7 * 60)["run 1 bits"] == pytest.approx(2.9 * 1.5)


async def test_of_more_runs_than_can_be_told_apart_the_first_are_drawn(many: Screen) -> None:
    async with many().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await mark(pilot, *range(1, 11))
        assert len(table(pilot)) == 8
        assert "Of 10 runs the first 8 of the list are drawn" in words(pilot)


async def test_with_one_mark_the_details_are_of_the_run_under_the_cursor(many: Screen) -> None:
    async with many().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await mark(pilot, 1, 2, 3)
        await mark(pilot, 1, 2)
        assert "Run 2" in words(pilot) and not table(pilot)
