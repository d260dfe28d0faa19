"""The fork screen: what a person changes, what may not change, and what they get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Button, Static

from playground.lab.edits import Edits
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import KeyLine, Line
from playground.tui.screens.fork.fields import ForkContributed, ForkField, ForkSource
from playground.tui.screens.fork.screen import ForkChoice, ForkScreen, Suggestions
from playground.tui.screens.settings.run_form import NumberInput

SIZES = [(60, 16), (80, 24), (120, 40), (200, 60)]
RATE = "optimizer.learning_rate"


def field(screen: ForkScreen, dotted: str) -> ForkField:
    return next(one for one in screen.query(ForkField) if one.name == dotted)


def row(screen: ForkScreen, kind: str) -> ForkContributed:
    return next(one for one in screen.query(ForkContributed) if one.name == kind)


def says(screen: ForkScreen, selector: str) -> str:
    return screen.query_one(selector, Line).words


def beside(screen: ForkScreen, dotted: str) -> str:
    """What stands beside a field: its range, or why it is closed."""
    return str(field(screen, dotted).query_one(".field-range", Static).content)


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
        assert layers.input.disabled and row(screen, "tokenizer").choice.disabled
        assert beside(screen, "model.n_layer").startswith("only from step 0")
        assert not field(screen, "optimizer.beta1").input.disabled
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert not layers.input.disabled and "1 to 24" in beside(screen, "model.n_layer")
        layers.input.value = "2"
        await pilot.press("enter")
    assert app.answer == ForkChoice({"model.n_layer": 2}, race=False, step=0)


async def test_back_at_a_later_step_what_is_closed_counts_no_more_and_is_not_forgotten(
    screen: ForkScreen, host: Callable[..., Any]
) -> None:
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+n")
        await pilot.pause()
        layers = field(screen, "model.n_layer").input
        layers.value = "3"
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert screen.query_one("#fork-step", NumberInput).value == "312"
        assert layers.value == "1" and "Nothing is changed" in says(screen, "#fork-effect")
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert layers.value == "3"


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
        field(screen, "batch_size").input.value = "4"
        await pilot.pause()
        wanted = next(one for one in screen.query(Button) if str(one.label) == button)
        wanted.press()
        await pilot.pause()
        await pilot.pause()
        screen.accept()
        await pilot.pause()
    assert app.answer == choice


async def test_two_changes_are_warned_of_as_two_causes(
    screen: ForkScreen, host: Callable[..., Any]
) -> None:
    async with host(screen).run_test(size=(80, 24)) as pilot:
        field(screen, "seed").input.value = "43"
        field(screen, "batch_size").input.value = "2"
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
        field(screen, dotted).input.value = typed
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert sentence in field(screen, dotted).problem.words
        assert not app.answers and screen.focused is field(screen, dotted).input


async def test_only_steps_that_there_are_can_be_forked_at(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = ForkScreen(replace(ForkSource.of(model), earliest=100))
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        step = screen.query_one("#fork-step", NumberInput)
        for typed in ("99", "313", "many", "", "1,50", "2.00.0", "0_200", "200.5"):
            step.value = typed
            await pilot.pause()
            assert "100 to 312" in says(screen, "#fork-changes")
            await pilot.press("enter")
            assert not app.answers
        step.value = "200"
        await pilot.pause()
        await pilot.press("enter")
    assert app.answer == ForkChoice({}, False, 200)


async def test_at_an_earlier_step_the_values_are_those_of_that_step(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    source = replace(ForkSource.of(model), edits=Edits.pairs([(200, 0.03)]))
    screen = ForkScreen(source)
    async with host(screen).run_test(size=(80, 24)) as pilot:
        assert field(screen, RATE).input.value == "0.03"
        screen.query_one("#fork-step", NumberInput).value = "150"
        await pilot.pause()
        assert field(screen, RATE).input.value == "0.01"
        assert "Nothing is changed" in says(screen, "#fork-effect")


async def test_another_tokenizer_is_chosen_with_its_knobs(
    screen: ForkScreen, host: Callable[..., Any]
) -> None:
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+n")
        await pilot.pause()
        choice = row(screen, "tokenizer").choice
        choice.action_pick(choice.options.index("bpe"))
        await pilot.pause()
        await pilot.pause()
        assert row(screen, "tokenizer").knobs.options == {"merges": 100}
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
        row = screen.query_one(Suggestions).region
        offered = [one for one in screen.query("Suggestions Button").results(Button) if one.display]
        assert all(row.contains_region(one.region) for one in offered), "none is cut"
        assert len(offered) == 4
        scroll = screen.query_one("#fork-scroll").region
        assert scroll.contains_region(field(screen, RATE).input.region)
