"""The main screen goes through a run's record and from run to run, by keys and mouse."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from microgpt.surgery import Component, Operation
from playground.lab.protocol.commands import ProbesState
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.probes import ProbeSet
from playground.lab.protocol.run import RecordState
from playground.lab.store.locks import RunLock
from playground.lab.store.store import Store
from playground.tui.screens.fork.screen import ForkScreen
from playground.tui.screens.probes.screen import ProbesScreen
from playground.tui.screens.race.screen import RaceScreen
from playground.tui.screens.runs.screen import RunsScreen
from playground.tui.screens.runs.table import RunList
from playground.tui.widgets.chart import Chart
from playground.tui.widgets.scrubber import Scrubber
from tests.lab.store.conftest import new_run, steps
from tests.tui import scripted
from tests.tui.screens.race.test_race import PARTED, ScriptedRace
from tests.tui.watched import WatchedApp, playing, seen

RATE = "optimizer.learning_rate"


def timeline(app: WatchedApp) -> Scrubber:
    return app.main.query_one(Scrubber)


def drawn(app: WatchedApp) -> str:
    """The text of the timeline on screen."""
    return timeline(app).render_line(0).text


def recorded(app: WatchedApp) -> str:
    """What the frame below the timeline says."""
    return str(app.main.panel(2).border_subtitle)


async def at(pilot: Pilot[int], step: int) -> None:
    """Wait until the run, the status line and the timeline are at this step."""
    app = pilot.app
    assert isinstance(app, WatchedApp)
    await seen(pilot, lambda: f"step {step:,}/1,000" in app.text("#status"))
    await seen(pilot, lambda: timeline(app).at == step and timeline(app).target is None)


async def trained(pilot: Pilot[int], count: int = 300) -> None:
    app = pilot.app
    assert isinstance(app, WatchedApp)
    await app.controller.training.step(count)
    await at(pilot, count)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two runs that were left, 1 "kafka" at step 40 and 2 at step 25."""
    path = tmp_path / "data" / "runs.sqlite"
    with Store.open(path) as opened:
        opened.append(opened.create(new_run("kafka"), ""), steps(0, 40, status="paused"))
        hot = new_run(optimizer={"learning_rate": 0.05})
        opened.append(opened.create(hot, ""), steps(0, 25, status="paused"))
    return path


# ---------------------------------------------------------------- the timeline


async def test_the_timeline_says_where_the_run_is_and_how_far_it_is_recorded() -> None:
    async with playing() as (app, pilot):
        await trained(pilot)
        assert "recorded" not in recorded(app)
        before = drawn(app).index("●")
        await app.controller.training.back(200)
        await at(pilot, 100)
        assert "step 100 of 300 recorded" in recorded(app)
        assert drawn(app).index("●") < before
        assert drawn(app).rindex("━") == before - (drawn(app)[before] != "━"), "what is recorded"


async def test_keys_of_the_timeline_lead_through_the_record_and_quick_ones_add_up() -> None:
    async with playing() as (app, pilot):
        await trained(pilot)
        timeline(app).focus()
        await pilot.press("left")
        await at(pilot, 299)
        app.lab.slow = asyncio.Event()
        await pilot.press("left", "left", "left", "shift+left", "right")
        await pilot.pause()
        assert "299 of 300" in recorded(app), "the handle is where the run is"
        app.lab.slow.set()
        await at(pilot, 287)
        visited = [call[1] for call in app.lab.calls if call[0] == "go_to"]
        assert visited == [299, 298, 287], "only the place asked for last counts"


async def test_home_and_end_lead_to_the_ends_of_the_record_from_the_panels() -> None:
    async with playing() as (app, pilot):
        await trained(pilot)
        for place in ("1", "2", "timeline"):
            if place == "timeline":
                timeline(app).focus()
            else:
                await pilot.press(place)
            await pilot.press("home")
            await at(pilot, 0)
            await pilot.press("end")
            await at(pilot, 300)


async def test_home_and_end_stay_with_a_slider_and_the_heat_map_that_have_the_focus() -> None:
    async with playing() as (app, pilot):
        await trained(pilot)
        await pilot.press("4", "end")
        await seen(pilot, lambda: app.model.sampling.chain[0].options["temperature"] == 5)
        await pilot.press("3", "end")
        await seen(pilot, lambda: "[26, 15]" in app.text("#parameters-readout"))
        assert app.model.step == 300


