"""The screen trains a finished run longer: `f` at its end, and `--steps` beside `--run`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Button

from playground.lab.protocol.run import LAST, SCHEDULE, Notice, RunInfo
from playground.lab.store.store import Store
from playground.tui.screens.dialog import Line
from playground.tui.screens.fork.screen import ForkScreen
from playground.tui.screens.settings.rows import ChipsRow
from tests.lab.store.conftest import new_run, steps
from tests.tui.watched import WatchedApp, playing, seen


def opened(app: WatchedApp) -> int | None:
    """The steps of the run that was opened last; None for the default."""
    specs = [json.loads(call[1]) for call in app.lab.calls if call[0] == "open"]
    return specs[-1].get("steps") if specs else None


async def until(pilot: Pilot[int], condition: Callable[[], object]) -> None:
    """Wait until the condition holds, also while a dialog is over the main screen."""
    async with asyncio.timeout(60):
        while not condition():
            await pilot.pause()


async def forking(app: WatchedApp, pilot: Pilot[int]) -> list[str]:
    """The words of the suggestions in the fork dialog, which `f` opens."""
    await pilot.press("f")
    await until(pilot, lambda: isinstance(app.screen, ForkScreen) and app.screen.query(Button))
    assert isinstance(app.screen, ForkScreen)
    chips = app.screen.sheet.row("suggestions")
    assert isinstance(chips, ChipsRow)
    return [chip.words for chip in chips.chips]


async def at_the_end(app: WatchedApp, pilot: Pilot[int]) -> None:
    app.lab.stride = 600
    await pilot.press("space")
    await seen(pilot, lambda: "finished" in app.text("#status"))


async def test_f_goes_on_with_a_finished_run_as_its_last_words_say() -> None:
    async with playing() as (app, pilot):
        await at_the_end(app, pilot)
        await pilot.press("s")
        await seen(pilot, lambda: "f goes on with more steps" in app.said)
        assert (await forking(app, pilot))[0] == "2,000 steps"
        assert isinstance(app.screen, ForkScreen)
        app.screen.sheet.put_cursor("suggestions")
        await pilot.press("space")
        effect = app.screen.query_one("#fork-effect", Line)
        await until(pilot, lambda: "schedule now runs to step 2,000" in effect.words)
        app.screen.query_one("#fork-fork", Button).press()
        await until(pilot, lambda: opened(app) == 2000)
        assert app.lab.step == 1000


async def test_more_steps_are_suggested_at_the_end_alone() -> None:
    async with playing() as (app, pilot):
        await pilot.press("s")
        assert not [words for words in await forking(app, pilot) if "steps" in words]


async def test_a_recorded_run_is_forked_at_the_end_of_its_record(tmp_path: Path) -> None:
    path = tmp_path / "data" / "runs.sqlite"
    with Store.open(path) as store:
        run = store.create(new_run("kafka"), "")
        store.append(run, steps(0, 40, status="paused"))
    options = {"run": 1, "changes": {"steps": 2000}}
    async with playing(store=path, **options) as (app, pilot):
        await until(pilot, lambda: opened(app) == 2000)
        assert ("look_at", 1, LAST) in app.lab.calls
        made = app.lab.recording
        assert (made.parent, made.fork_step, made.name) == (1, 40, "steps 2000")


async def test_a_recorded_run_that_has_these_settings_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "data" / "runs.sqlite"
    with Store.open(path) as store:
        store.append(store.create(new_run("kafka"), ""), steps(0, 40, status="paused"))
    async with playing(store=path, run=1, changes={"steps": 1000}) as (app, pilot):
        # The run is looked at first; the call is noted before the screen follows it.
        await until(pilot, lambda: ("open_recorded", 1, None) in app.lab.calls)
        await until(pilot, lambda: app.model.step == 40)


async def test_what_the_schedule_does_is_said_whole_when_the_run_opens() -> None:
    words = "the learning rate goes on at 0.005, after 1e-05 at step 1,000"
    async with playing() as (app, _):
        opened_as = app.lab.open

        async def told(*args: Any, **options: Any) -> RunInfo:
            info = await opened_as(*args, **options)
            return replace(info, notices=(Notice("so it is"), Notice(words, SCHEDULE)))

        app.lab.open = told  # type: ignore[method-assign]
        assert await app.controller.opening.open("{}")
        assert words in app.said and "so it is" not in app.said
