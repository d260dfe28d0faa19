"""The screen of the runs: found, sorted, looked at, chosen, put away and brought back."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from playground.lab.client.async_store import AsyncStore
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet
from playground.lab.store.locks import RunLock
from playground.lab.store.records import Batch, Edit
from playground.lab.store.store import Store
from playground.tui.screens.dialog import Line
from playground.tui.screens.help import HelpScreen, KeyTable
from playground.tui.screens.probes.answers import ChangeList
from playground.tui.screens.runs.ask import ExportRun
from playground.tui.screens.runs.detail import RunDetail
from playground.tui.screens.runs.screen import RunChoice, RunsScreen
from playground.tui.screens.runs.table import RunList
from playground.tui.widgets.chart import Chart
from playground.tui.widgets.control import Choice
from tests.lab.store.conftest import loss_of, new_run, samples, state, steps
from tests.tui.screens.conftest import Host

Screen = Callable[..., Host]
PROBES = ProbeSet(("an",), seed=7)
SMALL, MEDIUM, LARGE = (80, 24), (120, 40), (200, 60)


def asked(step: int, text: str) -> ProbeAnswers:
    return ProbeAnswers(step, ((text,),), questions=PROBES.questions)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of four runs: 1 "first", 2 hot, 3 on poems, and 4, forked from 1."""
    where = tmp_path / "runs.sqlite"
    with Store.open(where) as store:
        settings = json.dumps({"probes": PROBES.to_dict()})
        run = store.create(replace(new_run("first"), settings=settings), "")
        batch = steps(
            0, 30, loss=2.5, tip=state(30), status="finished", evaluations=((30, 2.25),),
            samples=(samples(20, "old"), samples(30, "anna", "[b]bob[/b]")),
            probes=(asked(0, "anxq"), asked(30, "anna")),
        )  # fmt: skip
        store.append(run, batch)
        hot = store.create(new_run("", optimizer={"learning_rate": 0.05}), "")
        store.append(hot, steps(0, 20, loss=2.0, status="paused", tip=state(20)))
        store.annotate(hot, "too hot?")
        poems = store.create(new_run("poems", dataset="poems.txt"), "")
        store.append(poems, steps(0, 10, loss=3.0, status="failed"))
        store.fork(run, 10, new_run("child", optimizer={"learning_rate": 0.02}), "")
    return where


@pytest.fixture
def shown(path: Path) -> Iterator[Screen]:
    """shown(current): the screen on that store."""
    desks: list[AsyncStore] = []

    def make(current: int | None = None, at: Path = path) -> Host:
        desks.append(AsyncStore(at))
        return Host(RunsScreen(desks[-1], current))

    yield make
    for desk in desks:
        desk.close()


async def settled(pilot: Pilot[None], *keys: str) -> None:
    """All keys were heard, once the list was there, and all that was asked for has come."""
    await _quiet(pilot)
    if keys:
        await pilot.press(*keys)
        await _quiet(pilot)


