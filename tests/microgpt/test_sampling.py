"""Sampling: from logits to tokens."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from microgpt import ModelConfig, VectorEngine, sampling
from tests.microgpt.conftest import make_engine

NEVER = -math.inf
finite = st.floats(-1e6, 1e6)
some_logits = st.lists(st.one_of(finite, st.just(NEVER)), min_size=1, max_size=12)
FILTERS = {
    "temperature": lambda logits: sampling.temperature(logits, 0.7),
    "cold": lambda logits: sampling.temperature(logits, 0),
    "greedy": sampling.greedy,
    "top_k": lambda logits: sampling.top_k(logits, 3),
    "top_p": lambda logits: sampling.top_p(logits, 0.8),
    "min_p": lambda logits: sampling.min_p(logits, 0.2),
    "repetition_penalty": lambda logits: sampling.repetition_penalty(logits, [0, 1], 1.3),
}


def kept(logits: list[float]) -> list[int]:
    return [token for token, logit in enumerate(logits) if logit > NEVER]


@pytest.mark.parametrize("name", FILTERS)
@given(logits=some_logits)
def test_every_filter_leaves_something_to_draw(name, logits):
    probs = sampling.softmax(FILTERS[name](logits))
    assert len(probs) == len(logits)
    assert sum(probs) == pytest.approx(1)
    token = sampling.draw(probs, random.Random(1))
    assume(kept(logits))
    assert logits[token] > NEVER, "a masked token was drawn"


@pytest.mark.parametrize("name", FILTERS)
def test_filters_refuse_nan_and_nothing_at_all(name):
    with pytest.raises(ValueError, match="nan"):
        FILTERS[name]([0.0, math.nan])
    with pytest.raises(ValueError, match="no logits"):
        FILTERS[name]([])


@pytest.mark.parametrize("name", FILTERS)
@given(logits=st.lists(finite, min_size=2, max_size=8))
def test_filters_do_not_change_what_they_are_given(name, logits):
    before = list(logits)
    FILTERS[name](logits)
    assert logits == before


@given(some_logits)
def test_log_softmax_is_the_logarithm_of_softmax(logits):
    for p, log_p in zip(sampling.softmax(logits), sampling.log_softmax(logits), strict=True):
        assert math.exp(log_p) == pytest.approx(p, rel=1e-9, abs=1e-300)


def test_softmax_of_extreme_logits_is_a_distribution():
    assert sampling.softmax([NEVER, NEVER]) == [0.5, 0.5]
    assert sampling.softmax([math.inf, 3.0, math.inf]) == [0.5, 0.0, 0.5]
    assert sampling.softmax([1e308, -1e308]) == [1.0, 0.0]
    assert sampling.log_softmax([0.0, -2000.0])[1] == -2000.0


def test_temperature_sharpens_and_flattens():
    logits = [2.0, 1.0, 0.0]
    base = sampling.softmax(logits)[0]
    assert sampling.softmax(sampling.temperature(logits, 0.5))[0] > base
    assert sampling.softmax(sampling.temperature(logits, 2.0))[0] < base
    assert sampling.temperature(logits, 1.0) == logits
    assert sampling.softmax(sampling.temperature([1e300, 1e299, NEVER], 1e-300)) == [1, 0, 0]
    assert sampling.softmax(sampling.temperature([3.0, 1.0, NEVER], math.inf)) == [0.5, 0.5, 0]
    for wrong in (-0.1, math.nan):
        with pytest.raises(ValueError, match="temperature must be 0 or more"):
            sampling.temperature(logits, wrong)


def test_the_lower_id_wins_a_tie():
    assert kept(sampling.greedy([1.0, 2.0, 2.0])) == [1]
    assert kept(sampling.top_k([5.0, 5.0, 5.0], 2)) == [0, 1]
    assert kept(sampling.top_p([1.0, 1.0, 1.0, 1.0], 0.5)) == [0, 1]


def test_top_k_keeps_k():
    assert kept(sampling.top_k([0.1, 3.0, -1.0, 2.0], 2)) == [1, 3]
    assert sampling.top_k([0.1, 3.0], 50) == [0.1, 3.0]
    with pytest.raises(ValueError, match="top_k must be 1 or more"):
        sampling.top_k([1.0], 0)


@given(st.lists(finite, min_size=1, max_size=12), st.floats(0, 1))
def test_top_p_keeps_the_smallest_nucleus(logits, p):
    tokens = kept(sampling.top_p(logits, p))
    probs = sampling.softmax(logits)
    mass = sum(probs[token] for token in tokens)
    assert mass >= p - 1e-9
    if p < 1:
        assert mass - min(probs[token] for token in tokens) <= p + 1e-9
    else:
        assert tokens == list(range(len(logits)))


def test_min_p_scales_with_the_likeliest():
    logits = [math.log(p) for p in (0.6, 0.3, 0.07, 0.03)]
    assert kept(sampling.min_p(logits, 0.2)) == [0, 1]
    assert kept(sampling.min_p(logits, 0.0)) == [0, 1, 2, 3]
    assert kept(sampling.min_p(logits, 1.0)) == [0]


@pytest.mark.parametrize("function", [sampling.top_p, sampling.min_p])
@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_shares_outside_0_to_1_are_refused(function, p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        function([1.0], p)


def test_repetition_makes_a_token_less_likely_whatever_its_sign():
    assert sampling.repetition_penalty([2.0, -2.0, 2.0, -2.0], [0, 1, 0], 2.0) == [1, -4, 2, -2]
    assert sampling.repetition_penalty([NEVER, 0.0], [0, 1], 2.0) == [NEVER, 0.0]
    with pytest.raises(ValueError, match="repetition_penalty"):
        sampling.repetition_penalty([1.0], [0], 0.0)


def test_a_draw_takes_exactly_what_microgpt_takes_from_the_random_stream():
    rng, same = random.Random(5), random.Random(5)
    probs = [0.1, 0.6, 0.3]
    for _ in range(20):
        assert sampling.draw(probs, rng) == same.choices(range(3), weights=probs)[0]
    assert rng.random() == same.random()


def test_draws_follow_the_probabilities():
    rng = random.Random(0)
    counts = Counter(sampling.draw([0.2, 0.0, 0.8], rng) for _ in range(2000))
    assert counts[1] == 0
    assert counts[2] / 2000 == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("probs", [[], [0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0], [-1.0, 2.0]])
def test_a_draw_that_cannot_be_honest_is_refused(probs):
    with pytest.raises(ValueError, match="cannot draw"):
        sampling.draw(probs, random.Random(0))


class Scripted:
    """A decoder that writes down the tokens that it reads."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def push(self, token: int) -> list[float]:
        self.read.append(token)
        return [float(len(self.read))]


