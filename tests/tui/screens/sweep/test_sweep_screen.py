"""The screen of a sweep: its table, live; brushes, curves, races, exports; and the list of all."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from playground.lab.client.async_store import AsyncStore
from playground.lab.store.locks import RunLock
from playground.lab.store.store import Store
from playground.lab.store.sweeps import begin_sweep, change_plan, lock_of
from playground.lab.sweep.plan import Axis, Plan, Range, Search, Setting
from playground.tui.control.sweeps import Sweeps
from playground.tui.screens.runs.screen import RunChoice
from playground.tui.screens.sweep.list import SweepChoice, SweepsScreen
from playground.tui.screens.sweep.screen import Settings, SweepScreen
from playground.tui.screens.sweep.view import SweepView
from playground.tui.widgets.curves import CurveFamily
from playground.tui.widgets.static_text import Words
from playground.tui.widgets.table import RowList
from tests.lab.sweep.recorded import RATES, plan_of, record, record_sweep
from tests.tui.screens.conftest import Host, build_model

GRID = {**RATES, "n_embd": ["8", "16"]}
Shown = Callable[..., Host]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def shown(path: Path) -> Iterator[Shown]:
    """shown(sweep): its screen; shown(): the list of sweeps."""
    stores: list[AsyncStore] = []

    def make(sweep: int | None = None) -> Host:
        stores.append(AsyncStore(path))
        sweeps = Sweeps(stores[-1])
        screen: Screen[Any] = (
            SweepsScreen(stores[-1], sweeps)
            if sweep is None
            else SweepScreen(stores[-1], sweeps, SweepView(sweep), build_model())
        )
        return Host(screen)

    yield make
    for store in stores:
        store.close()


async def settled(pilot: Pilot[None], *keys: str) -> None:
    """All keys were heard, and all that was asked for has come."""
    for key in (None, *keys):
        if key is not None:
            await pilot.press(key)
        await pilot.pause()
        while len(pilot.app.workers):
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()


def listed(pilot: Pilot[None]) -> list[str]:
    """The lines of the table that say something, titles first, each in single blanks."""
    table = pilot.app.screen.query_one(RowList)
    texts = [" ".join(strip.text.split()) for strip in table.paint(*table.size)]
    return [text for text in texts if text]


def words(pilot: Pilot[None], name: str) -> str:
    return pilot.app.screen.query_one(f"#sweep-{name}", Words).words


async def titled(pilot: Pilot[None], text: str) -> None:
    """The title says this, after a while."""
    for _ in range(200):
        if text in words(pilot, "title"):
            break
        await pilot.pause(0.05)
    await settled(pilot)
    assert text in words(pilot, "title"), words(pilot, "title")


def view(pilot: Pilot[None]) -> SweepView:
    screen = pilot.app.screen
    assert isinstance(screen, SweepScreen)
    return screen.view


async def test_settings_stand_best_first_with_mean_deviation_and_what_is_missing(
    path: Path, shown: Shown
) -> None:
    plan = plan_of(GRID)
    units = list(plan.units())
    sweep = record_sweep(path, plan, [*units[:6], units[8]])
    with Store.open(path) as store:
        record(store, sweep, units[9], steps=3)  # its fourth step failed
    async with shown(sweep).run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        assert listed(pilot)[1:] == [
            "› 0.03 8 2.6000 – 2 1",
            "0.01 8 2.8050 0.0071 2",
            "0.003 16 2.9050 0.0071 2",
            "0.003 8 3.0050 0.0071 2",
            "0.01 16 –",
            "0.03 16 –",
        ]
        assert "8 of 12 runs" in words(pilot, "title") and "stopped" in words(pilot, "title")
        assert "differs from the next by" in words(pilot, "verdict")


async def test_a_search_that_goes_on_shows_its_new_settings_in_every_view(
    path: Path, shown: Shown
) -> None:
    whole = plan_of(GRID)
    axes = (
        Axis("learning_rate", "optimizer.learning_rate", between=Range(0.001, 0.1, False, True)),
        Axis("n_embd", "model.n_embd", (("8", "{}"), ("16", "{}"))),
    )
    search = Search(axes, whole.settings[0].spec, trials=8)
    begun = replace(whole, settings=(), search=search)
    grown = replace(begun, settings=whole.settings[:4], search=replace(search, rounds=1))
    over = replace(grown, search=replace(search, rounds=2, over=True))
    with Store.open(path) as store:
        sweep = begin_sweep(store, begun.to_json())
        async with shown(sweep).run_test(size=(100, 30)) as pilot:
            await settled(pilot, "1", "2", "3", "4")
            assert "0 of 16 runs" in words(pilot, "title")
            change_plan(store, sweep, grown.to_json())
            for unit in grown.units():
                record(store, sweep, unit)
            await titled(pilot, "8 of 16 runs")
            await settled(pilot, "1", "2", "3", "4")
            assert len(listed(pilot)[1:]) == 4
            change_plan(store, sweep, over.to_json())
            await titled(pilot, "8 of 8 runs")


async def test_a_sweep_of_seeds_alone_is_shown_in_every_view(path: Path, shown: Shown) -> None:
    some = plan_of(RATES)
    plan = replace(some, settings=(Setting((), some.settings[0].spec),))
    sweep = record_sweep(path, plan)
    async with shown(sweep).run_test(size=(100, 30)) as pilot:
        await settled(pilot, "1", "2", "3", "4")
        assert "2 of 2 runs" in words(pilot, "title")


async def test_a_run_that_another_process_records_appears_and_the_cursor_stays(
    path: Path, shown: Shown
) -> None:
    plan = plan_of(RATES)
    units = list(plan.units())
    sweep = record_sweep(path, plan, units[:4])
    with Store.open(path) as store:
        lock = RunLock(store.lock_folder, lock_of(sweep))
        assert lock.acquire()
        async with shown(sweep).run_test(size=(100, 30)) as pilot:
            await settled(pilot, "down")
            assert "at work in another process" in words(pilot, "title")
            assert [line.split()[0] for line in listed(pilot)[1:3]] == ["0.01", "›"]
            for unit in units[4:]:
                record(store, sweep, unit)
            lock.release()
            for _ in range(200):
                if "done" in words(pilot, "title"):
                    break
                await pilot.pause(0.05)
            await settled(pilot)
            assert "6 of 6 runs" in words(pilot, "title")
            assert listed(pilot)[1:] == [
                "0.03 2.8050 0.0071 2",
                "0.01 2.9050 0.0071 2",
                "› 0.003 3.0050 0.0071 2",
            ]
            assert len(view(pilot).drawn) == 6, "the new curves are drawn, too"


async def test_a_brush_leaves_what_lies_in_it_in_the_table_and_brightens_the_curves(
    path: Path, shown: Shown
) -> None:
    sweep = record_sweep(path, plan_of(GRID))
    async with shown(sweep).run_test(size=(200, 60)) as pilot:
        await settled(pilot, "2", "right", "space", "enter")  # the upper end of n_embd
        assert [line.split()[-4:-3] for line in listed(pilot)[1:]] == [["16"]] * 3
        family = view(pilot).family(view(pilot).parallel.brushes.selected(view(pilot).lines))
        assert family.selected is not None and sum(family.selected) == 6
        await settled(pilot, "left", "space", "enter")  # brushes combine
        assert [line.split()[-5:-3] for line in listed(pilot)[1:]] == [["0.03", "16"]]
        await settled(pilot, "escape")
        assert len(listed(pilot)) == 1 + 6


async def test_enter_opens_the_chosen_seed_and_a_setting_with_one_run_at_once(
    path: Path, shown: Shown
) -> None:
    plan = plan_of(RATES)
    units = list(plan.units())
    sweep = record_sweep(path, plan, units[1:])
    app = shown(sweep)
    async with app.run_test() as pilot:
        await settled(pilot, "enter")  # the best setting, its two runs; the better one first
        await settled(pilot, "down", "enter")
        assert app.answer == RunChoice("open", 5)
    app = shown(sweep)
    async with app.run_test() as pilot:
        await settled(pilot, "end", "enter")
        assert app.answer == RunChoice("open", 1)


async def test_two_marked_settings_race_by_a_seed_that_both_have(path: Path, shown: Shown) -> None:
    plan = plan_of(RATES)
    units = list(plan.units())
    sweep = record_sweep(path, plan, units[1:])  # the last setting lacks the first seed
    app = shown(sweep)
    async with app.run_test() as pilot:
        await settled(pilot, "R")
        assert "Mark two settings" in words(pilot, "said")
        await settled(pilot, "space", "end", "space", "R")
        with Store.open(path) as store:
            assert app.answer == RunChoice("race", 5, other=1)
            assert {store.row(run).seed for run in (5, 1)} == {43}


async def test_the_table_is_exported_as_csv(
    path: Path, shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = record_sweep(path, plan_of(RATES))
    async with shown(sweep).run_test() as pilot:
        await settled(pilot, "e", "enter")
        assert "Wrote 6 rows" in words(pilot, "said")
    with (tmp_path / "sweep-1.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["learning_rate"], row["seed"], row["held_out"]) for row in rows[:2]] == [
        ("0.003", "42", "3.0"), ("0.003", "43", "3.01"),
    ]  # fmt: skip


WICKED = ("[red]x[/red]", "\x1b[31mred\x07", "日本" * 30)


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_names_of_others_stay_text_in_every_view(
    path: Path, shown: Shown, size: tuple[int, int]
) -> None:
    plan = plan_of(RATES)
    settings = tuple(
        Setting((("[b]n[/b]\x1b", value), ("n_embd", "8")), one.spec)
        for value, one in zip(WICKED, plan.settings, strict=True)
    )
    sweep = record_sweep(path, Plan(settings, plan.seeds, "", plan.sources))
    async with shown(sweep).run_test(size=size) as pilot:
        await settled(pilot)
        assert "[red]x[/red]" in " ".join(listed(pilot))
        for key in ("2", "3", "4", "1", "z"):
            await settled(pilot, key)
            text = "\n".join(
                "".join(segment.text for segment in strip)
                for strip in pilot.app.screen._compositor.render_strips()
            )
            assert "[b]n[/b]" in text
            assert key != "3" or "n_embd down, [b]n[/b]\\x1b across" in text
            assert "\x1b" not in text and "\x07" not in text
        await settled(pilot, "z", "enter")
        assert pilot.app.screen is not pilot.app.screen_stack[1], "the runs to open are listed"


async def test_a_sweep_that_cannot_be_read_says_why(path: Path, shown: Shown) -> None:
    with Store.open(path) as store:
        begin_sweep(store, "{")
    async with shown(1).run_test() as pilot:
        await settled(pilot, "R", "e")
        assert "damaged" in words(pilot, "verdict") or "makes no sense" in words(pilot, "verdict")
    async with shown(7).run_test() as pilot:
        await settled(pilot)
        assert "There is no such sweep. No sweep has the number 7" in words(pilot, "verdict")


async def test_every_view_shows_what_the_runs_tell(path: Path, shown: Shown) -> None:
    sweep = record_sweep(path, plan_of(GRID))
    async with shown(sweep).run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        family = view(pilot).family([True] * 12)
        assert family.group_name.startswith("2 seeds of learning_rate=0.03 n_embd=16")
        assert family.chosen is not None and len(family.curves) == 12
        assert pilot.app.screen.query_one("#sweep-curves", CurveFamily).display
        await settled(pilot, "4")
        assert "learning_rate" in words(pilot, "importance")
        assert "explained variance" in words(pilot, "importance")
        await settled(pilot, "3")
        grid = view(pilot).grid
        assert (grid.row_name, grid.rows, grid.columns) == (
            "n_embd", ("8", "16"), ("0.003", "0.01", "0.03"),
        )  # fmt: skip
        assert grid.best == (1, 2)
        await settled(pilot, "left_square_bracket")
        assert view(pilot).pair == ("seed", "learning_rate")


async def test_the_list_of_sweeps_leads_to_one_and_to_a_new_one(path: Path, shown: Shown) -> None:
    app = shown()
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        assert "There is no sweep yet" in " ".join(listed(pilot))
    record_sweep(path, plan_of(GRID))
    part = plan_of(RATES)
    record_sweep(path, part, itertools.islice(part.units(), 2))
    app = shown()
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        rows = listed(pilot)[1:]
        assert "2 learning_rate 3 2/6 3.0050" in rows[0] and "stopped" in rows[0]
        assert "1 learning_rate × n_embd 6 12/12 2.5050" in rows[1] and "done" in rows[1]
        await settled(pilot, "down", "enter")
        assert app.answer == SweepChoice("open", 1)
    app = shown()
    async with app.run_test() as pilot:
        await settled(pilot, "n")
        assert app.answer == SweepChoice("vary")


async def test_another_screen_shows_the_sweep_as_it_was_left(path: Path, shown: Shown) -> None:
    """What is chosen and brushed outlives the screen."""
    sweep = record_sweep(path, plan_of(GRID))
    async with shown(sweep).run_test() as pilot:
        await settled(pilot, "down", "2", "space", "enter", "3")
        kept = view(pilot)
    store = AsyncStore(path)
    app = Host(SweepScreen(store, Sweeps(store), kept, build_model()))
    async with app.run_test() as pilot:
        await settled(pilot)
        assert view(pilot).page == "grid"
        table = pilot.app.screen.query_one(Settings)
        assert table.cursor_key == kept.setting and len(table.keys) == 2
    store.close()
