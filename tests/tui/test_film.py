"""The film strip on screen: found, read while training, and looked back at."""

from __future__ import annotations

import re

import pytest
from textual.widgets import Input, OptionList

from playground.lab.protocol.failures import Failure
from playground.tui.explain.reading import words_on
from playground.tui.explain.words import SAMPLING, word_of
from playground.tui.panels.keybar import KeyBar
from playground.tui.panels.zoomed.film import FilmRows, FilmStrip
from playground.tui.panels.zoomed.sampling import Confidence
from playground.tui.widgets.sheet import Sheet
from playground.tui.widgets.static_text import Words
from tests.tui.watched import WatchedApp, playing, seen


def strip(app: WatchedApp) -> str:
    return app.main.query_one(FilmRows).words


def inks(app: WatchedApp) -> list[str]:
    """The ink of the first text of each row."""
    sheet = app.main.query_one("#film-sheet", Sheet)
    return [str(line[3][1]) for line in sheet._drawn]


async def test_a_key_leads_from_the_chances_to_the_film_and_back() -> None:
    async with playing() as (app, pilot):
        keys = app.main.query_one(KeyBar)
        film, confidence = app.main.query_one(FilmStrip), app.main.query_one(Confidence)
        await pilot.press("4", "j")
        assert not film.display, "beside others, there are the last samples"
        await pilot.press("z")
        await seen(pilot, lambda: "j film" in keys.words)
        assert confidence.display and not film.display
        await pilot.press("j")
        await seen(pilot, lambda: film.display and "▸0" in strip(app))
        assert not confidence.display and "j chances" in keys.words
        assert isinstance(app.main.focused, FilmRows), "the arrow keys scroll it at once"
        await pilot.press("j")
        await seen(pilot, lambda: confidence.display and not film.display)
        await pilot.press("j", "z")
        await seen(
            pilot, lambda: not film.display and app.main.query_one("#sampling-scroll").display
        )
        assert app.model.request().film_since is None, "nobody looks at it any more"


async def test_rows_come_at_the_bottom_while_the_run_trains() -> None:
    async with playing() as (app, pilot):
        await pilot.press("4", "z", "j")
        await seen(pilot, lambda: "▸0" in strip(app))
        for _ in range(11):
            await pilot.press("s")
        await seen(pilot, lambda: "▸10" in strip(app))
        lines = strip(app).split("\n")
        assert [line[1:3].strip() for line in lines] == ["0", "5", "10"]
        assert inks(app) == ["text", "text", "pointed"]
        assert app.model.request().film_since == 3, "and none of them is asked for again"


async def test_after_going_back_the_row_there_is_marked_and_the_later_ones_are_dim() -> None:
    async with playing() as (app, pilot):
        app.lab.head = app.lab.step = 30
        await pilot.press("s", "4", "z", "j")
        await seen(pilot, lambda: "▸30" in strip(app))
        for step in (31, 30, 29):
            await seen(pilot, lambda step=step: app.model.step == step)  # type: ignore[misc]
            await pilot.press("b")
        await seen(pilot, lambda: "▸25" in strip(app))
        assert inks(app) == [*["text"] * 5, "pointed", "faint"]


async def test_the_row_where_the_run_stands_stays_in_sight_until_the_person_scrolls() -> None:
    async with playing((80, 24)) as (app, pilot):
        app.lab.head = app.lab.step = 700
        rows = app.main.query_one(FilmRows)

        def in_sight() -> bool:
            marked = next(at for at, line in enumerate(rows.words.split("\n")) if "▸" in line)
            return bool(rows.scroll_y <= marked < rows.scroll_y + rows.size.height)

        await pilot.press("s", "4", "z", "j")
        await seen(pilot, lambda: "▸700" in strip(app) and in_sight())
        await pilot.press("home")
        await seen(pilot, lambda: rows.scroll_y == 0)
        app.lab.step = app.lab.head = 749
        await pilot.press("s")
        await seen(pilot, lambda: "▸750" in strip(app))
        assert rows.scroll_y == 0, "the person reads the first rows"
        await pilot.press("end")
        await seen(pilot, in_sight)
        app.lab.step = app.lab.head = 799
        await pilot.press("s")
        await seen(pilot, lambda: "▸800" in strip(app) and in_sight())
        await pilot.resize_terminal(80, 22)
        await seen(pilot, in_sight)


async def test_what_the_model_wrote_is_text_on_the_screen_and_stands_in_columns() -> None:
    async with playing() as (app, pilot):
        await pilot.press("4", "z", "j")
        await seen(pilot, lambda: "▸0" in strip(app))
        assert strip(app).split("\n")[0] == "▸0  ann\\x1b[2J0·  [b]mia0…  漢字かな0·"


