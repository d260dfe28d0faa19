"""The start of the playground: a greeting for who has never been here, and what there is to go on
with for who has."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from textual.geometry import Region

from playground.lab.paths import last_run
from playground.lab.store.store import Store
from playground.tui.control.runs import offer_of
from playground.tui.panels.welcome import Callout
from playground.tui.widgets.chart import Chart
from tests.lab.store.conftest import new_run, steps
from tests.tui.watched import WatchedApp, playing, seen


def callouts(app: WatchedApp) -> list[Callout]:
    return [one for one in app.main.query(Callout) if one.display]


# ---------------------------------------------------------------- who has never been here


async def test_three_notes_greet_a_new_person_and_hide_nothing_they_speak_of() -> None:
    async with playing(welcome=True) as (app, pilot):
        await seen(pilot, lambda: len(callouts(app)) == 3)
        await pilot.pause()
        chart = app.main.query_one(Chart).region
        for one in callouts(app):
            assert chart.contains_region(one.region)  # the chart is empty, and no note is about it
            assert one.region.size == one.outer_size
        regions = [one.region for one in callouts(app)]
        assert not any(a.overlaps(b) for a in regions for b in regions if a is not b)
        said = " ".join(one.words for one in callouts(app))
        assert "space trains" in said and "i looks inside" in said and "? is help" in said
        assert "T is a tour" in said


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
async def test_a_note_covers_the_name_of_a_line_wholly_or_not_at_all(size: tuple[int, int]) -> None:
    async with playing(size, welcome=True) as (app, pilot):
        await seen(pilot, lambda: len(callouts(app)) == 3)
        await pilot.pause()
        chart = app.main.query_one(Chart)
        named = 0
        for row, strip in enumerate(chart.render_lines(chart.size.region)):
            for label in re.finditer(r"\w+gram [\d.]+|uniform [\d.]+", strip.text):
                place = Region(
                    chart.region.x + label.start(), chart.region.y + row, len(label[0]), 1
                )
                named += 1
                for one in callouts(app):
                    assert one.region.contains_region(place) or not one.region.overlaps(place)
        assert named == 4


@pytest.mark.parametrize("key", ["escape", "space", "s"])
async def test_a_key_ends_the_greeting_for_good(key: str) -> None:
    async with playing(welcome=True) as (app, pilot):
        await seen(pilot, lambda: callouts(app))
        await pilot.press(key)
        await seen(pilot, lambda: not callouts(app))
        assert app.model.step == 0 if key == "escape" else app.model.step > 0
    async with playing(welcome=True) as (app, pilot):
        await pilot.pause()
        assert not callouts(app) and not app.model.welcome


async def test_who_looks_around_first_is_greeted_until_then_and_next_time() -> None:
    async with playing(welcome=True) as (app, pilot):
        await seen(pilot, lambda: callouts(app))
        await pilot.press("4", "right", "question_mark", "escape")
        await pilot.pause()
        assert len(callouts(app)) == 3
    async with playing(welcome=True) as (app, pilot):
        await seen(pilot, lambda: callouts(app))


async def test_a_small_screen_greets_in_one_line() -> None:
    async with playing(size=(80, 24), welcome=True) as (app, pilot):
        await seen(pilot, lambda: app.text("#sentence").startswith("space trains"))
        assert "…" not in app.text("#sentence") and not callouts(app)
        await pilot.resize_terminal(120, 40)
        await seen(pilot, lambda: len(callouts(app)) == 3)
        assert app.text("#sentence").startswith("The model knows nothing yet")
        await pilot.press("escape")
        await seen(pilot, lambda: not callouts(app))


# ---------------------------------------------------------------- who has


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


def left(store: Path, name: str, at: int, status: str = "paused") -> None:
    with Store.open(store) as opened:
        opened.append(opened.create(new_run(name), ""), steps(0, at, status=status))


async def test_the_start_says_which_run_o_goes_on_with_until_the_first_key(store: Path) -> None:
    left(store, "", 412)
    async with playing(store=store, welcome=True) as (app, pilot):
        offer = "o goes on with run 1 (names), step 412 of 1,000, left a moment ago."
        await seen(pilot, lambda: app.text("#sentence").startswith(offer))
        assert not callouts(app), "who has a run has been here"
        await pilot.press("f5")  # no key of the playground
        await pilot.pause()
        assert app.text("#sentence").startswith(offer)
        await pilot.press("2", "right")
        await seen(pilot, lambda: app.text("#sentence").startswith("The model knows nothing yet"))
        await pilot.press("o")
        await seen(pilot, lambda: "step 412/1,000" in app.text("#status"))


async def test_a_run_that_somebody_has_open_is_not_offered(store: Path) -> None:
    """The first of them is the playground's own, before the screen has heard of its number."""
    with Store.open(store) as opened:
        opened.create(new_run("open"), "process 1 on elsewhere")
    async with playing(store=store, welcome=True) as (app, pilot):
        await seen(pilot, lambda: app.text("#sentence").startswith("The model knows nothing yet"))
        assert app.model.offer == ()
    left(store, "left", 412)
    with Store.open(store) as opened:
        opened.create(new_run("later"), "process 1 on elsewhere")
    async with playing(store=store, welcome=True) as (app, pilot):
        await seen(pilot, lambda: "“left”" in app.text("#sentence"))


async def test_the_offer_is_told_though_the_sentence_is_off(store: Path) -> None:
    left(store, "mine", 1000, "finished")
    async with playing(store=store) as (app, pilot):
        await seen(pilot, lambda: "o opens run 1 “mine”" in app.text("#sentence"))
        assert "all 1,000 steps done" in app.text("#sentence")
        app.model.interpreting = False
        app.redraw()
        await pilot.pause()
        assert app.main.query_one("#sentence").display
        await pilot.press("2")
        await seen(pilot, lambda: not app.main.query_one("#sentence").display)


async def test_a_run_is_not_offered_where_o_would_open_another(store: Path) -> None:
    left(store, "older", 30)
    kept = last_run()
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"")
    os.utime(kept, (4e9, 4e9))
    async with playing(store=store) as (app, pilot):
        await pilot.pause()
        assert "older" not in app.text("#sentence")


def test_an_offer_has_a_form_for_every_width(store: Path) -> None:
    left(store, "a name that is long enough", 999)
    with Store.open(store) as opened:
        row = opened.row(1)
    forms = offer_of(row, others=2, interrupted=True)
    assert "nothing of it is lost" in forms[0] and "2 more in the list of runs (a)" in forms[0]
    assert [len(form) for form in forms] == sorted((len(form) for form in forms), reverse=True)
    assert forms[-1] == "o goes on with run 1, step 999 of 1,000."
