"""The dialog that varies a run: what it suggests, refuses, and begins."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec
from playground.tui.screens.dialog import Line
from playground.tui.screens.sweep.vary import VaryChoice, VaryScreen, VarySource
from playground.tui.widgets.literal_input import LiteralInput
from tests.tui.screens.conftest import Host, build_model

SOURCES = PluginSources(entry_points=False, folder=None)


def asking(name: str = "run 3 (names)", **spec: object) -> Host:
    model = build_model(**spec)
    return Host(VaryScreen(model, VarySource(RunSpec().replace(spec), name), SOURCES))


def says(pilot: Pilot[None]) -> str:
    return pilot.app.screen.query_one("#vary-says", Line).words


async def give(pilot: Pilot[None], **typed: str) -> None:
    for name, text in typed.items():
        field = pilot.app.screen.query_one(f"#vary-{name.replace('_', '-')}", LiteralInput)
        field.value = text
    await pilot.pause()


async def test_three_rates_around_that_of_the_run_are_suggested_and_counted() -> None:
    app = asking(**{"optimizer.learning_rate": 0.02, "seed": 5})
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert says(pilot).startswith("9 runs: 3 settings x 3 seeds   about ")
        await give(pilot, n_embd="8, 16", seeds="2", steps="50", jobs="3")
        assert says(pilot).startswith("12 runs: 6 settings x 2 seeds")
        await pilot.press("enter")
        choice = app.answer
    assert isinstance(choice, VaryChoice) and choice.jobs == 3
    assert [one.words for one in choice.plan.settings][:2] == [
        "learning_rate=0.006 n_embd=8",
        "learning_rate=0.006 n_embd=16",
    ]
    specs = [RunSpec.parse(one.spec) for one in choice.plan.settings]
    assert {spec.steps for spec in specs} == {50} and choice.plan.seeds == (5, 6)
    assert choice.plan.sources == SOURCES


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"learning_rate": ""}, "Nothing is varied: give a setting two values or more."),
        ({"learning_rate": "0.01, fast"}, "learning_rate must be a number, not 'fast'."),
        ({"learning_rate": "0.01, 1e-2"}, "learning_rate has the value 1e-2 twice"),
        ({"n_embd": "16, 18"}, "18 cannot be divided among 4 heads"),
        ({"schedule": "linear, [red]"}, "There is no schedule '[red]'. There are: "),
        ({"seeds": "0"}, "seeds must be a whole number from 1 to 100."),
        ({"jobs": "many"}, "jobs must be a whole number from 1 to 64."),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason_and_begins_nothing(
    typed: dict[str, str], why: str
) -> None:
    app = asking()
    async with app.run_test(size=(80, 24)) as pilot:
        await give(pilot, **typed)
        assert why in says(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert app.answers == [] and why in says(pilot)
        await pilot.press("escape")
        assert app.answer is None


async def test_one_value_is_for_all_runs_also_where_it_goes_with_the_varied_ones_alone() -> None:
    app = asking()
    async with app.run_test(size=(80, 24)) as pilot:
        await give(pilot, learning_rate="0.02", n_embd="24, 48", n_head="3")
        assert says(pilot).startswith("6 runs: 2 settings x 3 seeds")
        await pilot.press("enter")
    specs = [RunSpec.parse(one.spec) for one in app.answer.plan.settings]
    assert [(one.model.n_embd, one.model.n_head) for one in specs] == [(24, 3), (48, 3)]
    assert {one.optimizer.learning_rate for one in specs} == {0.02}


async def test_the_time_is_told_for_the_data_of_the_open_run_alone() -> None:
    """Of other documents it is not known how long they are."""
    model = build_model()
    other = RunSpec().replace({"dataset": {"name": "poems:haiku", "options": {}}})
    app = Host(VaryScreen(model, VarySource(other, "run 9 ([b]poems[/b])"), SOURCES))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "not known beforehand" in says(pilot)
