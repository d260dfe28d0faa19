"""Keys that come faster than the screen does, and keys in a terminal with no room for a list."""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import random
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from rich.style import Style
from textual import events
from textual.command import CommandList, Hit, SimpleCommand, SimpleProvider
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from playground.lab.client.async_store import AsyncStore
from playground.lab.protocol.commands import ProbesState
from playground.lab.store.summaries import Outline
from playground.tui import screens
from playground.tui.key_order import KeyOrder
from playground.tui.palette import Commands, Palette
from playground.tui.screens.answer import AnswersOnce
from playground.tui.screens.inside.screen import InsideScreen
from playground.tui.screens.main import MainScreen
from playground.tui.screens.pick.chain import ChainScreen
from playground.tui.screens.probes.screen import ProbesScreen
from playground.tui.screens.settings.screen import SettingsScreen
from playground.tui.widgets.paging import turn_page
from tests.tui.monkey import OPENING, PLACES, Place, left, new_store, press, torment
from tests.tui.scripted import ScriptedLab
from tests.tui.watched import WatchedApp, playing, seen


@pytest.mark.parametrize("key", OPENING[::2])  # all of them in tools/soak_keys.py
async def test_a_key_that_opens_a_dialog_and_ctrl_c_at_once(key: str, tmp_path: Path) -> None:
    async with playing(store=new_store(tmp_path / "runs")) as (app, _):
        press(app, key, "ctrl+c")
        await left(app)
    assert app.return_value == 0


async def test_a_polite_kill_right_after_the_key_of_a_dialog() -> None:
    if sys.platform == "win32":
        pytest.skip("no such signals here")
    async with playing() as (app, _):
        press(app, "d")
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        os.kill(os.getpid(), signal.SIGTERM)
        await left(app)
    assert app.return_value == 128 + signal.SIGTERM


async def gated(app: WatchedApp) -> asyncio.Event:
    """Press y. The worker says its probes, which the dialog is made from, once the event is set."""
    gate, asked, waits = asyncio.Event(), app.lab.probes, asyncio.Event()

    async def slowly() -> ProbesState:
        waits.set()
        await gate.wait()
        return await asked()

    app.lab.probes = slowly  # type: ignore[method-assign]
    press(app, "y")
    await asyncio.wait_for(waits.wait(), 60)
    return gate


@mock.patch("playground.tui.key_order.OPENING", 600)
async def test_escape_gives_up_a_dialog_that_does_not_open() -> None:
    async with playing() as (app, pilot):
        gate = await gated(app)
        press(app, "a", "escape", "s")
        await seen(pilot, lambda: app.model.step == 1)
        gate.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert app.screen is app.main


async def test_a_dialog_does_not_open_any_more_while_the_playground_is_left() -> None:
    async with playing() as (app, _):
        await app.controller.training.step(1)  # so that leaving has a run to keep
        gate = await gated(app)
        kept = asyncio.Event()

        async def save(_: str) -> None:
            gate.set()
            for _ in range(5):
                await asyncio.sleep(0)
            kept.set()

        app.lab.save = save  # type: ignore[method-assign]
        await app.leave()
        assert kept.is_set() and app.screen is app.main
        await left(app)
    assert app.return_value == 0


async def test_leaving_waits_for_a_dialog_that_is_just_being_composed() -> None:
    async with playing() as (app, _):
        gate = await gated(app)

        async def close() -> None:
            pass

        app.lab.close = close  # type: ignore[method-assign]  # nothing to wait for
        gate.set()
        async with asyncio.timeout(10):
            while app.screen is app.main:
                await asyncio.sleep(0)
        assert isinstance(app.screen, ProbesScreen) and not app.screen.is_mounted
        await app.leave()
        await left(app)
    assert app.return_value == 0


