"""The microscope on screen: what each view shows, what the keys do, how it lives and what fails."""

from __future__ import annotations

import asyncio
import math
import re
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.inside import VIEWS
from playground.lab.protocol.sampling import SampleBatch, SampleText
from playground.tui.panels.keybar import KeyBar
from playground.tui.screens.help import HelpScreen
from playground.tui.screens.inside.screen import INSIDE_BINDINGS, RANKS, InsideScreen
from playground.tui.screens.inside.words import HELP, SEEN, TITLES
from playground.tui.widgets.sheet import Sheet
from tests.tui.readings import microscope
from tests.tui.screens.inside.test_views import anatomy, line_with, numbers
from tests.tui.test_scripts import wrong_lines
from tests.tui.watched import WatchedApp, playing, seen

SIZES = [(60, 16), (80, 24), (120, 40), (200, 60)]


class Inside:
    """The open microscope, as a person sees it."""

    def __init__(self, app: WatchedApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> InsideScreen:
        assert isinstance(self.app.screen, InsideScreen)
        return self.app.screen

    def words(self, part: str = "view") -> str:
        return self.screen.query_one(f"#inside-{part}", Sheet).words

    @property
    def keys(self) -> str:
        return self.screen.query_one(KeyBar).words

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until what they ask for is on screen."""
        asked = len(self.app.lab.looks)
        await self.pilot.press(*keys)
        await self.settled(asked)

    async def settled(self, asked: int = 0) -> None:
        looking = self.app.controller.looking

        def done() -> bool:
            come = looking.inside is not None or looking.trouble is not None
            return come and len(self.app.lab.looks) >= asked and looking.idle

        await seen(self.pilot, done)
        await self.pilot.pause()

    async def shows(self, words: str, part: str = "view") -> None:
        await seen(self.pilot, lambda: words in self.words(part))


@asynccontextmanager
async def looking(
    size: tuple[int, int] = (120, 40), text: str = "", **sizes: int
) -> AsyncIterator[Inside]:
    """The microscope over a run at step 3, whose document is isabella; text: another text."""
    async with playing(size) as (app, pilot):
        app.lab.microscope = microscope(60, **sizes)
        await app.controller.training.step(3)
        await pilot.press("i")
        inside = Inside(app, pilot)
        await inside.settled()
        if text:
            await inside.press("slash")
            app.screen.query_one(Input).value = text
            await inside.press("enter")
        yield inside


# ---------------------------------------------------------------- the text above


async def test_the_text_stands_on_top_with_what_each_token_was_given_and_its_surprise() -> None:
    async with looking() as inside:
        top = inside.words("top")
        given, nats = line_with(top, "given"), line_with(top, "nats")
        it = anatomy()
        expected = [p[t] for p, t in zip(it.probs, it.targets, strict=True)]
        assert [float(one) for one in given.split()[1:]] == pytest.approx(expected, abs=0.005)
        assert numbers(nats) == pytest.approx(it.losses, abs=0.05)
        assert "step 3/1,000" in top
        assert "isabella  the document of this step" in top


async def test_left_and_right_choose_the_position_in_every_view() -> None:
    async with looking() as inside:
        assert "position 8 reads ‘a’" in inside.words("top")
        for view in (1, 2, 6):
            await inside.press(str(view), "home")
            assert "position 0 reads ‘·’" in inside.words("top")
            await inside.press("left")
            assert "position 0 reads ‘·’" in inside.words("top")
            await inside.press("right", "right")
            assert "position 2 reads ‘s’" in inside.words("top")
            assert inside.app.lab.looks[-1].position == 2
            await inside.press("end", "right")
            assert "position 8 reads ‘a’" in inside.words("top")


async def test_a_click_on_a_token_and_on_the_name_of_a_view_chooses_it() -> None:
    async with looking() as inside:
        top = inside.words("top").split("\n")
        await inside.pilot.click("#inside-top", offset=(top[1].index("b") + 1, 1))
        await inside.shows("position 4 reads ‘b’", "top")
        at = top[5].index("Credit")
        await inside.pilot.click("#inside-top", offset=(at + 1, 5))
        await inside.shows("‹4 Credit›", "top")


async def test_a_typed_text_is_read_until_escape_returns_to_the_document() -> None:
    async with looking(text="anna") as inside:
        top = inside.words("top")
        assert "anna  typed" in top and "position 4 reads ‘a’" in top
        await inside.press("escape")
        assert "isabella  the document of this step" in inside.words("top")
        await inside.pilot.press("escape")
        await inside.pilot.pause()
        assert inside.app.screen is inside.app.main


async def test_what_is_typed_into_the_field_is_text_and_no_key() -> None:
    async with looking() as inside:
        await inside.pilot.press("slash", *"bsi2", "space", "left")
        assert inside.screen.query_one(Input).value == "bsi2 "
        assert ("advance", 1) not in inside.app.lab.calls[4:]
        await inside.pilot.press("escape")
        assert inside.screen.state.look.text is None


async def test_g_goes_from_one_text_of_the_last_samples_to_the_next() -> None:
    async with looking() as inside:
        await inside.pilot.press("g")
        assert "No samples yet" in inside.app.said
        texts = tuple(SampleText(text, False, True) for text in ("kamon", "anna"))
        inside.app.model.batches.insert(0, SampleBatch(1, 3, "", texts))
        for words in ("kamon  sample 1", "anna  sample 2", "kamon  sample 1"):
            await inside.press("g")
            assert words in inside.words("top")
        await inside.press("d")
        assert "isabella" in inside.words("top")


# ---------------------------------------------------------------- the views


async def test_a_cell_of_attention_is_chosen_by_a_click_and_opened_by_a_second_one() -> None:
    async with looking(n_embd=4, n_head=2) as inside:
        await inside.press("2", "end")
        lines = inside.words().split("\n")
        row = next(k for k, line in enumerate(lines) if line.startswith("▸a"))
        offset = (1 + 4 + 1, row - 3)
        await inside.pilot.click("#inside-view", offset=offset)
        await inside.shows("head 0: 5 ‘e’ reads 0 ‘·’")
        await inside.pilot.click("#inside-view", offset=offset)
        await inside.shows("attn_weights layer 0")
        assert "‹7 Number›" in inside.words("top")


async def test_a_neuron_opened_twice_leads_to_its_row_in_parameters() -> None:
    async with looking() as inside:
        await inside.press("5", "down", "enter")
        await inside.pilot.press("enter")
        await inside.pilot.pause()
        assert inside.app.screen is inside.app.main
        assert inside.app.model.matrix_name == "layer0.mlp_fc1"
        assert inside.app.model.cell == (1, 0)


async def test_a_weight_in_number_opens_in_parameters_and_i_comes_back() -> None:
    async with looking(n_embd=4, n_head=2) as inside:
        inside.screen.state.change(view="number", name="x position 8 [0]")
        await inside.press("l")
        state = inside.screen.state
        await inside.pilot.press("down", "enter")
        await inside.pilot.pause()
        assert inside.app.screen is inside.app.main
        assert (inside.app.model.matrix_name, inside.app.model.cell) == ("wte", (0, 0))
        assert inside.app.main.focused_panel is inside.app.main.panel(3)
        await inside.pilot.press("i")
        await inside.settled()
        assert inside.screen.state is state
        assert "x position 8 [0]" in inside.words()


# ---------------------------------------------------------------- keys and state


def test_every_key_has_an_action_an_id_and_words() -> None:
    ids = [one.id for one in INSIDE_BINDINGS]
    assert len({*ids}) == len(ids)
    for one in INSIDE_BINDINGS:
        assert hasattr(InsideScreen, f"action_{one.action.partition('(')[0]}")
        assert one.tooltip and one.group is not None
    assert {one.action for one in INSIDE_BINDINGS if one.show} == {*RANKS}
    assert {*HELP} == {*SEEN} == {*TITLES} == {*VIEWS}


async def test_where_one_looked_is_kept_when_the_microscope_is_left() -> None:
    async with looking() as inside:
        await inside.press("2", "full_stop", "left", "left", "down")
        before = inside.words()
        await inside.pilot.press("q")
        await inside.pilot.pause()
        assert inside.app.screen is inside.app.main
        await inside.pilot.press("i")
        await inside.settled()
        assert inside.words() == before


async def test_help_and_the_line_of_keys_follow_the_view() -> None:
    async with looking() as inside:
        await inside.press("2")
        assert "n α/size/push" in inside.keys and "head" in inside.keys
        await inside.press("3")
        assert "enter pin" in inside.keys and "α" not in inside.keys
        await inside.pilot.press("question_mark")
        await inside.pilot.pause()
        screen = inside.app.screen
        assert isinstance(screen, HelpScreen)
        about = str(screen.query_one("#help-about").render())
        assert "3 Depth" in about and "logit lens" in about
        await inside.pilot.press("escape")
        await inside.pilot.pause()
        assert "‹3 Depth›" in inside.words("top")


# ---------------------------------------------------------------- every size and no colour


async def test_without_colours_shades_are_glyphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with looking() as inside:
        assert re.search("[░▒▓█─═≡▤]{8}", inside.words())
        await inside.press("2", "left")
        row = next(line for line in inside.words().split("\n") if line.startswith("▸l"))
        assert re.search("[░▒▓█]", row.split("█" * 6)[0])


# ---------------------------------------------------------------- alive


async def test_a_step_is_made_in_the_microscope_and_seen() -> None:
    async with looking() as inside:
        await inside.pilot.press("s")
        await inside.shows("step 4/1,000", "top")
        await inside.shows("sophia", "top")
        await inside.pilot.press("b")
        await inside.shows("isabella", "top")
        assert ("go_to", 3) in inside.app.lab.calls


async def test_the_microscope_follows_a_run_that_trains_and_leaves_one_alone_that_stands() -> None:
    async with looking() as inside:
        await inside.pilot.press("space")
        steps: set[str] = set()

        def moved() -> bool:
            steps.add(inside.words("top").split("/")[0])
            return len(steps) > 4

        await seen(inside.pilot, moved)
        assert "▶" in inside.words("top")
        await inside.pilot.press("space")
        await seen(inside.pilot, lambda: "‖" in inside.words("top"))
        await inside.press("l")
        asked = len(inside.app.lab.looks)
        for _ in range(5):
            await inside.app.controller.frames.look()
            await inside.pilot.pause()
        assert len(inside.app.lab.looks) == asked


async def test_a_costly_look_is_not_repeated_before_the_worker_has_rested() -> None:
    async with looking() as inside:
        lab, looking_ = inside.app.lab, inside.app.controller.looking
        lab.look_seconds = 0.2
        await inside.press("l")
        now = asyncio.get_running_loop().time()
        assert looking_.rested_at - now == pytest.approx(1.8, abs=0.3)
        lab.look_seconds = 60.0
        await inside.press("l")
        assert looking_.rested_at - asyncio.get_running_loop().time() <= 15.0
        asked = len(lab.looks)
        await inside.pilot.press("s")
        await seen(inside.pilot, lambda: inside.app.model.step == 4)
        assert len(lab.looks) == asked  # the worker rests
        await inside.press("2")  # a key asks at once
        assert len(lab.looks) == asked + 1


async def test_never_two_requests_are_under_way_and_the_overtaken_one_is_dropped() -> None:
    async with looking() as inside:
        lab = inside.app.lab
        lab.look_gate = asyncio.Event()
        asked = len(lab.looks)
        await inside.pilot.press("2", "3", "4")
        await inside.pilot.pause()
        assert [one.view for one in lab.looks[asked:]] == ["attention"]
        assert "‹4 Credit›" in inside.words("top")
        came: list[str] = []
        changed, looking_ = inside.app.controller.context.changed, inside.app.controller.looking

        def note() -> None:
            came.append(looking_.inside.look.view if looking_.inside else "")
            changed()

        inside.app.controller.context.changed = note
        lab.look_gate.set()
        await inside.shows("logit of")
        assert [one.view for one in lab.looks[asked:]] == ["attention", "credit"]
        assert "credit" in came and "attention" not in came


# ---------------------------------------------------------------- troubles


async def test_what_is_wrong_with_a_text_is_said() -> None:
    async with looking(text="annä") as inside:
        assert "✗ The model does not know 'ä'" in inside.words("words")
        await inside.press("slash")
        inside.app.screen.query_one(Input).value = "charlottecharlotte"
        await inside.press("enter")
        assert "✗" not in inside.words("words")
        assert "! the context is 16 tokens" in inside.words("words")
        assert "+2 not read" in inside.words("top")
        await inside.press("slash")
        inside.app.screen.query_one(Input).value = ""
        await inside.press("enter")
        assert "position 0 reads ‘·’" in inside.words("top")
        for view in range(1, 6):
            await inside.press(str(view))
            assert inside.words().strip()
            assert not re.search("[✗!]", inside.words("words"))


async def test_a_model_that_diverged_is_shown_as_it_is() -> None:
    async with looking() as inside:
        inside.app.lab.microscope.weights = array("d", [math.nan] * 4192)
        await inside.press("l")
        assert "not finite" in inside.words("words")
        for view in range(1, 6):
            await inside.press(str(view), "down", "n")
            assert "nan" in inside.words() or "?" in inside.words()


async def test_a_worker_that_is_gone_is_told_and_asked_again_once_it_is_back() -> None:
    async with looking() as inside:
        lab = inside.app.lab
        lab.look_trouble = Failure("The training process ended", "Press s for a new one.", "dead")
        await inside.press("2")
        assert "✗ The training process ended. Press s for a new one." in inside.words("words")
        lab.look_trouble = None
        await inside.pilot.press("s")
        await inside.shows("▸head 0")
        assert "✗" not in inside.words("words")


async def test_a_text_of_others_is_never_markup_and_moves_no_cursor() -> None:
    async with looking() as inside:
        looking_ = inside.app.controller.looking
        assert looking_.inside is not None
        odd = "[red]\x1b[2Jx"
        one = replace(looking_.inside.positions[0], token=odd, target=odd, best=odd)
        looking_.inside = replace(looking_.inside, text=odd, notices=(odd,), positions=(one,) * 9)
        inside.screen.draw()
        await inside.pilot.pause()
        words = inside.words("top") + inside.words("words")
        assert "[red]" in words and "\x1b" not in words
        assert wrong_lines(inside.app) == []
