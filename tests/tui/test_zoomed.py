"""What a panel shows more of when it has the whole screen."""

from __future__ import annotations

import pytest

from playground.lab.timeline import Clock
from playground.tui.panels.keybar import KeyBar
from playground.tui.panels.loss import LossPanel
from playground.tui.panels.zoomed.dataset import SeenDocuments
from playground.tui.panels.zoomed.matrices import Small
from playground.tui.panels.zoomed.sampling import UNKNOWN, Confidence
from playground.tui.screens.main import MainScreen
from playground.tui.widgets.bars import Bars
from playground.tui.widgets.chart import Chart
from playground.tui.widgets.heatmap import HeatMap
from playground.tui.widgets.static_text import Words
from tests.tui.watched import playing, seen


async def test_the_zoomed_data_set_tells_the_last_documents_and_follows_steps_back() -> None:
    async with playing() as (app, pilot):
        documents = app.main.query_one(SeenDocuments)
        await pilot.press("1", "z")
        await seen(pilot, lambda: "s reads the first" in documents.words)
        await pilot.press("s", "s", "s")
        await seen(pilot, lambda: "3 " in documents.words and app.model.step == 3)
        lines = documents.words.split("\n")

        def steps() -> list[str]:
            starts = [line[:7].strip() for line in documents.words.split("\n")]
            return [start for start in starts if start.isdecimal()]

        assert steps() == ["3", "2", "1"], "the newest first"
        assert lines[1].split() == ["3", *"isabella·", "4.00", "nats"]
        assert lines[2].split() == [f"{nats}.0" for nats in range(9)], "a letter's own surprise"
        await pilot.press("b")
        await seen(pilot, lambda: steps() == ["2", "1"])
        await pilot.press("z")
        await seen(pilot, lambda: app.main.query_one("#dataset-documents").display)
        assert not documents.display and app.main.focused_panel is app.main.panel(1)


async def test_the_zoomed_sampling_has_all_candidates_and_the_chance_of_each_letter() -> None:
    async with playing() as (app, pilot):
        confidence = app.main.query_one(Confidence)
        await pilot.press("4", "g", "z")
        await seen(pilot, lambda: "k   a   m   o   n" in confidence.words)
        assert "25  25  25  25  25  100" in confidence.words
        bars = app.main.query_one(Bars)
        await seen(pilot, lambda: len(bars.rows) == 27 and bars.size.height == 27)
        assert app.model.candidates > 64, "a large vocabulary has more of them"
        app.lab.keeps_chances = False
        await pilot.press("g")
        await seen(pilot, lambda: UNKNOWN in confidence.words)


async def test_the_zoomed_loss_is_drawn_over_tokens_and_seconds_with_keys_that_say_so() -> None:
    async with playing() as (app, pilot):
        app.lab.unknown_before, app.model.clock = 5, Clock(())
        panel, chart = app.main.query_one(LossPanel), app.main.query_one(Chart)
        keys = app.main.query_one(KeyBar)
        for _ in range(20):
            await pilot.press("s")
        await seen(pilot, lambda: app.model.step == 20)
        await pilot.press("2", "j")
        assert "over" not in keys.words and chart.unit == "", "beside others, it is of steps"
        await pilot.press("z", "j")
        await seen(pilot, lambda: "j over seconds" in keys.words and chart.unit == "tokens seen")
        assert "not known before step 5" in str(panel.border_subtitle)
        axis = "".join(strip.text for strip in chart.render_lines(chart.size.region)[-2:])
        assert "100" in axis and "140" in axis and "tokens seen" in axis, "7 tokens a step"
        chart.cursor = 7.0 * 12
        await pilot.pause()
        assert "step 12 " in str(panel.border_subtitle)
        await pilot.press("enter")
        await seen(pilot, lambda: ("go_to", 12) in app.lab.calls)
        await pilot.press("j")
        await seen(pilot, lambda: chart.unit == "seconds of training" and "steps" in keys.words)
        assert panel.step_at(0.6) == 6, "0.1 seconds a step"
        await pilot.press("z")
        await seen(pilot, lambda: chart.unit == "" and "j " not in keys.words)


async def test_the_zoomed_parameters_show_all_matrices_each_with_its_scale_and_choose_one() -> None:
    async with playing() as (app, pilot):
        await pilot.press("3", "z", "j")
        await seen(pilot, lambda: len(app.main.query(Small)) == 9)
        small = list(app.main.query(Small))
        await seen(pilot, lambda: "16×16" in small[3].query_one(Words).words)
        await seen(pilot, lambda: app.model.frame is not None and len(app.model.frame.small) == 9)
        await pilot.pause()

        def drawn(place: int) -> str:
            picture = small[place].query_one(HeatMap)
            return "".join(strip.text for strip in picture.render_lines(picture.size.region))

        assert "+3.00" in drawn(3) and "+5.00" in drawn(5), "each on a scale of its own"
        assert "27×16 in one" in small[0].query_one(Words).words
        await pilot.press("right", "down")
        await seen(pilot, lambda: app.model.matrix == 4)
        await pilot.click(small[2])
        await seen(pilot, lambda: "▸ lm_head" in small[2].query_one(Words).words)
        await pilot.press("j")
        await seen(pilot, lambda: app.main.query_one("#parameters-map").is_on_screen)
        assert isinstance(app.focused, HeatMap)
        assert "lm_head" in app.text("#parameters-line")


async def test_the_matrices_are_asked_for_by_the_drawing_that_makes_room_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []
    draw = MainScreen.draw

    def drawing(main: MainScreen) -> None:
        draw(main)
        if main.query(Small):
            asked.append(main.model.request().small is not None)

    monkeypatch.setattr(MainScreen, "draw", drawing)
    async with playing() as (_, pilot):
        await pilot.press("3", "z", "j")
        await seen(pilot, lambda: asked)
        assert asked[0], "a run that stands is not drawn again only to ask for more"


async def test_a_wide_screen_has_two_of_the_last_documents_in_a_row() -> None:
    async with playing(size=(200, 60)) as (app, pilot):
        documents = app.main.query_one(SeenDocuments)
        await pilot.press("1", "z", "s", "s", "s")
        await seen(pilot, lambda: app.model.step == 3 and "3 " in documents.words)
        _, first, numbers, second, *_ = documents.words.split("\n")
        assert first.split()[0] == "3" and " 2 " in first, "the newest first, from the left"
        assert first.count("nats") == 2
        assert numbers.count("0.0") == 2, "each letter's surprise stands beneath it"
        assert second.split()[0] == "1"
