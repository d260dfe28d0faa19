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

BEFORE: list[Session] = []
"""The runs with positions that were left for one without."""


def anew(session: Session) -> Session:
    """h, positions left out, enter; space until the end."""
    BEFORE.append(session)
    parts = [one for one in session.spec.model.parts if one != "positions"]
    without = Session.open(session.spec.replace({"model.parts": parts}), session._registry)
    train(500)(without)
    return without


ACTIONS: dict[int, Action] = {
    1: step_on,
    3: matrix("wpe", "gradients"),
    8: look("flow"),
    10: train(500),
    11: by_hand.try_out("matrix:wpe"),
    12: anew,
}


def row_without(session: Session, shown: GuideStep) -> int:
    matters = by_hand.rows_that_matter(session, "wte")
    names = [session.info.vocabulary[one] for one in matters]
    labels = [one.removeprefix("“").removesuffix("”") for one in shown.choices[:-1]]
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


def never_had(session: Session, shown: GuideStep) -> str:
    before, ((cut, _),) = BEFORE[-1], by_hand.costs(BEFORE[-1], ["matrix:wpe"])
    had, without = by_hand.loss(before), by_hand.loss(session)
    assert f"{had:.3f} with wpe, {had + cut:.3f} after the cut" in shown.text
    share = (without - had) / max(cut, 0.04)
    if share < 1 / 3:
        return "Near that with wpe"
    return "Near that after the cut" if share > 2 / 3 else "About half way"


TRUTHS: dict[int, Truth] = {
    2: lambda session, _: len(by_hand.rows_that_matter(session, "wpe")),
    4: row_without,
    5: lambda session, _: len(by_hand.rows_that_matter(session, "lm_head")),
    6: length_behind,
    7: doubling,
    9: stream,
    11: without_positions,
    12: never_had,
}


@pytest.mark.parametrize(("text", "settings"), by_hand.CASES)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    session = taught("positions", text, steps=40, **settings)
    Learner(session, "positions", ACTIONS, TRUTHS).walk()
