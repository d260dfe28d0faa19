"""The microscope on screen: what each view shows, what the keys do, how it lives and what fails."""

from __future__ import annotations

import asyncio
import math
import re
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.inside import VIEWS
from playground.lab.protocol.sampling import SampleBatch, SampleText
from playground.tui.bindings import action_name
from playground.tui.panels.keybar import KeyBar
from playground.tui.screens.help import HelpScreen
from playground.tui.screens.inside.screen import INSIDE_BINDINGS, RANKS, InsideScreen
from playground.tui.screens.inside.words import HELP, SEEN, TITLES
from playground.tui.widgets.sheet import Hit, Line, Sheet
from tests.tui.monkey import press
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

    async def read(self, text: str) -> None:
        """Type a text to look into."""
        await self.press("slash")
        self.app.screen.query_one(Input).value = text
        await self.press("enter")

    async def shows(self, words: str, part: str = "view") -> None:
        await seen(self.pilot, lambda: words in self.words(part))


@asynccontextmanager
async def looking(size: tuple[int, int] = (120, 40), **sizes: int) -> AsyncIterator[Inside]:
    """The microscope over a run at step 3, whose document is isabella."""
    async with playing(size) as (app, pilot):
        app.lab.microscope = microscope(60, **sizes)
        await app.controller.training.step(3)
        await pilot.press("i")
        inside = Inside(app, pilot)
        await inside.settled()
        yield inside


# ---------------------------------------------------------------- the text above


async def test_the_text_stands_on_top_and_arrows_and_clicks_choose_in_every_view() -> None:
    async with looking() as inside:
        # Each token with the probability that it was given, and its surprise.
        top = inside.words("top")
        given, nats = line_with(top, "given"), line_with(top, "nats")
        it = anatomy()
        expected = [p[t] for p, t in zip(it.probs, it.targets, strict=True)]
        assert [float(one) for one in given.split()[1:]] == pytest.approx(expected, abs=0.005)
        assert numbers(nats) == pytest.approx(it.losses, abs=0.05)
        assert "step 3/1,000" in top
        assert "isabella  the document of this step" in top
        # The arrows.
        assert "position 8 reads ‘a’" in top
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
        # Clicks on a token, and on the name of a view.
        lines = inside.words("top").split("\n")
        await inside.pilot.click("#inside-top", offset=(lines[1].index("b") + 1, 1))
        await inside.shows("position 4 reads ‘b’", "top")
        at = lines[5].index("Credit")
        await inside.pilot.click("#inside-top", offset=(at + 1, 5))
        await inside.shows("‹4 Credit›", "top")


async def test_a_text_is_typed_or_a_sample_and_what_is_wrong_with_it_is_said() -> None:
    async with looking() as inside:
        # What is typed into the field is text and no key.
        await inside.pilot.press("slash", *"bsi2", "space", "left")
        assert inside.screen.query_one(Input).value == "bsi2 "
        assert ("advance", 1) not in inside.app.lab.calls[4:]
        await inside.pilot.press("escape")
        assert inside.screen.state.look.text is None
        # A typed text is read until escape returns to the document.
        await inside.read("anna")
        top = inside.words("top")
        assert "anna  typed" in top and "position 4 reads ‘a’" in top
        assert "esc document" in inside.keys
        await inside.press("escape")
        assert "isabella  the document of this step" in inside.words("top")
        # g goes from one text of the last samples to the next.
        await inside.pilot.press("g")
        assert "No samples yet" in inside.app.said
        texts = tuple(SampleText(text, False, True) for text in ("kamon", "anna"))
        inside.app.model.batches.insert(0, SampleBatch(1, 3, "", texts))
        for words in ("kamon  sample 1", "anna  sample 2", "kamon  sample 1"):
            await inside.press("g")
            assert words in inside.words("top")
        await inside.press("d")
        assert "isabella" in inside.words("top")
        # Texts that cannot be read, or not whole.
        await inside.read("annä")
        assert "✗ The model does not know 'ä'" in inside.words("words")
        await inside.read("charlottecharlotte")
        assert "✗" not in inside.words("words")
        assert "! the context is 16 tokens" in inside.words("words")
        assert "+2 not read" in inside.words("top")
        await inside.read("")
        assert "position 0 reads ‘·’" in inside.words("top")
        for view in range(1, 6):
            await inside.press(str(view))
            assert inside.words().strip()
            assert not re.search("[✗!]", inside.words("words"))
        # Escape leaves the text, and then the microscope.
        await inside.press("escape")
        await inside.pilot.press("escape")
        await inside.pilot.pause()
        assert inside.app.screen is inside.app.main


# ---------------------------------------------------------------- the views


