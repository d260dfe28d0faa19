"""Lesson 2, taken by a learner who reads losses off the scalar engine and the record."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from microgpt.scalar_engine import ScalarEngine
from playground.hooks.builtins.lessons import surprise
from playground.lab.protocol.lessons import GuideStep
from playground.lab.session import Session
from tests.hooks.lessons.conftest import ODD, Taught
from tests.hooks.lessons.learner import Learner, facts_of, look, step_on, train

AT = 1 + surprise.STEPS
"""Where the question of the held-out loss is judged: it begins after the first step."""
# The learner trains further than asked, and the answer is that of the step that was named.
ACTIONS = {1: step_on, 5: train(AT + 60), 8: step_on, 11: look("flow", text="a")}


def scalar_losses(session: Session, index: int) -> list[tuple[str, float]]:
    """The tokens of a training document, each with its loss by the scalar engine."""
    prepared = session._prepared
    weights = session.training.engine.read("weights")
    engine = ScalarEngine(prepared.config, prepared.spec.optimizer.config(), weights)
    ids = prepared.documents[index][: prepared.config.block_size + 1]
    [losses] = engine.losses([ids])
    return [(session.display(one), loss) for one, loss in zip(ids[1:], losses, strict=True)]


def tile(session: Session, _: GuideStep) -> float:
    """The probability of the worst tile, of the losses as the run recorded them."""
    last = session.training.last
    assert last is not None
    return math.exp(-max(last.token_losses[0]))


def equally(session: Session, _: GuideStep) -> float:
    return math.exp(session.training.series.losses[session.step - 1])


def among(session: Session, _: GuideStep) -> float:
    losses, _, evaluations = session.training.series.between(0, AT)[1:]
    if evaluations and session.info.heldout_documents:
        return math.exp(evaluations[-1][1])
    return math.exp(sum(losses[AT - 50 : AT]) / 50)


def first_line(session: Session, step: GuideStep) -> str:
    """The line nearest to the loss of the first step."""
    loss = session.training.series.losses[0]
    known = session.info.baselines_on(session.training.evaluated)
    lines = {one.name: one.nats for one in known if one.name in step.choices}
    assert loss < 1.5 * max(lines.values()), "not far above them"
    return min(lines, key=lambda name: abs(lines[name] - loss))


def likelier(_: Session, step: GuideStep) -> float:
    """From the two losses in the question; they are told with three digits."""
    first, last = map(float, re.findall(r"from ([\d.]+) to ([\d.]+)", step.text)[0])
    return math.exp(first - last)


def next_worst(session: Session, _: GuideStep) -> str:
    index = session.step % session.info.train_documents
    return f"“{max(scalar_losses(session, index), key=lambda one: one[1])[0]}”"


def jumpier(session: Session, step: GuideStep) -> str:
    _, losses, _, evaluations = session.training.series.between(0, session.step)
    slow = [loss for _, loss in evaluations]
    if not session.info.heldout_documents:
        slow = [losses[0]]
        for loss in losses[1:]:
            slow.append(0.95 * slow[-1] + 0.05 * loss)
    fast, calm = (
        sum(abs(some[i] - some[i - 1]) for i in range(1, len(some))) / (len(some) - 1)
        for some in (losses, slow)
    )
    return step.choices[int(calm > fast)]


TRUTHS = {
    1: first_line,
    2: tile,
    3: equally,
    5: among,
    6: likelier,
    7: next_worst,
    9: jumpier,
}


@pytest.mark.parametrize(("text", "settings"), ODD)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    Learner(taught("surprise", text, **settings), "surprise", ACTIONS, TRUTHS).walk()


@pytest.mark.parametrize("holdout", [0.1, 0.0])
def test_the_loss_at_a_step_is_that_of_the_step_however_far_the_run_went(
    taught: Taught, holdout: float
) -> None:
    session = taught("surprise", "made up", holdout=holdout)
    train(120)(session)
    _, losses, _, evaluations = session.training.series.between(0, 120)
    facts = facts_of(session, "surprise")
    for at in (60, 110):
        want = evaluations[at // 50][1] if holdout else sum(losses[at - 50 : at]) / 50
        assert surprise.loss_by(facts, at) == pytest.approx(want, abs=1e-12)