async def _quiet(pilot: Pilot[None]) -> None:
    await pilot.pause()
    while len(pilot.app.workers):  # what comes first may ask for more
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def typed(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one(Input).value = text
    await settled(pilot)


def line(pilot: Pilot[None], name: str) -> str:
    return pilot.app.screen.query_one(f"#runs-{name}", Line).words


def listed(pilot: Pilot[None]) -> list[str]:
    """The lines of the table that say something, titles first."""
    table = pilot.app.screen.query_one(RunList)
    texts = [strip.text.strip() for strip in table.paint(*table.size)]
    return [text for text in texts if text]


def numbers(pilot: Pilot[None]) -> list[int]:
    return list(pilot.app.screen.query_one(RunList).keys)


def words(pilot: Pilot[None]) -> str:
    """What is said of the run under the cursor."""
    detail = pilot.app.screen.query_one(RunDetail)
    return "\n".join(part.words for part in detail.query(Line))


# ---------------------------------------------------------------- the list


async def test_each_run_stands_in_a_line_forks_below_their_parents(shown: Screen) -> None:
    async with shown().run_test(size=LARGE) as pilot:
        await settled(pilot)
        assert numbers(pilot) == [1, 4, 3, 2], "a family where its newest is"
        titles, *rows = listed(pilot)
        assert titles.split() == [
            "no", "name", "data", "set", "model", "lr", "engine", "step", "loss", "held", "out",
            "bits/char", "age", "▼", "state",
        ]  # fmt: skip
        first = next(row for row in rows if " first " in row)
        for part in ("names", "L1 W16 H4 C16", "0.01", "vector", "30/1,000", "2.500", "2.250",
                     "✓ finished"):  # fmt: skip
            assert part in first
        assert "└ child" in rows[rows.index(first) + 1]
        assert any("✗ failed" in row for row in rows)
        assert "4 runs" in line(pilot, "total") and "kB" in line(pilot, "total")
        await settled(pilot, "t")
        assert not any("└" in row for row in listed(pilot))


@pytest.mark.parametrize("size", [SMALL, MEDIUM, LARGE])
async def test_at_every_size_name_loss_and_state_are_there(
    shown: Screen, size: tuple[int, int]
) -> None:
    async with shown(1).run_test(size=size) as pilot:
        await settled(pilot)
        row = next(row for row in listed(pilot) if " first " in row)
        assert "2.500" in row and row.endswith("✓ finished here")
        assert pilot.app.screen.query_one(RunDetail).display == (size != SMALL)


async def test_what_is_typed_finds_as_one_types(shown: Screen) -> None:
    async with shown().run_test(size=MEDIUM) as pilot:
        await settled(pilot, "slash", *"lr>.01")
        assert sorted(numbers(pilot)) == [2, 4]
        assert "2 of 4 runs" in line(pilot, "total")
        await typed(pilot, "HOT?")
        assert numbers(pilot) == [2], "notes are searched, too"
        await settled(pilot, "enter", "n")
        assert pilot.app.screen.query_one(Input).id == "ask-line", "keys are keys again"


async def test_a_condition_that_cannot_be_leaves_the_list_as_it_was(shown: Screen) -> None:
    async with shown().run_test(size=MEDIUM) as pilot:
        await settled(pilot, "slash")
        await typed(pilot, "lr>0.01")
        await typed(pilot, "lr>0.01 lss<3")
        assert "there is no field 'lss'; did you mean 'loss'" in line(pilot, "problem")
        assert sorted(numbers(pilot)) == [2, 4]
        await typed(pilot, "lr>0.01 loss<2.2")
        assert (line(pilot, "problem"), numbers(pilot)) == ("", [2])


async def test_where_nothing_fits_that_is_said(shown: Screen) -> None:
    async with shown().run_test(size=MEDIUM) as pilot:
        await settled(pilot, "slash")
        await typed(pilot, "nowhere")
        assert "No run fits" in listed(pilot)[1]
        assert not pilot.app.screen.query_one("#run-chart").display, "no run, no losses"
        await settled(pilot, "enter", "enter", "f", "n", "x", "delete")
        assert isinstance(pilot.app.screen, RunsScreen), "there is nothing to do it with"


async def test_an_empty_store_says_what_will_be_here(shown: Screen, tmp_path: Path) -> None:
    async with shown(None, tmp_path / "new.sqlite").run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert "Nothing was recorded yet" in listed(pilot)[1]


async def test_a_store_that_cannot_be_read_is_explained(shown: Screen, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_text("no database " * 50)
    async with shown(None, broken).run_test(size=MEDIUM) as pilot:
        await settled(pilot)
        assert "The store of runs is damaged" in " ".join(listed(pilot))
        await settled(pilot, "u")
        assert "damaged" in line(pilot, "said")


async def test_s_sorts_by_the_next_column_and_capital_s_turns_it_round(shown: Screen) -> None:
    async with shown().run_test(size=LARGE) as pilot:
        await settled(pilot, "s")
        assert "by state ▲" in line(pilot, "total")
        assert numbers(pilot)[:2] == [3, 1], "failed, finished"
        await settled(pilot, "s")
        assert "by no ▼" in line(pilot, "total") and numbers(pilot) == [1, 4, 3, 2]
        await settled(pilot, "S")
        assert "by no ▲" in line(pilot, "total") and numbers(pilot) == [1, 4, 2, 3]


async def test_a_click_on_a_title_sorts_by_it(shown: Screen) -> None:
    async with shown().run_test(size=LARGE) as pilot:
        await settled(pilot)
        table = pilot.app.screen.query_one(RunList)
        at = table.paint(*table.size)[0].text.index("loss")
        await pilot.click(RunList, offset=(at, 0))
        await settled(pilot)
        assert numbers(pilot)[0] == 2 and "by loss ▲" in line(pilot, "total")
        await settled(pilot, "S")
        assert numbers(pilot)[0] == 3 and "by loss ▼" in line(pilot, "total")


async def test_what_others_record_is_seen(shown: Screen, path: Path) -> None:
    async with shown(1).run_test(size=MEDIUM) as pilot:
        await settled(pilot)
        with Store.open(path) as store:
            store.append(2, steps(20, 5, loss=1.75))
        screen = pilot.app.screen
        assert isinstance(screen, RunsScreen)
        screen._looked -= 60
        while not any("25/1,000" in row for row in listed(pilot)):
            await pilot.pause(0.05)
        assert pilot.app.screen.query_one(RunList).cursor_key == 1


# ---------------------------------------------------------------- details


async def test_the_details_are_those_of_the_run_under_the_cursor(shown: Screen) -> None:
    async with shown(1).run_test(size=LARGE) as pilot:
        await settled(pilot)
        said = words(pilot)
        assert "Run 1  first" in said and "anna  ·  [b]bob[/b]" in said and "old" not in said
        assert "set as the defaults" in said
        chart = pilot.app.screen.query_one(Chart)
        assert chart.values_at(30)["held out"] == 2.25
        answers = pilot.app.screen.query_one(ChangeList).lines(60)
        assert "[-xq-]{+na+}" in answers[0].plain and "the answer changed" in said
        pilot.app.screen.query_one(RunList).move_to(4)
        await settled(pilot)
        said = words(pilot)
        assert "forked  from run 1 (first) after step 10" in said
        assert "0.01 → 0.02  unlike run 1" in said
        pilot.app.screen.query_one(RunList).move_to(2)
        await settled(pilot)
        assert "“too hot?”" in words(pilot)


async def test_a_fork_with_one_thing_changed_is_told_from_its_parent(
    shown: Screen, path: Path
) -> None:
    """It keeps its parent's settings: the change is an edit at the step it was forked at."""
    with Store.open(path) as store:
        fork = store.fork(1, 10, new_run("changed"), "")
        store.append(fork, Batch(10, "paused", edits=(Edit(10, "learning_rate", 0.04),)))
    async with shown(fork).run_test(size=LARGE) as pilot:
        await settled(pilot)
        assert "0.04" in next(row for row in listed(pilot) if "changed" in row)
        said = words(pilot)
        assert "0.01 → 0.04  unlike run 1" in said and "set as run 1" not in said
        table = pilot.app.screen.query_one(RunList)
        for marked in (1, fork):
            table.move_to(marked)
            await settled(pilot, "space")
        assert "0.01 | 0.04" in words(pilot) and "set alike" not in words(pilot)


async def test_the_steps_of_a_long_run_are_whole_in_the_list(shown: Screen, path: Path) -> None:
    losses = array("d", [2.0] * 30_000)
    with Store.open(path) as store:
        run = store.create(new_run("long", steps=1_000_000), "")
        store.append(run, Batch(30_000, "paused", 0, losses, losses))
    async with shown().run_test(size=MEDIUM) as pilot:
        await settled(pilot)
        row = next(row for row in listed(pilot) if " long " in row)
        assert " 30k/1M " in row


async def test_two_marked_runs_are_laid_beside_each_other(shown: Screen, path: Path) -> None:
    with Store.open(path) as store:
        settings = json.dumps({"probes": PROBES.to_dict()})
        run = store.create(replace(new_run("cold", seed=7), settings=settings), "")
        other = steps(0, 25, probes=(asked(25, "anja"),), status="paused")
        losses = array("d", other.losses)
        losses[12] += 0.5
        store.append(run, replace(other, losses=losses, evaluations=((25, 2.0),)))
    async with shown(1).run_test(size=LARGE) as pilot:
        await settled(pilot)
        table = pilot.app.screen.query_one(RunList)
        for marked in (1, 5):
            table.move_to(marked)
            await settled(pilot, "space")
        said = words(pilot)
        assert "cold" in said and "first" in said
        assert "differ from step 13 on" in said and "seed  " in said
        assert "the answer changed" in said
        chart = pilot.app.screen.query_one(Chart)
        assert chart.values_at(30)["run 1 held out"] == 2.25
        assert chart.values_at(30)["run 5 held out"] == 2.0
        changed = pilot.app.screen.query_one(ChangeList).lines(60)[0].plain
        assert "an" in changed and "[-" in changed and "{+" in changed
        await settled(pilot, "space")
        assert "Run 5  cold" in words(pilot)


async def test_in_a_small_terminal_d_shows_them_in_place_of_the_list(shown: Screen) -> None:
    async with shown(1).run_test(size=SMALL) as pilot:
        await settled(pilot, "d")
        assert "Run 1  first" in words(pilot)
        assert not pilot.app.screen.query_one(RunList).parent.display  # type: ignore[union-attr]
        await settled(pilot, "d", "down")
        assert pilot.app.screen.query_one(RunList).has_focus


async def test_from_the_details_in_place_of_the_list_esc_leads_to_the_list(shown: Screen) -> None:
    async with shown().run_test(size=SMALL) as pilot:
        screen = pilot.app.screen
        await settled(pilot, "d", "escape")
        assert pilot.app.screen is screen and isinstance(screen.focused, RunList)
        assert listed(pilot)
        await settled(pilot, "escape")
        assert pilot.app.screen is not screen


async def test_another_size_of_the_terminal_loses_neither_the_list_nor_the_keys(
    shown: Screen,
) -> None:
    async with shown().run_test(size=SMALL) as pilot:
        await settled(pilot, "d")
        await pilot.resize_terminal(*LARGE)
        await settled(pilot)
        runs = pilot.app.screen.query_one(RunList)
        assert runs.size.height and pilot.app.screen.query_one(RunDetail).size.height
        await settled(pilot, "tab")
        await pilot.resize_terminal(*SMALL)
        await settled(pilot, "down")
        assert runs.cursor_key == numbers(pilot)[1]


async def test_a_long_run_keeps_its_lowest_and_highest_loss(path: Path) -> None:
    losses = array("d", [2.0] * 100_000)
    losses[54_321], losses[77_777] = 1.0, 9.0
    with Store.open(path) as store:
        run = store.create(new_run(steps=100_000), "")
        store.append(run, Batch(100_000, "finished", 0, losses, losses))
    desk = AsyncStore(path)
    outline = await desk.outline(run)
    desk.close()
    found = dict(zip(outline.steps, outline.losses, strict=True))
    assert (found[54_322], found[77_778]) == (1.0, 9.0)
    assert len(found) <= 10_000 and abs(outline.averages[0] - 2.0) < 1e-9


# ---------------------------------------------------------------- choosing


@pytest.mark.parametrize(
    ("current", "keys", "expected"),
    [
        (1, ["enter"], RunChoice("open", 1)),
        (1, ["f"], RunChoice("fork", 1)),
        (1, ["escape"], None),
    ],
)
async def test_a_run_is_opened_or_forked(
    shown: Screen, current: int, keys: list[str], expected: RunChoice | None
) -> None:
    app = shown(current)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot, *keys)
        assert app.answer == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["f"], RunChoice("fork", 1)),
        (["slash", *"poems", "enter", "enter"], RunChoice("open", 3)),
        (["f", "enter", "escape"], None),
    ],
)
async def test_keys_that_need_a_run_wait_for_the_list_and_are_forgotten_if_it_is_left(
    shown: Screen,
    monkeypatch: pytest.MonkeyPatch,
    keys: list[str],
    expected: RunChoice | None,
) -> None:
    gate, overview = asyncio.Event(), AsyncStore.overview

    async def slowly(self: AsyncStore, *words: Any, **options: Any) -> Any:
        await gate.wait()
        return await overview(self, *words, **options)

    monkeypatch.setattr(AsyncStore, "overview", slowly)
    app = shown(1)
    async with app.run_test(size=SMALL) as pilot:
        for key in keys:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        if expected is not None:
            assert not app.answers, "the list is not there yet"
            gate.set()
            await settled(pilot)
        assert app.answer == expected
        gate.set()