async def test_numbers_are_opened_by_clicks_and_weights_in_parameters() -> None:
    async with looking(n_embd=4, n_head=2) as inside:
        # A cell of attention is chosen by a click and opened by a second one.
        await inside.press("2", "end")
        lines = inside.words().split("\n")
        row = next(k for k, line in enumerate(lines) if line.startswith("▸a"))
        offset = (1 + 4 + 1, row - 3)
        await inside.pilot.click("#inside-view", offset=offset)
        await inside.shows("head 0: 5 ‘e’ reads 0 ‘·’")
        await inside.pilot.click("#inside-view", offset=offset)
        await inside.shows("attn_weights layer 0")
        assert "‹7 Number›" in inside.words("top")
        # A number of Flow likewise.
        await inside.press("1", "end")
        lines = inside.words().split("\n")
        row = next(k for k, line in enumerate(lines) if " x_mid " in line)
        offset = (1 + lines[row].index("(4)") + len("(27)  ") + 4, row)  # the second cell
        await inside.pilot.click("#inside-view", offset=offset)
        await inside.shows("o: x#3 layer 0 position 8 [1]")
        await inside.pilot.click("#inside-view", offset=offset)
        await inside.shows("›▾ x#3 layer 0 position 8 [1]")
        # A weight leads to its place in Parameters, and i comes back.
        inside.screen.state.change(view="number", name="x position 8 [0]", node=None)
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
        # A neuron that is opened twice leads to its row.
        await inside.press("5", "down", "enter")
        assert "enter Parameters" in inside.keys
        await inside.pilot.press("enter")
        await inside.pilot.pause()
        assert inside.app.screen is inside.app.main
        assert inside.app.model.matrix_name == "layer0.mlp_fc1"
        assert inside.app.model.cell == (1, 0)


# ---------------------------------------------------------------- keys and state


def test_every_key_has_an_action_an_id_and_words() -> None:
    ids = [one.id for one in INSIDE_BINDINGS]
    assert len({*ids}) == len(ids)
    for one in INSIDE_BINDINGS:
        assert hasattr(InsideScreen, f"action_{one.action.partition('(')[0]}")
        assert one.tooltip and one.group is not None
    assert {action_name(one.action) for one in INSIDE_BINDINGS if one.show} == {*RANKS}
    assert {*HELP} == {*SEEN} == {*TITLES} == {*VIEWS}


async def test_help_and_the_line_of_keys_follow_the_view_and_where_one_looked_is_kept() -> None:
    async with looking() as inside:
        await inside.press("2")
        assert "n measure" in inside.keys and ",. head" in inside.keys
        assert "o Number" in inside.keys and "s/b step" in inside.keys
        await inside.press("6")
        assert "n next line" in inside.keys and "b line back" in inside.keys
        await inside.press("3")
        assert "enter pin" in inside.keys and "measure" not in inside.keys
        await inside.pilot.press("question_mark")
        await inside.pilot.pause()
        screen = inside.app.screen
        assert isinstance(screen, HelpScreen)
        about = str(screen.query_one("#help-about").render())
        assert "3 Depth" in about and "logit lens" in about
        await inside.pilot.press("escape")
        await inside.pilot.pause()
        assert "‹3 Depth›" in inside.words("top")
        # The keys that matter most have room in 80 columns.
        await inside.pilot.resize_terminal(80, 24)
        for view in range(1, 7):
            await inside.press(str(view))
            assert "? help" in inside.keys and "q leave" in inside.keys
            assert "←→↑↓ move" in inside.keys and "enter " in inside.keys
            assert "b line back" in inside.keys if view == 6 else "s/b step" in inside.keys
            assert len(inside.keys.rstrip()) <= 78
        # What was chosen is chosen again when the microscope was left meanwhile.
        await inside.press("2", "full_stop", "left", "left", "down")
        before = inside.words()
        await inside.pilot.press("q")
        await inside.pilot.pause()
        assert inside.app.screen is inside.app.main
        await inside.pilot.press("i")
        await inside.settled()
        assert inside.words() == before


async def test_b_goes_a_line_back_in_lines_and_a_training_step_back_elsewhere() -> None:
    async with looking(n_embd=4, n_head=2) as inside:
        await inside.press("6", "n", "n")
        assert "statement 3 of" in inside.words()
        await inside.press("b")
        assert "statement 2 of" in inside.words()
        assert "step 3/" in inside.words("top")
        # A step is made in the microscope and seen, and taken back.
        await inside.press("1")
        await inside.pilot.press("s")
        await inside.shows("step 4/1,000", "top")
        await inside.shows("sophia", "top")
        await inside.pilot.press("b")
        await inside.shows("isabella", "top")
        assert ("go_to", 3) in inside.app.lab.calls


