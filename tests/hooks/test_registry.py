"""Names, options, and what is made of them."""

from __future__ import annotations

import pickle
from array import array

import pytest

from microgpt import ModelConfig, OptimizerConfig
from playground.api import DatasetError
from playground.catalog import Catalog
from playground.hooks.errors import KnobError, PluginError, UnknownNameError, plugin_call
from playground.hooks.lookup import parse_choice, parse_options
from playground.hooks.registry import Registry

BODY = """
import sys
from typing import Literal

class LongKnobs(Knobs):
    power: float = Knob(2.0, ge=1, le=10, neutral=1.0)
    width: int = Knob(0, ge=0, le=64, neutral=0, follows="block_size")
    fast: bool = Knob(False)
    mode: Literal["soft", "hard"] = Knob("soft")
    note: str = Knob("")

class Failing:
    def __init__(self):
        raise OSError("no device")

class Half:
    def train(self, documents): pass

class Both(Same):
    def pick(self, probs, context): return 0

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="long", summary="many knobs", factory=Same, knobs=LongKnobs)
    yield Contribution(name="failing", summary="", factory=Failing)
    yield Contribution(name="leaving", summary="", factory=sys.exit)
    yield Contribution(name="nothing", summary="", factory=lambda: None)
    yield Contribution(name="both", summary="", factory=Both)

@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="half", summary="", factory=Half)

@hookimpl
def microgpt_engines():
    yield Contribution(name="dud", summary="", factory=lambda config, optimizer, weights: 3)
"""


@pytest.fixture
def registry(load_plugin) -> Registry:
    registry = load_plugin(BODY)
    assert registry.problems == ()
    return registry


# ---------------------------------------------------------------- names


def test_an_unknown_name_gets_a_suggestion_and_the_list(registry: Registry):
    with pytest.raises(UnknownNameError) as caught:
        registry.contribution("strategy", "min_p")
    assert str(caught.value).startswith(
        "no sampling strategy 'min_p'; did you mean 'min-p'? there are: temperature, top-k"
    )
    assert "min-p" in caught.value.known


def test_names_resolve_bare_and_qualified(registry: Registry):
    assert registry.contribution("strategy", "mine:long") is registry.contribution(
        "strategy", "long"
    )
    assert registry.contribution("strategy", "builtin:min-p").name == "min-p"
    with pytest.raises(UnknownNameError, match="no tokenizer 'min-p'"):
        registry.contribution("tokenizer", "min-p")


def test_a_name_of_a_plugin_that_failed_says_why(load_plugin):
    registry = load_plugin("1 / 0")
    with pytest.raises(UnknownNameError, match="plugin 'mine' has a problem: ZeroDivisionError"):
        registry.entry("strategy", "mine:long")


def test_the_catalog_and_the_errors_travel(registry: Registry):
    catalog = registry.catalog()
    assert pickle.loads(pickle.dumps(catalog)) == catalog
    for error in (
        PluginError("p", "making", OSError("x")),
        KnobError("o", "f", "m", "a"),
        UnknownNameError("engine", "n", "m", ["k"]),
    ):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


# ---------------------------------------------------------------- options


def test_options_become_all_knobs_as_json(registry: Registry):
    assert registry.validate("strategy", "long", {"power": "3", "fast": True}) == {
        "power": 3.0,
        "width": 0,
        "fast": True,
        "mode": "soft",
        "note": "",
    }
    assert registry.validate("strategy", "greedy") == {}


