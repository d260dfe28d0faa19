"""The built-ins, and the examples on the hooks' own pages, keep their contracts."""

from __future__ import annotations

import importlib
import textwrap
from types import ModuleType
from typing import Literal

import pytest
from pydantic import field_validator

from microgpt import VectorEngine
from playground.api import Contribution, Knob, Knobs
from playground.catalog import HOOKS
from playground.hooks import specs
from playground.hooks.builtins import MODULES, tokenizers
from playground.hooks.builtins.datasets import TextFile, TextFileKnobs
from playground.testing import Check, checks_of, contribution_checks, run_checks, smoke_checks
from playground.testing.subject import Subject

NO_ENGINES = [module for module in MODULES if not module.endswith(".engines")]
"""Engines have tests of their own, which take longer."""
EXAMPLES = [hook for hook in HOOKS if hook != "microgpt_engines"]
SMOKE = 0.2
"""Seconds of a smoke test; the test allows ten times as many, for a computer with other work."""


def failures(checks: tuple[Check, ...]) -> list[str]:
    return [found.message for found in run_checks(checks) if found.outcome == "failed"]


@pytest.mark.parametrize("name", NO_ENGINES)
def test_the_built_ins_keep_their_contracts(name):
    checks = checks_of(importlib.import_module(name))
    assert len(checks) > 4
    assert failures(checks) == []


@pytest.mark.parametrize("hook", EXAMPLES)
def test_the_example_of_a_hook_keeps_its_contract(hook):
    example = ModuleType("example")
    code = getattr(specs, hook).__doc__.partition("A complete plugin:\n")[2]
    exec(textwrap.dedent(code), vars(example))
    checks = checks_of(example)
    assert len(checks) > 4
    assert failures(checks) == []


@pytest.mark.parametrize("name", NO_ENGINES)
def test_a_smoke_test_takes_a_moment(name):
    module = importlib.import_module(name)
    for hook, kind in HOOKS.items():
        for item in getattr(module, hook, list)():
            findings = run_checks(smoke_checks(kind, item))
            assert sum(found.seconds for found in findings) < 10 * SMOKE
            assert {found.outcome for found in findings} <= {"passed", "skipped"}


def test_the_smoke_test_of_an_engine_makes_one():
    findings = run_checks(smoke_checks("engine", Contribution("fast", "", VectorEngine)))
    assert all(found.passed for found in findings)


@pytest.mark.parametrize("split", ["lines", "paragraphs", "windows"])
def test_a_text_file_keeps_the_contract_of_data_sets(tmp_path, split):
    path = tmp_path / "text.txt"
    path.write_text("one\ntwo\n\nthree and\nfour\n", encoding="utf-8")
    knobs = TextFileKnobs(path=str(path), split=split)
    item = Contribution("text", "", lambda: TextFile(knobs))
    assert {found.outcome for found in run_checks(contribution_checks("dataset", item))} == {
        "passed"
    }


def test_a_data_set_without_its_file_is_held_to_saying_so():
    item = Contribution("text", "", TextFile, TextFileKnobs)
    findings = run_checks(contribution_checks("dataset", item))
    outcomes = {found.check.name: found.outcome for found in findings}
    assert outcomes["prepares-or-says-why"] == "passed"
    assert outcomes["documents-are-texts"] == "skipped"
    assert "failed" not in outcomes.values()


def test_a_tokenizer_may_have_a_vocabulary_of_its_own():
    class Letters(tokenizers.Char):
        def train(self, documents):  # noqa: ARG002 - what it is about
            super().train(["abcdefghijklmnopqrstuvwxyz"])

    item = Contribution("letters", "a to z, whatever it is trained on", Letters)
    assert failures(contribution_checks("tokenizer", item)) == []


class ManyKnobs(Knobs):
    rate: float = Knob(0.1, ge=0, le=1, step=0.25, neutral=0.0)
    above: float = Knob(2.0, ge=0, le=3)
    size: int = Knob(3, ge=1, le=1000, log=True, neutral=1)
    loud: bool = Knob(False)
    way: Literal["up", "down"] = Knob("up")
    note: str = Knob("")

    @field_validator("above")
    @classmethod
    def not_zero(cls, value: float) -> float:
        if value == 0:
            raise ValueError("above 0 it must be")
        return value


MANY = Contribution("many", "", lambda knobs: knobs, ManyKnobs)


def test_settings_reach_both_ends_every_choice_and_what_is_neutral():
    words = [setting.words for setting in Subject(MANY).settings]
    assert words[0] == "with the defaults"
    for expected in (
        "with rate=0",
        "with rate=1",
        "with rate=0.25",
        "with rate=0.75",
        "with above=3",
        "with size=1",
        "with size=1000",
        "with loud=True",
        "with way='down'",
    ):
        assert any(said in (expected, f"{expected}.0") for said in words), expected
    assert not {"with above=0", "with above=0.0"} & set(words)  # the knobs refuse it
    assert len([said for said in words if said.count("=") == 5]) == 4  # all but the text


def test_every_run_tries_the_same_settings():
    first, again = Subject(MANY).settings, Subject(MANY).settings
    assert first == again


def test_a_neutral_setting_needs_a_neutral_value_of_every_knob():
    class Two(Knobs):
        a: float = Knob(0.5, ge=0, le=1, neutral=0.0)
        b: int = Knob(3, ge=0, le=9, neutral=0)

    neutral = Subject(Contribution("two", "", lambda knobs: knobs, Two)).neutral
    assert neutral is not None
    assert neutral.knobs == Two(a=0, b=0)
    assert Subject(MANY).neutral is None
