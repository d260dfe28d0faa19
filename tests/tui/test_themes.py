"""The theme of last time is the theme of this time, if it is there still."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.command import CommandList
from textual.geometry import Region

from playground.tui.picture.cells import taken
from playground.tui.screens.pick.lists import PickList
from playground.tui.themes import DARK, LIGHT, choose_theme
from tests.tui.watched import playing, seen

THERE = {DARK.name: DARK, LIGHT.name: LIGHT}


@pytest.mark.parametrize(
    ("wanted", "last", "chosen"),
    [
        (None, "", DARK.name),
        (None, LIGHT.name, LIGHT.name),
        (DARK.name, LIGHT.name, DARK.name),
        ("gone", LIGHT.name, LIGHT.name),
        (None, "gone", DARK.name),
    ],
)
def test_the_first_that_is_there_is_chosen(wanted: str | None, last: str, chosen: str) -> None:
    assert choose_theme(wanted, last, THERE) == chosen


async def test_a_theme_is_remembered_with_the_other_preferences(home: Path) -> None:
    file = home / "config" / "preferences.json"
    async with playing() as (app, pilot):
        assert app.theme == DARK.name
        app.theme = LIGHT.name
        await seen(pilot, lambda: file.exists() and LIGHT.name in file.read_text())
    assert json.loads(file.read_text()) == {"theme": LIGHT.name}
    async with playing() as (app, _):
        assert app.theme == LIGHT.name
    file.write_text("[")
    async with playing() as (app, pilot):
        assert app.theme == DARK.name
        await seen(pilot, lambda: "preferences.json is damaged" in app.said)


async def test_without_colours_the_focus_and_the_choice_have_signs_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with playing() as (app, pilot):
        assert app.main.panel(2).styles.border_top[0] == "round"
    monkeypatch.setenv("NO_COLOR", "1")
    async with playing() as (app, pilot):
        await pilot.press("4")
        assert app.main.panel(4).styles.border_top[0] == "heavy"
        assert app.main.panel(2).styles.border_top[0] == "round"
        await pilot.press("e")
        await seen(pilot, lambda: app.screen.query(PickList))
        choice = app.screen.query_one(PickList)
        await seen(pilot, lambda: choice.has_focus)
        style = choice.get_component_styles("option-list--option-highlighted").text_style
        assert style.underline and style.bold
        await pilot.press("escape", "ctrl+p")
        await seen(pilot, lambda: app.screen.query(CommandList))
        found = app.screen.query_one(CommandList)
        style = found.get_component_styles("option-list--option-highlighted").text_style
        assert style.underline and style.bold, "though the field has the focus"


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
async def test_without_colours_letters_are_seen_in_the_terminals_own_colours_too(
    theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with playing(theme=theme) as (app, _):
        lines = taken(app.main).lines(Region(0, 0, 120, 40))
        looks = [look for line in lines for text, look in line if text.strip()]
        assert looks and all(look.ink != look.paper for look in looks)