@pytest.mark.parametrize(
    ("options", "field", "message"),
    [
        ({"power": 11}, "power", "must be from 1 to 10, not 11"),
        ({"power": "hot"}, "power", "must be a number from 1 to 10, not 'hot'"),
        ({"power": float("nan")}, "power", "must be a finite number from 1 to 10, not nan"),
        ({"width": 2.5}, "width", "must be a whole number from 0 to 64, not 2.5"),
        ({"fast": "perhaps"}, "fast", "must be true or false, not 'perhaps'"),
        ({"mode": "warm"}, "mode", "must be one of soft, hard, not 'warm'"),
        ({"note": 3}, "note", "must be text, not 3"),
        ({"power": "1,5"}, "power", "must be a number from 1 to 10, not '1,5'; write 1.5"),
        ({"width": "1.000"}, "width", "cannot be '1.000'; write 1000 or 1"),
        ({"powr": 3}, "powr", "is no knob of it; did you mean 'power'?"),
    ],
)
def test_an_option_that_cannot_be_is_said_in_plain_words(registry, options, field, message):
    with pytest.raises(KnobError) as caught:
        registry.validate("strategy", "long", options)
    assert caught.value.field == field
    assert message in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_options_where_there_are_none_are_refused(registry: Registry):
    with pytest.raises(KnobError, match="it has no knobs"):
        registry.make("strategy", "greedy", {"power": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("power=3", {"power": 3.0}),
        ("width=5, fast=yes ,mode=hard", {"width": 5, "fast": True, "mode": "hard"}),
        ('note="a, b=c",width=1', {"note": "a, b=c", "width": 1}),
        ("note=it's", {"note": "it's"}),
        ("note=C:\\x", {"note": "C:\\x"}),
        ("power=off", {"power": 1.0}),
        ("fast=off", {"fast": False}),
    ],
)
def test_options_on_the_command_line_are_typed(registry: Registry, text, expected):
    options = registry.parse_options("strategy", "long", text)
    assert options == expected
    assert [type(v) for v in options.values()] == [type(v) for v in expected.values()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("power=hot", "power must be a number, not 'hot'"),
        ("width=2.5", "width must be a whole number, not '2.5'"),
        ("fast=perhaps", "fast must be true or false, not 'perhaps'"),
        ("powr=3", "did you mean 'power'"),
        ("power", "'power' is not of the form knob=value"),
        ("note=a,b", "'b' is not of the form knob=value"),
        ("note=a,b", "a value with a comma goes into quotes"),
        ("power=1,5", "a number has a point: power=1.5)"),
        ("power=1,5,width=3", "a number has a point: power=1.5,width=3)"),
        ("power='1,5'", "power must be a number, not '1,5'; write 1.5, with a point"),
        ("width=1.000", "width must be a whole number, not '1.000'; write 1000 or 1"),
        ("power=3,power=4", "power is set twice"),
        ('note="a', "a quote that never ends"),
    ],
)
def test_options_that_cannot_be_read_are_said(registry: Registry, text, message):
    with pytest.raises(KnobError) as caught:
        registry.parse_options("strategy", "long", text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "qualified", "options"),
    [
        ("min-p", "builtin:min-p", {}),
        ("min-p:min_p=0.05", "builtin:min-p", {"min_p": 0.05}),
        ("min-p:min-p=0.05", "builtin:min-p", {"min_p": 0.05}),
        ("min-p:0.05", "builtin:min-p", {"min_p": 0.05}),
        ("builtin:min-p", "builtin:min-p", {}),
        ("builtin:min-p:min_p=0.05", "builtin:min-p", {"min_p": 0.05}),
        ("mine:long:note=a:b", "mine:long", {"note": "a:b"}),
        ("long:note=a:b", "mine:long", {"note": "a:b"}),
        ("greedy:", "builtin:greedy", {}),
    ],
)
def test_a_colon_parts_plugin_name_and_options(registry: Registry, text, qualified, options):
    entry, given = registry.parse_choice("strategy", text)
    assert (entry.qualified, given) == (qualified, options)


@pytest.mark.parametrize("text", ["nobody:min-p", "min_p:min_p=0.05", "min-q", "", ":"])
def test_choices_that_mean_nothing_are_unknown_names(registry: Registry, text):
    with pytest.raises(UnknownNameError):
        registry.parse_choice("strategy", text)


