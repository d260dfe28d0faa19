"""What the text so far rules out, and what it makes less likely."""

from __future__ import annotations

import math
import random
from importlib.metadata import entry_points

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgpt_play_contrast
from microgpt_play_contrast import (
    NoRepeatKnobs,
    NoRepeatNgram,
    PenaltyKnobs,
    PresenceFrequency,
)
from playground.api import SampleContext

SIZE = 6
BOS = 5


def context(*text: int, prompt: int = 0) -> SampleContext:
    """BOS and `text`, of which the first `prompt` tokens were given."""
    return SampleContext((BOS, *text), 1 + prompt, BOS, SIZE, 16, 0, random.Random(1))


def ruled_out(n: int, *text: int, prompt: int = 0, with_prompt: bool = True) -> list[int]:
    strategy = NoRepeatNgram(NoRepeatKnobs(n=n, with_prompt=with_prompt))
    logits = [0.5] * SIZE
    result = strategy.transform(tuple(logits), context(*text, prompt=prompt))
    assert [value for value in result if value > -math.inf] == [0.5] * (
        SIZE - result.count(-math.inf)
    )
    return [token for token, value in enumerate(result) if value == -math.inf]


def test_the_playground_finds_it_as_an_installed_plugin():
    (entry,) = (e for e in entry_points(group="microgpt_play") if e.name == "contrast")
    assert entry.load() is microgpt_play_contrast


def test_a_token_that_would_complete_a_run_again_is_ruled_out():
    assert ruled_out(3, 0, 1, 2, 3, 0, 1) == [2]
    assert ruled_out(2, 0, 1, 0, 2, 0) == [1, 2]
    assert ruled_out(3, 0, 1, 2, 3, 1, 0) == []


def test_runs_may_overlap():
    assert ruled_out(2, 0, 0) == [0]
    assert ruled_out(3, 0, 0, 0) == [0]
    assert ruled_out(3, 0, 0) == []


def test_with_runs_of_one_no_token_comes_twice():
    assert ruled_out(1, 0, 3, 1) == [0, 1, 3]


def test_a_text_shorter_than_the_run_rules_out_nothing():
    assert ruled_out(5) == ruled_out(5, 0, 0) == []
    assert ruled_out(16, 0, 1) == []


def test_all_may_be_ruled_out_but_the_end():
    assert ruled_out(1, 0, 1, 2, 3, 4) == [0, 1, 2, 3, 4]


def test_where_a_link_before_left_only_repetition_that_stays():
    logits = (0.1, 0.2, *[-math.inf] * 4)
    strategy = NoRepeatNgram(NoRepeatKnobs(n=1))
    assert strategy.transform(logits, context(0, 1)) == list(logits)
    assert strategy.transform(logits, context(0)) == [-math.inf, 0.2, *[-math.inf] * 4]


def test_the_prompt_counts_only_if_wanted():
    assert ruled_out(2, 0, 1, 0, prompt=2) == [1]
    assert ruled_out(2, 0, 1, 0, prompt=2, with_prompt=False) == []
    assert ruled_out(2, 3, 0, 1, 0, prompt=1, with_prompt=False) == [1]


@settings(deadline=None)
@given(st.integers(1, 5), st.randoms(use_true_random=False))
def test_no_run_comes_twice_in_any_text_written_with_it(n, rng):
    strategy = NoRepeatNgram(NoRepeatKnobs(n=n))
    text: list[int] = []
    while len(text) < 200:
        result = strategy.transform([0.0] * SIZE, context(*text))
        possible = [token for token in range(SIZE) if result[token] == 0 and token != BOS]
        if not possible:
            break
        text.append(rng.choice(possible))
    runs = [tuple(text[place : place + n]) for place in range(len(text) - n + 1)]
    assert len(runs) == len(set(runs))
    if n == 1:
        assert sorted(text) == [0, 1, 2, 3, 4]


def test_zero_is_off():
    assert ruled_out(0, 0, 0, 0, 0) == []


def penalized(*text: int, prompt: int = 0, **knobs: float) -> list[float]:
    strategy = PresenceFrequency(PenaltyKnobs(**knobs))
    return strategy.transform((1.0,) * SIZE, context(*text, prompt=prompt))


def test_presence_counts_once_and_frequency_each_time():
    assert penalized(0, 1, 0, presence=0.5, frequency=0) == [0.5, 0.5, 1, 1, 1, 1]
    assert penalized(0, 1, 0, presence=0, frequency=0.25) == [0.5, 0.75, 1, 1, 1, 1]
    assert penalized(0, 1, 0, presence=0.5, frequency=0.25) == [0, 0.25, 1, 1, 1, 1]


def test_at_zero_both_penalties_are_off():
    assert penalized(0, 1, 0, presence=0, frequency=0) == [1.0] * SIZE


def test_below_zero_what_is_there_is_welcome():
    assert penalized(2, presence=-1, frequency=0) == [1, 1, 2, 1, 1, 1]


def test_the_tokens_of_the_prompt_are_free_unless_they_shall_count():
    knobs = {"presence": 0.5, "frequency": 0.0}
    assert penalized(0, 1, prompt=1, **knobs) == [1, 0.5, 1, 1, 1, 1]
    assert penalized(0, 1, prompt=1, with_prompt=True, **knobs) == [0.5, 0.5, 1, 1, 1, 1]


@pytest.mark.parametrize("with_prompt", [False, True])
def test_the_end_is_never_penalized(with_prompt):
    assert penalized(presence=2, frequency=2, with_prompt=with_prompt) == [1.0] * SIZE


def test_what_was_ruled_out_stays_so():
    strategy = PresenceFrequency(PenaltyKnobs(presence=-2))
    assert strategy.transform((-math.inf, 1.0), context(0))[0] == -math.inf
