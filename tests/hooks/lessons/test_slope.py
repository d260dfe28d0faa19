"""Lesson 4, taken by a learner who differentiates numerically, by the scalar engine."""

from __future__ import annotations

import math
import re
from array import array
from typing import Any

import pytest

from microgpt.scalar_engine import ScalarEngine
from microgpt.surgery import operation_of
from playground.lab.protocol.lessons import GuideStep
from playground.lab.session import Session
from tests.hooks.lessons.conftest import ODD, Taught
from tests.hooks.lessons.learner import Learner, look, step_on


def scalar_loss(session: Session, index: int, weights: array[float]) -> float:
    """The mean loss of a training document with these weights, by the scalar engine."""
    prepared = session._prepared
    engine = ScalarEngine(prepared.config, prepared.spec.optimizer.config(), weights)
    [losses] = engine.losses([prepared.documents[index]])
    return sum(losses) / len(losses)


def place(session: Session, step: GuideStep) -> int:
    """Where the weight that the question names lies among all weights."""
    [(name, column)] = re.findall(r"wte\['(.*?)'\]\[(\d+)\]", step.text)
    names = [session.display(one) for one in range(session.info.vocab_size)]
    return names.index(name) * session.spec.model.n_embd + int(column)


def slope(session: Session, at: int, index: int, weights: array[float], nudge: float) -> float:
    """The slope of the loss by that weight, by nudging it to either side."""
    found = []
    for by in (nudge, -nudge):
        moved = array("d", weights)
        moved[at] += by
        found.append(scalar_loss(session, index, moved))
    return (found[0] - found[1]) / (2 * nudge)


def weights(session: Session) -> array[float]:
    return session.training.engine.read("weights")


def by_nudging(_: Session, step: GuideStep) -> float:
    one, other = map(float, re.findall(r"is (\d+\.\d{6})", step.text))
    return (other - one) / 0.01


def apart(session: Session, step: GuideStep) -> str:
    """How far the slope that the question tells is from the one by a far smaller nudge."""
    [told] = map(float, re.findall(r"gave ([+-]\d+\.\d{4})", step.text))
    exact = slope(session, place(session, step), session.step, weights(session), 1e-5)
    by_one_side = told - exact
    return step.choices[1 if abs(by_one_side) < abs(exact) / 10 else 2]


def nudge(session: Session) -> None:
    """C: try another value for a weight."""
    for _ in session.trying([operation_of("weight:wte[0,0]=0.5")], None):
        pass


def best(session: Session, step: GuideStep) -> str:
    at = place(session, step)
    exact = slope(session, at, session.step, weights(session), 1e-5)
    return min(
        step.choices,
        key=lambda choice: abs(
            slope(session, at, session.step, weights(session), float(choice)) - exact
        ),
    )


def direction(session: Session, step: GuideStep) -> str:
    """What the step did to the weight."""
    at = place(session, step)
    new, now = weights(session)[at], session.step
    session.go_to(now - 1)
    old = weights(session)[at]
    session.go_to(now)
    return "it grows" if new > old else "it shrinks" if new < old else "it stays"


def foretold(session: Session, _: GuideStep) -> float:
    """The slope of the loss along the step that the run really makes, by nudging along it."""
    at, old = session.step, weights(session)
    assert session.advance(1)
    new = weights(session)
    session.go_to(at)
    index = at % session.info.train_documents

    def along(part: float) -> float:
        return scalar_loss(
            session, index, array("d", [a + part * (b - a) for a, b in zip(old, new, strict=True)])
        )

    return (along(1e-4) - along(-1e-4)) / 2e-4


ACTIONS = {3: nudge, 5: step_on, 10: look("step")}
TRUTHS = {
    1: by_nudging,
    2: apart,
    4: best,
    5: direction,
    6: foretold,
    8: lambda *_: math.pi / math.pi,
    9: lambda *_: 2 * math.pi / math.pi,
}


@pytest.mark.parametrize(("text", "settings"), ODD)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    Learner(taught("slope", text, **settings), "slope", ACTIONS, TRUTHS).walk()