@pytest.mark.parametrize(("key", "ticks"), [("slash", 0), ("slash", 2), ("5", 0)])
async def test_a_key_before_the_screen_has_its_parts(
    key: str, ticks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ticks: turns of the event loop between the start and the key."""
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))
    app = WatchedApp(lambda listener: ScriptedLab(listener), "{}")  # type: ignore[arg-type]
    running = asyncio.create_task(app.run_async(headless=True, size=(120, 40)))
    async with asyncio.timeout(60):
        while not app.is_running:
            await asyncio.sleep(0)
        for _ in range(ticks):
            await asyncio.sleep(0)
        press(app, key, "ctrl+c")
        await running
    assert app.return_code == 0


# ---------------------------------------------------------------- twice


@pytest.mark.parametrize("keys", ["enter", "enter x", "enter enter", "enter escape"])
async def test_the_palette_carries_a_command_out_once_and_closes_itself_alone(keys: str) -> None:
    done: list[str] = []
    async with playing() as (app, pilot):
        await pilot.press("question_mark")  # a screen below the palette, which stays
        below = app.screen
        command = SimpleCommand("one", lambda: done.append("one"))
        palette = Palette([SimpleProvider(below, [command])])
        await app.push_screen(palette)
        await _filled(app)
        press(app, *keys.split())
        async with asyncio.timeout(10):
            while palette in app.screen_stack:
                await asyncio.sleep(0)
        await pilot.pause()
        # A second enter or escape is for the screen below, which it closes.
        assert app.screen is (app.main if keys in ("enter enter", "enter escape") else below)
        assert done == ["one"]


async def test_a_click_on_a_command_that_has_just_gone_chooses_nothing() -> None:
    async with playing() as (app, pilot):
        await pilot.press("ctrl+p")
        await _filled(app)
        commands = app.screen.query_one(CommandList)
        style = Style(meta={"option": commands.option_count - 1})
        click = events.Click(commands, 1, 2, 0, 0, 1, False, False, False, style=style)
        commands.clear_options()
        commands.post_message(click)
        await pilot.pause()
        assert app.is_running and isinstance(app.screen, Palette)


async def test_the_palettes_of_commands_and_of_themes_are_this_one() -> None:
    async with playing() as (app, pilot):
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, Palette)
        await pilot.press("ctrl+p")
        assert len(app.screen_stack) == 2, "it is there already"
        app.search_themes()
        assert isinstance(app.screen, Palette)
        await pilot.pause()


@pytest.mark.parametrize("seed", [7])
async def test_palettes_that_come_and_go_without_a_pause(seed: int) -> None:
    dice = random.Random(seed)
    keys = ["ctrl+p", "ctrl+p", "escape", "enter", "a", "t", "down"]
    async with playing() as (app, _):
        for _ in range(60):
            press(app, *(dice.choice(keys) for _ in range(dice.randint(1, 5))))
            for _ in range(dice.choice([0, 1, 5, 30, 100])):
                await asyncio.sleep(0)
        press(app, "ctrl+c")
        await left(app)
    assert app.return_value == 0


async def _filled(app: WatchedApp) -> None:
    """Wait until the palette lists its commands."""
    async with asyncio.timeout(10):
        while not app.screen.query_one(OptionList).option_count:
            await asyncio.sleep(0)


# ---------------------------------------------------------------- what is read as the screen goes


@pytest.mark.parametrize("ticks", [0, 1, 2, 4, 7])
async def test_the_runs_are_left_while_one_of_them_is_being_read(
    ticks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ticks: turns of the event loop between leaving and the end of the reading."""
    reading, gate, outline = asyncio.Event(), asyncio.Event(), AsyncStore.outline

    async def slowly(store: AsyncStore, run: int) -> Outline:
        found = await outline(store, run)
        reading.set()
        await gate.wait()
        return found

    monkeypatch.setattr(AsyncStore, "outline", slowly)
    async with playing((200, 60), store=new_store(tmp_path / "runs")) as (app, pilot):
        press(app, "a")
        await asyncio.wait_for(reading.wait(), 10)
        press(app, "escape")
        async with asyncio.timeout(10):
            while app.screen is not app.main:
                await asyncio.sleep(0)
        for _ in range(ticks):
            await asyncio.sleep(0)
        gate.set()
        await pilot.pause()


# ---------------------------------------------------------------- no room


@pytest.mark.parametrize("size", [(20, 3), (60, 16)], ids=str)
async def test_a_page_up_and_down_where_the_list_has_no_room(size: tuple[int, int]) -> None:
    async with playing() as (app, pilot):
        await pilot.resize_terminal(*size)
        await pilot.press("c")
        assert isinstance(app.screen, ChainScreen)
        picks, count = app.screen.picks, app.screen.picks.option_count
        for key, place in (("pagedown", count - 1), ("pageup", 0)):
            press(app, *[key] * count)
            await pilot.pause()
            assert picks.highlighted == place
        assert count > 1


async def test_a_page_up_and_down_in_a_palette_without_room() -> None:
    async with playing() as (app, pilot):
        await pilot.resize_terminal(20, 5)
        await pilot.press("ctrl+p")
        await _filled(app)
        await pilot.press("pagedown", "pageup")
        assert app.screen.query_one(OptionList).highlighted == 0


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("options", [[], [Option("none found", disabled=True)]], ids=len)
async def test_a_page_in_a_list_with_nothing_to_choose(by: int, options: list[Option]) -> None:
    """The palette is empty for a moment while it searches."""
    async with playing() as (app, pilot):
        choices = OptionList(*options)
        await app.screen.mount(choices)
        await pilot.pause()
        turn_page(choices, by)
        assert choices.highlighted is None


# ---------------------------------------------------------------- anything


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("seed", [1])
async def test_a_monkey_at_the_keys_never_ends_the_screen(
    seed: int, place: Place, tmp_path: Path
) -> None:
    """tools/soak_keys.py does the same at length."""
    await torment(seed, 30, place, tmp_path)


async def test_a_key_takes_effect_before_the_next_one_is_heard() -> None:
    async with playing() as (app, pilot):
        steps = app.model.step
        press(app, "slash", "e", "m", "backspace", "tab", "s")  # into the prompt, out of it, a step
        await seen(pilot, lambda: app.model.step == steps + 1)
        assert app.model.sampling.prompt == "e"
        press(app, "d", "escape", "s")  # into a dialog and out of it
        await seen(pilot, lambda: app.model.step == steps + 2)
        press(app, "ctrl+p", "q", "escape", "s")
        await seen(pilot, lambda: app.model.step == steps + 3)
        press(app, "i", "slash", "m", "enter", "slash", "a", "enter", "2", "q", "s")
        await seen(pilot, lambda: app.model.step == steps + 4)
        assert app.desk.dialogs.inside_state is not None
        assert app.desk.dialogs.inside_state.look.text == "a"
        assert app.screen is app.main and app.model.sampling.prompt == "e"


async def test_no_key_waits_for_a_widget_that_never_hands_one_up() -> None:
    async with playing() as (app, pilot):
        chart = app.main.query_one("#loss-chart")
        chart.focus()
        call = type(chart).call_later

        def lose(widget: Widget, callback: Any, *words: Any) -> bool:
            lost = isinstance(getattr(callback, "__self__", None), KeyOrder)
            return lost or call(widget, callback, *words)

        at_most = mock.patch("playground.tui.key_order.AT_MOST", 0.3)
        with at_most, mock.patch.object(type(chart), "call_later", lose):
            press(app, "s", "s")
            await seen(pilot, lambda: app.model.step == 2)


# ---------------------------------------------------------------- a screen that has answered


def test_every_screen_that_answers_does_so_once() -> None:
    """A second answer would close the screen below."""
    for _, name, _ in pkgutil.walk_packages(screens.__path__, f"{screens.__name__}."):
        importlib.import_module(name)
    found: list[type[Screen[Any]]] = [Screen]
    for kind in found:
        found += kind.__subclasses__()
    ours = [kind for kind in found if kind.__module__.startswith("playground.tui.screens")]
    assert len(ours) > 20
    for kind in ours:
        assert issubclass(kind, AnswersOnce) or kind is MainScreen, kind


async def test_a_dialog_leaves_the_panels_behind_it_in_sight() -> None:
    async with playing(theme="textual-dark") as (app, pilot):
        await pilot.press("h")
        await seen(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await pilot.pause()
        drawn = app.export_screenshot()
        assert "embedding" in drawn and "vocabulary" in drawn
        assert app.screen.styles.background.a < 1, "what lies behind is dim"


async def test_leaving_the_microscope_twice_at_once_leaves_it_once() -> None:
    async with playing() as (app, pilot):
        await pilot.press("i")
        await seen(pilot, lambda: isinstance(app.screen, InsideScreen))
        screen = app.screen
        assert isinstance(screen, InsideScreen)
        screen.dismiss(None)
        screen.dismiss(None)
        await seen(pilot, lambda: app.screen is app.main)
        assert app.is_running


async def test_a_letter_that_a_closed_palette_hears_late_starts_no_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the search found would be shown in a list that was taken away."""
    begun = asyncio.Event()
    async with playing() as (app, pilot):
        press(app, "ctrl+p")
        await seen(pilot, lambda: isinstance(app.screen, Palette) and app.screen.is_mounted)
        palette = app.screen
        assert isinstance(palette, Palette)
        field = palette.query_one(Input)
        monkeypatch.setattr(palette, "run_worker", lambda *_, **__: begun.set())
        palette.post_message(Input.Changed(field, "x"))
        async with asyncio.timeout(20):
            await begun.wait()
        begun.clear()
        palette.post_message(Input.Changed(field, "y"))
        palette.rest()
        await pilot.pause()
        assert not begun.is_set()


@pytest.mark.parametrize("way", ["closed", "left"])
async def test_a_palette_that_is_left_says_nothing_late(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that nothing was found half a second after the last letter, in a list that may have
    been taken away by then."""
    async with playing() as (app, pilot):
        press(app, "ctrl+p")
        await seen(pilot, lambda: isinstance(app.screen, Palette) and app.screen.is_mounted)
        palette = app.screen
        assert isinstance(palette, Palette)
        late: list[str] = []
        palette.set_timer(0.05, lambda: late.append("timer"))
        palette.set_interval(0.05, lambda: late.append("interval"))
        if way == "closed":
            palette.dismiss()
        else:
            leaving = asyncio.Event()
            monkeypatch.setattr(app, "exit", lambda _: leaving.set())
            press(app, "ctrl+c")
            async with asyncio.timeout(20):
                await leaving.wait()
        late.clear()
        await pilot.pause(0.2)
        assert late == []


@pytest.mark.parametrize("way", ["closed", "left"])
async def test_a_palette_looks_for_no_more_commands_before_its_list_is_taken_away(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it found late would be shown in that list."""
    found = asyncio.Event()

    async def slowly(_: Commands, query: str) -> Any:
        yield Hit(1, query, lambda: None)
        found.set()
        await asyncio.sleep(3600)

    monkeypatch.setattr(Commands, "search", slowly)
    async with playing() as (app, _):
        press(app, "ctrl+p", "x")
        async with asyncio.timeout(20):
            await found.wait()
        searching = [worker for worker in app.workers if worker.is_running]
        ended: list[bool] = []

        def told(*_: object) -> None:
            ended.append(bool(searching) and all(worker.is_cancelled for worker in searching))

        if way == "closed":
            app.screen.dismiss()
            told()
        else:
            leave = app.exit
            monkeypatch.setattr(app, "exit", lambda code: (told(), leave(code)))
            press(app, "ctrl+c")
            await left(app)
        assert ended == [True]
