"""The sheets of surgery: what is tried shows before it is done, and is done only by a key."""

from __future__ import annotations

import asyncio
import math
import re
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from microgpt.surgery import Component, Operation
from playground.lab.protocol.failures import Failure, Progress
from playground.tui.panels.keybar import KeyBar
from playground.tui.screens.dialog import KeyLine
from playground.tui.screens.help import HelpScreen
from playground.tui.screens.inside.page import Page
from playground.tui.screens.inside.screen import InsideScreen
from playground.tui.screens.surgery.cut import CutSheet
from playground.tui.screens.surgery.parts import existing, parts_at
from playground.tui.screens.surgery.patch import PatchScreen
from playground.tui.screens.surgery.rank import RankScreen, so_far
from playground.tui.widgets.sheet import Sheet
from tests.tui.monkey import press
from tests.tui.test_explanations import missing
from tests.tui.watched import WatchedApp, playing

SIZES = [(60, 16), (80, 24), (120, 40), (200, 60)]


async def until(holds: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def looking(
    *keys: str, steps: int = 30, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[WatchedApp]:
    """The microscope after so many steps, after some keys."""
    async with playing(size, **options) as (app, _):
        await app.controller.training.step(steps)
        press(app, "i")
        await until(lambda: isinstance(app.screen, InsideScreen) and app.screen.is_mounted)
        await until(lambda: app.controller.looking.idle and inside(app).inside is not None)
        for key in keys:
            press(app, key)
            await asyncio.sleep(0)
            await until(lambda: app.controller.looking.idle)
        yield app


def inside(app: WatchedApp) -> InsideScreen:
    assert isinstance(app.screen, InsideScreen)
    return app.screen


def sheet(app: WatchedApp) -> CutSheet:
    assert isinstance(app.screen, CutSheet)
    return app.screen


def words(app: WatchedApp) -> str:
    """What the open sheet shows."""
    return app.screen.query_one(Sheet).words


def said(app: WatchedApp) -> str:
    """The same, however it is wrapped."""
    return " ".join(words(app).split())


def keys(app: WatchedApp) -> str:
    return app.screen.query_one(KeyLine).render().plain


async def opened(app: WatchedApp, kind: type = CutSheet) -> None:
    await until(lambda: isinstance(app.screen, kind) and app.screen.is_mounted)
    await until(lambda: app.screen.query(Sheet))


async def cutting(app: WatchedApp) -> None:
    """Open the sheet for what is chosen, and wait for its figures."""
    press(app, "c")
    await opened(app)
    await until(lambda: "nats" in words(app))


@pytest.mark.parametrize("size", SIZES)
async def test_the_figures_of_a_cut_are_there_before_it_is_done(size: tuple[int, int]) -> None:
    async with looking("2", "full_stop", size=size) as app:
        before = app.lab.microscope.weights[:]
        await cutting(app)
        shown = words(app)
        assert "head 1 of layer 0" in shown and " ± 0." in shown and "on 3 texts" in shown
        if size[1] >= 24:
            assert "letter by letter" in shown and "before" in shown and "next token" in shown
        assert app.lab.tried == [("head:0.1",)]
        assert app.screen.region.contains_region(app.screen.query_one(Sheet).region)
        press(app, "down")  # what it writes on average
        await until(lambda: "Try only" in words(app))
        assert app.lab.tried[-1] == ("head:0.1=mean",)
        assert "enter" not in keys(app) and "hold" not in keys(app)
        press(app, "enter", "h")  # which mean nothing here
        press(app, "escape")
        await until(lambda: isinstance(app.screen, InsideScreen))
        assert app.lab.microscope.weights == before and not app.lab.by_hand


async def test_enter_does_it_the_timeline_marks_it_and_u_takes_it_back() -> None:
    async with looking("2") as app:
        before = app.lab.microscope.weights[:]
        await cutting(app)
        press(app, "enter")
        await until(lambda: "Head 0 of layer 0 cut" in app.said)
        assert "u takes it back" in app.said
        assert isinstance(app.screen, InsideScreen) and app.lab.microscope.weights != before
        assert app.model.frame is not None
        assert app.model.frame.edits == ((30, "head 0 of layer 0 cut"),)
        press(app, "c")
        await opened(app)
        await until(lambda: "u take back" in keys(app))
        press(app, "u")
        await until(lambda: "Taken back" in app.said)
        await until(lambda: "take back" not in keys(app))
        assert app.lab.microscope.weights == before and app.model.frame.edits == ()


async def test_what_is_held_is_told_and_released() -> None:
    async with looking("2") as app:
        for _ in range(2):
            await cutting(app)
            press(app, "h")
            await until(lambda: isinstance(app.screen, InsideScreen))
            await until(lambda: app.model.frame and app.model.frame.held)
            press(app, "full_stop")
            await until(lambda: app.controller.looking.idle)
        await until(lambda: app.lab.calls[-1] == ("hold", "head:0.0", "head:0.1"))
        await cutting(app)
        await until(lambda: "held from step to step" in words(app))
        assert "head 1 of layer 0 at 0   x releases it" in words(app)
        press(app, "x")
        await until(lambda: app.lab.calls[-1] == ("hold", "head:0.0"))
        await until(lambda: "head 0 of layer 0 at 0   x releases it" in words(app))
        press(app, "escape", "q")
        await until(lambda: app.screen is app.main)
        await until(lambda: "held: head 0 of layer 0" in app.text("#status"))
        await until(lambda: not missing(app))


async def test_a_weight_is_set_to_a_number_and_nothing_else() -> None:
    async with playing() as (app, _):
        await app.controller.training.step(30)
        press(app, "3", "right", "C")
        await opened(app)
        assert sheet(app).part == Component("weight", index=0, matrix="wte", column=1)
        press(app, *"0,5", "enter")
        await until(lambda: "0,5 is no number; write 0.5, with a point" in said(app))
        assert not app.lab.by_hand and isinstance(app.screen, CutSheet)
        press(app, "backspace", "backspace", ".", "5")
        await until(lambda: app.lab.tried and app.lab.tried[-1] == ("weight:wte[0,1]=0.5",))
        press(app, "right")  # the token that it belongs to
        await until(lambda: "token 0 ‘a’" in words(app) and "its row becomes 0" in words(app))
        press(app, "right")
        await until(lambda: "2 of" not in words(app) and "3 of 3" in words(app))
        press(app, "right", *"-2e-1", "enter")
        await until(lambda: app.lab.calls[-1] == ("operate", "weight:wte[0,1]=-0.2"))
        assert app.screen is app.main


async def test_a_part_is_put_in_from_another_step_once_it_was_fetched() -> None:
    async with looking("2", steps=40) as app:
        await cutting(app)
        press(app, "up")
        await until(lambda: "enter fetches it" in words(app))
        await until(lambda: "enter fetch" in keys(app) and "do it" not in keys(app))
        assert "hold" not in keys(app)
        press(app, *"999", "enter")
        await until(lambda: "has been trained for 40 steps" in words(app))
        press(app, "backspace", "backspace", "backspace", *"20", "enter")
        await until(lambda: "held out" in words(app))
        assert ("part_at", "head:0.0", 20, None) in app.lab.calls and not app.lab.by_hand
        await until(lambda: "enter do it" in keys(app))
        press(app, "tab", "7", "enter")  # a run of another shape
        await until(lambda: "Run 7 has another shape" in words(app))
        press(app, "backspace", "enter")
        await until(lambda: "held out" in words(app))
        press(app, "enter")
        await until(lambda: "Head 0 of layer 0 put in" in app.said)


async def test_in_the_past_it_is_said_before_that_another_future_begins() -> None:
    async with looking("2", steps=60) as app:
        await app.controller.training.seek(20)
        press(app, "c")
        await opened(app)
        await until(lambda: "In the past" in words(app))
        assert "step 20 of 60 makes another future" in said(app)
        press(app, "enter")
        await until(lambda: "cut" in app.said)
        assert app.model.head == 20


async def test_a_trial_is_given_up_when_the_sheet_closes_or_another_is_chosen() -> None:
    async with looking("2") as app:
        app.lab.work_gate = asyncio.Event()
        press(app, "c")
        await opened(app)
        await until(lambda: "◌ try" in words(app))
        press(app, "down")
        await until(lambda: app.lab.given_up == ["try"])
        press(app, "escape")
        await until(lambda: app.lab.given_up == ["try", "try"])


async def test_without_held_out_texts_the_text_alone_speaks_and_ranking_says_why_not() -> None:
    async with looking("2", spec='{"holdout": 0}') as app:
        press(app, "c")
        await opened(app)
        await until(lambda: "Nothing is held out" in words(app) and "letter by" in words(app))
        press(app, "r")
        await opened(app, RankScreen)
        await until(lambda: "Nothing is held out" in words(app) and "--holdout" in words(app))


async def test_a_model_of_no_numbers_is_told_as_such() -> None:
    async with looking("2") as app:
        app.lab.microscope.weights = array("d", [math.nan] * len(app.lab.microscope.weights))
        press(app, "c")
        await opened(app)
        await until(lambda: "the loss is no number" in words(app))
        assert "nan" in words(app)
        press(app, "r")
        await opened(app, RankScreen)
        await until(lambda: "no number" in words(app))


VIEWS = {
    "1": "token",  # the first stage
    "2": "head", "4": "head", "5": "neuron", "8": "matrix",
}  # fmt: skip


@pytest.mark.parametrize(("view", "kind"), VIEWS.items())
async def test_each_view_cuts_what_is_chosen_in_it(view: str, kind: str) -> None:
    async with looking(view) as app:
        await until(lambda: inside(app).inside is not None)
        if view == "4":  # down to a part of a head
            while inside(app).view.parts(inside(app).inside, inside(app).state)[0].kind != kind:
                press(app, "down")
                await asyncio.sleep(0.05)
                await until(lambda: inside(app).inside is not None)  # a new reading is under way
        press(app, "c")
        await opened(app)
        assert sheet(app).part.kind == kind


async def test_where_nothing_can_be_cut_the_key_is_not_offered() -> None:
    async with looking("3") as app:  # the last stage, which is the stream
        await until(lambda: inside(app).inside is not None)
        await until(lambda: "c cut" not in inside(app).query_one(KeyBar).words)
        press(app, "c")
        while not inside(app)._parts:
            press(app, "up")
            await asyncio.sleep(0.05)
        await until(lambda: "c cut" in inside(app).query_one(KeyBar).words)
        press(app, "c")
        await opened(app)
        assert sheet(app).part.kind == "head"
        press(app, "escape", "6")
        await until(lambda: isinstance(app.screen, InsideScreen))
        await until(lambda: inside(app).inside is not None)
        await until(lambda: "c cut" not in inside(app).query_one(KeyBar).words)


class Turnstile(asyncio.Semaphore):
    """A gate that lets so many pieces of work through."""

    async def wait(self) -> None:
        await self.acquire()


async def test_the_ranking_is_filtered_remembered_and_leads_to_a_part() -> None:
    async with looking("2") as app:
        press(app, "r")
        await opened(app, RankScreen)
        await until(lambda: "parts at step 30" in words(app), 60)
        figures = [float(line.split("±")[0].split()[-1]) for line in words(app).split("\n")
                   if "±" in line]  # fmt: skip
        assert figures == sorted(figures, reverse=True) and len(figures) > 10
        press(app, "f")
        await until(lambda: "4 heads at step 30" in words(app))
        first = words(app).split("\n")[1]
        press(app, "enter")
        await opened(app)
        assert words(app).startswith(first.removeprefix("▸ ")[:8])
        press(app, "r")  # known already
        await opened(app, RankScreen)
        assert app.lab.begun.count("rank") == 1
        press(app, "escape", "escape", "s")
        await until(lambda: isinstance(app.screen, InsideScreen) and app.model.step == 31)
        app.lab.work_gate = gate = Turnstile(7)
        press(app, "r")  # at another step, another one
        await opened(app, RankScreen)
        await until(lambda: "so far 7 of 29 parts" in words(app), 60)
        rows = [line for line in words(app).split("\n") if "±" in line or "no diff" in line]
        figures = [float(re.findall(r"[+-]?\d+\.\d+", line)[0]) for line in rows]
        assert len(rows) == 7 and figures == sorted(figures, reverse=True)
        press(app, "down", "down")
        await until(lambda: "▸" in words(app).split("\n")[4])
        pinned = words(app).split("\n")[4]
        for _ in range(4):
            gate.release()
        await until(lambda: "so far 11 of 29 parts" in words(app), 60)
        assert pinned[:20] in words(app), "the cursor stays with its part"
        press(app, "enter")  # looks at the part, while the ranking goes on
        await opened(app)
        gate.release()
        press(app, "r")
        await opened(app, RankScreen)
        await until(lambda: "so far 12 of 29 parts" in words(app), 60)
        assert app.lab.begun.count("rank") == 2 and "rank" not in app.lab.given_up
        press(app, "escape")
        await until(lambda: "rank" in app.lab.given_up)


@pytest.mark.parametrize("width", [56, 76, 90, 120])
def test_how_to_give_a_ranking_up_is_told_in_whole_words(width: int) -> None:
    page = Page(width, 12, False)
    so_far(page, Progress("trying each part", 7, 93), 7)
    line = "".join(text for text, _ in page.lines[0])
    assert len(line) <= width and line.endswith("esc gives up") and "7 of 93 parts" in line


@pytest.mark.parametrize("size", SIZES)
async def test_two_texts_are_patched_and_the_cursor_reads_the_numbers(
    size: tuple[int, int],
) -> None:
    async with looking("2", size=size) as app:
        press(app, "p")
        await opened(app, PatchScreen)
        press(app, *"annaa", "enter")
        await until(lambda: "not of the same length" in said(app))
        press(app, "enter", "shift+tab", "ctrl+u", *"anna", "tab", "ctrl+u", *"anno", "tab")
        press(app, *"a e", "enter")
        await until(lambda: "‘a’ against ‘e’" in said(app))
        assert "embedding" in words(app) and "of the way back" in said(app)
        line = next(line for line in words(app).split("\n") if line.startswith("▸ "))
        assert "embedding" in line


async def test_a_patch_is_a_map_of_stages_by_positions() -> None:
    async with looking("2") as app:
        press(app, "p")
        await opened(app, PatchScreen)
        screen = app.screen
        assert isinstance(screen, PatchScreen)
        press(app, "shift+tab", "ctrl+u", *"anna", "tab", *"anno", "tab", *"a e", "enter")
        await until(lambda: "‘a’ against ‘e’" in words(app))
        shown = said(app)
        assert "embedding" in shown and "layer 0 head 3" in shown and "of the way back" in shown
        last = shown
        press(app, "right", "down")
        await until(lambda: said(app) != last and "at 1 ‘a’ put in" in words(app))
        press(app, "enter", "tab", "ctrl+u", *"a q?", "enter")
        await until(lambda: "q? is no token" in words(app))


async def test_help_and_palette_know_the_words() -> None:
    from playground.tui.palette import SYNONYMS

    for word in ("ablate", "freeze", "transplant"):
        assert word in SYNONYMS["cut"]
    assert "which head matters" in SYNONYMS["rank"] and "ablation" in SYNONYMS["rank"]
    async with looking("2") as app:
        await cutting(app)
        press(app, "question_mark")
        await until(lambda: isinstance(app.screen, HelpScreen) and app.screen.is_mounted)


def test_the_parts_of_a_weight_are_those_that_the_model_has() -> None:
    from playground.lab.protocol.run import Matrix

    parts = parts_at("layer0.attn_wo", 3, 9, 4)
    assert list(map(str, parts)) == [
        "weight:layer0.attn_wo[3,9]", "head:0.2", "matrix:layer0.attn_wo",
    ]  # fmt: skip
    assert existing(parts, [Matrix("wte", 27, 16)]) == ()
    assert existing(parts_at("wte", 4, 1, 4), [Matrix("wte", 27, 16)])[1] == Component(
        "token", index=4
    )
    assert Operation(parts[1]).values == (0.0,)


async def test_a_failure_of_the_trial_is_said_in_the_sheet() -> None:
    async with looking("2") as app:
        from playground.lab.protocol.failures import LabError

        async def fails(*_: object) -> Any:
            raise LabError(Failure("This cannot be done to the weights", "there is no head 9."))

        app.lab.try_out = fails  # type: ignore[method-assign]
        press(app, "c")
        await opened(app)
        await until(lambda: "there is no head 9" in said(app))


async def test_two_frames_under_way_at_once_leave_the_series_whole_after_surgery() -> None:
    async with playing() as (app, _):
        await app.controller.training.step(150)
        model, lab = app.model, app.lab
        losses, held_out = list(model.loss.ys), list(model.evaluations.xs)
        lab.epoch += 1  # as an edit of the run makes it
        first, second = [await lab.frame(model.request()) for _ in range(2)]
        assert not model.take(first), "it belongs to another past"
        assert not model.take(second), "it begins where the series ended before"
        assert model.take(await lab.frame(model.request()))
        assert list(model.loss.ys) == losses and list(model.evaluations.xs) == held_out


async def test_a_model_without_attention_is_offered_no_heads() -> None:
    spec = '{"model": {"parts": ["mlp", "positions", "norm", "residual"]}}'
    async with looking("2", spec=spec) as app:
        await until(lambda: "c cut" not in inside(app).query_one(KeyBar).words)
        press(app, "c", "5")
        await until(lambda: inside(app).view.name == "neurons" and inside(app)._parts)
        press(app, "c")
        await opened(app)
        assert sheet(app).part.kind == "neuron" and "mean" not in sheet(app).ways