async def test_two_marked_runs_race(shown: Screen) -> None:
    app = shown(1)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot, "R")
        assert "Mark two runs with space" in line(pilot, "said")
        for run in (2, 3):
            pilot.app.screen.query_one(RunList).move_to(run)
            await settled(pilot, "space")
        assert "2 marked" in line(pilot, "total")
        await settled(pilot, "R")
        assert app.answer.kind == "race" and {app.answer.run, app.answer.other} == {2, 3}


async def test_an_unmarked_run_races_the_open_one(shown: Screen) -> None:
    app = shown(1)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        pilot.app.screen.query_one(RunList).move_to(2)
        await settled(pilot, "R")
        assert app.answer == RunChoice("race", 1, other=2)


async def test_a_run_that_is_open_elsewhere_is_neither_opened_nor_deleted(
    shown: Screen, path: Path
) -> None:
    with Store.open(path) as store:
        store.set_owner(2, "process 4711 on laptop")
        lock = RunLock(store.lock_folder, store.row(2).uid)
        assert lock.acquire()
    app = shown(1)
    async with app.run_test(size=MEDIUM) as pilot:
        await settled(pilot)
        assert any("paused elsewhere" in row for row in listed(pilot))
        pilot.app.screen.query_one(RunList).move_to(2)
        await settled(pilot, "enter")
        assert "open in process 4711 on laptop. Close it there" in line(pilot, "said")
        assert "f makes a fork of it" in line(pilot, "said")
        await settled(pilot, "delete")
        assert "would go on unrecorded" in line(pilot, "said") and len(numbers(pilot)) == 4
        lock.release()
        await settled(pilot, "t")
        assert any("! interrupted" in row for row in listed(pilot))
        await settled(pilot, "enter")
        assert app.answer == RunChoice("open", 2)


