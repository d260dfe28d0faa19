"""Texts of the world on the screen: every line has exactly its columns, in every widget."""

from __future__ import annotations

import pytest
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Input

from playground.tui.control.context import Remark
from playground.widths import cell_len
from tests.texts_of_the_world import SCRIPTS
from tests.tui import scripted
from tests.tui.watched import WatchedApp, playing, seen

TEXTS = [text for text, _ in SCRIPTS.values()]
ODD = "❤\ufe0f 👩\u200d💻 \u0301x \u200b\ufeff\u3164 \u202eabc ☰"


def wrong_lines(app: WatchedApp) -> list[str]:
    """The lines of the open screen that are not as wide as their widget, by the one count."""
    wrong = []
    widgets = [app.screen, *app.screen.walk_children(Widget)]
    for widget in widgets:
        width, height = widget.size
        if not (widget.display and width and height):
            continue
        for strip in widget.render_lines(Region(0, 0, width, height)):
            columns = sum(cell_len(segment.text) for segment in strip)
            if columns != width or strip.cell_length != width:
                wrong.append(f"{widget}: {columns} of {width}: {strip.text!r}")
    return wrong


@pytest.mark.parametrize("size", [(80, 24), (130, 44)])
async def test_every_line_of_the_screen_has_its_columns_in_every_script(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    letters = list("".join(TEXTS) + "abcdefghijklmnopqrstuvwxyz")[:26]
    monkeypatch.setattr(scripted, "LETTERS", "".join(letters))
    async with playing(size) as (app, pilot):
        app.main.query_one("#sampling-prompt", Input).value = TEXTS[1] + ODD
        for start in range(0, len(TEXTS), 7):
            monkeypatch.setattr(scripted, "NAMES", [*TEXTS[start:], *TEXTS, ODD][:9])
            await pilot.press("s", "g")
            step = start // 7 + 1
            await seen(pilot, lambda step=step: app.model.step == step)
            app.say(Remark(TEXTS[start], f"{ODD} {TEXTS[-1 - start]}"))
            await pilot.pause()
            assert wrong_lines(app) == []
        for key in ("question_mark", "d", "h"):
            await pilot.press(key)
            await pilot.pause()
            assert wrong_lines(app) == []
            await pilot.press("escape")