async def test_a_click_and_a_drag_lead_where_the_mouse_is() -> None:
    async with playing() as (app, pilot):
        await trained(pilot)
        left, right = drawn(app).index("━"), drawn(app).index("●")
        assert await pilot.click(Scrubber, offset=((left + right) // 2, 0))
        await seen(pilot, lambda: 100 < app.model.step < 200)
        await at(pilot, app.model.step)
        held = drawn(app).index("●")
        await pilot.mouse_down(Scrubber, offset=(held, 0))
        for x in range(held, left - 1, -1):
            await pilot.hover(Scrubber, offset=(x, 0))
        await at(pilot, 0)
        await pilot.mouse_up(Scrubber, offset=(left, 0))
        await pilot.hover("#title")
        await at(pilot, 0)
        assert "step 0 of 300 recorded" in recorded(app)


async def test_enter_goes_to_the_step_under_the_charts_cursor() -> None:
    async with playing() as (app, pilot):
        await trained(pilot)
        await pilot.press("2", "shift+left", "shift+left", "enter")
        await seen(pilot, lambda: app.model.step < 300)
        await at(pilot, app.model.step)
        assert 200 < app.model.step < 260
        assert app.main.query_one(Chart).cursor is None, "it has done its work"


async def test_going_back_shows_what_was_and_going_on_brings_the_rest_again() -> None:
    async with playing() as (app, pilot):
        await trained(pilot, 100)
        await app.controller.making.sample()
        await app.controller.training.step(200)
        await app.controller.making.sample()
        app.controller.frames.touch()
        await seen(pilot, lambda: "step 300" in app.text("#sampling-texts"))
        losses, averages = list(app.model.loss.ys), list(app.model.ema.ys)
        held_out = list(app.model.evaluations.xs)
        await app.controller.training.seek(150)
        await at(pilot, 150)
        assert app.model.loss.xs[-1] == 150 and app.model.evaluations.xs[-1] == 100
        assert "step 100" in app.text("#sampling-texts")
        assert "step 300" not in app.text("#sampling-texts")
        assert f"{averages[149]:.3f}" in app.text("#status")
        await pilot.press("end")
        await at(pilot, 300)
        assert (list(app.model.loss.ys), list(app.model.ema.ys)) == (losses, averages)
        assert list(app.model.evaluations.xs) == held_out
        assert "step 300" in app.text("#sampling-texts")


async def test_samples_and_edits_are_marked_on_the_timeline_where_they_happened() -> None:
    async with playing() as (app, pilot):
        await trained(pilot, 100)
        await app.controller.training.edit({RATE: 0.02})
        await app.controller.training.step(400)
        await app.controller.making.sample()
        await app.controller.training.step(300)
        await at(pilot, 800)
        signs = [sign for sign in drawn(app) if sign in "◆·┴●"]
        assert signs == ["◆", "·", "●"]


async def test_u_takes_back_what_was_done_to_the_weights_here_or_else_leaves_the_run() -> None:
    async with playing() as (app, pilot):
        await trained(pilot, 100)
        cut = [Operation(Component("head", 0, index)) for index in (1, 2)]
        for one in cut:
            await app.lab.operate([one])
        await app.controller.training.settle()
        assert [sign for sign in drawn(app) if sign in "◆·┴●"] == ["●"], "the handle is on it"
        await app.controller.training.step(50)
        await at(pilot, 150)
        assert [sign for sign in drawn(app) if sign in "◆·┴●"] == ["◆", "●"]
        await pilot.press("u")
        await seen(pilot, lambda: "Nothing to go back to" in app.said)
        assert ("undo",) not in app.lab.calls, "nothing was done here"
        await app.controller.training.back(50)
        for index in (2, 1):
            await pilot.press("u")
            await seen(pilot, lambda index=index: f"head {index} of layer 0 cut, at" in app.said)
        assert app.lab.calls.count(("undo",)) == 2
        await at(pilot, 100)
        assert app.model.frame is not None and app.model.frame.edits == ()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (60, 16)])
async def test_the_timeline_is_in_sight_and_in_its_place_at_every_size(
    size: tuple[int, int],
) -> None:
    async with playing(size) as (app, pilot):
        place = timeline(app).region
        panel = app.main.panel(2).region
        assert place.height == 1 and place.width >= 24 and panel.contains_region(place)
        await trained(pilot)
        assert timeline(app).region == place, "nothing moves when the run grows"
        assert app.main.query_one(Chart).size.height >= 3