async def test_keys_that_need_the_numbers_of_a_view_wait_for_them() -> None:
    async with looking() as inside:
        lab, state = inside.app.lab, inside.screen.state
        # All at once, before the view has its numbers: the head, the zoom, the number.
        lab.look_gate = asyncio.Event()
        press(inside.app, "2", "home", "full_stop", "z", "o", "down")
        await seen(inside.pilot, lambda: "‹2 Attention›" in inside.words("top"))
        await inside.pilot.pause()
        assert not state.zoomed and state.look.head == 0
        # A key that moves the run passes by.
        press(inside.app, "s")
        await seen(inside.pilot, lambda: inside.app.model.step == 4)
        assert not state.zoomed
        lab.look_gate.set()
        await inside.shows("▾ attn_weights layer 0 h 1 position 0 [0]")
        await seen(inside.pilot, lambda: state.cursors.get("number") == 1)
        assert state.zoomed
        # Keys that wait are forgotten when the view is left.
        await inside.press("2", "z")
        assert not state.zoomed
        lab.look_gate = asyncio.Event()
        press(inside.app, "1", "down", "3", "down", "4")
        await seen(inside.pilot, lambda: "‹4 Credit›" in inside.words("top"))
        lab.look_gate.set()
        await inside.shows("logit of")
        await inside.pilot.pause()
        assert not {"flow", "depth"} & {*state.cursors}
        # And when the microscope is left.
        lab.look_gate = asyncio.Event()
        press(inside.app, "2", "n", "q")
        await seen(inside.pilot, lambda: inside.app.screen is inside.app.main)
        lab.look_gate.set()
        await inside.pilot.press("5")
        await inside.pilot.pause()
        assert state.look.measure == "weight"
        assert not inside.app.key_order.waits


# ---------------------------------------------------------------- every size and no colour


async def test_without_colours_shades_are_glyphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with looking() as inside:
        assert re.search("[░▒▓█─═≡▤]{8}", inside.words())
        await inside.press("2", "left")
        row = next(line for line in inside.words().split("\n") if line.startswith("▸l"))
        assert re.search("[░▒▓█]", row.split("█" * 6)[0])


# ---------------------------------------------------------------- alive


async def test_the_microscope_follows_the_run_at_the_pace_that_the_worker_can_bear() -> None:
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
        # A costly look is not repeated before the worker has rested.
        lab, looking_ = inside.app.lab, inside.app.controller.looking
        lab.look_seconds = 0.2
        await inside.press("l")
        now = asyncio.get_running_loop().time()
        assert looking_.rested_at - now == pytest.approx(1.8, abs=0.3)
        lab.look_seconds = 60.0
        await inside.press("l")
        assert looking_.rested_at - asyncio.get_running_loop().time() <= 15.0
        asked, step = len(lab.looks), inside.app.model.step
        await inside.pilot.press("s")
        await seen(inside.pilot, lambda: inside.app.model.step == step + 1)
        assert len(lab.looks) == asked  # the worker rests
        await inside.press("2")  # a key asks at once
        assert len(lab.looks) == asked + 1
        lab.look_seconds = None
        # Never are two requests under way, and the overtaken one is dropped.
        await inside.press("1")
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


async def test_a_frame_without_new_numbers_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with looking() as inside:
        drawn: list[str] = []
        show = Sheet.show

        def noted(sheet: Sheet, lines: Sequence[Line], hits: Sequence[Hit]) -> None:
            drawn.append(sheet.id or "")
            show(sheet, lines, hits)

        await inside.shows("wte[token]")
        monkeypatch.setattr(Sheet, "show", noted)
        for _ in range(3):
            await inside.app.controller.frames.look()
            await inside.pilot.pause()
        assert drawn == []
        await inside.press("right")
        assert set(drawn) == {"inside-top", "inside-words", "inside-view"}


async def test_what_fails_is_told_and_what_is_no_number_shown_as_it_is() -> None:
    async with looking() as inside:
        inside.app.lab.microscope.weights = array("d", [math.nan] * 4192)
        await inside.press("l")
        assert "not finite" in inside.words("words")
        for view in range(1, 6):
            await inside.press(str(view), "down", "n")
            assert "nan" in inside.words() or "?" in inside.words()
        # A worker that is gone is told, and asked again once it is back.
        lab = inside.app.lab
        lab.look_trouble = Failure("The training process ended", "Press s for a new one.", "dead")
        await inside.press("2")
        assert "✗ The training process ended. Press s for a new one." in inside.words("words")
        lab.look_trouble = None
        await inside.pilot.press("s")
        await inside.shows("▸head 0")
        assert "✗" not in inside.words("words")
        # A text of others is never markup, and moves no cursor.
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
