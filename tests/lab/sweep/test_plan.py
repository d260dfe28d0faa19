"""What a sweep trains: all combinations, or some drawn at random."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec
from playground.lab.sweep.plan import (
    Axis,
    Plan,
    Range,
    Search,
    Setting,
    combinations,
    draws,
    on_log_scale,
)

VARY = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.lists(st.sampled_from("12345"), min_size=1, max_size=5, unique=True),
    min_size=1,
)


@given(VARY)
def test_a_grid_has_every_combination_once_the_last_name_varying_fastest(
    vary: dict[str, list[str]],
) -> None:
    found = combinations(vary, None, 0)
    assert [tuple(value for _, value in one) for one in found] == list(
        itertools.product(*vary.values())
    )
    assert all([name for name, _ in one] == list(vary) for one in found)


@given(VARY, st.integers(1, 200), st.integers(0, 10))
def test_draws_are_different_combinations_of_the_grid_in_its_order_and_the_seed_decides(
    vary: dict[str, list[str]], draws: int, seed: int
) -> None:
    grid = combinations(vary, None, seed)
    found = combinations(vary, draws, seed)
    places = [grid.index(one) for one in found]
    assert len(found) == min(draws, len(grid))
    assert places == sorted(set(places))
    assert found == combinations(vary, draws, seed)


def test_another_seed_draws_other_combinations() -> None:
    vary = {"a": [str(one) for one in range(100)]}
    assert combinations(vary, 5, 1) != combinations(vary, 5, 2)


def plan() -> Plan:
    settings = tuple(
        Setting((("steps", str(steps)),), RunSpec(steps=steps).to_json()) for steps in (3, 4)
    )
    return Plan(settings, (42, 43), "ab", PluginSources(files=("x.py",), folder=None))


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    assert Plan.parse(plan().to_json()) == plan()


def test_a_search_comes_back_from_json_as_it_was() -> None:
    axes = (
        Axis("n_embd", "model.n_embd", (("8", '{"model.n_embd": 8}'),)),
        Axis("steps", "steps", between=Range(1, 9, whole=True, log=False)),
    )
    search = Search(axes, RunSpec().to_json(), 7, 2, ((("n_embd", "8"), ("steps", "3")),), True)
    assert Plan.parse(replace(plan(), search=search).to_json()) == replace(plan(), search=search)


def test_a_plan_that_was_stored_before_there_were_searches_is_read() -> None:
    stored = json.loads(plan().to_json())
    del stored["search"]
    assert Plan.parse(json.dumps(stored)) == plan()


def test_a_search_counts_the_settings_that_it_is_to_have_until_it_is_over() -> None:
    search = Search((), RunSpec().to_json(), 7)
    assert [replace(plan(), search=one).count for one in (None, search)] == [2, 7]
    assert replace(plan(), search=replace(search, over=True)).count == 2


RANGES = [
    Range(0.003, 0.03, whole=False, log=True),
    Range(0.0100, 0.0101, whole=False, log=False),
    Range(-1, 1, whole=False, log=False),
    Range(3, 5, whole=True, log=False),
    Range(1, 1000, whole=True, log=True),
]


@pytest.mark.parametrize("between", RANGES)
def test_draws_lie_in_the_range_and_are_what_their_text_says(between: Range) -> None:
    found = [dict(one)["x"] for one, _ in zip(draws({"x": between}, 5), range(500), strict=False)]
    numbers = [float(text) for text in found]
    assert between.low <= min(numbers) and max(numbers) <= between.high
    assert all(between.text(number) == text for number, text in zip(numbers, found, strict=True))
    scale = math.log if between.log else float
    middle = (scale(between.low) + scale(between.high)) / 2
    assert 0.4 < sum(scale(number) < middle for number in numbers) / 500 < 0.6 or between.whole
    if between.whole:
        assert all(text.isdigit() for text in found)
        assert found.count(str(between.low)) > 50, "the first is as likely as the others"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123456, "0.01235"),
        (1 / 3, "0.3333"),
        (0.9999999, "1.0"),
        (1e-9, "0.0005"),
        (0, "0.0005"),
    ],
)
def test_a_value_of_a_range_has_four_digits_and_stays_inside(value: float, text: str) -> None:
    assert Range(0.0005, 1.0, whole=False, log=True).text(value) == text


def test_draws_take_values_of_lists_too_and_the_seed_decides() -> None:
    vary = {"n_embd": ["8", "16"], "steps": Range(1, 99, whole=True, log=False)}

    def some(seed: int) -> list[object]:
        return list(itertools.islice(draws(vary, seed), 50))

    assert some(1) == some(1) != some(2)
    assert {dict(one)["n_embd"] for one in some(1)} == {"8", "16"}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("name", "low", "high", "log"),
    [
        ("learning_rate", 0.003, 0.03, True),
        ("learning_rate", 0.01, 0.02, True),
        ("learning_rate", 0, 0.02, False),
        ("n_embd", 8, 64, False),
        ("steps", 100, 1000, True),
        ("holdout", 0.03, 0.3, True),
        ("holdout", 0, 0.3, False),
    ],
)
def test_learning_rates_and_tenfold_ranges_have_a_log_scale(
    name: str, low: float, high: float, log: bool
) -> None:
    assert on_log_scale(name, low, high) is log


def test_units_are_ordered_by_setting_and_seed_and_differ_in_these_alone() -> None:
    units = list(plan().units())
    assert [unit.key for unit in units] == [(0, 42), (0, 43), (1, 42), (1, 43)]
    specs = [RunSpec.parse(unit.spec) for unit in units]
    assert [(spec.steps, spec.seed) for spec in specs] == [(3, 42), (3, 43), (4, 42), (4, 43)]
    alike = [spec.replace({"steps": 1, "seed": 1}) for spec in specs]
    assert alike == 4 * [RunSpec(steps=1, seed=1)]
