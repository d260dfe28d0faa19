"""The settings screen: what a person types, sees, and gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from microgpt.config import PARTS
from playground.catalog import Control, Entry
from playground.lab.estimate import Estimate
from playground.tui.model import PlaygroundModel
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.cost import Cost, cost_words, duration
from playground.tui.screens.settings.row_sheet import some_of
from playground.tui.screens.settings.rows import NumberRow
from playground.tui.screens.settings.screen import SettingsScreen

SIZES = [(80, 24), (120, 40)]


def field(screen: SettingsScreen, dotted: str) -> NumberRow:
    return screen.numbers[dotted]


async def type_into(pilot: Pilot[None], screen: SettingsScreen, dotted: str, text: str) -> None:
    """Go to the row, and type the text in the place of what stands there."""
    screen.sheet.put_cursor(dotted)
    await pilot.press("backspace", *text)


def words(screen: SettingsScreen, selector: str) -> str:
    return str(screen.query_one(selector, Static).content)


@pytest.mark.parametrize("size", SIZES)
async def test_applying_gives_only_what_was_changed(
    model: PlaygroundModel, host: Callable[..., Any], size: tuple[int, int]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=size) as pilot:
        await pilot.press(*"32", "enter")  # the first field has the focus, its value selected
        assert app.answer == {"model.n_embd": 32}


async def test_keys_that_come_all_at_once_take_effect_in_their_order(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        await type_into(pilot, screen, "steps", "12")
        keys = ["7", "ctrl+u", "1", "2", "end", "backspace", "backspace", "3", "4", "left", "5"]
        for key in [*keys, "home", "6", "shift+end", "delete", "ctrl+a", "8"]:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.press("enter")
        async with asyncio.timeout(60):
            while not app.answers:
                await pilot.pause()
        assert app.answer == {"steps": 86}


async def test_the_parameter_count_and_the_consequence_are_shown_as_one_types(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    async with host(screen).run_test(size=(80, 24)) as pilot:
        assert "Nothing is changed yet" in words(screen, "#settings-effect")
        await type_into(pilot, screen, "model.n_embd", "32")
        assert "4,192 → 14,528 parameters" in words(screen, "#settings-cost")
        assert "ms a step" in words(screen, "#settings-cost")
        assert "1 change starts the run anew at step 0" in words(screen, "#settings-effect")


async def test_the_learning_rate_alone_applies_at_once(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await type_into(pilot, screen, "optimizer.learning_rate", "0.02")
        assert "Applies at once" in words(screen, "#settings-effect")
        await pilot.press("enter")
    assert app.answer == {"optimizer.learning_rate": 0.02}


async def test_a_learning_rate_of_a_billion_is_warned_of_and_allowed(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await type_into(pilot, screen, "optimizer.learning_rate", "1e9")
        assert "! usually 0.0001 to 0.1" in screen.sheet.line("optimizer.learning_rate")
        await pilot.press("enter")
    assert app.answer == {"optimizer.learning_rate": 1e9}


async def test_what_cannot_be_is_said_beside_the_field_and_not_applied(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await type_into(pilot, screen, "steps", "many")
        await type_into(pilot, screen, "batch_size", "")
        under = screen.sheet.line("steps").splitlines()[1].strip()
        assert under == "✗ must be a whole number, not 'many'"
        assert "✗ type a number" in screen.sheet.line("batch_size").splitlines()[1]
        await pilot.press("enter")
        assert not app.answers
        assert screen.sheet.current is field(screen, "steps")
        assert screen.sheet.field.value == "many"  # what was typed is still there


async def test_a_number_that_may_be_another_is_not_applied_but_said(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        for dotted, text, said in (
            ("optimizer.learning_rate", "0,03", "a number, not '0,03'; write 0.03, with a point"),
            ("steps", "1.000", "a whole number, not '1.000'; write 1000 or 1"),
        ):
            await type_into(pilot, screen, dotted, text)
            assert field(screen, dotted).problem == f"must be {said}"
            await pilot.press("enter")
            assert not app.answers
            await type_into(pilot, screen, dotted, "1")
        await pilot.press("enter")
    assert app.answer == {"optimizer.learning_rate": 1, "steps": 1}


async def test_width_and_heads_that_do_not_go_together_are_explained(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    async with host(screen).run_test(size=(80, 24)) as pilot:
        await type_into(pilot, screen, "model.n_head", "5")
        assert "cannot be divided among 5 heads" in field(screen, "model.n_embd").problem


async def test_up_and_down_go_through_the_rows_and_left_and_right_change_them(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("right")
        assert field(screen, "model.n_embd").text == "20"  # the next multiple of 4 heads
        await pilot.press("down", "shift+up")
        assert screen.sheet.current is field(screen, "model.n_head")
        assert field(screen, "model.n_head").text == "5"  # the next divisor of 20
        await pilot.press("right", "left")
        await pilot.press("enter")
    assert app.answer == {"model.n_embd": 20, "model.n_head": 5}


async def test_every_field_can_be_reached_by_arrows_and_scrolls_into_sight(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        seen = []
        while screen.sheet.current is not None and screen.sheet.current.name not in seen:
            seen.append(screen.sheet.current.name)
            if len(seen) == 20:
                scrolled = screen.query_one("#settings-scroll").scroll_offset.y
            await pilot.press(*["space"] * seen[-1].startswith("fold"), "down")
        assert seen[0] == "model.n_embd" and "seed" in seen and "engine" in seen
        assert seen[-1] == "optimizer.eps"  # which the fold was opened for
        assert scrolled > 0


async def test_the_engine_is_chosen_from_the_catalog(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        screen.sheet.put_cursor("engine")
        await pilot.press("space", "enter")
    assert app.answer == {"engine": "scalar"}


async def test_ctrl_r_sets_the_defaults_and_escape_changes_nothing(
    make_model: Callable[..., PlaygroundModel], host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(make_model(**{"model.n_embd": 64}))
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        assert field(screen, "model.n_embd").text == "64"
        await pilot.press("ctrl+r")
        assert field(screen, "model.n_embd").text == "16"
        await pilot.press("escape")
    assert app.answer is None


async def test_the_key_line_can_be_clicked(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click("KeyLine", offset=(2, 0))  # "enter apply"
        await pilot.pause()
    assert app.answer is None


def test_a_new_run_takes_the_learning_rate_that_was_set_while_running() -> None:
    present = {"steps": 1000, "optimizer.learning_rate": 0.05}
    spec = {"steps": 1000, "optimizer.learning_rate": 0.01}
    typed = {"steps": 500, "optimizer.learning_rate": 0.05}
    assert form.changed(typed, present, spec) == {"steps": 500, "optimizer.learning_rate": 0.05}
    assert form.changed(present, present, spec) == {}


@pytest.mark.parametrize(
    ("dotted", "text", "value"),
    [
        ("steps", "1,000", 1000),
        ("steps", "1e3", 1000),
        ("steps", " 20 ", 20),
        ("steps", "1.5", 1.5),
        ("steps", "x", "x"),
        ("steps", "1.000", "1.000"),
        ("optimizer.learning_rate", "0,03", "0,03"),
        ("steps", "9" * 30, int("9" * 30)),
        ("optimizer.eps", "1e-8", 1e-8),
    ],
)
def test_numbers_are_read_as_people_write_them(dotted: str, text: str, value: object) -> None:
    assert form.parsed(form.settings()[dotted], text) == value


@pytest.mark.parametrize(
    ("dotted", "value", "up", "down"),
    [
        ("steps", 1000, 1100, 990),
        ("seed", 42, 43, 41),
        ("holdout", 0.1, 0.15, 0.05),
        ("optimizer.learning_rate", 0.01, 0.02, 0.005),
        ("optimizer.eps", 1e-8, 2e-8, 5e-9),
        ("model.n_layer", 1, 2, 1),
        ("eval_every", 0, 1, 0),
    ],
)
def test_a_nudge_is_the_next_sensible_value(
    dotted: str, value: object, up: object, down: object
) -> None:
    setting = form.settings()[dotted]
    assert form.nudged(setting, value, 1, {}) == up
    assert form.nudged(setting, value, -1, {}) == down


def test_every_number_of_the_specification_has_a_field() -> None:
    from playground.lab.spec import RunSpec

    values = RunSpec().model_dump()
    numbers = {key for key, value in values.items() if isinstance(value, (int, float))}
    for part in ("model", "optimizer"):
        numbers |= {f"{part}.{key}" for key in values[part]}
    numbers -= {form.MODEL_PARTS, form.OPTIMIZER}  # these have rows of words
    assert numbers == set(form.settings())
    assert all(setting.help and setting.label for setting in form.settings().values())


def test_the_module_does_not_load_pydantic() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from playground.tui.screens import help, plugins, message; "
        "from playground.tui.screens.pick import datasets, tokenizers, chain; "
        "from playground.tui.screens.settings import screen; "
        "from playground.tui.screens.files import save; sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "under 1 s"), (42, "42 s"), (600, "10 min"), (9000, "2.5 h"), (864_000, "10 days")],
)
def test_times_are_said_in_units_people_use(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_an_engine_nobody_has_measured_has_no_time(model: PlaygroundModel) -> None:
    values = {f"model.{name}": n for name, n in model.spec["model"].items()}
    values |= {"steps": 1000, "batch_size": 1, "engine": "of-a-plugin"}
    cost = Cost.of(model, values)
    assert (cost.parameters, cost.step_ms, cost.seconds) == (4192, None, None)


def test_bounds_are_said_where_a_single_number_would_be_untrue() -> None:
    now, then = Cost(4192, Estimate(0.06, 0.06), 1000), Cost(9000, Estimate(0.06, 6.2), 1000)
    words = cost_words(now, then).plain
    assert "roughly 0.06 → 0.06 to 6.2 ms a step here, under 1 s to 6 s for 1,000 steps" in words
    assert "about 0.06 ms a step here, under 1 s for 1,000 steps" in cost_words(now, now).plain


async def test_a_schedule_is_chosen_with_its_knobs_and_starts_anew(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    assert model.catalog is not None
    warmup = Control("warmup", "warm-up", "slider", 0, 0, 100, 10, integer=True, help="steps")
    more = (
        Entry("schedule", "linear", "builtin", "built in", "straight down"),
        Entry("schedule", "cosine", "builtin", "built in", "gently down", (warmup,)),
    )
    model.catalog = replace(model.catalog, entries=(*model.catalog.entries, *more))
    screen = SettingsScreen(model)
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        screen.sheet.put_cursor("schedule")
        await pilot.press("right")
        assert "gently down" in words(screen, "#form-help")
        await pilot.press("down", "right")
        assert "anew" in words(screen, "#settings-effect")
        await pilot.press("enter")
    assert app.answer == {"schedule": {"name": "cosine", "options": {"warmup": 10}}}


def test_a_list_without_room_has_whole_parts_and_counts_the_rest() -> None:
    told = "at their defaults: held out, hold-out loss every, Adam beta1"
    assert some_of(told, 80) == told
    assert some_of(told, 57) == "at their defaults: held out, and 2 more"
    assert some_of(told, 10) == "at their…"


def test_a_large_model_tells_its_memory_and_its_disk(model: PlaygroundModel) -> None:
    shape = {"n_embd": 384, "n_head": 6, "n_layer": 6, "block_size": 256, "parts": PARTS}
    values = {f"model.{name}": value for name, value in shape.items()}
    values |= {"steps": 1000, "batch_size": 1, "engine": "vector"}
    then = Cost.of(model, values)
    assert "about 2.0 GB of memory, 258 MB on disk" in cost_words(then, then).plain
    small = Cost.of(model, {**values, "model.n_embd": 48, "model.n_layer": 1})
    assert "memory" not in cost_words(small, small).plain
