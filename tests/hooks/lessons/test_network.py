"""Lesson 3, taken by a learner who looks at the weights before and after a step."""

from __future__ import annotations

import math
import re
from array import array
from typing import Any

import pytest

from playground.lab.protocol.lessons import GuideStep
from playground.lab.session import Session
from tests.hooks.lessons.conftest import ODD, Taught
from tests.hooks.lessons.learner import Learner, matrix, panel, step_on, train
from tests.hooks.lessons.test_count import counted, said

ACTIONS = {
    3: matrix("lm_head"),
    5: step_on,
    7: train(430),
    8: train(1000),
    10: panel("bigrams"),
}


def before(session: Session) -> array[float]:
    """The weights that the run began with."""
    return session._prepared.initial


def moved(session: Session, step: GuideStep) -> float:
    """By how much the weight in the question really moved, in the first step."""
    assert session.step == 1
    [(name, column)] = re.findall(r"lm_head\['(.*?)'\]\[(\d+)\]", step.text)
    names = [session.display(one) for one in range(session.info.vocab_size)]
    row = session.info.vocab_size + names.index(name)  # lm_head comes after wte here
    at = row * session.spec.model.n_embd + int(column)
    return session.training.engine.read("weights")[at] - before(session)[at]


def rows(session: Session, _: GuideStep) -> int:
    """How many rows of wte the next step really moves; the run then goes back."""
    width, size = session.spec.model.n_embd, session.info.vocab_size
    old = session.training.engine.read("weights")
    at = session.step
    assert session.advance(1)
    new = session.training.engine.read("weights")
    session.go_to(at)
    return sum(
        old[row * width : (row + 1) * width] != new[row * width : (row + 1) * width]
        for row in range(size)
    )


def curve(session: Session, _: GuideStep) -> tuple[float, ...]:
    losses = session.training.series.losses
    return tuple(sum(losses[at - 50 : at]) / 50 for at in range(50, 401, 50))


def beaten(session: Session, step: GuideStep) -> str:
    _, losses, _, evaluations = session.training.series.between(0, 1000)
    line = {one.name: one.nats for one in session.info.baselines_on(session.training.evaluated)}
    loss = evaluations[-1][1] if session.info.heldout_documents else sum(losses[-200:]) / 200
    apart = loss - line["bigram"]
    return step.choices[0 if apart < -0.05 else 1 if apart <= 0.05 else 2]


def worse(session: Session, step: GuideStep) -> str:
    """The choice whose row is farther off, by the scalar engine."""
    names = {f"“{session.display(one)}”": one for one in range(session.info.vocab_size)}
    found = counted(session)

    def off(token: int) -> float:
        row = {other: times for (one, other), times in found.items() if one == token}
        total = sum(row.values())
        return sum(
            times / total * math.log(times / total / said(session, (token, other)))
            for other, times in row.items()
        )

    return max(step.choices, key=lambda choice: off(names[choice]))


TRUTHS = {
    1: lambda session, _: (
        len(session.training.engine.read("weights")) / session.info.vocab_size * 1000
    ),
    5: moved,
    6: rows,
    7: curve,
    8: beaten,
    9: worse,
}


@pytest.mark.parametrize(("text", "settings"), ODD)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    Learner(taught("network", text, **settings), "network", ACTIONS, TRUTHS).walk()
