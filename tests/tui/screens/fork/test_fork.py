"""The fork screen: what a person changes, what may not change, and what they get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from playground.lab.edits import Edits
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import KeyLine, Line
from playground.tui.screens.fork.fields import ForkSource
from playground.tui.screens.fork.screen import STEP, ForkChoice, ForkScreen
from playground.tui.screens.settings.rows import ChipsRow, Contributed, NumberRow

SIZES = [(60, 16), (80, 24), (120, 40), (200, 60)]
RATE = "optimizer.learning_rate"


def field(screen: ForkScreen, dotted: str) -> NumberRow:
    return screen.numbers[dotted]


def row(screen: ForkScreen, kind: str) -> Contributed:
    return screen.contributed[kind]


def says(screen: ForkScreen, selector: str) -> str:
    return screen.query_one(selector, Line).words


def beside(screen: ForkScreen, dotted: str) -> str:
    """The row of a number as it is drawn, with its range, or why it is closed."""
    return screen.sheet.line(dotted)


@pytest.fixture
def screen(model: PlaygroundModel) -> ForkScreen:
    """Over the default run at step 312."""
    return ForkScreen(ForkSource.of(model))


async def test_a_typed_learning_rate_is_forked_with_enter(
    screen: ForkScreen, host: Callable[..., Any]
) -> None:
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"0.05")  # the learning rate has the focus, its value selected
        await pilot.pause()
        assert "learning rate 0.01 → 0.05" in says(screen, "#fork-changes")
        assert "was 0.01" in beside(screen, RATE)
        assert "b still leads to the steps before" in says(screen, "#fork-effect")
        await pilot.press("enter")
    assert app.answer == ForkChoice({RATE: 0.05}, race=False, step=312)


async def test_ctrl_r_races_and_escape_changes_nothing(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    app = host(ForkScreen(ForkSource.of(model)))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("shift+up", "ctrl+r")
    assert app.answer == ForkChoice({RATE: 0.02}, race=True, step=312)
    app = host(ForkScreen(ForkSource.of(model)))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("shift+up", "escape")
    assert app.answer is None


async def test_what_the_weights_depend_on_is_closed_with_the_reason_until_step_0(
    screen: ForkScreen, host: Callable[..., Any]
) -> None:
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        layers = field(screen, "model.n_layer")
        assert layers.locked and row(screen, "tokenizer").choice.locked
        assert "only from step 0" in beside(screen, "model.n_layer")
        assert not field(screen, "optimizer.beta1").locked
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert not layers.locked and "usually 1 to 4" in beside(screen, "model.n_layer")
        screen.put("model.n_layer", "2")
        await pilot.press("enter")
    assert app.answer == ForkChoice({"model.n_layer": 2}, race=False, step=0)


async def test_back_at_a_later_step_what_is_closed_counts_no_more_and_is_not_forgotten(
    screen: ForkScreen, host: Callable[..., Any]
) -> None:
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+n")
        await pilot.pause()
        layers = field(screen, "model.n_layer")
        screen.put("model.n_layer", "3")
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert screen.step_row.text == "312"
        assert layers.text == "1" and "Nothing is changed" in says(screen, "#fork-effect")
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert layers.text == "3"


@pytest.mark.parametrize(
    ("button", "choice"),
    [
        ("rate ×2", ForkChoice({RATE: 0.02}, False, 312)),
        ("rate ÷2", ForkChoice({RATE: 0.005}, False, 312)),
        ("another seed", ForkChoice({"seed": 43}, False, 312)),
        ("one more layer", ForkChoice({"model.n_layer": 2}, False, 0)),
    ],
)
async def test_a_suggestion_is_one_change_and_no_other(
    screen: ForkScreen, host: Callable[..., Any], button: str, choice: ForkChoice
) -> None:
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        screen.put("batch_size", "4")
        chips = screen.sheet.row("suggestions")
        assert isinstance(chips, ChipsRow)
        place = [chip.words for chip in chips.chips].index(button)
        screen.sheet.put_cursor("suggestions")
        await pilot.press(*["right"] * place, "space", "enter")
    assert app.answer == choice


async def test_two_changes_are_warned_of_as_two_causes(
    screen: ForkScreen, host: Callable[..., Any]
) -> None:
    async with host(screen).run_test(size=(80, 24)) as pilot:
        screen.put("seed", "43")
        screen.put("batch_size", "2")
        await pilot.pause()
        assert "! 2 changes, so 2 causes" in says(screen, "#fork-changes")
        assert "cannot be gone back to" in says(screen, "#fork-effect")
        assert "some were trained on already" in says(screen, "#fork-effect")


@pytest.mark.parametrize(
    ("dotted", "typed", "sentence"),
    [
        ("steps", "300", "must be 312 or more"),
        (RATE, "-1", "must be 0 or more"),
        (RATE, "", "type a number"),
        (RATE, "0,03", "not '0,03'; write 0.03, with a point"),
    ],
)
async def test_what_cannot_be_is_said_beside_the_field_and_not_forked(
    screen: ForkScreen, host: Callable[..., Any], dotted: str, typed: str, sentence: str
) -> None:
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        screen.put(dotted, typed)
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert sentence in beside(screen, dotted)
        assert not app.answers and screen.sheet.current is field(screen, dotted)


async def test_only_steps_that_there_are_can_be_forked_at(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = ForkScreen(replace(ForkSource.of(model), earliest=100))
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        for typed in ("99", "313", "many", "", "1,50", "2.00.0", "0_200", "200.5"):
            screen.put(STEP, typed)
            wrong = "at the steps 100 to 312" if typed else "type a number"
            assert "✗" in beside(screen, STEP) and wrong in " ".join(beside(screen, STEP).split())
            await pilot.press("enter")
            assert not app.answers
        screen.put(STEP, "200")
        await pilot.pause()
        await pilot.press("enter")
    assert app.answer == ForkChoice({}, False, 200)


async def test_at_an_earlier_step_the_values_are_those_of_that_step(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    source = replace(ForkSource.of(model), edits=Edits.pairs([(200, 0.03)]))
    screen = ForkScreen(source)
    async with host(screen).run_test(size=(80, 24)):
        assert field(screen, RATE).text == "0.03"
        screen.put(STEP, "150")
        assert field(screen, RATE).text == "0.01"
        assert "Nothing is changed" in says(screen, "#fork-effect")


async def test_another_tokenizer_is_chosen_with_its_knobs(
    screen: ForkScreen, host: Callable[..., Any]
) -> None:
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+n")
        await pilot.pause()
        screen.sheet.put_cursor("tokenizer")
        while row(screen, "tokenizer").choice.chosen != "bpe":
            await pilot.press("right")
        assert [one.value for one in row(screen, "tokenizer").knobs] == [100]
        await pilot.press("enter")
    assert app.answer.changes == {"tokenizer": {"name": "bpe", "options": {}}}


@pytest.mark.parametrize("size", SIZES)
async def test_it_fits_with_its_keys_in_sight(
    screen: ForkScreen, host: Callable[..., Any], size: tuple[int, int]
) -> None:
    async with host(screen).run_test(size=size) as pilot:
        await pilot.pause()
        frame = screen.query_one("#dialog").region
        keys = screen.query_one(KeyLine)
        assert screen.region.contains_region(frame) and frame.contains_region(keys.region)
        assert "ctrl+r race" in str(keys.render()) and "enter fork" in str(keys.render())
        offered = screen.sheet.line("suggestions")
        assert "…" not in offered and (size[0] < 80 or "one more layer" in offered)
        scroll = screen.query_one("#fork-scroll").region
        assert scroll.contains_region(screen.sheet.field.region)
