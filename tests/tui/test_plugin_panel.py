"""Panel 5: a contributed panel in the place of the parameters, and a notice where it fails."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events
from textual.geometry import Size
from textual.pilot import Pilot

from playground.lab.protocol.failures import Failure
from playground.tui.panels.plugin import PanelLines, PluginPanel, cut
from tests.tui.test_pictures import app as pictured
from tests.tui.test_pictures import same_everywhere as same_everywhere
from tests.tui.test_pictures import some_steps
from tests.tui.watched import WatchedApp, playing, seen


def lines(app: WatchedApp) -> str:
    return app.main.query_one(PanelLines).text


def on_screen(app: WatchedApp) -> list[str]:
    """The ids of the panels that are displayed."""
    return [panel.id for panel in app.main.query("Panel") if panel.display]  # type: ignore[misc]


async def shown(app: WatchedApp, pilot: Pilot[int]) -> None:
    await pilot.press("5")
    await seen(pilot, lambda: "step" in lines(app))


async def test_key_5_shows_the_panel_in_place_of_the_parameters_and_3_brings_them_back() -> None:
    async with playing() as (app, pilot):
        assert on_screen(app) == ["panel-1", "panel-2", "panel-4", "panel-3"]
        place = app.main.panel(3).region
        await shown(app, pilot)
        assert on_screen(app) == ["panel-1", "panel-2", "panel-4", "panel-5"]
        assert app.main.panel(5).region == place
        assert lines(app).startswith("histogram")
        assert app.main.focused_panel is app.main.panel(5)
        await pilot.press("3")
        await seen(pilot, lambda: "panel-3" in on_screen(app))
        assert "panel-5" not in on_screen(app)
        assert app.main.focused_panel is app.main.panel(3)


async def test_escape_brings_the_parameters_back_too() -> None:
    async with playing() as (app, pilot):
        await shown(app, pilot)
        await pilot.press("escape")
        assert "panel-3" in on_screen(app) and "panel-5" not in on_screen(app)


async def test_the_panel_is_drawn_also_if_it_gets_its_room_after_the_drawing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a busy machine the layout may come after the frame that was fetched for the key."""
    async with playing() as (app, pilot):
        panel = app.main.query_one(PluginPanel)
        monkeypatch.setattr(PluginPanel, "content_size", Size(0, 0))
        await pilot.press("5")
        await pilot.pause()
        assert "step" not in lines(app)
        monkeypatch.undo()
        app.main._drawn_in = []  # it was drawn before it had its room
        panel.post_message(events.Resize(panel.size, panel.size))
        await seen(pilot, lambda: "step" in lines(app), 10)


async def test_the_panel_follows_the_run() -> None:
    async with playing() as (app, pilot):
        await shown(app, pilot)
        await pilot.press("s")
        await seen(pilot, lambda: "at step 1" in lines(app))


async def test_the_panel_is_told_how_much_room_it_has() -> None:
    async with playing() as (app, pilot):
        await shown(app, pilot)
        room = app.main.query_one(PanelLines).size
        assert f"{room.width}x{room.height} at" in lines(app)
        await pilot.press("z")
        await seen(pilot, lambda: f"{room.width}x{room.height} at" not in lines(app))
        room = app.main.query_one(PanelLines).size
        await seen(pilot, lambda: f"{room.width}x{room.height} at" in lines(app))
        assert on_screen(app) == ["panel-5"] and room.width > 100


async def test_key_5_again_chooses_another_panel_and_its_knobs() -> None:
    async with playing() as (app, pilot):
        await shown(app, pilot)
        await pilot.press("5")
        await pilot.pause()
        assert type(app.screen).__name__ == "PanelScreen"
        await pilot.press("down", "down", "enter")
        await seen(pilot, lambda: lines(app).startswith("mine"))
        assert "mine" in str(app.main.query_one(PluginPanel).border_title)


async def test_while_no_panel_is_chosen_none_is_asked_for() -> None:
    async with playing() as (app, pilot):
        assert app.model.request().panel is None
        assert app.model.request().matrices
        await shown(app, pilot)
        assert app.model.request().panel is not None
        assert not app.model.request().matrices, "nobody sees them"


async def test_a_panel_that_fails_is_a_notice_in_its_place_and_the_run_goes_on() -> None:
    async with playing() as (app, pilot):
        app.lab.panel_trouble = Failure(
            "The plugin 'mine' failed", "In render: ValueError: [red]no ink[/]", kind="plugin"
        )
        await pilot.press("5")
        await seen(pilot, lambda: "no ink" in app.text("#plugin-notice"))
        said = app.text("#plugin-notice")
        assert "'mine' failed" in said and "[red]no ink[/]" in said, "as it is, never as markup"
        assert "3 switches" in said and "5 chooses another" in said
        await pilot.press("s", "s")
        await seen(pilot, lambda: "step 2/" in app.text("#status"))
        assert "failed" not in app.text("#status")
        app.lab.panel_trouble = None
        await pilot.press("s")
        await seen(pilot, lambda: "at step 3" in lines(app))
        assert not app.main.query_one("#plugin-notice").display


async def test_what_a_panel_writes_is_never_obeyed() -> None:
    async with playing() as (app, pilot):
        app.lab.panel_lines = ("\x1b[2J[bold]wiped[/]", "x" * 500, "\r\n")
        await pilot.press("5")
        await seen(pilot, lambda: "wiped" in lines(app))
        widget = app.main.query_one(PanelLines)
        painted = ["".join(s.text for s in widget.render_line(y)) for y in range(3)]
        assert painted[0].startswith("\\x1b[2J[bold]wiped[/]")
        assert painted[1] == "x" * widget.size.width
        assert painted[2].strip() == "␍⏎"


@pytest.mark.parametrize(
    ("line", "width", "shown"),
    [("abc", 5, "abc"), ("abcdef", 3, "abc"), ("日本語", 5, "日本 "), ("\x07a", 9, "\\x07a")],
)
def test_lines_are_cut_by_cells(line: str, width: int, shown: str) -> None:
    assert cut(line, width) == shown


# ---------------------------------------------------------------- how it looks


def test_the_panel_in_a_small_terminal(snap_compare: Any) -> None:
    async def with_panel(pilot: Pilot[int]) -> None:
        await some_steps(pilot)
        await pilot.press("5")
        playing = pilot.app
        assert isinstance(playing, WatchedApp)
        # A first drawing may be for the room before the layout: wait for that of its own room.
        widget = playing.main.query_one(PanelLines)
        await seen(
            pilot,
            lambda: (
                f"{widget.size.width}x{widget.size.height} at step 300" in lines(playing)
                and widget.size.width > 0
            ),
        )
        await pilot.pause()

    assert snap_compare(pictured(), terminal_size=(80, 24), run_before=with_panel)
