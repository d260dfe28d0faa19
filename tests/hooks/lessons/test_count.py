"""Lesson 1, taken by a scripted learner who counts the file and asks the scalar engine."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from microgpt.scalar_engine import ScalarEngine
from playground.hooks.builtins.lessons import count
from playground.lab.protocol.lessons import GuideStep
from playground.lab.session import Session
from tests.hooks.lessons.conftest import ODD, Taught
from tests.hooks.lessons.learner import Learner, facts_of, panel, sample, train

ACTIONS = {
    6: panel("bigrams"),
    11: train(count.STEPS + 60),
    12: sample,
}


def counted(session: Session) -> Counter[tuple[int, int]]:
    """The pairs of the training documents, plainly."""
    found: Counter[tuple[int, int]] = Counter()
    encoder, most = session._prepared.encoder, session.spec.model.block_size
    for text in session._prepared.train:
        ids = [encoder.bos_id, *encoder.encode(text), encoder.bos_id][: most + 1]
        for one, other in pairwise(ids):
            found[one, other] += 1
    return found


def asked(session: Session) -> tuple[int, int]:
    """The pair that the lesson asks about: the most frequent token that is not BOS, and the one
    that follows it most."""
    found, bos = counted(session), session.info.bos_id
    totals: Counter[int] = Counter()
    for (one, _), times in found.items():
        totals[one] += times
    first = min((one for one in totals if one != bos), key=lambda one: (-totals[one], one))
    rows = {other: times for (one, other), times in found.items() if one == first}
    return first, min(rows, key=lambda other: (-rows[other], other))


def share(session: Session, pair: tuple[int, int]) -> float:
    found = counted(session)
    return found[pair] / sum(times for (one, _), times in found.items() if one == pair[0])


def said(session: Session, pair: tuple[int, int]) -> float:
    """The model's probability of the pair, by the scalar engine."""
    prepared = session._prepared
    engine = ScalarEngine(
        prepared.config, prepared.spec.optimizer.config(), session.training.engine.read("weights")
    )
    [[loss, *_]] = engine.losses([[pair[0], pair[1]]])
    return math.exp(-loss)


def follower(session: Session, step: GuideStep) -> str:
    found, (one, _) = counted(session), asked(session)
    names = {f"“{session.display(other)}”": other for other in range(session.info.vocab_size)}
    return max(step.choices, key=lambda choice: found[one, names[choice]])


def price(session: Session, step: GuideStep) -> str:
    """The cost of the pair that the question names."""
    names = {f"“{session.display(one)}”": one for one in range(session.info.vocab_size)}
    other, one = (names[name] for name in re.findall("“.*?”", step.text)[:2])
    p = share(session, (one, other))
    return f"{-math.log(p):.2f} nats" if p else "infinitely many nats"


def nearer(session: Session, step: GuideStep) -> str:
    """From the record: the loss at the step that is asked about, wherever the run is by now."""
    at = min(count.STEPS, session.spec.steps)
    _, losses, _, evaluations = session.training.series.between(0, at)
    loss = evaluations[-1][1] if session.info.heldout_documents else sum(losses[-50:]) / 50
    line = {one.name: one.nats for one in session.info.baselines_on(session.training.evaluated)}
    return step.choices[int(abs(loss - line["bigram"]) < abs(loss - line["uniform"]))]


def surest(session: Session, step: GuideStep) -> str:
    """The choice after whose token the counted row has the least entropy."""
    found = counted(session)
    names = {f"“{session.display(one)}”": one for one in range(session.info.vocab_size)}

    def entropy(token: int) -> float:
        row = [times for (one, _), times in found.items() if one == token]
        return -sum(times / sum(row) * math.log(times / sum(row)) for times in row)

    costs = {choice: entropy(names[choice]) for choice in step.choices if choice in names}
    assert len(costs) >= len(step.choices) - 1
    alike = max(costs.values()) - min(costs.values()) < 0.05
    return step.choices[-1] if alike else min(costs, key=lambda choice: costs[choice])


TRUTHS = {
    2: lambda session, _: math.log(2 * session.info.vocab_size),
    3: follower,
    4: lambda session, _: share(session, asked(session)),
    5: lambda session, _: said(session, asked(session)),
    8: price,
    10: surest,
    11: nearer,
}


@pytest.mark.parametrize(("text", "settings"), ODD)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    Learner(taught("count", text, **settings), "count", ACTIONS, TRUTHS).walk()


@pytest.mark.parametrize(("text", "settings"), ODD[1:4])
def test_the_smoothed_table_is_that_of_the_baselines(
    taught: Taught, text: str, settings: dict[str, Any]
) -> None:
    session = taught("count", text, **{**settings, "holdout": 0.0})
    facts = facts_of(session)
    losses = [
        (times, -math.log(count.smoothed(facts, *pair))) for pair, times in counted(session).items()
    ]
    mean = sum(times * loss for times, loss in losses) / sum(times for times, _ in losses)
    assert mean == pytest.approx(facts.baselines["bigram"], abs=1e-9)
