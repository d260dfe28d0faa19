"""The contract of a sampling strategy, held against those built in."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt.sampling import softmax
from playground.api import SampleContext
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources

REGISTRY = load(PluginSources(entry_points=False))
ENTRIES = REGISTRY.catalog().of("strategy")
TRANSFORMS = [entry for entry in ENTRIES if entry.name != "greedy"]
LOGIT = st.one_of(st.floats(-30, 30), st.sampled_from([0.0, 1e300, -1e300, -math.inf]))
LOGITS = st.lists(LOGIT, min_size=1, max_size=60).filter(lambda x: max(x) > -math.inf)


def context(size: int, tokens: tuple[int, ...] = (), seed: int = 0) -> SampleContext:
    return SampleContext((size - 1, *tokens), 1, size - 1, size, 16, 0, random.Random(seed))


def knob_ends() -> list[tuple[str, dict[str, Any]]]:
    """Every knob of every transform at both ends, at neutral and at its default."""
    return [
        (entry.name, {control.name: value})
        for entry in TRANSFORMS
        for control in entry.controls
        for value in {control.minimum, control.maximum, control.neutral, control.default}
    ]


def test_they_all_have_knobs_with_ranges_help_and_a_neutral_value():
    assert [entry.name for entry in ENTRIES] == [
        "temperature",
        "top-k",
        "top-p",
        "min-p",
        "repetition-penalty",
        "greedy",
    ]
    for entry in TRANSFORMS:
        assert entry.summary
        for control in entry.controls:
            assert control.kind == "slider" and control.help and control.neutral is not None


@pytest.mark.parametrize("entry", TRANSFORMS, ids=lambda entry: entry.name)
@settings(max_examples=40, deadline=None)
@given(logits=LOGITS, data=st.data())
def test_at_neutral_nothing_changes(entry, logits, data):
    tokens = tuple(data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=20)))
    options = {control.name: control.neutral for control in entry.controls}
    strategy = REGISTRY.make("strategy", entry.name, options)
    assert list(strategy.transform(logits, context(len(logits), tokens))) == logits


@pytest.mark.parametrize(("name", "options"), knob_ends(), ids=str)
@settings(max_examples=25, deadline=None)
@given(logits=LOGITS, data=st.data())
def test_at_every_end_of_every_knob_the_contract_holds(name, options, logits, data):
    tokens = tuple(data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=20)))
    strategy = REGISTRY.make("strategy", name, {**raised(name), **options})
    given_logits = list(logits)
    before = random.getstate()
    result = strategy.transform(given_logits, context(len(logits), tokens))
    assert random.getstate() == before
    assert given_logits == logits
    holds(logits, list(result))
    assert list(strategy.transform(logits, context(len(logits), tokens))) == list(result)


def raised(name: str) -> dict[str, Any]:
    """With a penalty, so that its window matters."""
    return {"penalty": 2.0} if name == "repetition-penalty" else {}


def holds(logits: list[float], result: list[float]) -> None:
    assert len(result) == len(logits)
    assert not any(map(math.isnan, result))
    assert max(result) > -math.inf
    assert all(
        after == -math.inf for after, was in zip(result, logits, strict=True) if was == -math.inf
    ), "what was ruled out stays ruled out"
    assert sum(softmax(result)) == pytest.approx(1)


@pytest.mark.parametrize("size", [1, 27, 5000])
@pytest.mark.parametrize(("name", "options"), knob_ends(), ids=str)
def test_any_vocabulary_will_do(name, options, size):
    rng = random.Random(size)
    logits = [rng.gauss(0, 3) for _ in range(size)]
    masked = [-math.inf] * (size - 1) + [0.5]
    strategy = REGISTRY.make("strategy", name, {**raised(name), **options})
    for values in (logits, [0.0] * size, masked):
        holds(values, list(strategy.transform(values, context(size, (0,)))))


def test_repetition_penalty_looks_back_no_further_than_its_window_and_spares_bos():
    logits = [2.0, 2.0, 2.0, 2.0]
    where = context(4, tokens=(0, 1))
    near = REGISTRY.make("strategy", "repetition-penalty", {"penalty": 2.0, "window": 1})
    assert near.transform(logits, where) == [2.0, 1.0, 2.0, 2.0]
    far = REGISTRY.make("strategy", "repetition-penalty", {"penalty": 2.0})
    assert far.transform(logits, where) == [1.0, 1.0, 2.0, 2.0]


def test_greedy_takes_the_first_of_the_likeliest_without_chance():
    greedy = REGISTRY.make("strategy", "greedy")
    where = context(4)
    state = where.rng.getstate()
    assert greedy.pick([0.1, 0.4, 0.4, 0.1], where) == 1
    assert where.rng.getstate() == state


@settings(max_examples=40, deadline=None)
@given(logits=LOGITS, seed=st.integers(0, 2**32))
def test_the_same_seed_chooses_the_same_token(logits, seed):
    chain = REGISTRY.make_chain([(entry.name, {}) for entry in TRANSFORMS])
    size = len(logits)
    tokens = [chain.choose(logits, context(size, seed=seed)) for _ in range(2)]
    assert tokens[0] == tokens[1] and 0 <= tokens[0] < size
    assert logits[tokens[0]] > -math.inf
