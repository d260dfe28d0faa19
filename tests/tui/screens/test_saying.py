"""Help, plugins, saving, messages, and the screen that is too small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.widgets import Button, Static

from playground.catalog import Catalog
from playground.tui.bindings import MAIN_BINDINGS
from playground.tui.control.sampling import Trial
from playground.tui.explain.words import LOOKING_AT, TOP, table
from playground.tui.panels.too_small import fitting_words
from playground.tui.screens.dialog import KeyLine, Line, key_name
from playground.tui.screens.files.paths import PathInput
from playground.tui.screens.files.save import SaveScreen
from playground.tui.screens.help import HelpScreen, KeyTable, halves
from playground.tui.screens.message import MessageScreen
from playground.tui.screens.pick.chain import ChainScreen
from playground.tui.screens.pick.datasets import DatasetScreen
from playground.tui.screens.pick.tokenizers import TokenizerScreen
from playground.tui.screens.plugins import PluginsScreen
from playground.tui.screens.settings.screen import SettingsScreen

SIZES = [(60, 16), (80, 24), (120, 40), (200, 60)]


MAKERS: dict[str, Callable[..., Any]] = {
    "settings": lambda model: SettingsScreen(model),
    "datasets": lambda model: DatasetScreen(model),
    "tokenizers": lambda model: TokenizerScreen(model),
    "chain": lambda model: ChainScreen(model, Trial(model.sampling.chain, lambda: None)),
    "help": lambda _: HelpScreen(MAIN_BINDINGS, 4),
    "plugins": lambda model: PluginsScreen(model.catalog, "/home/ann/plugins"),
    "save": lambda _: SaveScreen("/tmp/x.safetensors"),
    "message": lambda _: MessageScreen("Title", "words " * 60, "line\n" * 60),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MAKERS)
async def test_every_dialog_fits_with_its_keys_in_sight(
    model: Any, host: Callable[..., Any], name: str, size: tuple[int, int]
) -> None:
    app = host(MAKERS[name](model))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        window = app.screen.region
        frame = app.screen.query_one("#dialog").region
        keys = app.screen.query_one(KeyLine)
        assert window.contains_region(frame)
        assert frame.contains_region(keys.region) and keys.size.height > 0
        assert "esc" in str(keys.render())
        for button in app.screen.query(Button):
            assert frame.contains_region(button.region)
        await pilot.press("escape")
    assert app.answer is None


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("key", ["question_mark", "escape", "q", "f1"])
async def test_help_is_closed_by_any_of_its_keys(host: Callable[..., Any], key: str) -> None:
    app = host(HelpScreen(MAIN_BINDINGS, 2))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
    assert app.answer is None


@pytest.mark.parametrize("panel", [1, 2, 3, 4])
async def test_help_names_every_key_once_and_says_what_the_panel_shows(
    host: Callable[..., Any], panel: int
) -> None:
    own = Binding("shift+left", "x", "much less", tooltip="Ten [b]steps[/b] down")
    app = host(HelpScreen([own, *MAIN_BINDINGS], panel))
    async with app.run_test(size=(120, 60)) as pilot:
        await pilot.pause()
        shown = str(app.screen.query_one(KeyTable).render())
        for binding in MAIN_BINDINGS:
            assert key_name(binding) in shown
        assert "Ten [b]steps[/b] down" in shown
        assert LOOKING_AT[panel][1] in app.screen.query_one("#help-about", Line).words
        words = str(app.screen.query_one("#help-words", KeyTable).render())
        for part in (panel, TOP):
            for name, sentence in table(part):
                assert f"{name} " in words and sentence.split()[0] in words


async def test_help_scrolls_with_the_arrows(host: Callable[..., Any]) -> None:
    app = host(HelpScreen(MAIN_BINDINGS, 1))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "pagedown")
        await pilot.pause()
        scroll = app.screen.query_one("#help-scroll")
        assert scroll.scroll_target_y > 0


def test_the_two_columns_of_help_are_balanced() -> None:
    row = ("k", "words")
    first, second = halves([("A", (row,) * 6), ("B", (row,) * 2), ("C", (row,) * 4)])
    assert [title for title, _ in first] == ["A"]
    assert [title for title, _ in second] == ["B", "C"]
    one, other = halves([("Here", (row,) * 5)])
    assert [len(rows) for _, rows in (*one, *other)] == [3, 2], "no column is empty"


# ---------------------------------------------------------------- plugins


async def test_a_problem_stands_first_and_enter_shows_its_traceback(
    catalog: Catalog, host: Callable[..., Any]
) -> None:
    app = host(PluginsScreen(catalog, "/home/[b]ann/plugins"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        how = app.screen.query_one("#plugins-how", Static)
        assert "/home/[b]ann/plugins" in str(how.content)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, MessageScreen)
        detail = app.screen.query_one("#message-detail", Static)
        assert "SyntaxError: '(' was never closed" in str(detail.content)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, PluginsScreen)
        await pilot.press("q")
    assert app.answer is None


async def test_plugins_are_listed_with_origin_and_summary(
    catalog: Catalog, host: Callable[..., Any]
) -> None:
    app = host(PluginsScreen(catalog, "/home/ann/plugins"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        picks = app.screen.query_one("#plugins-list")
        lines = [picks.render_line(y).text for y in range(picks.size.height)]
        assert any("bpe" in line and "file bpe.py" in line for line in lines)
        assert any("[red]in three lines[/red]" in line for line in lines)


# ---------------------------------------------------------------- save


async def test_saving_gives_an_absolute_path_with_its_suffix(
    host: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = host(SaveScreen("model"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
    assert app.answer == str(tmp_path / "model.safetensors")


async def test_an_existing_file_is_replaced_only_after_a_second_enter(
    host: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "old.safetensors"
    path.write_bytes(b"x")
    app = host(SaveScreen(str(path)))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await pilot.pause()
        assert not app.answers
        state = app.screen.query_one("#save-state", Line)
        assert "Press enter again to replace it" in state.words
        await pilot.press("enter")
    assert app.answer == str(path)


async def test_typing_takes_the_confirmation_back(host: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("old.safetensors", "old.safetensorsx"):
        (tmp_path / name).write_bytes(b"x")
    app = host(SaveScreen(str(tmp_path / "old.safetensors")))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter", "x", "enter")
        await pilot.pause()
        assert not app.answers


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "Type the path"),
        ("nowhere/x.safetensors", "There is no folder"),
        (".", "is a folder"),
        ("~nobody-of-that-name/x", "There is no folder"),
        ("x" * 400, "cannot be used"),
    ],
)
async def test_where_nothing_can_be_written_is_said(
    host: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    app = host(SaveScreen("x"))
    async with app.run_test(size=(80, 24)) as pilot:
        app.screen.query_one(PathInput).value = typed
        await pilot.press("enter")
        await pilot.pause()
        assert not app.answers
        assert problem in app.screen.query_one("#save-state", Line).words


# ---------------------------------------------------------------- messages


async def test_a_message_is_plain_text_and_answered_by_a_button(host: Callable[..., Any]) -> None:
    screen = MessageScreen("[b]It[/b] died", "why: [red]", "", [("again", "Again"), ("no", "No")])
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.screen.query_one("#message-text", Line).words == "why: [red]"
        await pilot.press("right", "enter")
    assert app.answer == "no"


async def test_enter_takes_the_first_choice_and_escape_none(host: Callable[..., Any]) -> None:
    for key, answer in (("enter", "ok"), ("escape", None)):
        app = host(MessageScreen("Title", "message"))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press(key)
        assert app.answer == answer


# ---------------------------------------------------------------- too small


@pytest.mark.parametrize("size", [(59, 15), (40, 10), (20, 5), (12, 4), (10, 3), (6, 2), (5, 1)])
def test_what_is_said_fits_into_whatever_there_is(size: tuple[int, int]) -> None:
    lines = fitting_words(*size, (60, 16)).splitlines()
    assert len(lines) <= size[1]
    assert all(len(line) <= size[0] for line in lines) or size < (6, 1)


def test_what_is_said_names_what_goes_on_and_the_key_that_leads_out() -> None:
    said = fitting_words(59, 15, (60, 16), "race", "esc leaves it")
    assert "The race goes on. esc leaves it" in said and "q quits" not in said
    assert "q quits" in fitting_words(59, 15, (60, 16))