async def test_a_step_has_one_column_in_the_chart_and_on_the_timeline_below_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The chart marks its cursor on its axis by ┴, and the timeline the present step by ●."""
    async with playing() as (app, pilot):
        chart = app.main.query_one(Chart)

        async def in_line(*steps: int) -> int:
            """Compare the columns at these steps; returns the width of the numbers at the left."""
            for step in steps:
                await app.controller.training.seek(step)
                await at(pilot, step)
                chart.cursor = step
                await seen(pilot, lambda: "┴" in axis(chart) and "●" in drawn(app))
                assert axis(chart).index("┴") == drawn(app).index("●"), (app.size, step)
                assert chart.region.x == timeline(app).region.x
                chart.cursor = None
            return axis(chart).index("└")

        await trained(pilot)
        narrow = await in_line(0, 1, 150, 299)
        for size in ((80, 24), (200, 60)):
            await pilot.resize_terminal(*size)
            await in_line(77, 300)
        await pilot.press("z")
        await pilot.pause()
        await in_line(77, 300)
        monkeypatch.setattr(scripted, "loss_at", lambda _: 1e6)
        await app.controller.training.step(1)
        assert await in_line(301, 77) > narrow, "the numbers left of the plot took more room"


def axis(chart: Chart) -> str:
    """The line of the chart's axis."""
    lines = (chart.render_line(y).text for y in range(chart.size.height))
    return next(line for line in lines if "└" in line)


# ---------------------------------------------------------------- the record


async def test_an_edit_in_the_past_is_said_to_branch_off(store: Path) -> None:
    async with playing(store=store) as (app, pilot):
        app.lab.record = RecordState(1)
        await trained(pilot)
        await app.controller.training.back(100)
        await app.controller.training.edit({RATE: 0.02})
        await seen(pilot, lambda: "Run 2 branches off run 1" in app.said)
        assert "What run 1 learnt after step 200 is kept" in app.said
        await at(pilot, 200)
        await seen(pilot, lambda: "run 2" in app.text("#title"))
        assert app.model.loss.xs[-1] == 200 and "recorded" not in recorded(app)


@pytest.mark.parametrize("made", [True, False], ids=["made in a moment", "never made"])
async def test_a_run_that_is_left_at_once_is_kept_in_the_store_or_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))
    async with playing() as (app, pilot):
        app.lab.record = RecordState(None, pending=True)
        await trained(pilot, 1)
        if made:
            app.lab.written = RecordState(1)
        await pilot.press("q")
        async with asyncio.timeout(60):
            while ("close",) not in app.lab.calls:
                await pilot.pause()
        assert len(app.lab.saved) == (0 if made else 1), "the store has it, or else the file"


async def test_trouble_with_the_record_is_said_once_and_so_is_its_end(store: Path) -> None:
    async with playing(store=store) as (app, pilot):
        full = Failure("The disk is full", "Training goes on; it is not recorded.")
        app.lab.record = RecordState(1)
        await trained(pilot, 1)
        app.lab.record = RecordState(1, trouble=full)
        for _ in range(5):
            await app.controller.training.step()
        await seen(pilot, lambda: app.said.count("The disk is full") == 1)
        app.lab.record = RecordState(1)
        for _ in range(3):
            await app.controller.training.step()
        await seen(pilot, lambda: app.said.count("The run is recorded again") == 1)
        assert app.said.count("The disk is full") == 1


async def test_a_store_out_of_use_from_the_start_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    path.write_bytes(b"no database" * 99)
    async with playing(store=path) as (app, pilot):
        await seen(pilot, lambda: "The store of runs is damaged" in app.said)
        damaged = Failure("The store of runs is damaged", "Training goes on.")
        app.lab.record = RecordState(None, trouble=damaged)
        await trained(pilot, 3)
        await pilot.press("a")
        await pilot.press("escape", "s")
        await at(pilot, 4)
        assert app.said.count("The store of runs is damaged") == 1


async def test_an_interrupted_run_is_offered_and_o_goes_on_with_it(store: Path) -> None:
    with Store.open(store) as opened:
        run = opened.create(new_run("lost"), "process 1 on another machine")
        opened.append(run, steps(0, 30, status="running"))
    async with playing(store=store) as (app, pilot):
        offer = "o goes on with run 3 “lost” (names), step 30 of 1,000, interrupted a moment ago"
        await seen(pilot, lambda: app.text("#sentence").startswith(offer))
        await pilot.press("o")
        await at(pilot, 30)
        assert "Welcome back lost (names), step 30 of 1,000." in app.said
        assert "run 3 lost" in app.text("#title")


