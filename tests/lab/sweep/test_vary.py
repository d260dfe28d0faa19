"""The sweep that varies one run: what is planned, and what is refused in words."""

from __future__ import annotations

import pytest

from playground.cli.options import SETTINGS
from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec
from playground.lab.sweep.plan import Plan
from playground.lab.sweep.vary import FIELDS, Unplanned, planned, values_of

BASE = RunSpec(steps=50, seed=7)


def plan(vary: dict[str, list[str]], seeds: int = 2, base: RunSpec = BASE) -> Plan:
    return planned(base, vary, seeds, lambda _, name: {"name": name}, PluginSources())


def test_a_setting_has_the_name_that_the_command_has_for_it() -> None:
    assert dict(SETTINGS) == {**SETTINGS, **FIELDS}
    assert set(SETTINGS) - set(FIELDS) == {"seed"}


def test_every_combination_is_planned_with_the_seeds_from_that_of_the_run_on() -> None:
    found = plan({"learning_rate": ["0.003", "0.01"], "schedule": ["linear", "constant"]})
    specs = [RunSpec.parse(one.spec) for one in found.settings]
    assert [(one.optimizer.learning_rate, one.schedule.name) for one in specs] == [
        (0.003, "linear"), (0.003, "constant"), (0.01, "linear"), (0.01, "constant"),
    ]  # fmt: skip
    assert found.seeds == (7, 8) and {one.steps for one in specs} == {50}


def test_another_optimizer_comes_with_its_usual_rate_unless_that_is_varied() -> None:
    rates = [
        RunSpec.parse(one.spec).optimizer.learning_rate
        for one in plan({"optimizer": ["adam", "sgd"]}, base=BASE.replace(
            {"optimizer.learning_rate": 0.02})).settings
    ]  # fmt: skip
    assert rates == [0.02, 0.3]
    both = plan({"optimizer": ["adam", "sgd"], "learning_rate": ["0.1", "0.2"]})
    assert [RunSpec.parse(one.spec).optimizer.learning_rate for one in both.settings] == [
        0.1, 0.2, 0.1, 0.2,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("vary", "why"),
    [
        ({}, "Nothing is varied"),
        ({"n_embd": ["16", "18"]}, "n_embd=18 cannot be: 18 cannot be divided among 4 heads"),
        ({"learning_rate": ["0.01", "fast"]}, "must be a number, not 'fast'"),
        ({"n_layer": ["1", "1.5"]}, "n_layer=1.5 cannot be: must be a whole number"),
        ({"steps": [str(one) for one in range(1, 102)], "n_layer": list("12"),
          "batch_size": [str(one) for one in range(1, 60)]}, "at most 10,000"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_with_the_reason(
    vary: dict[str, list[str]], why: str
) -> None:
    with pytest.raises(Unplanned, match=why.replace(".", r"\.")):
        plan(vary)


def test_values_are_listed_with_commas_and_none_twice() -> None:
    assert values_of("learning_rate", " 0.01, 3e-3 ,") == ["0.01", "3e-3"]
    with pytest.raises(Unplanned, match="has the value 1e-2 twice"):
        values_of("learning_rate", "0.01, 1e-2")
    with pytest.raises(Unplanned, match="has no values"):
        values_of("n_layer", ", ,")