@pytest.mark.parametrize(("width", "count"), [(80, 1), (120, 2), (200, 3)])
async def test_as_many_texts_stand_in_a_row_as_fit_whole(width: int, count: int) -> None:
    async with playing((width, 40)) as (app, pilot):
        app.lab.film_texts = ("a" * 46, "b" * 46, "c" * 46)
        await pilot.press("4", "z", "j")
        await seen(pilot, lambda: "▸0" in strip(app))
        heading = app.main.query_one("#film-heading", Words)
        assert [letter * 46 in strip(app) for letter in "abc"] == [
            place < count for place in range(3)
        ]
        assert (f"{count} of 3 texts fit here" in " ".join(heading.words.split())) == (count < 3)


async def test_a_text_wider_than_the_screen_is_cut_and_says_so() -> None:
    async with playing((80, 24)) as (app, pilot):
        app.lab.film_texts = ("漢" * 48,)
        await pilot.press("4", "z", "j")
        await seen(pilot, lambda: "▸0" in strip(app))
        line = strip(app).split("\n")[0]
        assert line.endswith("漢…") and line.count("漢") < 40


@pytest.mark.parametrize(("size", "beside"), [((80, 24), False), ((200, 60), True)])
async def test_where_there_is_room_a_row_tells_the_loss_of_its_step(
    size: tuple[int, int], beside: bool
) -> None:
    async with playing(size) as (app, pilot):
        app.lab.film_texts = ("a" * 15,) * 3
        await pilot.press("4", "z", "j")
        for _ in range(11):
            await pilot.press("s")
        await seen(pilot, lambda: "▸10" in strip(app))
        first, *rest = strip(app).split("\n")
        assert not re.search(r"\d\.\d", first), "before the first step there is no loss"
        for row, step in zip(rest, (5, 10), strict=True):
            loss = f"{app.model.ema.value_at(step):.3f}"
            assert (f" {loss}" in row) is beside
        assert ("a blind guess" in app.main.query_one("#film-heading", Words).words) is beside


async def test_rows_that_wait_and_a_film_that_ended_are_said() -> None:
    async with playing() as (app, pilot):
        app.lab.film_waiting = 3
        await pilot.press("4", "z", "j")
        heading = app.main.query_one("#film-heading", Words)
        await seen(pilot, lambda: "3 rows still to be written" in heading.words)
        app.lab.film_waiting = 0
        await seen(pilot, lambda: "still" not in heading.words), "it asks until they are there"
        app.lab.film_trouble = Failure("The tokenizer 'odd' failed", "it [b]broke.")
        await pilot.press("s")
        await seen(
            pilot, lambda: "No more rows: The tokenizer 'odd' failed. it [b]broke." in heading.words
        )


async def test_the_palette_finds_the_film_by_what_a_person_would_call_it() -> None:
    async with playing() as (app, pilot):
        for query in ("film", "gibberish", "same dice"):
            await pilot.press("ctrl+p", *(key if key != " " else "space" for key in query))

            def found() -> bool:
                options = app.screen.query_one(OptionList)
                first = str(options.get_option_at_index(0).prompt) if options.option_count else ""
                return first.startswith("Film strip: from gibberish to names")

            await seen(pilot, found)
            await pilot.press("escape")
        await pilot.press("ctrl+p", *"film")
        await seen(pilot, found)
        await pilot.press("enter")
        await seen(pilot, lambda: "▸0" in strip(app))


async def test_the_words_of_the_film_are_explained_where_they_stand() -> None:
    async with playing() as (app, pilot):
        await pilot.press("4", "z", "j")
        await seen(pilot, lambda: "▸0" in strip(app))
        told = {
            found.text.strip(): found.word
            for found in words_on(app.main, part=SAMPLING)
            if found.word is not None
        }
        assert told["0"] == word_of("film step") and told["▸"] == word_of("film here")
        assert told["漢字かな0"] == word_of("sample") and told["·"] == word_of("end")
        assert word_of("film") in told.values()


async def test_the_prompt_is_typed_in_sight() -> None:
    async with playing() as (app, pilot):
        await pilot.press("4", "z", "j")
        await seen(pilot, lambda: "▸0" in strip(app))
        await pilot.press("slash", "a")
        field = app.main.query_one("#sampling-prompt", Input)
        await seen(pilot, lambda: field.value == "a" and bool(field.region))
        assert not app.main.query_one(FilmStrip).display