async def test_the_interrupted_run_is_gone_on_with_though_another_was_left_after_it(
    store: Path,
) -> None:
    with Store.open(store) as opened:
        lost = opened.create(new_run("lost"), "process 1 on another machine")
        opened.append(lost, steps(0, 30, status="running"))
        opened.append(opened.create(new_run("left"), ""), steps(0, 50, status="paused"))
    async with playing(store=store) as (app, pilot):
        await seen(pilot, lambda: "“lost” (names), step 30 of 1,000" in app.text("#sentence"))
        await pilot.press("o")
        await at(pilot, 30)
        assert "run 3 lost" in app.text("#title")


async def test_a_run_that_another_playground_has_open_is_not_offered(store: Path) -> None:
    with Store.open(store) as opened:
        run = opened.create(new_run("theirs"), "process 1 here")
        opened.append(run, steps(0, 30, status="running"))
        lock = RunLock(opened.lock_folder, opened.row(run).uid)
        assert lock.acquire()
        try:
            async with playing(store=store) as (app, pilot):
                await pilot.press("s")
                await at(pilot, 1)
                assert "interrupted" not in app.said
        finally:
            lock.release()


# ---------------------------------------------------------------- forks, runs, probes


async def opened(pilot: Pilot[int], kind: type) -> Any:
    """Wait for the screen that a key opens, and return it."""
    app = pilot.app
    async with asyncio.timeout(60):
        while not (isinstance(app.screen, kind) and app.screen.focused is not None):
            await pilot.pause()
    return app.screen


