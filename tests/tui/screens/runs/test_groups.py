"""The list in groups: headings, folded groups, and marks on a whole group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from playground.lab.client.async_store import AsyncStore
from playground.lab.store.store import Store
from playground.tui.screens.pick.lists import PickList
from playground.tui.screens.runs.screen import RunsScreen
from playground.tui.screens.runs.table import RunList
from tests.lab.store.conftest import new_run, steps
from tests.tui.screens.conftest import Host
from tests.tui.screens.runs.test_runs import LARGE, line, listed, numbers, settled, typed

Screen = Callable[[], Host]
LOW, HIGH = ("learning_rate", 0.01), ("learning_rate", 0.05)


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Screen]:
    """The screen on three runs with lr 0.01, seeds 1 to 3, and runs 4 and 5 with lr 0.05."""
    path = tmp_path / "runs.sqlite"
    with Store.open(path) as store:
        for number, rate in enumerate((0.01, 0.01, 0.01, 0.05, 0.05), 1):
            new = new_run(seed=number, optimizer={"learning_rate": rate})
            run = store.create(new, "")
            held = ((20, 2 + number / 10),)
            store.append(run, steps(0, 20, evaluations=held, status="finished"))
    desk = AsyncStore(path)
    yield lambda: Host(RunsScreen(desk, None))
    desk.close()


async def by_rate(pilot: Pilot[None]) -> None:
    """Group the runs by their learning rate, the older runs of a group first."""
    await settled(pilot, "g")
    screen = pilot.app.screen
    names = [
        str(option.prompt).split("  ")[0].strip() for option in screen.query_one(PickList).options
    ]
    await settled(pilot, *["down"] * names.index("lr"), "enter")


async def test_each_group_has_a_heading_with_its_best_and_mean(shown: Screen) -> None:
    async with shown().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await by_rate(pilot)
        assert [key for key in numbers(pilot) if not isinstance(key, int)] == [LOW, HIGH]
        headings = [one for one in listed(pilot) if "▾" in one]
        assert "lr 0.01  ·  3 runs  ·  held out: best 2.100, mean 2.200 ± 0.100" in headings[0]
        assert "lr 0.05  ·  2 runs" in headings[1]
        assert "grouped by lr" in line(pilot, "total") and "standard deviation" in line(
            pilot, "total"
        )


async def test_search_and_order_hold_within_the_groups(shown: Screen) -> None:
    async with shown().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await by_rate(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, RunsScreen)
        screen.query_one(RunList).focus()
        while "by held out ▲" not in line(pilot, "total"):
            await settled(pilot, "s")
        assert numbers(pilot) == [LOW, 1, 2, 3, HIGH, 4, 5]
        await settled(pilot, "S")
        assert numbers(pilot) == [LOW, 3, 2, 1, HIGH, 5, 4]
        await typed(pilot, "seed<3")
        assert numbers(pilot) == [LOW, 2, 1]


async def test_a_folded_group_is_its_heading_alone_and_keeps_its_marks(shown: Screen) -> None:
    async with shown().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await by_rate(pilot)
        rows = pilot.app.screen.query_one(RunList)
        rows.move_to(LOW)
        await settled(pilot, "space")
        assert rows.marked == {1, 2, 3} and "3 marked" in line(pilot, "total")
        rows.move_to(2)
        await settled(pilot, "left")
        assert [key for key in rows.keys if isinstance(key, int)] == [5, 4]
        assert rows.cursor_key == LOW and rows.marked == {1, 2, 3}
        await settled(pilot, "enter")
        assert len(rows.keys) == 7
        await settled(pilot, "space")
        assert not rows.marked


async def test_a_marked_group_is_deleted_and_comes_back(shown: Screen) -> None:
    async with shown().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await by_rate(pilot)
        rows = pilot.app.screen.query_one(RunList)
        rows.move_to(HIGH)
        await settled(pilot, "delete")
        assert "Mark the group" in line(pilot, "said") and len(rows.keys) == 7
        await settled(pilot, "space", "left", "delete")
        assert list(rows.keys) == [LOW, 3, 2, 1]
        await settled(pilot, "u")
        assert HIGH in rows.keys


async def test_on_a_heading_the_runs_of_the_group_are_over_each_other(shown: Screen) -> None:
    async with shown().run_test(size=LARGE) as pilot:
        await settled(pilot)
        await by_rate(pilot)
        pilot.app.screen.query_one(RunList).move_to(LOW)
        await settled(pilot)
        assert "3 runs over each other" in str(pilot.app.screen.query_one("#run-title").render())