async def test_a_run_that_is_open_elsewhere_can_be_forked(shown: Screen, path: Path) -> None:
    with Store.open(path) as store:
        store.set_owner(2, "process 4711 on laptop")
        lock = RunLock(store.lock_folder, store.row(2).uid)
        assert lock.acquire()
    app = shown(1)
    async with app.run_test(size=MEDIUM) as pilot:
        await settled(pilot)
        pilot.app.screen.query_one(RunList).move_to(2)
        await settled(pilot, "f")
        assert app.answer == RunChoice("fork", 2)
    lock.release()


# ---------------------------------------------------------------- managing


async def test_deletions_are_taken_back_one_after_the_other(shown: Screen) -> None:
    async with shown(1).run_test(size=MEDIUM) as pilot:
        await settled(pilot)
        table = pilot.app.screen.query_one(RunList)
        table.move_to(2)
        await settled(pilot, "delete")
        assert line(pilot, "said") == "Deleted 1 run; u brings it back."
        for run in (3, 4):
            table.move_to(run)
            await settled(pilot, "space")
        await settled(pilot, "backspace")
        assert line(pilot, "said") == "Deleted 2 runs; u brings them back."
        assert numbers(pilot) == [1]
        await settled(pilot, "u")
        assert sorted(numbers(pilot)) == [1, 3, 4]
        await settled(pilot, "u")
        assert sorted(numbers(pilot)) == [1, 2, 3, 4] and table.cursor_key == 2
        await settled(pilot, "u")
        assert "nothing deleted" in line(pilot, "said")


