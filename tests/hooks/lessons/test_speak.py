"""Lesson 10, taken by a scripted learner who computes chances by hand and reads the samples."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from microgpt.surgery import operation_of
from playground.api import SampleFacts
from playground.hooks.builtins.lessons.speak import new_texts
from playground.lab.protocol.lessons import GuideStep
from playground.lab.protocol.sampling import Link
from playground.lab.session import Session
from tests.hooks.lessons import by_hand
from tests.hooks.lessons.conftest import Taught
from tests.hooks.lessons.learner import Action, Learner, Truth, facts_of, train, void

PARTS = ("wte", "wpe", "layer0.attn_wo", "layer0.mlp_fc2", "lm_head")


def sample(session: Session) -> None:
    """g"""
    void(session.sample())


def heat(value: float, session: Session) -> None:
    """4, enter, the number, enter, g"""
    sampling = session.observation.sampling
    chain = tuple(
        replace(one, options={"temperature": value}) if one.name == "temperature" else one
        for one in sampling.chain
    )
    session.observe(replace(sampling, chain=chain))
    sample(session)


def operate(session: Session) -> None:
    """C on lm_head, enter, g"""
    session.surgeon.operate([operation_of("matrix:lm_head")])
    sample(session)


ranked = by_hand.rank(*(f"matrix:{name}" for name in PARTS))
ACTIONS: dict[int, Action] = {
    1: train(300),
    2: sample,
    5: lambda session: heat(2.0, session),
    8: lambda session: heat(0.5, session),
    9: by_hand.either(ranked, by_hand.try_out("matrix:lm_head")),
    10: operate,
}


def chances(session: Session, temperature: float = 1.0) -> list[float]:
    """The chances of the first token of a text, the likeliest first."""
    logits = by_hand.read(session).logits[0]
    return sorted(by_hand.softmax([one / temperature for one in logits]), reverse=True)


def cold(session: Session, _: GuideStep) -> float:
    first, *others = chances(session)
    other = min(others, key=lambda one: abs(math.log(first / one / 3)))
    at = chances(session).index(other)
    return chances(session, 0.5)[0] / chances(session, 0.5)[at]


def hot(session: Session, _: GuideStep) -> str:
    return "It falls" if chances(session, 2.0)[0] < chances(session)[0] else "It rises"


def at_zero(session: Session, _: GuideStep) -> int:
    before = session.observation.sampling
    session.observe(replace(before, chain=(Link("greedy"),)))
    batch = session.texts.sampler.batch(0, session.step, "greedy")
    session.observe(before)
    return len({one.text for one in batch.texts})


def top(session: Session, _: GuideStep) -> float:
    found = chances(session)
    return found[0] / sum(found[: min(3, len(found) - 1)])


def new(session: Session, _: GuideStep) -> int:
    batch = session.texts.batches[-1]
    return sum(one.mark == "new" for one in batch.texts)


def dearest(session: Session, _: GuideStep) -> int:
    found = by_hand.costs(session, [f"matrix:{name}" for name in PARTS])
    return max(range(len(found)), key=lambda at: found[at][0])


TRUTHS: dict[int, Truth] = {3: cold, 4: hot, 6: at_zero, 7: top, 8: new, 9: dearest}


@pytest.mark.parametrize(("text", "settings"), by_hand.CASES)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    Learner(taught("speak", text, steps=40, **settings), "speak", ACTIONS, TRUTHS).walk()


def test_a_text_is_new_if_it_is_none_of_the_data_and_no_part_of_one(taught: Taught) -> None:
    facts = facts_of(taught("speak", "three"), "speak")
    batches = [
        SampleFacts(1, ("ab",), (True,)),
        SampleFacts(
            2, ("a", "b", "c", "d"), (True, False, False, False), (False, True, False, False)
        ),
        SampleFacts(3, (), ()),
    ]
    assert new_texts(replace(facts, samples=tuple(batches))) == 2
