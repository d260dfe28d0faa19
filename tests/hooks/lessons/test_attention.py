"""Lesson 7, taken by a scripted learner who computes attention by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from playground.lab.protocol.lessons import GuideStep
from playground.lab.session import Session
from tests.hooks.lessons import by_hand
from tests.hooks.lessons.conftest import Taught
from tests.hooks.lessons.learner import Action, Learner, Truth, look, train


def own_text(session: Session) -> None:
    """/, another document of the data, enter."""
    look("attention", text=session._prepared.train[-1])(session)


ACTIONS: dict[int, Action] = {2: train(200), 7: look("attention"), 11: own_text}


def score(session: Session, shown: GuideStep) -> float:
    layer = by_hand.read(session).layers[0]
    scores = [one for head in layer.scores[-1] for one in head]
    found = max(scores, key=abs)
    width = session.spec.model.n_embd // session.spec.model.n_head
    assert f"is {found * math.sqrt(width):+.4g}." in shown.text
    return found


def first_weight(session: Session, shown: GuideStep) -> float:
    layer = by_hand.read(session).layers[0]
    at = min(1, len(layer.scores) - 1)
    head = max(layer.scores[at], key=lambda row: max(row) - min(row))
    assert all(f"{one:+.3f} for position {k}" in shown.text for k, one in enumerate(head))
    return math.exp(head[0]) / sum(map(math.exp, head))


def rows(session: Session) -> list[list[float]]:
    return [head for layer in by_hand.read(session).layers for head in layer.weights[-1]]


def largest(session: Session, shown: GuideStep) -> tuple[int, int]:
    weights = rows(session)
    assert (len(shown.rows), len(shown.columns)) == (len(weights), len(weights[0]))
    most = max(map(max, weights))
    return next((h, s) for h, row in enumerate(weights) for s, w in enumerate(row) if w == most)


def writes_most(session: Session, _: GuideStep) -> str:
    model, flat = session.spec.model, rows(session)
    most = max(map(max, flat))
    place = next(h for h, row in enumerate(flat) if most in row)
    layer, head = divmod(place, model.n_head)
    at, wo = by_hand.read(session).layers[layer], by_hand.matrices(session)
    width = model.n_embd // model.n_head
    own = range(head * width, (head + 1) * width)
    lengths = []
    for weight, value in zip(flat[place], at.v, strict=True):
        wrote = [sum(row[d] * value[d] for d in own) for row in wo[f"layer{layer}.attn_wo"]]
        lengths.append(weight * math.hypot(*wrote))
    same = lengths.index(max(lengths)) == flat[place].index(most)
    return "Yes, for that one" if same else "No, for another one"


def cache(session: Session, _: GuideStep) -> int:
    return sum(
        len(row) for at in by_hand.read(session).layers for rows in (at.k, at.v) for row in rows
    )


TRUTHS: dict[int, Truth] = {
    3: lambda session, _: by_hand.read(session).layers[0].weights[0][0][0],
    4: lambda *_: "Nowhere: there are no later keys yet",
    5: score,
    6: first_weight,
    8: largest,
    9: writes_most,
    10: cache,
}


@pytest.mark.parametrize(("text", "settings"), [*by_hand.CASES, ("made up", {"model__n_layer": 2})])
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    session = taught("attention", text, steps=40, **settings)
    for one in Learner(session, "attention", ACTIONS, TRUTHS).steps():
        if one.step.kind == "cell":
            assert one.judged is not None
            weights = {
                (head, source): weight
                for head, row in enumerate(rows(session))
                for source, weight in enumerate(row)
            }
            nearest = {
                cell for cell, weight in weights.items() if weight > max(weights.values()) - 5e-4
            }
            assert set(one.judged.cells) == nearest
