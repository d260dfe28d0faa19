"""Pictures of few chosen screens. Look at each change before `pytest --snapshot-update`."""

from __future__ import annotations

import contextlib
import math
import random
import sqlite3
import types
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from playground.lab.client.async_store import AsyncStore
from playground.lab.race import SamplePair
from playground.lab.store.store import Store
from playground.tui.screens.fork.fields import ForkSource
from playground.tui.screens.fork.screen import ForkScreen
from playground.tui.screens.race.screen import RaceScreen
from playground.tui.screens.runs.screen import RunsScreen
from playground.tui.widgets.sheet import Sheet
from tests.lab.store.conftest import new_run, samples, steps
from tests.tui.readings import microscope
from tests.tui.screens.conftest import Host, build_model
from tests.tui.screens.race.test_race import ScriptedRace, batch, state_of
from tests.tui.scripted import ScriptedLab, loss_at
from tests.tui.watched import WatchedApp, seen


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Let pictures have the same colours and settings on every machine."""
    monkeypatch.setenv("TEXTUAL_COLOR_SYSTEM", "truecolor")
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(Input, "cursor_blink", False)  # else the picture depends on the moment


def app(theme: str = "microgpt-dark") -> WatchedApp:
    return WatchedApp(lambda listener: ScriptedLab(listener), "{}", theme=theme)  # type: ignore[arg-type]


async def some_steps(pilot: Pilot[int]) -> None:
    """Train 300 steps and sample a batch; wait until all is drawn."""
    playing = pilot.app
    assert isinstance(playing, WatchedApp)
    await seen(pilot, lambda: "ready" in playing.text("#status"))
    await playing.controller.training.step(300)
    await playing.controller.making.sample()
    playing.controller.frames.touch()
    await seen(pilot, lambda: "kamon" in playing.text("#sampling-texts"))
    await seen(pilot, lambda: playing.model.preview and playing.model.preview.step == 300)
    await pilot.pause()


@pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"]
)
def test_the_main_screen(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app(), terminal_size=size, run_before=some_steps)


def test_the_main_screen_in_light(snap_compare: Any) -> None:
    assert snap_compare(app("microgpt-light"), terminal_size=(120, 40), run_before=some_steps)


def test_a_zoomed_panel(snap_compare: Any) -> None:
    async def zoomed(pilot: Pilot[int]) -> None:
        await some_steps(pilot)
        await pilot.press("3", "z")
        await pilot.pause()

    assert snap_compare(app(), terminal_size=(100, 30), run_before=zoomed)


def test_attention_in_the_microscope(snap_compare: Any) -> None:
    async def looking(pilot: Pilot[int]) -> None:
        playing = pilot.app
        assert isinstance(playing, WatchedApp)
        await seen(pilot, lambda: "ready" in playing.text("#status"))
        await playing.controller.training.step(3)
        await pilot.press("i", "2", "left", "full_stop")
        screen = playing.screen
        sheet = screen.query_one("#inside-view", Sheet)
        await seen(pilot, lambda: "head 1: 7" in sheet.words)
        await pilot.press("down", "down", "down")
        await seen(pilot, lambda: "head 1: 7 ‘l’ reads 3" in sheet.words)
        await pilot.pause()

    playing = app()
    playing.lab.microscope = microscope(60)
    assert snap_compare(playing, terminal_size=(120, 40), run_before=looking)


# ---------------------------------------------------------------- runs, a race, a fork

NOW = 1_800_000_000.0
DAY = 86_400.0


def losses(count: int, faster: float = 1.0) -> array[float]:
    return array("d", (2.3 + (loss_at(step) - 2.3) / faster for step in range(1, count + 1)))


@pytest.fixture
def async_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsyncStore]:
    """A store with four runs of the last days, one of them a fork, seen at a fixed time."""
    path = tmp_path / "runs.sqlite"
    with Store.open(path) as store:
        first = store.create(new_run("first try"), "")
        curve = losses(1000)
        whole = steps(
            0, 1000, losses=curve, loss=2.41, evaluations=((0, 3.3), (500, 2.6), (1000, 2.47)),
            samples=(samples(1000, "kamon", "anna", "karai"),), status="finished",
        )  # fmt: skip
        store.append(first, whole)
        forked = new_run("twice as fast", optimizer={"learning_rate": 0.02})
        fork = store.fork(first, 400, forked, "")
        ahead = losses(700, 1.5)[400:]
        store.append(fork, steps(400, 300, losses=ahead, loss=2.38, status="paused"))
        poems = store.create(new_run("", dataset="poems.txt"), "")
        store.append(poems, steps(0, 120, losses=losses(120), loss=2.9, status="failed"))
        deep = store.create(new_run("deeper", model={"n_layer": 2}, seed=7), "")
        store.append(deep, steps(0, 60, loss=2.97, status="paused"))
        store.annotate(fork, "the rate that we keep")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for run, days in ((first, 2), (fork, 0.004), (poems, 1), (deep, 9)):
            when = NOW - days * DAY
            connection.execute(
                "UPDATE runs SET touched = ?, created = ? WHERE id = ?", (when, when, run)
            )
    clock = types.SimpleNamespace(time=lambda: NOW)
    monkeypatch.setattr("playground.tui.screens.runs.table.time", clock)
    monkeypatch.setattr("playground.tui.screens.runs.screen.size", lambda _: "2.1 MB")
    found = AsyncStore(path)
    yield found
    found.close()


def test_all_runs(snap_compare: Any, async_store: AsyncStore) -> None:
    async def read(pilot: Pilot[None]) -> None:
        await pilot.pause()
        while len(pilot.app.workers):
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()
        await pilot.press("down")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    host = Host(RunsScreen(async_store, None), theme="textual-dark")
    assert snap_compare(host, terminal_size=(120, 40), run_before=read)


def test_a_race(snap_compare: Any) -> None:
    dice = random.Random(7)
    same = [2.9 + 0.5 * math.exp(-step / 40) + dice.gauss(0, 0.01) for step in range(100)]
    left, right = (
        [*same, *(2.4 + 0.54 * math.exp(-k / pace) + dice.gauss(0, 0.01) for k in range(200))]
        for pace in (160, 70)
    )
    one, other = batch(300, "kamon", "anna", "karai"), batch(300, "kamon", "anna", "ro")
    start = batch(100, "xqa", "ann")
    pairs = (SamplePair(300, "", one, other), SamplePair(100, "", start, start))
    race = ScriptedRace(state_of(left, right, samples=pairs, start=100))

    async def compared(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    host = Host(RaceScreen(race, build_model()))  # type: ignore[arg-type]
    assert snap_compare(host, terminal_size=(120, 40), run_before=compared)


def test_a_fork_with_one_thing_changed(snap_compare: Any) -> None:
    async def typed(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await pilot.press(*"0.05")
        await pilot.pause()

    host = Host(ForkScreen(ForkSource.of(build_model())))
    assert snap_compare(host, terminal_size=(80, 24), run_before=typed)
