"""What a contribution must be, and what its author is told if it is not."""

from __future__ import annotations

from array import array

import pytest

from microgpt import ModelConfig, OptimizerConfig, parameter_count
from microgpt.config import PARTS
from playground.catalog import Problem
from playground.hooks.errors import UnableError
from playground.hooks.registry import Registry

GOOD = """
@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="fine", summary="it works", factory=Same)
"""


def only_problem(registry: Registry) -> Problem:
    assert len(registry.problems) == 1, registry.problems
    return registry.problems[0]


def mine(registry: Registry) -> list[str]:
    return [entry.name for entry in registry.catalog().entries if entry.plugin != "builtin"]


@pytest.mark.parametrize(
    "name",
    [
        "[red]bold[/]",
        "Cold",
        "a b",
        "a_b",
        "",
        "-a",
        "a--b",
        "a\x1b[31m",
        "a\n",
        "x" * 41,
        "a:b",
        None,
        3,
    ],
)
def test_names_that_cannot_be_are_refused_in_printable_words(load_plugin, name):
    registry = load_plugin(GOOD.replace('"fine"', repr(name)))
    problem = only_problem(registry)
    assert problem.stage == "contribution" and "min-p" in problem.message
    assert problem.message.isprintable() and mine(registry) == []


def test_summaries_become_one_printable_line(load_plugin):
    registry = load_plugin(GOOD.replace('"it works"', repr("a\nb\x1b[2J\tc" + "x" * 500)))
    summary = registry.entry("strategy", "fine").summary
    assert summary.startswith("a b [2J c") and len(summary) == 200 and summary.isprintable()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("summary=3, factory=Same", "summary"),
        ("summary='', factory=3", "factory"),
        ("summary='', factory=Same, knobs=dict", "derived from Knobs"),
        ("summary='', factory=Same, knobs=K()", "derived from Knobs"),
        ("summary='', factory=Same, knobs=Outside", "must be from 0 to 1, not 3"),
        ("summary='', factory=Same, knobs=Neutral", "neutral of 'a'"),
        ("summary='', factory=Same, knobs=Needed", "needs a default"),
        ("summary='', factory=Same, knobs=Listed", "can be knobs"),
        ("summary='', factory=Same, knobs=Backwards", "ends below"),
        ("summary='', factory=Same, knobs=Stuck", "step above 0"),
        ("summary='', factory=Same, knobs=Zero", "must begin above 0"),
        ("summary='', factory=Same, knobs=Adrift", "needs a neutral value"),
        ("summary='', factory=Same, knobs=Unseen", "choices that cannot be shown"),
        ("summary='', factory=Same, knobs=Raises", "KeyError"),
    ],
)
def test_parts_of_the_wrong_kind_are_refused(load_plugin, fields, said):
    registry = load_plugin(
        f"""
        from typing import Literal
        from pydantic import field_validator
        class K(Knobs): pass
        class Outside(Knobs): a: float = Knob(3.0, ge=0, le=1)
        class Neutral(Knobs): a: float = Knob(0.5, ge=0, le=1, neutral=7)
        class Needed(Knobs): a: int
        class Listed(Knobs): a: list = [1]
        class Backwards(Knobs): a: float = Knob(0.5, ge=1, le=0)
        class Stuck(Knobs): a: float = Knob(0.5, ge=0, le=1, step=0)
        class Zero(Knobs): a: float = Knob(0.5, ge=0, le=1, log=True)
        class Adrift(Knobs): a: int = Knob(1, ge=1, le=9, follows="block_size")
        class Unseen(Knobs): a: Literal["a\\x1b", "b"] = Knob("b")
        class Raises(Knobs):
            a: int = 1
            @field_validator("a")
            def check(cls, value): raise KeyError("no")
        @hookimpl
        def microgpt_sampling_strategies():
            yield Contribution(name="bad", {fields})
            yield Contribution(name="good", summary="", factory=Same)
        """
    )
    problem = only_problem(registry)
    assert problem.stage == "contribution" and said in problem.message
    assert mine(registry) == ["good"]


def test_the_same_name_twice_in_one_plugin_counts_once(load_plugin):
    registry = load_plugin(GOOD + GOOD.splitlines()[-1] + "\n")
    assert "twice" in only_problem(registry).message and mine(registry) == ["fine"]


def test_the_words_of_a_knob_become_printable_lines(load_plugin):
    registry = load_plugin(
        """
        class K(Knobs):
            a: int = Knob(1, ge=0, le=9, label="x\\x1b[1my", unit="a\\nb", help="one\\ntwo")
        @hookimpl
        def microgpt_sampling_strategies():
            yield Contribution(name="fine", summary="", factory=Same, knobs=K)
        """
    )
    (control,) = registry.entry("strategy", "fine").controls
    assert (control.label, control.unit, control.help) == ("x [1my", "a b", "one two")


ENGINE = """
from microgpt.vector_engine import VectorEngine

@hookimpl
def microgpt_engines():
    yield Contribution(name="mine", summary="it works", factory=VectorEngine, knows=KNOWS)
"""


def test_an_engine_declares_what_it_knows_in_one_order(load_plugin):
    registry = load_plugin(ENGINE.replace("KNOWS", '["sgd", "mlp", "attention"]'))
    assert registry.entry("engine", "mine").knows == ("attention", "mlp", "sgd")
    assert registry.entry("engine", "vector").knows[-1] == "sgd"
    alone = load_plugin(ENGINE.replace("KNOWS", '"sgd"'), name="alone.py")
    assert alone.entry("engine", "mine").knows == ("sgd",)


@pytest.mark.parametrize("knows", ['("heads",)', '("sgd", 3)', "(None,)"])
def test_what_no_engine_can_know_is_refused_with_what_one_can(load_plugin, knows):
    problem = only_problem(load_plugin(ENGINE.replace("KNOWS", knows)))
    assert "none of attention, mlp, positions, norm, residual, sgd" in problem.message


@pytest.mark.parametrize("word", ['knows=("norm",)', 'precision="float32"'])
def test_only_engines_know_parts_and_have_a_precision(load_plugin, word):
    registry = load_plugin(GOOD.replace("factory=Same", f"factory=Same, {word}"))
    assert "only engines" in only_problem(registry).message


def test_an_engine_declares_its_precision(load_plugin):
    registry = load_plugin(ENGINE.replace("knows=KNOWS", 'precision="float32"'))
    assert registry.entry("engine", "mine").precision == "float32"
    assert registry.entry("engine", "vector").precision == "float64"
    wrong = load_plugin(ENGINE.replace("knows=KNOWS", 'precision="half"'), name="wrong.py")
    assert "none of float64, float32" in only_problem(wrong).message


def test_an_engine_is_made_for_what_it_knows_and_for_nothing_else(load_plugin):
    registry = load_plugin(ENGINE.replace("KNOWS", '("norm",)'))
    weights = array("d", bytes(8 * parameter_count(ModelConfig(5))))
    bare = ModelConfig(5, parts=tuple(part for part in PARTS if part != "norm"))
    assert registry.make_engine("mine", bare, OptimizerConfig(), weights)
    with pytest.raises(UnableError, match="knows no SGD: vector and scalar do") as caught:
        registry.make_engine("mine", bare, OptimizerConfig(name="sgd"), weights)
    assert caught.value.title == "The engine 'mine' cannot train this model"
