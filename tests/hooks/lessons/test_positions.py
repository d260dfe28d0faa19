"""Lesson 6, taken by a scripted learner who nudges rows and computes the model by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from playground.lab.protocol.lessons import GuideStep
from playground.lab.session import Session
from tests.hooks.lessons import by_hand
from tests.hooks.lessons.conftest import Taught
from tests.hooks.lessons.learner import Action, Learner, Truth, look, matrix, step_on, train

ACTIONS: dict[int, Action] = {
    1: step_on,
    3: matrix("wpe", "gradients"),
    8: look("flow"),
    10: train(150),
    11: by_hand.try_out("matrix:wpe"),
}


def row_without(session: Session, shown: GuideStep) -> int:
    matters = by_hand.rows_that_matter(session, "wte")
    names = [session.info.vocabulary[one] for one in matters]
    labels = [one.removeprefix("the row of “").removesuffix("”") for one in shown.choices[:-1]]
    return next((at for at, one in enumerate(labels) if one not in names), len(labels))


def length_behind(session: Session, _: GuideStep) -> float:
    return math.sqrt(sum(one * one for one in by_hand.norm(by_hand.read(session).sums[0])))


def doubling(session: Session, _: GuideStep) -> str:
    weights = by_hand.matrices(session)
    before = by_hand.read(session, weights).chances
    for name in ("wte", "wpe"):
        weights[name] = [[2 * one for one in row] for row in weights[name]]
    after = by_hand.read(session, weights).chances
    far = max(
        abs(a - b)
        for one, two in zip(before, after, strict=True)
        for a, b in zip(one, two, strict=True)
    )
    assert far < 0.01
    return "They stay as they are"


def stream(session: Session, shown: GuideStep) -> float:
    layer = by_hand.read(session).layers[0]
    x, out = layer.x[-1], layer.x_out[-1]
    at = max(range(len(x)), key=lambda place: abs(out[place] - x[place]))
    assert f"number {at} of" in shown.text and f"{x[at]:+.3f}" in shown.text
    assert f"{sum(one[at] for one in layer.writes[-1]):+.3f}" in shown.text
    return out[at]


def without_positions(session: Session, _: GuideStep) -> str:
    ((delta, error),) = by_hand.costs(session, ["matrix:wpe"])
    if abs(delta) < 2 * error or delta == 0:
        return "It stays, within the noise"
    return "It rises clearly" if delta > 0 else "It falls clearly"


TRUTHS: dict[int, Truth] = {
    2: lambda session, _: len(by_hand.rows_that_matter(session, "wpe")),
    4: row_without,
    5: lambda session, _: len(by_hand.rows_that_matter(session, "lm_head")),
    6: length_behind,
    7: doubling,
    9: stream,
    11: without_positions,
}


@pytest.mark.parametrize(("text", "settings"), by_hand.CASES)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    session = taught("positions", text, steps=40, **settings)
    Learner(session, "positions", ACTIONS, TRUTHS).walk()
