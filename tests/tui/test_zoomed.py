"""What a panel shows more of when it has the whole screen."""

from __future__ import annotations

from playground.tui.panels.zoomed.dataset import SeenDocuments
from playground.tui.panels.zoomed.sampling import UNKNOWN, Confidence
from playground.tui.widgets.bars import Bars
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
