"""Lesson 9, taken by a scripted learner who writes Adam out and looks at what moved."""

from __future__ import annotations

import math
from typing import Any

import pytest

from playground.lab.protocol.lessons import GuideStep
from playground.lab.session import Session
from tests.hooks.lessons import by_hand
from tests.hooks.lessons.conftest import Taught
from tests.hooks.lessons.learner import Action, Learner, Truth, look, train


class Adam:
    """Kingma and Ba's algorithm 1 for a single weight; moves in learning rates."""

    def __init__(self, session: Session) -> None:
        self.of = session.spec.optimizer
        self.m = self.v = 0.0
        self.t = 0

    def move(self, gradient: float) -> float:
        self.t += 1
        self.m = self.of.beta1 * self.m + (1 - self.of.beta1) * gradient
        self.v = self.of.beta2 * self.v + (1 - self.of.beta2) * gradient**2
        m = self.m / (1 - self.of.beta1**self.t)
        return m / (math.sqrt(self.v / (1 - self.of.beta2**self.t)) + self.of.eps)


class Moved:
    """The first step, and how far it moved the weight with the largest gradient."""

    def __init__(self) -> None:
        self.by = 0.0

    def step(self, session: Session) -> None:
        gradients = by_hand.scalar_gradient(session)
        place = max(range(len(gradients)), key=lambda one: abs(gradients[one]))
        before = session.training.engine.read("weights")[place]
        assert session.advance(1)
        self.by = abs(session.training.engine.read("weights")[place] - before)


def set_rate(session: Session) -> None:
    """h, the learning rate, enter."""
    session.edit({"optimizer.learning_rate": 10 * session.spec.optimizer.learning_rate})


def farther(session: Session, shown: GuideStep) -> str:
    far, near = (
        float(one) for one in shown.text.split("gradients ")[1].split(". ")[0].split(" and ")
    )
    gradients = sorted(map(abs, by_hand.scalar_gradient(session)))
    assert far == pytest.approx(gradients[-1], rel=0.01)
    assert any(near == pytest.approx(one, rel=0.01) for one in gradients)
    assert Adam(session).move(far) / Adam(session).move(near) == pytest.approx(1, rel=0.01)
    return "Just as far"


def uncorrected(session: Session, _: GuideStep) -> float:
    adam = Adam(session)
    adam.move(0.37)
    return adam.m / math.sqrt(adam.v)


def turned(session: Session, _: GuideStep) -> str:
    adam = Adam(session)
    adam.move(0.37)
    assert -0.5 < adam.move(-0.37) < 0
    return "Back, by much less"


def half(session: Session, _: GuideStep) -> int:
    return math.floor(math.log(0.5) / math.log(session.spec.optimizer.beta1)) + 1


def sgd(_: Session, shown: GuideStep) -> float:
    return 0.01 * float(shown.text.split("gradient ")[-1].rstrip("?"))


def at_large_rate(session: Session, _: GuideStep) -> str:
    """What the run does from here in another session, at that rate, and at its own."""
    at, base = session.step, session.spec.optimizer.learning_rate
    other = Session.open(session.spec, session._registry, checkpoint=session.checkpoint())

    def late(rate: float) -> float:
        other.go_to(at)
        other.edit({"optimizer.learning_rate": rate})
        while other.step < at + 20 and other.advance(1):
            pass
        losses = other.training.series.between(0, other.step)[1][at + 10 :]
        return sum(losses) / len(losses) if other.step == at + 20 else math.inf

    large, usual = late(10 * base), late(base)
    if large > math.log(session.info.vocab_size):
        return "It rises above a blind guess"
    return "It falls faster" if large < usual - 0.05 else "It goes on much as before"


MOVED = Moved()


ACTIONS: dict[int, Action] = {
    2: MOVED.step,
    3: look("step"),
    8: train(50),
    10: set_rate,
    11: train(52),
}


TRUTHS: dict[int, Truth] = {
    1: farther,
    2: lambda *_: MOVED.by,
    4: uncorrected,
    5: turned,
    6: half,
    7: sgd,
    9: at_large_rate,
}


@pytest.mark.parametrize(("text", "settings"), by_hand.CASES)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    Learner(taught("adam", text, **settings), "adam", ACTIONS, TRUTHS).walk()