async def test_the_run_that_is_open_is_not_deleted(shown: Screen) -> None:
    async with shown(1).run_test(size=MEDIUM) as pilot:
        await settled(pilot, "delete")
        assert "Run 1 is open here and stays" in line(pilot, "said")
        assert len(numbers(pilot)) == 4


async def test_a_name_and_a_note_are_typed(shown: Screen) -> None:
    async with shown(1).run_test(size=MEDIUM) as pilot:
        await settled(pilot, "n", *"!", "enter")
        assert any(" first! " in row for row in listed(pilot))
        await settled(pilot, "m", *"good", "enter")
        assert "“good”" in words(pilot)
        await settled(pilot, "n", *"xyz", "escape")
        assert any(" first! " in row for row in listed(pilot))


async def test_a_run_is_exported_and_imported_beside_itself(
    shown: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown(1).run_test(size=MEDIUM) as pilot:
        await settled(pilot, "x")
        assert isinstance(pilot.app.screen, ExportRun)
        await settled(pilot, "enter")
        file = tmp_path / "names-run-1.microgpt-run"
        assert file.is_file() and str(file) in line(pilot, "said")
        await settled(pilot, "i")
        await typed(pilot, file.name)
        await settled(pilot, "enter")
        assert line(pilot, "said") == "Imported as run 5."
        table = pilot.app.screen.query_one(RunList)
        assert table.cursor_key == 5
        assert any("first (imported)" in row for row in listed(pilot))


@pytest.mark.parametrize(("turns", "ending"), [(1, ".csv"), (2, ".jsonl")])
async def test_the_kind_gives_the_file_its_ending(
    shown: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int, ending: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown(1).run_test(size=MEDIUM) as pilot:
        await settled(pilot, "x")
        pilot.app.screen.query_one(Choice).focus()
        await settled(pilot, *["right"] * turns, "tab", "enter")
        file = tmp_path / f"names-run-1{ending}"
        assert file.is_file(), line(pilot, "said")
        assert repr(loss_of(30)) in file.read_text()


async def test_a_model_that_is_none_is_said(
    shown: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with shown(1).run_test(size=MEDIUM) as pilot:
        await settled(pilot, "x")  # ten weights, which no model of these settings has
        pilot.app.screen.query_one(Choice).focus()
        await settled(pilot, "left", "tab", "enter")
        assert "10 weights cannot be those" in line(pilot, "said")
        assert not list(tmp_path.glob("*.safetensors"))
        with Store.open(tmp_path / "runs.sqlite") as store:
            store.close_run(1, 17, "paused")
        await settled(pilot, "x")
        pilot.app.screen.query_one(Choice).focus()
        await settled(pilot, "left", "tab", "enter")
        assert "Open the run and save it there with ctrl+s" in line(pilot, "said")


async def test_what_cannot_be_imported_or_written_is_said(
    shown: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no.microgpt-run").write_text("no run " * 99)
    async with shown(1).run_test(size=MEDIUM) as pilot:
        await settled(pilot, "i", *"x", "enter")
        assert "There is no file" in pilot.app.screen.query_one("#import-run-state", Line).words
        await typed(pilot, "no.microgpt-run")
        await settled(pilot, "enter")
        assert "The file is not a run" in line(pilot, "said")


async def test_without_colours_everything_is_still_told_apart(
    shown: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = shown(1)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot, "space")
        assert app.no_color
        here = next(row for row in listed(pilot) if " first " in row)
        assert here.startswith("›✓") and here.endswith("✓ finished here")


def test_passing_over_many_runs_looks_only_the_last_one_up(path: Path) -> None:
    read: list[int] = []

    class Counting(AsyncStore):
        async def outline(self, run: int) -> Any:
            read.append(run)
            await asyncio.sleep(0)
            return await super().outline(run)

    async def main() -> None:
        desk = Counting(path)
        async with Host(RunsScreen(desk, 1)).run_test(size=LARGE) as pilot:
            await settled(pilot)
            read.clear()
            table = pilot.app.screen.query_one(RunList)
            for run in (1, 2, 3, 4):
                table.move_to(run)
            await settled(pilot)
            assert "Run 4" in words(pilot)
        desk.close()

    asyncio.run(main())
    assert read[-1] == 4 and len(read) <= 2


async def test_help_says_how_to_read_the_list_and_what_every_key_does(shown: Screen) -> None:
    async with shown().run_test(size=SMALL) as pilot:
        await settled(pilot, "question_mark")
        screen = pilot.app.screen
        assert isinstance(screen, HelpScreen)
        about = screen.query_one("#help-about", Line).words
        assert "up to eight are drawn over each other" in about and "u brings it back" in about
        keys = screen.query_one(KeyTable).render().plain
        assert "Put the marked runs away" in keys and "Mark the run" in keys
        await pilot.press("escape")
        await settled(pilot, "slash", "question_mark")
        assert pilot.app.screen.query_one(Input).value == "?", "a letter, where one searches"