async def test_key_f_forks_from_this_step_with_the_changed_settings(store: Path) -> None:
    async with playing(store=store) as (app, pilot):
        app.lab.record = RecordState(1)
        await trained(pilot, 50)
        await app.controller.training.back(20)
        await pilot.press("f")
        await opened(pilot, ForkScreen)
        await pilot.press(*"0.05", "enter")
        await seen(pilot, lambda: "Forked at step 30" in app.said)
        recording = app.lab.recording
        assert recording is not None and (recording.parent, recording.fork_step) == (1, 30)
        assert recording.name == "learning rate 0.05", "so that it is told from its parent"
        await at(pilot, 30)


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The entrants of the races that are begun. The races are scripted."""
    begun: list[Any] = []

    def race(left: Any, right: Any, **_: Any) -> ScriptedRace:
        begun.extend([left, right])
        return ScriptedRace(PARTED)

    monkeypatch.setattr("playground.lab.race.Race", race)
    return begun


async def test_f_races_with_one_thing_changed_and_a_side_is_gone_on_with(
    store: Path, sides: list[Any]
) -> None:
    async with playing(store=store) as (app, pilot):
        app.lab.record = RecordState(1)
        await trained(pilot, 5)
        await app.controller.training.set_probes(ProbeSet(("an", "ma")))
        await pilot.press("f")
        await opened(pilot, ForkScreen)
        await pilot.press(*"0.02", "ctrl+r")
        async with asyncio.timeout(60):
            while not isinstance(app.screen, RaceScreen):
                await pilot.pause()
        assert [side.name for side in sides] == ["as it is", "learning rate 0.02"]
        assert all((side.recording.parent, side.recording.fork_step) == (1, 5) for side in sides)
        assert all(side.probes == ProbeSet(("an", "ma")) for side in sides)
        await pilot.pause()
        await pilot.press("B")
        await seen(pilot, lambda: "Going on with learning rate 0.02" in app.said)
        await at(pilot, 5)


async def test_a_race_from_an_earlier_step_leaves_the_open_run_where_it_stands(
    store: Path, sides: list[Any]
) -> None:
    async with playing(store=store) as (app, pilot):
        await trained(pilot, 50)
        await pilot.press("f")
        await opened(pilot, ForkScreen)
        await pilot.press("ctrl+n", "ctrl+r")
        async with asyncio.timeout(60):
            while not isinstance(app.screen, RaceScreen):
                await pilot.pause()
        assert [side.checkpoint for side in sides] == [None, None], "from step 0"
        await pilot.press("escape", "s")
        await at(pilot, 51)


async def test_a_running_run_is_forked_at_the_step_that_the_dialog_says(store: Path) -> None:
    async with playing(store=store) as (app, pilot):
        app.lab.record = RecordState(1)
        await trained(pilot, 50)
        app.lab.state, app.lab.step = "running", 53  # the run is past its last frame
        app.model.frame = replace(app.model.frame, state="running")  # type: ignore[type-var]
        await app.controller.runs.fork(50, {RATE: 0.05}, "hotter")
        await seen(pilot, lambda: "Forked at step 50" in app.said)
        assert app.lab.step == 50, "the new run begins there"


async def test_f_right_after_s_forks_from_the_step_that_is_being_made() -> None:
    async with playing() as (app, pilot):
        await trained(pilot, 5)
        for character in "ssf":  # all keys arrive before the first is handled
            app.post_message(events.Key(character, character))
        screen = await opened(pilot, ForkScreen)
        assert screen.step_row.text == "7"


async def test_y_pressed_twice_opens_the_probes_once() -> None:
    async with playing() as (app, pilot):
        gate, asked = asyncio.Event(), app.lab.probes

        async def slowly() -> ProbesState:
            await gate.wait()
            return await asked()

        app.lab.probes = slowly  # type: ignore[method-assign]
        await pilot.press("y", "y")
        gate.set()
        await opened(pilot, ProbesScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.main


async def test_a_shows_all_runs_and_opens_the_chosen_one_where_it_stood(store: Path) -> None:
    async with playing(store=store) as (app, pilot):
        await trained(pilot, 3)
        await pilot.press("a")
        screen = await opened(pilot, RunsScreen)
        runs = screen.query_one(RunList)
        async with asyncio.timeout(60):
            while len(runs.keys) != 2:
                await pilot.pause()
        await pilot.press("slash", *"kafka", "enter")
        async with asyncio.timeout(60):
            while len(runs.keys) != 1:
                await pilot.pause()
        await pilot.press("enter")
        await at(pilot, 40)
        assert "run 1 kafka" in app.text("#title")
        assert ("open_recorded", 1, None) in app.lab.calls


async def test_a_rename_and_a_fork_in_the_list_of_runs_are_seen_of_the_open_run(
    store: Path,
) -> None:
    async with playing(store=store) as (app, pilot):
        assert await app.controller.opening.open_recorded(1)
        await seen(pilot, lambda: "run 1 kafka" in app.text("#title"))
        await pilot.press("a")
        await opened(pilot, RunsScreen)
        with Store.open(store) as other:
            other.rename(1, "milena")
            other.fork(1, 10, new_run("child"), "")
        await pilot.press("escape")
        await seen(pilot, lambda: "run 1 milena" in app.text("#title"))
        await seen(pilot, lambda: "┴" in drawn(app))


async def test_in_the_search_of_the_runs_every_letter_is_text(store: Path) -> None:
    async with playing(store=store) as (app, pilot):
        await pilot.press("a")
        screen = await opened(pilot, RunsScreen)
        for character in "/names m/n":  # all keys arrive before the first is handled
            key = {" ": "space", "/": "slash"}.get(character, character)
            app.post_message(events.Key(key, character))
        async with asyncio.timeout(60):
            while screen.query_one(Input).value != "names m/n":
                await pilot.pause()
        assert app.screen is screen


async def test_a_slash_can_be_typed_into_the_prompt() -> None:
    async with playing() as (app, pilot):
        await pilot.press("slash", "a", "slash", "b")
        await seen(pilot, lambda: app.model.sampling.prompt == "a/b")


async def test_without_a_store_a_says_how_to_have_one() -> None:
    async with playing() as (app, pilot):
        await pilot.press("a")
        await pilot.pause()
        assert "Runs are not recorded" in app.said and "--no-record" in app.said


async def test_key_y_takes_prompts_that_are_asked_from_then_on() -> None:
    async with playing() as (app, pilot):
        await pilot.press("y")
        screen = await opened(pilot, ProbesScreen)
        assert isinstance(screen.focused, TextArea)
        await pilot.press(*"an", "enter", *"ma", "ctrl+s")
        await seen(pilot, lambda: "2 probes every 100 steps" in app.said)
        assert app.lab.asked.probes == ProbeSet(("an", "ma"))
        await pilot.press("s")
        await at(pilot, 1)


async def test_keys_typed_right_after_f_do_nothing_to_the_run() -> None:
    async with playing() as (app, pilot):
        await trained(pilot, 5)
        for character in "frs":  # all keys arrive before the first is handled
            app.post_message(events.Key(character, character))
        await opened(pilot, ForkScreen)
        await pilot.press("escape")
        await pilot.pause()
        await app.controller.frames.look()
        assert app.model.step == 5
