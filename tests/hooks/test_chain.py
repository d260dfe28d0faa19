"""The chain from logits to the next token, and strategies that break their contract."""

from __future__ import annotations

import math
import random

import pytest

from microgpt.sampling import softmax
from playground.hooks.chain import Chain, ChainError, LogitsError
from playground.hooks.errors import PluginError


class Transform:
    """A strategy made of a function."""

    def __init__(self, function) -> None:
        self.transform = function


class Pick:
    def __init__(self, function) -> None:
        self.pick = function


LOGITS = [0.0, 1.0, 2.0]


def plus(amount):
    return Transform(lambda logits, _: [x + amount for x in logits])


def test_transforms_work_in_the_users_order(context):
    add, times = plus(1), Transform(lambda logits, _: [x * 2 for x in logits])
    where = context(3)
    assert Chain([("p:a", add), ("p:b", times)]).apply(LOGITS, where) == [2.0, 4.0, 6.0]
    assert Chain([("p:b", times), ("p:a", add)]).apply(LOGITS, where) == [1.0, 3.0, 5.0]


def test_an_empty_chain_draws_from_the_models_own_probabilities(context):
    chain = Chain([])
    before, after = chain.probabilities(LOGITS, context(3))
    assert before == after == softmax(LOGITS)
    expected = random.Random(7).choices(range(3), weights=before)[0]
    assert chain.choose(LOGITS, context(3, seed=7)) == expected


def test_the_link_that_picks_comes_last_wherever_it_was_put(builtins, context):
    flip = Transform(lambda logits, _: [-x for x in logits])
    greedy = builtins.make("strategy", "greedy")
    chain = Chain([("builtin:greedy", greedy), ("p:flip", flip)])
    assert chain.picks == "builtin:greedy"
    assert chain.choose(LOGITS, context(3)) == 0
    _, after = chain.probabilities(LOGITS, context(3))
    assert after == softmax([0.0, -1.0, -2.0]), "shown as they are before the pick"


def test_two_that_pick_are_refused_by_name(builtins):
    pick = Pick(lambda *_: 0)
    with pytest.raises(ChainError, match="builtin:greedy and p:first both pick"):
        Chain([("builtin:greedy", builtins.make("strategy", "greedy")), ("p:first", pick)])
    with pytest.raises(ChainError, match="neither"):
        Chain([("p:x", object())])


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ([1.0], "1 logits for 3 tokens"),
        ([1.0] * 4, "more than 3 logits for 3 tokens"),
        ([0.0, math.nan, 0.0], "token 1 is NaN"),
        ([-math.inf] * 3, "rules out every token"),
        ([0.0, 0.0, math.inf], "token 2 is +inf"),
        (["1", 2.0, 3.0], "'1', not a number"),
        ([None, 2.0, 3.0], "TypeError"),
        ([True, 2.0, 3.0], "True, not a number"),
        (None, "TypeError"),
    ],
)
def test_a_strategy_that_returns_what_it_must_not_is_named(context, result, said):
    chain = Chain([("p:fine", plus(0)), ("q:bad", Transform(lambda *_: result))])
    with pytest.raises(PluginError) as caught:
        chain.choose(LOGITS, context(3))
    assert caught.value.plugin == "q" and "q:bad" in caught.value.place
    assert said in str(caught.value)


def test_whole_numbers_and_generators_will_do(context):
    chain = Chain([("p:x", Transform(lambda logits, _: (int(x) for x in logits)))])
    result = chain.apply(LOGITS, context(3))
    assert result == LOGITS and all(type(x) is float for x in result)


def test_a_strategy_that_changes_its_argument_finds_out_and_harms_nobody(context):
    def spoil(logits, _):
        logits[0] = 99.0
        return logits

    mine = list(LOGITS)
    with pytest.raises(PluginError, match="item assignment"):
        Chain([("p:spoil", Transform(spoil))]).apply(mine, context(3))
    assert mine == LOGITS


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
def test_a_strategy_that_raises_is_named(context, error):
    def fail(*_):
        raise error

    with pytest.raises(PluginError, match="p:fail"):
        Chain([("p:fail", Transform(fail))]).apply(LOGITS, context(3))
    with pytest.raises(PluginError, match="p:fail"):
        Chain([("p:fail", Pick(fail))]).choose(LOGITS, context(3))


@pytest.mark.parametrize(
    ("token", "said"),
    [(3, "token 3 of 3"), (-1, "token -1 of 3"), (True, "True"), (1.0, "TypeError"), (None, "No")],
)
def test_a_pick_that_is_no_token_is_refused(context, token, said):
    with pytest.raises(PluginError, match=said):
        Chain([("p:x", Pick(lambda *_: token))]).choose(LOGITS, context(3))


def test_a_pick_gets_probabilities_and_the_random_stream(context):
    def pick(probs, context):
        assert sum(probs) == pytest.approx(1)
        return context.rng.randrange(len(probs))

    chain = Chain([("p:x", Pick(pick))])
    assert chain.choose(LOGITS, context(3, seed=5)) == chain.choose(LOGITS, context(3, seed=5))


def test_looking_leaves_the_random_stream_where_it_is(context):
    noisy = Transform(lambda logits, context: [x + context.rng.random() for x in logits])
    chain, where = Chain([("p:noisy", noisy)]), context(3)
    state = where.rng.getstate()
    first = chain.probabilities(LOGITS, where)
    assert where.rng.getstate() == state
    assert chain.probabilities(LOGITS, where) == first
    chain.choose(LOGITS, where)
    assert where.rng.getstate() != state


@pytest.mark.parametrize("logits", [[math.nan, 0.0], [math.inf, 0.0], [-math.inf] * 2, []])
def test_logits_of_a_diverged_model_are_nobodys_fault_but_its_own(context, logits):
    for call in (Chain([]).choose, Chain([]).probabilities, Chain([("p:x", plus(1))]).apply):
        with pytest.raises(LogitsError, match=r"diverged|no logits"):
            call(logits, context(2))


def test_a_token_ruled_out_has_no_chance(context):
    before, after = Chain([("p:x", plus(1))]).probabilities([0.0, -math.inf], context(2))
    assert before == after == [1.0, 0.0]


def test_numpy_like_floats_become_plain_ones(context):
    class Float(float):
        pass

    chain = Chain([("p:x", Transform(lambda logits, _: [Float(x) for x in logits]))])
    assert {type(x) for x in chain.apply(LOGITS, context(3))} == {float}
