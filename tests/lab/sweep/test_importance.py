"""Which settings matter: explained variance against sums of squares made by hand."""

from __future__ import annotations

import itertools
import math
import sys

import pytest

from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec
from playground.lab.store.sweeps import SweptRun
from playground.lab.sweep.importance import Importances, explained_variance, importances
from playground.lab.sweep.plan import Plan, Setting

SPEC = RunSpec().to_json()


@pytest.fixture(autouse=True)
def without_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)


def plan(*settings: dict[str, str]) -> Plan:
    made = tuple(Setting(tuple(one.items()), SPEC) for one in settings)
    return Plan(made, (1, 2), "", PluginSources())


def grid(**lists: str) -> Plan:
    values = itertools.product(*(words.split() for words in lists.values()))
    return plan(*(dict(zip(lists, one, strict=True)) for one in values))


def run(setting: int, seed: int, loss: float, step: int = 10) -> SweptRun:
    return SweptRun(setting, seed, 10 * setting + seed, 9.0, loss, step, 10)


def found(plan: Plan, *losses: float, seeds: int = 1) -> Importances:
    """The importances where these losses are the runs', by setting and seed."""
    runs = [run(*divmod(place, seeds), loss) for place, loss in enumerate(losses)]
    made = importances(plan, runs)
    assert made is not None
    return made


def test_the_shares_of_a_grid_are_its_main_effects_and_the_rest_is_the_seeds() -> None:
    """Each loss is 3 ± 1 by the rate ± 0.5 by the width ± 0.1 by the seed, so that the sums of
    squares are 8 · 1, 8 · 0.25 and 8 · 0.01."""
    losses = [3 + a + b + c for a in (-1, 1) for b in (-0.5, 0.5) for c in (-0.1, 0.1)]
    shares = found(grid(n_embd="8 16", learning_rate="0.1 0.2"), *losses, seeds=2)
    assert shares.by == "explained variance"
    assert dict(shares.shares) == pytest.approx({"n_embd": 1 / 1.26, "learning_rate": 0.25 / 1.26})
    assert shares.rest == pytest.approx(0.01 / 1.26)
    names = [name for name, _ in shares.shares]
    assert names == ["n_embd", "learning_rate"], "the greatest first"


def test_a_setting_without_influence_has_none_and_the_greatest_comes_first() -> None:
    shares = found(grid(n_layer="1 2", n_embd="8 16 32"), 1, 2, 4, 1, 2, 4)
    assert shares.shares == (("n_embd", pytest.approx(1)), ("n_layer", pytest.approx(0)))
    assert shares.rest == pytest.approx(0)


def test_what_two_settings_do_only_together_is_the_rest() -> None:
    shares = found(grid(n_layer="1 2", n_embd="8 16"), 1, 2, 2, 1)
    assert dict(shares.shares) == pytest.approx({"n_layer": 0, "n_embd": 0})
    assert shares.rest == pytest.approx(1)


def test_a_setting_of_one_value_explains_nothing() -> None:
    shares = found(grid(n_layer="1", n_embd="8 16 32"), 1, 1.2, 2, 2.2, 4, 4.2, seeds=2)
    assert shares.shares[1] == ("n_layer", 0)
    assert 0.9 < shares.shares[0][1] < 1, "the seeds have their part"


def test_with_a_missing_run_the_shares_are_right_and_no_longer_add_up() -> None:
    """By hand: the mean of 1, 2, 4 is 7/3 and the whole 14/3; the layers explain 25/6 of it, the
    widths 1/6."""
    two = grid(n_layer="1 2", n_embd="8 16")
    runs = [run(0, 1, 1), run(1, 1, 2), run(2, 1, 4)]
    for some in (runs, [*runs, run(3, 1, 0.5, step=4)], [*runs, run(3, 1, math.nan)]):
        shares = importances(two, some)
        assert shares is not None
        assert dict(shares.shares) == pytest.approx({"n_layer": 25 / 28, "n_embd": 1 / 28})
        assert shares.rest is None


@pytest.mark.parametrize(
    ("settings", "losses", "seeds"),
    [
        (grid(n_embd="8 16"), [1, 1, 1, 1], 2),  # all the same
        (grid(n_embd="8 16 32"), [1, 2, 3], 1),  # a run to a value
        (grid(n_embd="8"), [1, 2], 2),  # nothing varies
        (plan({"n_embd": "8", "n_layer": "1"}, {"n_embd": "16", "n_layer": "2"}), [1, 2], 1),
        (grid(n_embd="8 16"), [], 1),
    ],
)
def test_what_cannot_be_told_is_not_told(settings: Plan, losses: list[float], seeds: int) -> None:
    runs = [run(*divmod(place, seeds), loss) for place, loss in enumerate(losses)]
    assert importances(settings, runs) is None


def test_values_drawn_from_a_range_are_grouped_with_their_neighbours() -> None:
    """The loss follows the rate and not the width, though every run has a width of its own; the
    values are ordered as numbers, not as words."""
    rates = ["0.001", "0.002", "0.01", "0.02", "0.1", "0.2", "1", "2"]
    widths = ["100", "9", "10", "101", "11", "102", "103", "8"]
    drawn = plan(*({"learning_rate": a, "n_embd": b} for a, b in zip(rates, widths, strict=True)))
    shares = found(drawn, 4, 4, 3, 3, 2, 2, 1, 1)
    assert shares.shares[0] == ("learning_rate", pytest.approx(1))
    # By hand: the widths in order are 8 9, 10 11, 100 101, 102 103 with losses 1 4, 3 2, 4 3, 2 1.
    assert shares.shares[1] == ("n_embd", pytest.approx(2 * (2 * 1**2) / 10))
    assert shares.rest is None


def test_the_groups_of_one_setting_alone_are_its_values() -> None:
    """Between the values: 2 · (0.5² + 0.5²) = 1; within them: 4 · 0.1² = 0.04."""
    values = {0: {"n_embd": "8"}, 1: {"n_embd": "16"}}
    shares = explained_variance(values, {0: [0.9, 1.1], 1: [1.9, 2.1]})
    assert shares is not None
    assert shares.shares == (("n_embd", pytest.approx(1 / 1.04)),)
    assert shares.rest == pytest.approx(0.04 / 1.04)
