"""Lesson 8, taken by a scripted learner who counts the numbers of each matrix."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from playground.lab.protocol.lessons import GuideStep
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.hooks.lessons import by_hand
from tests.hooks.lessons.conftest import Taught
from tests.hooks.lessons.learner import Action, Learner, Truth, look, train

NOISE = "None: all is noise"
WRITES = "matrix:layer0.attn_wo"
"""What all heads of layer 0 write by."""


def heads(session: Session, layers: int | None = None) -> list[str]:
    model = session.spec.model
    return [
        f"head:{layer}.{head}"
        for layer in range(layers or model.n_layer)
        for head in range(model.n_head)
    ]


def try_heads(session: Session) -> None:
    """R; without held-out texts, c, esc, . for each head."""
    every = heads(session)
    by_hand.either(by_hand.rank(WRITES, *every), by_hand.try_out(*every))(session)


def all_at_once(session: Session) -> None:
    """R, if it was not pressed at this moment; without held-out texts, C on attn_wo."""
    every = [WRITES, *heads(session, 1)]
    by_hand.either(by_hand.rank(*every), by_hand.try_out(WRITES))(session)


ACTIONS: dict[int, Action] = {
    5: train(3000),
    6: lambda session: look("attention", head=min(1, session.spec.model.n_head - 1))(session),
    7: try_heads,
    9: all_at_once,
}


def numbers(session: Session, **model: int) -> int:
    """The numbers of all matrices of such a model, one by one."""
    spec = RunSpec().replace({f"model.{name}": value for name, value in model.items()}).model
    width, tokens = spec.n_embd, session.info.vocab_size
    matrices = [(tokens, width), (spec.block_size, width), (tokens, width)]
    for _ in range(spec.n_layer):
        matrices += [(width, width)] * 4 + [(4 * width, width), (width, 4 * width)]
    return sum(rows * columns for rows, columns in matrices)


def model_of(session: Session) -> dict[str, int]:
    return {k: v for k, v in session.spec.model.model_dump().items() if k != "parts"}


def further_layer(session: Session, _: GuideStep) -> int:
    model = model_of(session)
    more = numbers(session, **{**model, "n_layer": model["n_layer"] + 1})
    return more - sum(one.rows * one.columns for one in session.info.matrices)


def larger(session: Session, _: GuideStep) -> str:
    model = model_of(session)
    wide = numbers(session, **{**model, "n_embd": 2 * model["n_embd"]})
    deep = numbers(session, **{**model, "n_layer": 2 * model["n_layer"]})
    return "Twice the width" if wide > deep else "Twice the layers"


def dearest(session: Session, shown: GuideStep) -> int:
    found = by_hand.costs(session, heads(session))
    dear = [at for at, (delta, error) in enumerate(found) if delta >= 2 * error and delta > 0]
    if not dear:
        return shown.choices.index(NOISE)
    most = max(dear, key=lambda at: found[at][0])
    return most // math.ceil(len(found) / 4)


def without_heads(session: Session, shown: GuideStep) -> str:
    ((delta, error),) = by_hand.costs(session, [WRITES])
    if delta < 2 * error or delta <= 0:
        return "Not higher, beyond the noise"
    loss, pairs = by_hand.loss(session), shown.text.partition("tokens gives ")[2].partition(". ")[0]
    assert f"The loss is {loss:.3f};" in shown.text
    above = loss + delta > float(pairs)
    return "Above that of counting pairs" if above else "Higher, but not above that of pairs"


TRUTHS: dict[int, Truth] = {
    1: lambda session, _: len(by_hand.read(session).layers[0].q[0]) / session.spec.model.n_head,
    2: lambda session, _: (
        numbers(session, **{**model_of(session), "n_head": 1})
        - numbers(session, **{**model_of(session), "n_head": 8})
    ),
    3: further_layer,
    4: larger,
    7: dearest,
    8: lambda *_: "Each text is compared with itself",
    9: without_heads,
}


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        *by_hand.CASES,
        ("made up", {"model__n_head": 1}),
        ("made up", {"model__n_layer": 2, "seed": 4}),
    ],
)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    Learner(taught("heads", text, steps=40, **settings), "heads", ACTIONS, TRUTHS).walk()


def test_each_text_is_compared_with_itself_also_where_the_difference_is_known_less_exactly(
    taught: Taught,
) -> None:
    learner = Learner(taught("heads", "sentences", seed=8), "heads", ACTIONS, TRUTHS)
    train(300)(learner.session)
    learner.place = replace(learner.place, index=8)
    judged = learner.answer(8, learner.ask())
    assert judged.why.endswith("What the head does to a text differs that much here.")