def test_generation_reads_bos_and_the_prompt_and_stops_at_bos():
    decoder = Scripted()
    answers = iter([1, 2, 9])
    ids = sampling.generate(decoder, 9, 16, lambda _: next(answers), prompt_ids=[5, 6])
    assert ids == [5, 6, 1, 2]
    assert decoder.read == [9, 5, 6, 1, 2]


def test_generation_stops_where_the_context_is_full():
    decoder = Scripted()
    assert sampling.generate(decoder, 9, 3, lambda _: 0) == [0, 0, 0]
    assert decoder.read == [9, 0, 0]
    assert sampling.generate(Scripted(), 9, 3, lambda _: 0, prompt_ids=[1, 2]) == [1, 2, 0]
    full = Scripted()
    assert sampling.generate(full, 9, 3, lambda _: 0, prompt_ids=[1, 2, 3]) == [1, 2, 3]
    assert full.read == [], "nothing can follow, so nothing is read"
    with pytest.raises(ValueError, match="prompt has 4 tokens"):
        sampling.generate(Scripted(), 9, 3, lambda _: 0, prompt_ids=[1, 2, 3, 4])


def test_generation_never_asks_a_real_decoder_for_too_much():
    engine = make_engine(VectorEngine, ModelConfig(vocab_size=4, n_embd=4, n_head=2, block_size=3))
    for prompt in ([], [0], [0, 1], [0, 1, 2]):
        ids = sampling.generate(engine.decoder(), 3, 3, lambda _: 1, prompt_ids=prompt)
        assert ids == prompt + [1] * (3 - len(prompt))
