"""The plugins screen: what each plugin is, and space to switch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from playground.catalog import KINDS, Catalog, Entry, Plugin
from playground.tui.screens.plugins import TITLES, PluginsScreen

PLUGINS = Catalog(
    plugins=(
        Plugin("builtin", "built in", "loaded", 20),
        Plugin("cold", "/home/ann/[b]plugins/cold.py", "loaded", 1, 0.0123),
        Plugin("words", "package words 1.2", "disabled"),
        Plugin("bad", "/home/ann/plugins/bad.py", "crashed"),
    )
)


def shown(app: Any) -> list[str]:
    picks = app.screen.query_one("#plugins-list")
    return [picks.render_line(y).text.strip() for y in range(picks.size.height)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_space_switches_the_highlighted_plugin_from_the_next_run_on(
    host: Callable[..., Any], size: tuple[int, int]
) -> None:
    asked: list[tuple[str, bool]] = []

    def switch(name: str, on: bool) -> str:
        asked.append((name, on))
        return ""

    app = host(PluginsScreen(PLUGINS, "/home/ann/plugins", switch))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        lines = shown(app)
        assert "● cold   1 contribution, 12.3 ms  file cold.py" in lines
        assert "○ words  switched off  package words 1.2" in lines
        await pilot.press("space", "down", "space", "down", "space")
        await pilot.pause()
        assert asked == [("cold", False), ("words", True), ("bad", True)]
        assert any(line.startswith("○ cold   off from the next run") for line in shown(app))
        assert any(line.startswith("● bad    on from the next run") for line in shown(app))
        await pilot.press("up", "up", "space")
        assert asked[-1] == ("cold", True)


async def test_what_could_not_be_switched_stays_as_it_was_and_is_said(
    host: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(PluginsScreen, "notify", lambda _, text, **__: said.append(text))
    app = host(PluginsScreen(PLUGINS, "", lambda *_: "the file is [b]damaged[/b]"))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        before = shown(app)
        await pilot.press("space")
        await pilot.pause()
        assert shown(app) == before
    assert said == ["the file is [b]damaged[/b]"]


async def test_lessons_stand_under_a_heading_of_their_own(host: Callable[..., Any]) -> None:
    lesson = Entry("lesson", "vowels", "school", "/home/ann/school.py", "which letters are [b]")
    app = host(PluginsScreen(Catalog(entries=(lesson,))))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        lines = [line for line in shown(app) if line]
        assert lines[0] == "Lessons"
        assert lines[1].split("  ") == ["vowels", "file school.py", "which letters are [b]"]
    assert TITLES.keys() == set(KINDS)
