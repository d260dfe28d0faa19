"""The screen of the score: its figures are those that the worker sent, esc gives up, failures are
said, and what is typed and sampled is text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.score import calibration, competitors, losses, samples, worst
from playground.tui.screens.help import HelpScreen
from playground.tui.screens.runs.ask import AskLine
from playground.tui.screens.score.screen import ScoreScreen
from playground.tui.widgets.sheet import Sheet
from playground.widths import cell_len
from tests.tui.monkey import press
from tests.tui.readings import scored
from tests.tui.watched import WatchedApp, playing

SIZES = [(60, 16), (120, 40)]


async def until(holds: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(size: tuple[int, int] = (120, 40), **set_up: Any) -> AsyncIterator[WatchedApp]:
    """The screen of the score at step 30. set_up: what the scripted lab does."""
    async with playing(size) as (app, _):
        await app.controller.training.step(30)
        for name, value in set_up.items():
            setattr(app.lab, name, value)
        press(app, "S")
        await until(lambda: isinstance(app.screen, ScoreScreen) and app.screen.query(Sheet))
        yield app


@asynccontextmanager
async def shown(size: tuple[int, int] = (120, 40)) -> AsyncIterator[WatchedApp]:
    """The same, with a score."""
    async with opened(size) as app:
        await until(lambda: "4 Samples" in words(app))
        yield app


def words(app: WatchedApp) -> str:
    return app.screen.query_one(Sheet).words


def said(app: WatchedApp) -> str:
    return " ".join(words(app).split())


def all_lines(app: WatchedApp) -> str:
    """All that a view shows, scrolled through."""
    screen = app.screen
    assert isinstance(screen, ScoreScreen)
    found = [words(app)]
    while True:
        screen.action_scroll(1)
        if words(app) == found[-1]:
            return "\n".join(found)
        found.append(words(app))


@pytest.mark.parametrize("size", SIZES)
async def test_each_view_has_every_figure_and_nothing_is_clipped(size: tuple[int, int]) -> None:
    values = scored(100, 42, None).values
    held = values["heldout"]
    async with shown(size) as app:
        width = app.screen.query_one(Sheet).size.width
        views = []
        for key in "1234":
            press(app, key)
            await until(lambda key=key: f"▸{key}" in words(app))
            views.append(all_lines(app))
            press(app, "home")
            assert max(map(cell_len, views[-1].splitlines())) <= width
    assert values["verdict"] in " ".join(views[0].split())
    for row in [*losses(held), *competitors(held)]:
        line = next(line for line in views[0].splitlines() if row[0] in line and row[1] in line)
        assert row[2] in line or size[0] < 80
        assert row[3] in line
    assert "▸ this model" in views[0]
    for row in calibration(held["calibration"]):
        line = next(line for line in views[1].splitlines() if row[0] in line)
        assert row[1] in line and row[2] in line and ("●" in line or "◉" in line)
    for row in worst(held, 10, str):
        assert any(row[1] in line and row[3] in line for line in views[2].splitlines())
    for row in samples(values["samples"])[1:]:
        assert any(row[0] in line and row[1] in line for line in views[3].splitlines())
    for one in values["samples"]["texts"]:
        assert (one["text"] or "∅") in views[3] and one["nearest"] in views[3], "no markup is lost"


async def test_escape_gives_up_and_the_worker_is_told() -> None:
    gate = asyncio.Event()
    async with opened(work_gate=gate) as app:
        await until(lambda: "esc gives up" in words(app))
        assert "the run stands meanwhile" in words(app)
        press(app, "escape")
        await until(lambda: app.screen is app.main)
        await until(lambda: app.lab.given_up == ["score"])
        app.lab.work_gate = None
        press(app, "S")
        await until(lambda: isinstance(app.screen, ScoreScreen) and app.screen.query(Sheet))
        await until(lambda: "bits a character" in words(app))
        assert app.lab.begun == ["score", "score"]


async def test_a_failure_is_said_in_words() -> None:
    trouble = Failure("The model cannot be scored", "Its losses are not [b]finite[/b].")
    async with opened(score_trouble=trouble) as app:
        await until(lambda: "✗ The model cannot be scored. Its losses are not [b]" in said(app))
        app.lab.score_trouble = None
        press(app, "r")
        await until(lambda: "4 Samples" in words(app))
        assert "✗" not in words(app)


async def test_a_score_of_before_says_so_and_r_scores_again() -> None:
    async with shown() as app:
        assert "r scores it" not in words(app)
        press(app, "escape")
        await until(lambda: app.screen is app.main)
        press(app, "S")
        await until(lambda: isinstance(app.screen, ScoreScreen) and app.screen.query(Sheet))
        await until(lambda: "4 Samples" in words(app))
        assert app.lab.begun == ["score"], "the score of this moment is kept"
        await app.controller.training.step(1)
        await until(lambda: "the run is at step 31: r scores it" in said(app))
        press(app, "r")
        await until(lambda: "r scores it" not in words(app))
        assert app.lab.begun == ["score", "score"]


async def test_a_rule_is_typed_and_the_samples_are_judged_by_it() -> None:
    async with shown() as app:
        press(app, "4", "e")
        await until(lambda: isinstance(app.screen, AskLine) and app.screen.is_mounted)
        press(app, *"[a-z]+", "enter")
        await until(lambda: isinstance(app.screen, ScoreScreen))
        await until(lambda: "the rule: [a-z]+" in words(app))
        valid = scored(100, 42, "[a-z]+").values["samples"]["valid"]["value"]
        assert f"valid by the rule {valid:.0%}" in said(app)
        press(app, "question_mark")
        await until(lambda: isinstance(app.screen, HelpScreen))
