"""Parts and the optimizer on the screens: chosen, explained, and not shown where there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Static

from microgpt.config import PARTS, ModelConfig
from microgpt.parameters import parameter_layout
from playground.catalog import Entry
from playground.lab.protocol.inside import VIEWS
from playground.lab.protocol.run import Matrix
from playground.tui.model import PlaygroundModel
from playground.tui.panels.architecture import WIDTH, drawn
from playground.tui.screens.dialog import Line
from playground.tui.screens.fork.fields import ForkSource
from playground.tui.screens.fork.screen import ForkChoice, ForkScreen
from playground.tui.screens.inside.words import HELP, left_out, seen
from playground.tui.screens.pick.engines import EngineScreen
from playground.tui.screens.settings.screen import SettingsScreen
from playground.widths import cell_len
from tests.tui.screens.inside.test_views import SIZES, Bench

NUMPY = Entry("engine", "numpy", "fast", "package fast 1.0", "with NumPy")
BLIND = tuple(part for part in PARTS if part != "attention")
MakeModel = Callable[..., PlaygroundModel]
Host = Callable[..., Any]


def with_numpy(model: PlaygroundModel) -> PlaygroundModel:
    """With an engine that declares nothing."""
    assert model.catalog is not None
    model.catalog = replace(model.catalog, entries=(*model.catalog.entries, NUMPY))
    return model


def says(screen: Any, selector: str) -> str:
    return str(screen.query_one(selector, Static).content)


# ---------------------------------------------------------------- settings


async def test_a_part_is_left_out_with_a_key_and_the_row_says_what_that_means(
    make_model: MakeModel, host: Host
) -> None:
    screen = SettingsScreen(make_model())
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "the whole model" in screen.sheet.line("fold Parts")
        screen.sheet.put_cursor("fold Parts")
        await pilot.press("space", "down", "right")
        assert "left out" in screen.sheet.line("model.parts.attention")
        said = "Without attention each letter is predicted from the one before it and its place"
        assert said in says(screen, "#form-help")
        assert "4,192 → 3,168" in says(screen, "#settings-cost")
        assert "anew at step 0" in says(screen, "#settings-effect")
        await pilot.press("up", "space")
        assert "without attention" in screen.sheet.line("fold Parts")
        await pilot.press("enter")
    assert app.answer == {"model.parts": BLIND}


async def test_every_part_is_explained_in_a_line(make_model: MakeModel, host: Host) -> None:
    screen = SettingsScreen(make_model())
    async with host(screen).run_test(size=(120, 40)) as pilot:
        screen.sheet.put_cursor("fold Parts")
        await pilot.press("space")
        for part in PARTS:
            await pilot.press("down")
            said = says(screen, "#form-help")
            assert said.startswith(f"Without {part} ") and cell_len(said) <= 88


async def test_sgd_proposes_its_learning_rate_and_locks_what_it_has_no_use_for(
    make_model: MakeModel, host: Host
) -> None:
    screen = SettingsScreen(make_model())
    app = host(screen)
    async with app.run_test(size=(120, 50)) as pilot:
        screen.sheet.put_cursor("optimizer.name")
        await pilot.press("right")
        rate = screen.numbers["optimizer.learning_rate"]
        assert rate.value == 0.3 and rate.setting.usual_text == "usually 0.03 to 0.5"
        assert "its usual learning rate is 0.3" in says(screen, "#form-help")
        assert screen.numbers["optimizer.beta1"].locked == "SGD has no use for it"
        await pilot.press("left")
        assert rate.value == 0.01 and not screen.numbers["optimizer.beta1"].locked
        rate.put(0.02)
        await pilot.press("right")
        assert rate.value == 0.02, "a rate that the person chose stays"
        await pilot.press("ctrl+r")
        assert screen.optimizer is not None and screen.optimizer.chosen == "adam"
        assert rate.value == 0.01
        await pilot.press("right", "enter")
    assert app.answer == {"optimizer.name": "sgd", "optimizer.learning_rate": 0.3}


async def test_an_engine_that_does_not_know_the_model_says_so_beside_its_name(
    make_model: MakeModel, host: Host
) -> None:
    screen = SettingsScreen(with_numpy(make_model(**{"model.parts": BLIND, "engine": "vector"})))
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        screen.sheet.put_cursor("engine")
        assert screen.engine is not None
        screen.engine.pick("numpy")
        screen._check()
        line = " ".join(screen.sheet.line("engine").split())
        assert "numpy knows no model without attention: vector and scalar do" in line
        await pilot.press("enter")
        assert not app.answers
        screen.engine.pick("scalar")
        await pilot.press("enter")
    assert app.answer == {"engine": "scalar"}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_picker_of_engines_says_why_one_cannot_be_used(
    make_model: MakeModel, host: Host, size: tuple[int, int]
) -> None:
    spec = {"model.parts": BLIND, "optimizer.name": "sgd"}
    app = host(EngineScreen(with_numpy(make_model(**spec))))
    async with app.run_test(size=size) as pilot:
        await pilot.press("end")
        await pilot.pause()
        widget = app.screen.query_one("#picker-list")
        shown = [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]
        assert shown[2].startswith("○ numpy") and "knows no model without attention" in shown[2]
        said = app.screen.query_one("#picker-more", Line).words
        assert said == "It knows no model without attention and no SGD: vector and scalar do."
        assert "Adam" not in app.screen.query_one("#engine-note", Line).words
        await pilot.press("enter")
        await pilot.pause()
        assert not app.answers
        await pilot.press("escape")


# ---------------------------------------------------------------- forks


async def test_a_fork_leaves_a_part_out_at_step_0_alone(make_model: MakeModel, host: Host) -> None:
    source = replace(ForkSource.of(make_model()), earliest=0, latest=312)
    screen = ForkScreen(source)
    app = host(screen)
    async with app.run_test(size=(120, 48)) as pilot:
        row = screen.parts["attention"]
        assert "a part is there from the first step on, or never" in row.locked
        assert screen.optimizer is not None and "only from step 0" in screen.optimizer.locked
        await pilot.press("ctrl+n")
        assert not row.locked
        row.pick("left out")
        screen._check()
        assert "without attention" in screen.query_one("#fork-changes", Line).words
        await pilot.press("ctrl+n")
        assert row.chosen == "there", "at a later step it is as it was"
        await pilot.press("ctrl+n")
        assert row.chosen == "left out"
        await pilot.press("enter")
    assert app.answer == ForkChoice({"model.parts": BLIND}, False, 0)


# ---------------------------------------------------------------- what is not there


@pytest.mark.parametrize("part", PARTS)
def test_the_map_has_what_is_there_and_names_what_is_not(part: str) -> None:
    left: Any = (part,)
    config = ModelConfig(27, n_layer=2, parts=tuple(one for one in PARTS if one != part))
    every = [Matrix(one.name, one.rows, one.columns) for one in parameter_layout(config)]
    for chosen in range(len(every)):
        lines, places = drawn(every, {one.name: 0.001 for one in every}, chosen, left)
        words = ["".join(text for text, _ in line) for line in lines]
        assert words[-1] == f"without {part}" and places[-1] is None
        assert all(cell_len(line) <= WIDTH for line in words)
        assert any("norm" in line for line in words[:-1]) == (part != "norm")
        assert any("attention" in line for line in words[:-1]) == (part != "attention")


def test_sgd_has_no_moments_to_be_looked_at(make_model: MakeModel) -> None:
    model = make_model()
    model.kind = "second_moment"
    assert model.kinds[-2:] == ("first_moment", "second_moment")
    other = make_model(**{"optimizer.name": "sgd"})
    assert other.info is not None
    model.opened(other.info)
    assert model.kinds == ("weights", "gradients", "update") and model.kind == "weights"


@pytest.mark.parametrize("part", PARTS)
def test_every_view_of_the_microscope_draws_a_model_that_lacks_a_part(part: str) -> None:
    bench = Bench(text="ava", steps=0, n_embd=8, n_head=2,
                  parts=tuple(one for one in PARTS if one != part))  # type: ignore[arg-type]  # fmt: skip
    for number, view in enumerate(VIEWS, 1):
        bench.press(str(number))
        if (view, part) in (("attention", "attention"), ("neurons", "mlp")):
            assert bench.inside.reading is None and "left out" in bench.inside.trouble
            continue
        for size in SIZES:
            bench.resize(size, size[0] % 40 == 0)
            assert bench.words()
        bench.press("home", "down", "end", "down", "n", "enter")
        bench.press(str(number))
        assert bench.words() and bench.top()
    bench.press("1", *["down"] * 30, "o")
    assert bench.state.look.view == "number" and not bench.inside.trouble


def test_the_words_of_a_view_are_true_of_the_model() -> None:
    assert "only adds to" in seen("flow", PARTS) and left_out(PARTS) == ""
    lacking = [part for part in PARTS if part != "residual"]
    assert "only adds to" not in seen("flow", lacking)
    assert "This model is without residual: a block's output takes" in left_out(lacking)
    assert all(seen(view, PARTS) for view in HELP)