def test_a_plugin_named_like_a_contribution_is_told_apart(load_plugin):
    registry = load_plugin(
        """
        class K(Knobs):
            a: int = Knob(1, ge=0, le=9)
        @hookimpl
        def microgpt_sampling_strategies():
            yield Contribution(name="min-p", summary="", factory=Same, knobs=K)
            yield Contribution(name="5", summary="", factory=Same)
        """,
        "top-k.py",
    )
    catalog = registry.catalog()
    assert parse_choice(catalog, "strategy", "top-k:min-p:a=2")[0].plugin == "top-k"
    assert parse_choice(catalog, "strategy", "top-k:4")[1] == {"top_k": 4}
    assert parse_choice(catalog, "strategy", "top-k:5")[0].name == "5"  # as documented
    assert parse_choice(catalog, "strategy", "top-k:top_k=5")[1] == {"top_k": 5}


def test_options_of_an_entry_without_knobs_are_refused(registry: Registry):
    with pytest.raises(KnobError, match="has no options"):
        parse_options(registry.entry("strategy", "greedy"), "a=1")
    assert parse_options(registry.entry("strategy", "greedy"), " ") == {}


def test_an_empty_catalog_says_there_are_none():
    with pytest.raises(UnknownNameError, match="there are: none"):
        parse_choice(Catalog(), "engine", "vector")


# ---------------------------------------------------------------- making


def test_a_knob_that_follows_takes_the_models_setting_while_it_is_neutral(registry: Registry):
    def width(options, follows):
        return registry.make("strategy", "long", options, follows).knobs.width

    assert width({}, {"block_size": 16}) == 16
    assert width({"width": 0}, {"block_size": 16}) == 16
    assert width({"width": 5}, {"block_size": 16}) == 5
    assert width({}, {}) == width({}, {"n_embd": 3}) == 0
    with pytest.raises(KnobError, match="follows block_size, but must be from 0 to 64, not 128"):
        width({}, {"block_size": 128})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("failing", "OSError: no device"),
        ("leaving", "tried to end the program"),
        ("nothing", "gave nothing"),
        ("both", "both 'transform' and 'pick'"),
    ],
)
def test_a_factory_that_fails_is_named(registry: Registry, name, said):
    with pytest.raises(PluginError) as caught:
        registry.make("strategy", name)
    assert caught.value.plugin == "mine" and said in caught.value.reason
    assert "making" in caught.value.place and name in caught.value.place


def test_half_a_tokenizer_is_refused_by_the_method_it_lacks(registry: Registry):
    with pytest.raises(PluginError, match=r"\(Half\) has no method 'encode'"):
        registry.make("tokenizer", "half")


def test_engines_have_a_way_of_their_own(registry: Registry):
    with pytest.raises(TypeError, match="make_engine"):
        registry.make("engine", "vector")
    with pytest.raises(PluginError, match="has no method"):
        registry.make_engine("dud", ModelConfig(5), OptimizerConfig(), array("d"))


# ---------------------------------------------------------------- plugin_call


def test_plugin_call_names_plugin_place_and_input(registry: Registry):
    entry = registry.entry("tokenizer", "char")
    with pytest.raises(PluginError) as caught, plugin_call(entry, "encoding", "x" * 500):
        raise ValueError("odd")
    said = str(caught.value)
    assert "plugin 'builtin' failed encoding (tokenizer 'char') given 'xxx" in said
    assert said.endswith("ValueError: odd") and len(said) < 250
    assert isinstance(caught.value.__cause__, ValueError) and "odd" in caught.value.detail


def test_plugin_call_lets_through_what_the_contract_provides_for():
    class Cancelled(Exception):
        pass

    for error in (
        DatasetError("a", "b"),
        PluginError("p", "x", "y"),
        KeyboardInterrupt(),
        Cancelled(),
    ):
        with pytest.raises(type(error)) as caught, plugin_call("p", "x", passing=(Cancelled,)):
            raise error
        assert caught.value is error


def test_plugin_call_survives_input_that_cannot_be_shown():
    class Mute:
        def __repr__(self):
            raise SystemExit

    with pytest.raises(PluginError, match="given a Mute"), plugin_call("p", "x", Mute()):
        raise SystemExit
