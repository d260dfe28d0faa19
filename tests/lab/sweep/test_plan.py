"""What a sweep trains: all combinations, or some drawn at random."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec
from playground.lab.sweep.plan import Plan, Setting, combinations

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


def test_units_are_ordered_by_setting_and_seed_and_differ_in_these_alone() -> None:
    units = list(plan().units())
    assert [unit.key for unit in units] == [(0, 42), (0, 43), (1, 42), (1, 43)]
    specs = [RunSpec.parse(unit.spec) for unit in units]
    assert [(spec.steps, spec.seed) for spec in specs] == [(3, 42), (3, 43), (4, 42), (4, 43)]
    alike = [spec.replace({"steps": 1, "seed": 1}) for spec in specs]
    assert alike == 4 * [RunSpec(steps=1, seed=1)]
