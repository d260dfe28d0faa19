"""Another model beside the run's own: off until it is chosen, nothing is sent unasked, both columns
say what they took, and what came is text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.lab.protocol.commands import ProbesState
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.lab.protocol.writing import Leaving
from playground.tui.screens.beside.drawing import price_words, seconds_words
from playground.tui.screens.beside.screen import BesideScreen
from playground.tui.screens.beside.writer import WriterScreen, consent
from playground.tui.screens.help import HelpScreen
from playground.tui.screens.message import MessageScreen
from playground.tui.screens.runs.ask import AskLine
from playground.tui.widgets.sheet import Sheet
from playground.widths import cell_len
from tests.tui.monkey import press
from tests.tui.scripted import ScriptedWriting
from tests.tui.watched import WatchedApp, playing

SIZES = [(60, 20), (80, 24), (120, 40)]
ASKED = ProbesState(
    ProbeSet(("an", "ma", "ż", "an")),
    (ProbeAnswers(20, (("ann",), ("mary",), (), ("anna",))),),
    (SkippedPrompt(3, "ż", "the model does not know 'ż'"),),
)


async def until(holds: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(size: tuple[int, int] = (120, 40)) -> AsyncIterator[WatchedApp]:
    """The screen at step 20, with a prompt; no writer is chosen."""
    async with playing(size) as (app, _):
        await app.controller.training.step(20)
        app.lab.asked = ASKED
        app.controller.previews.set_prompt("an")
        await begun(app)
        yield app


async def begun(app: WatchedApp) -> None:
    press(app, "O")
    await until(lambda: isinstance(app.screen, BesideScreen) and app.screen.query(Sheet))
    await until(lambda: "this model" in words(app))


def words(app: WatchedApp) -> str:
    return app.screen.query_one(Sheet).words


def said(app: WatchedApp) -> str:
    return " ".join(words(app).split())


def edge(app: WatchedApp) -> str:
    return str(app.screen.query_one("#dialog").border_subtitle)


def writing(app: WatchedApp) -> ScriptedWriting:
    return app.lab.writing


async def chosen(app: WatchedApp) -> None:
    """Choose the one writer there is."""
    press(app, "w")
    await until(lambda: isinstance(app.screen, WriterScreen) and app.screen.in_list)
    press(app, "enter")
    await until(lambda: isinstance(app.screen, BesideScreen) and "elsewhere" in words(app))


async def agreed(app: WatchedApp) -> None:
    """Ask, and say yes."""
    press(app, "g")
    await until(lambda: isinstance(app.screen, MessageScreen) and app.focused)
    press(app, "right", "enter")
    await until(lambda: isinstance(app.screen, BesideScreen))


@pytest.mark.parametrize("size", SIZES)
async def test_both_columns_say_what_the_prompt_became_and_what_that_took(
    size: tuple[int, int],
) -> None:
    async with opened(size) as app:
        await chosen(app)
        await agreed(app)
        await until(lambda: "small-2" in words(app) and "kamon" in words(app))
        shown = said(app)
        assert writing(app).asked == ["an"]
        for part in ("this model", "elsewhere", "nothing to pay", "$0.000012", "4.2 ms"):
            assert part in shown
        lines = words(app).splitlines()
        assert max(map(cell_len, lines)) <= app.screen.query_one(Sheet).size.width
        half = (app.screen.query_one(Sheet).size.width + 3) // 2
        right = "".join("".join(line[half:] for line in lines).split())
        assert r"anand[b]more[/b]\x1b[2J" in right, "what came is text"
        assert "anann" in words(app)


async def test_it_is_off_at_first_and_nothing_is_asked(home: Path) -> None:
    async with opened() as app:
        assert "No other model is chosen" in said(app) and "off" in edge(app)
        press(app, "g")
        await until(lambda: "kamon" in words(app))
        assert writing(app).asked == [] and not (home / "config" / "preferences.json").exists()


async def test_nothing_is_sent_before_a_person_has_seen_what_leaves_and_agreed(
    home: Path,
) -> None:
    async with opened() as app:
        await chosen(app)
        assert "asked first" in edge(app)
        press(app, "g")
        await until(lambda: isinstance(app.screen, MessageScreen) and app.focused)
        question = str(app.screen.query_one("#message-text").render())
        for part in ("the prompt", "a name", "https://a.example/v1", "the air"):
            assert part in question
        press(app, "enter")  # the answer that has the focus sends nothing
        await until(lambda: isinstance(app.screen, BesideScreen))
        await until(lambda: "kamon" in words(app))
        assert writing(app).asked == []
        await agreed(app)
        await until(lambda: writing(app).asked == ["an"])
        assert "https://a.example/v1" in edge(app)
    kept = json.loads((home / "config" / "preferences.json").read_text())
    assert json.loads(kept["beside"])["name"] == "elsewhere"
    async with opened() as app:  # another day
        press(app, "g")
        await until(lambda: writing(app).asked == ["an"])
        writing(app).leaves = Leaving("https://b.example", ("all",), "")
        press(app, "g")
        await until(lambda: isinstance(app.screen, MessageScreen) and app.focused)
        assert writing(app).asked == ["an"]


async def test_switched_off_it_forgets_what_was_agreed_to(home: Path) -> None:
    async with opened() as app:
        await chosen(app)
        await agreed(app)
        await until(lambda: "small-2" in words(app))
        press(app, "x")
        await until(lambda: "no other model" in words(app))
        assert "1 text of it is gone" in app.said
        assert json.loads((home / "config" / "preferences.json").read_text())["beside"] == ""
        await chosen(app)
        press(app, "g")
        await until(lambda: isinstance(app.screen, MessageScreen) and app.focused)


async def test_a_writer_that_sends_nothing_is_asked_at_once() -> None:
    async with opened() as app:
        press(app, "w")
        await until(lambda: isinstance(app.screen, WriterScreen) and app.screen.in_list)
        press(app, "tab", "space", "enter")
        await until(lambda: isinstance(app.screen, BesideScreen) and "elsewhere" in words(app))
        press(app, "g")
        await until(lambda: "small-2" in words(app))
        assert "nothing leaves" in edge(app)


async def test_what_comes_is_shown_as_it_comes_and_escape_gives_up_before_it_closes() -> None:
    async with opened() as app:
        await chosen(app)
        writing(app).gate = asyncio.Event()
        await agreed(app)
        await until(lambda: "writing" in words(app) and "an and [b]" in words(app))
        before = writing(app).ended
        press(app, "escape")
        await until(lambda: "g asks it" in words(app))
        assert writing(app).ended > before and isinstance(app.screen, BesideScreen)
        press(app, "escape")
        await until(lambda: app.screen is app.main)


async def test_what_was_written_stays_until_another_writer_is_chosen() -> None:
    async with opened() as app:
        await chosen(app)
        await agreed(app)
        await until(lambda: "small-2" in words(app))
        press(app, "escape")
        await until(lambda: app.screen is app.main)
        await begun(app)
        assert "small-2" in words(app) and writing(app).asked == ["an"]
        app.lab.step = 40
        press(app, "g")
        await until(lambda: "step 40" in words(app))


async def test_of_the_probes_only_those_without_an_answer_are_asked_unless_all_are_wanted() -> None:
    async with opened() as app:
        await chosen(app)
        writing(app).trouble["ma"] = Failure("Too [b]many[/b]", "Wait 7 s.")
        press(app, "2")
        await until(lambda: "▸2" in words(app) and "mary" in words(app))
        await agreed(app)
        await until(lambda: "Too [b]many[/b]. Wait 7 s." in said(app))
        assert writing(app).asked == ["an", "ma"], "the first failure ends it"
        assert "not asked: the model does not know 'ż'" in said(app)
        writing(app).trouble.clear()
        press(app, "g")
        await until(lambda: "3 of 3 prompts" in said(app))
        assert writing(app).asked == ["an", "ma", "ma", "ż"]
        assert "$0.000036" in said(app) and "3.8 s" in said(app)
        press(app, "g")  # nothing is missing
        press(app, "G")
        await until(lambda: len(writing(app).asked) == 7)
        assert writing(app).asked[4:] == ["an", "ma", "ż"]


async def test_the_dialog_of_probes_leads_there() -> None:
    async with playing() as (app, _):
        app.lab.asked = ASKED
        press(app, "y")
        await until(lambda: app.screen.query("#probes-prompts"))
        press(app, "f3")
        await until(lambda: isinstance(app.screen, BesideScreen) and app.screen.query(Sheet))
        await until(lambda: "mary" in words(app))
        press(app, "escape")
        await until(lambda: app.screen.query("#probes-prompts"))


async def test_a_failure_is_said_and_the_prompt_is_typed_with_its_blanks() -> None:
    async with opened() as app:
        await chosen(app)
        writing(app).trouble[" a [x]"] = Failure("There is no key", "Set [b]KEY[/b].")
        press(app, "slash")
        await until(lambda: isinstance(app.screen, AskLine) and app.focused)
        press(app, "ctrl+u", "space", "a", "space", "[", "x", "]", "enter")
        await until(lambda: isinstance(app.screen, BesideScreen))
        assert app.model.sampling.prompt == " a [x]"
        await agreed(app)
        await until(lambda: "There is no key. Set [b]KEY[/b]." in said(app))
        assert "anann" not in said(app)
        press(app, "question_mark")
        await until(lambda: isinstance(app.screen, HelpScreen))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.00004, "0.1 ms"), (0.0042, "4.2 ms"), (0.042, "42 ms"), (0.9996, "1.0 s"), (1.25, "1.2 s"),
     (9.96, "10 s"), (75, "75 s")],
)  # fmt: skip
def test_times(seconds: float, said: str) -> None:
    assert seconds_words(seconds) == said


@given(st.floats(1e-9, 1e6))
def test_a_price_is_said_to_its_first_two_digits_and_no_more_than_a_cent(dollars: float) -> None:
    said = price_words(dollars)
    value = float(said.removeprefix("$").replace(",", ""))
    assert abs(value - dollars) <= max(0.0051 if dollars > 0.0099 else 0.051 * dollars, 1e-12)
    assert "e" not in said


def test_prices_that_are_none() -> None:
    assert (price_words(None), price_words(0.0)) == ("price not known", "nothing to pay")


def test_the_question_shows_what_it_was_given_as_it_is() -> None:
    screen = consent(Leaving("http://[b]x", ("[i]all[/i]",), ""), "me")
    assert "[i]all[/i]" in screen.message and "No key is sent." in screen.message
