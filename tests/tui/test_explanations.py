"""Every word and sign of the main screen is explained: under the mouse, and by a walk over them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.content import Content
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.widgets import Tooltip

from playground.lab.protocol.run import Notice, RecordState
from playground.lab.protocol.sampling import SampleBatch, SampleText
from playground.tui.explain.reading import word_at, words_on
from playground.tui.explain.words import KEYS, LOOKING_AT, TOP, WIDE, WIDEST, WORDS, panel_word
from playground.tui.panels.pointer import Pointer
from playground.tui.panels.status import StatusLine
from playground.tui.widgets.chart import Chart
from playground.widths import cell_len
from tests.docs_helpers import tool
from tests.tui.watched import WatchedApp, playing, seen


def missing(app: WatchedApp) -> list[str]:
    """What stands on the screen and has no explanation, as words."""
    lines = [strip.text for strip in app.screen._compositor.render_strips()]
    for one in words_on(app.main, [label for label, _ in app.model.measured]):
        x, y, width = one.region.x, one.region.y, one.region.width
        lines[y] = lines[y][:x] + " " * width + lines[y][x + width :]
    return [word for line in lines for word in line.split()]


@asynccontextmanager
async def a_long_run(**options: Any) -> AsyncIterator[tuple[WatchedApp, Pilot[int]]]:
    """A recorded run at step 300 that has shown all kinds of things: a notice, a sample of each
    kind, marks on the timeline, an engine whose speed is known."""
    async with playing(**options) as (app, pilot):
        await app.controller.training.step(200)
        texts = tuple(
            SampleText(text, text == "mia", True, text == "ann") for text in ("kam", "mia", "ann")
        )
        app.lab.batches = [SampleBatch(1, 200, "", texts)]
        app.lab.record = RecordState(7)
        app.lab.edits = ((80, "learning rate 0.02"),)
        await app.controller.training.step(100)
        assert app.model.info is not None
        notice = Notice("37 % of the text is beyond", "split:windows")
        app.model.info = replace(app.model.info, notices=(notice,), distinct_documents=29000)
        app.redraw()
        await seen(pilot, lambda: "ann" in app.text("#sampling-texts"))
        app.model.forks = (120,)
        app.redraw()
        yield app, pilot


async def test_every_word_on_the_screen_has_an_explanation() -> None:
    async with a_long_run() as (app, pilot):
        await pilot.pause()
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        for word in ("run 7", "recited", "in data", "◆", "┴", "± ", "held out", "tokens", "┄"):
            assert word in shown
        assert missing(app) == []
        await pilot.press("2", "right", "left")  # a cursor on the chart
        await pilot.pause()
        assert missing(app) == []


async def test_before_the_first_step_and_while_it_runs_every_word_is_explained_too() -> None:
    async with playing() as (app, pilot):
        await pilot.pause()
        assert missing(app) == []
        await pilot.press("space")
        await seen(pilot, lambda: "steps/s" in app.text("#status"))
        await pilot.press("v", "right_square_bracket")
        await seen(pilot, lambda: "‹grads›" in app.text("#parameters-line"))
        await pilot.pause()
        assert missing(app) == []


async def test_a_word_without_an_explanation_is_found_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with playing() as (app, pilot):
        new = Content("○ ready  step 0/1,000  vibes 0.7")
        monkeypatch.setattr(StatusLine, "show", lambda self, _: self.say(new))
        app.redraw()
        await pilot.pause()
        assert missing(app) == ["vibes", "0.7"]


@pytest.mark.parametrize("part", WORDS)
def test_an_explanation_fits_into_the_line_and_is_a_sentence(part: int) -> None:
    own = WORDS[part].values()
    words = [*own, *([panel_word(part)] if part in LOOKING_AT else [])]
    for word in words:
        assert cell_len(f"{word.name}  {word.brief}") <= WIDEST, word
        assert cell_len(f"{word.name}  {word.whole}") <= WIDE or word not in own, word
        assert word.whole.endswith("."), word
    assert len({word.name for word in words}) == len(words)


def test_the_page_of_words_is_made_from_the_same_sentences() -> None:
    with tool("make_words_page") as made:
        assert made.PAGE.read_text(encoding="utf-8") == made.page(), "run make docs"


# ---------------------------------------------------------------- the mouse


async def test_the_mouse_on_a_word_shows_what_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WatchedApp, "TOOLTIP_DELAY", 0.01)
    run_test = WatchedApp.run_test
    monkeypatch.setattr(
        WatchedApp, "run_test", lambda self, **has: run_test(self, tooltips=True, **has)
    )
    async with playing() as (app, pilot):
        line = app.text("#status")
        await pilot.hover("#status", (line.index("held out") + 2, 0))
        tooltip = app.main.get_child_by_type(Tooltip)
        await until(pilot, lambda: tooltip.display)
        assert "The loss on texts that are never trained on." in str(tooltip.render())
        await pilot.hover("#keys", (app.text("#keys").index("? help") + 1, 0))
        await until(pilot, lambda: "Every key" in str(tooltip.render()))


async def test_each_cell_of_a_panel_says_at_least_what_the_panel_is() -> None:
    async with playing() as (app, _):
        chart = app.main.query_one(Chart).region
        found = word_at(app.main, Offset(chart.x + 20, chart.y + 5))
        assert found is not None and found.word == panel_word(2)


async def until(pilot: Pilot[int], condition: Any) -> None:
    for _ in range(200):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it was not seen")


# ---------------------------------------------------------------- the walk


def marked(app: WatchedApp) -> str:
    return app.main.query_one(Pointer).words.strip()


async def test_the_full_stop_walks_over_the_words_of_a_panel() -> None:
    async with a_long_run() as (app, pilot):
        await pilot.press("1", "full_stop")
        assert app.text("#sentence").startswith("1 Data set  The text the model learns from")
        await pilot.press("right", "right")
        assert marked(app).startswith("32,469 documents")
        before = app.text("#sentence")
        await pilot.press("right")
        assert app.text("#sentence") != before
        await pilot.press("left")
        assert app.text("#sentence") == before
        await pilot.press("tab")
        assert app.text("#sentence").startswith("2 Loss")
        await pilot.press("4")
        assert app.text("#sentence").startswith("4 Sampling")
        await pilot.press("escape")
        assert app.model.telling is None
        assert "beats" in app.text("#sentence").lower()
        assert app.main.focused_panel is app.main.panel(4)


async def test_the_mark_lies_on_the_word_and_training_goes_on_meanwhile() -> None:
    async with a_long_run() as (app, pilot):
        await pilot.press("2", "full_stop", "right", "right")
        await pilot.pause()
        pointer = app.main.query_one(Pointer)
        lines = [strip.text for strip in app.screen._compositor.render_strips()]
        region = pointer.region
        assert lines[region.y][region.x : region.right] == "━ ema"
        step = app.model.step
        await pilot.press("s")
        await seen(pilot, lambda: app.model.step == step + 1)
        assert app.text("#sentence").startswith("━ ema")
        await pilot.press("slash")  # something else has the focus: the walk is over
        await seen(pilot, lambda: app.model.telling is None)
        assert not pointer.display


async def test_tab_leads_the_walk_round_the_whole_screen() -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("full_stop")
        parts = []
        for _ in range(6):
            assert app.model.telling is not None
            parts.append(app.model.telling.part)
            assert app.text("#sentence").rstrip().endswith(app.model.telling.place)
            await pilot.press("tab")
        assert parts == [2, 3, 4, KEYS, TOP, 1]
