"""What locally typical sampling keeps, and what mirostat holds steady."""

from __future__ import annotations

import math
import random
from importlib.metadata import entry_points

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgpt_play_typical
from microgpt.sampling import draw, softmax
from microgpt_play_typical import mirostat as mirostat_module
from microgpt_play_typical.mirostat import Mirostat, MirostatKnobs
from microgpt_play_typical.typical import Typical, TypicalKnobs, typical
from playground.api import SampleContext

LOGITS = st.lists(st.floats(-30, 30) | st.just(-math.inf), min_size=1, max_size=40).filter(
    lambda logits: max(logits) > -math.inf
)


def context(*tokens: int, prompt_length: int = 1, step: int = 0) -> SampleContext:
    return SampleContext(
        tokens=tokens or (0,),
        prompt_length=prompt_length,
        bos_id=0,
        vocab_size=27,
        block_size=4000,
        step=step,
        rng=random.Random(1),
    )


def logits_of(*probabilities: float) -> list[float]:
    return [math.log(p) if p else -math.inf for p in probabilities]


def kept(logits: list[float]) -> list[int]:
    return [token for token, logit in enumerate(logits) if logit > -math.inf]


def test_the_playground_finds_it_as_an_installed_plugin():
    (entry,) = (e for e in entry_points(group="microgpt_play") if e.name == "typical")
    assert entry.load() is microgpt_play_typical


# ---------------------------------------------------------------- typical


def test_the_likeliest_token_goes_where_it_says_less_than_is_expected():
    # 1.51 nats are expected; the likeliest token has 0.92, the others have 1.90 each.
    logits = logits_of(0.4, 0.15, 0.15, 0.15, 0.15)
    assert kept(typical(logits, 0.5)) == [1, 2, 3, 4]


def test_what_is_kept_is_nearest_to_the_entropy_and_reaches_the_mass():
    probs = [0.5, 0.25, 0.125, 0.125]  # 1, 2, 3 and 3 bits; 1.75 bits are expected
    assert kept(typical(logits_of(*probs), 0.2)) == [1]
    assert kept(typical(logits_of(*probs), 0.25)) == [1]
    assert kept(typical(logits_of(*probs), 0.3)) == [0, 1]
    assert kept(typical(logits_of(*probs), 0.8)) == [0, 1, 2]
    assert kept(typical(logits_of(*probs), 0.9)) == [0, 1, 2, 3]


@settings(deadline=None)
@given(LOGITS, st.floats(0, 1))
def test_typical_keeps_enough_of_it_and_never_one_more_than_needed(logits, mass):
    result = typical(logits, mass)
    tokens = kept(result)
    assert tokens
    assert all(result[token] == logits[token] for token in tokens)
    probs = softmax(logits)
    total = sum(probs[token] for token in tokens)
    assert total >= mass - 1e-9
    assert len(tokens) == 1 or total - max(probs[token] for token in tokens) < mass + 1e-9


def test_a_mass_of_one_keeps_every_token_bit_for_bit():
    logits = [0.1, -2.0, -math.inf, 700.0]
    assert Typical(TypicalKnobs(mass=1)).transform(tuple(logits), context()) == logits


# ---------------------------------------------------------------- mirostat


def mirostat(target: float, rate: float = 0.3) -> Mirostat:
    return Mirostat(MirostatKnobs(target=target, rate=rate))


def write(strategy: Mirostat, length: int, seed: int = 7) -> tuple[list[int], list[float]]:
    """Write a text with a model of mere frequencies; returns each token's surprise in bits."""
    rng = random.Random(seed)
    probs = softmax([-0.25 * token for token in range(27)])
    logits = [math.log(p) for p in probs]
    tokens, surprises = [0], []
    for _ in range(length):
        here = SampleContext(tuple(tokens), 1, 0, 27, 4000, 0, rng)
        token = draw(softmax(strategy.transform(logits, here)), rng)
        tokens.append(token)
        surprises.append(-math.log2(probs[token]))
    return tokens, surprises


@pytest.mark.parametrize("target", [2.5, 3.0])
def test_the_surprise_of_a_text_comes_to_the_target(target):
    _, surprises = write(mirostat(target), 400)
    assert sum(surprises) / len(surprises) == pytest.approx(target, abs=0.1)


def test_without_it_that_text_would_be_more_surprising():
    _, surprises = write(mirostat(0), 400)
    assert sum(surprises) / len(surprises) > 3.3


def test_the_limit_starts_at_twice_the_target_and_moves_by_what_came():
    strategy = mirostat(1.5, rate=0.5)
    logits = logits_of(0.5, 0.25, 0.125, 0.125)  # 1, 2, 3 and 3 bits
    assert strategy.limit(context(0)) == 3
    assert kept(strategy.transform(logits, context(0))) == [0, 1, 2, 3]
    assert strategy.limit(context(0, 3)) == pytest.approx(3 - 0.5 * (3 - 1.5))
    assert kept(strategy.transform(logits, context(0, 3))) == [0, 1]
    assert strategy.limit(context(0, 0)) == pytest.approx(3 - 0.5 * (1 - 1.5))


def test_the_likeliest_token_stays_however_low_the_limit():
    assert kept(mirostat(0.1).transform([1.0] * 27, context())) == [0]


def test_two_texts_written_in_turns_are_those_written_one_after_the_other():
    logits = [-0.25 * token for token in range(27)]
    first, second = (0, 3, 9, 1), (0, 3, 2, 20)
    apart, in_turns = mirostat(2.5), mirostat(2.5)
    expected = [
        [apart.transform(logits, context(*text[:length])) for length in range(1, 5)]
        for text in (first, second)
    ]
    found: list[list[list[float]]] = [[], []]
    for length in range(1, 5):
        for index, text in enumerate((first, second)):
            found[index].append(in_turns.transform(logits, context(*text[:length])))
            in_turns.transform(logits, context(*text[:length]))  # one call more at the same place
    assert found == expected
    assert expected[0][3] != expected[1][3], "the two texts would not tell a mix-up"


def test_a_prompt_does_not_count_as_what_was_generated():
    strategy = mirostat(2.5)
    strategy.transform([-0.25 * token for token in range(27)], context(0))
    assert strategy.limit(context(0, 3, prompt_length=2)) == 5
    assert strategy.limit(context(0, 3)) != 5


def test_what_an_older_model_made_of_the_text_is_not_taken_for_this_ones():
    strategy = mirostat(2.5)
    strategy.transform([-0.25 * token for token in range(27)], context(0, step=1))
    assert strategy.limit(context(0, 3, step=2)) == 5
    assert strategy.limit(context(0, 3, step=1)) != 5


def test_what_it_remembers_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(mirostat_module, "_KEPT", 27 * 10)
    strategy = mirostat(2.5)
    write(strategy, 100)
    assert len(strategy._places) == 10


def test_a_target_of_zero_changes_nothing_and_remembers_nothing():
    strategy = mirostat(0)
    assert strategy.transform((0.5, -math.inf), context()) == [0.5, -math.inf]
    assert not strategy._places
