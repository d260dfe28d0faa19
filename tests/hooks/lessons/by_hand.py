"""The model once more, as plain loops over lists, and what else a test computes by itself."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from microgpt.scalar_engine import ScalarEngine
from microgpt.surgery import component_of, operate, operation_of
from microgpt.vector_engine import VectorEngine
from playground.lab.inside.surgery import finished
from playground.lab.session import Session
from tests.hooks.lessons.learner import Action

Row = list[float]
CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("names", {"holdout": 0.002}),
    ("made up", {"seed": 5}),
    ("three", {"seed": 8, "holdout": 0.0}),
    (
        "sentences",
        {"seed": 2, "tokenizer": {"name": "byte"}, "model__block_size": 5, "model__n_embd": 8},
    ),
    ("one line", {"seed": 1, "model__block_size": 7, "model__n_embd": 8}),
)
"""What each of the lessons 6 to 10 is taken on: a text, and settings of the run. A vocabulary of
three, nothing held out, a tokenizer of bytes, and texts longer than the context are among them."""


@dataclass
class Layer:
    """What one layer makes, by position."""

    q: list[Row] = field(default_factory=list)
    k: list[Row] = field(default_factory=list)
    v: list[Row] = field(default_factory=list)
    scores: list[list[Row]] = field(default_factory=list)
    """[position][head]; `weights` and `writes` likewise."""
    weights: list[list[Row]] = field(default_factory=list)
    writes: list[list[Row]] = field(default_factory=list)
    x: list[Row] = field(default_factory=list)
    mlp: list[Row] = field(default_factory=list)
    x_out: list[Row] = field(default_factory=list)


@dataclass
class Read:
    """A text, read by the model."""

    ids: list[int]
    sums: list[Row]
    """wte[token] + wpe[position]"""
    layers: list[Layer]
    logits: list[Row]

    @property
    def chances(self) -> list[Row]:
        return [softmax(row) for row in self.logits]


def softmax(row: Sequence[float]) -> Row:
    exps = [math.exp(one - max(row)) for one in row]
    return [one / sum(exps) for one in exps]


def times(matrix: Sequence[Row], x: Row) -> Row:
    return [sum(a * b for a, b in zip(row, x, strict=True)) for row in matrix]


def norm(x: Row) -> Row:
    return [one / math.sqrt(sum(b * b for b in x) / len(x) + 1e-5) for one in x]


def matrices(session: Session, weights: Sequence[float] | None = None) -> dict[str, list[Row]]:
    """The weights by name."""
    flat = list(weights if weights is not None else session.training.engine.read("weights"))
    found = {}
    for one in session.info.matrices:
        rows, flat = flat[: one.rows * one.columns], flat[one.rows * one.columns :]
        found[one.name] = [rows[at : at + one.columns] for at in range(0, len(rows), one.columns)]
    return found


def open_ids(session: Session) -> list[int]:
    """The tokens of the text that the run has open, and the one after the last."""
    ids = session._prepared.documents.shown(session.training.document)
    return ids[: session.spec.model.block_size + 1]


def read(session: Session, weights: dict[str, list[Row]] | None = None) -> Read:
    """The text that the run has open, position by position, head by head."""
    w, model = weights or matrices(session), session.spec.model
    ids = open_ids(session)[:-1]
    width = model.n_embd // model.n_head
    layers = [Layer() for _ in range(model.n_layer)]
    sums, logits = [], []
    for position, token in enumerate(ids):
        sums.append([a + b for a, b in zip(w["wte"][token], w["wpe"][position], strict=True)])
        x = norm(sums[-1])
        for number, at in enumerate(layers):
            name = f"layer{number}."
            at.x.append(x)
            inner = norm(x)
            at.q.append(times(w[name + "attn_wq"], inner))
            at.k.append(times(w[name + "attn_wk"], inner))
            at.v.append(times(w[name + "attn_wv"], inner))
            scores, weighted, writes = [], [], []
            for head in range(model.n_head):
                own = range(head * width, (head + 1) * width)
                score = [sum(at.q[-1][d] * key[d] for d in own) / math.sqrt(width) for key in at.k]
                alpha = softmax(score)
                mix = [sum(a * v[d] for a, v in zip(alpha, at.v, strict=True)) for d in own]
                wrote = [sum(row[d] * mix[d - own[0]] for d in own) for row in w[name + "attn_wo"]]
                scores.append(score)
                weighted.append(alpha)
                writes.append(wrote)
                x = [a + b for a, b in zip(x, wrote, strict=True)]
            at.scores.append(scores)
            at.weights.append(weighted)
            at.writes.append(writes)
            hidden = [max(0.0, one) for one in times(w[name + "mlp_fc1"], norm(x))]
            at.mlp.append(times(w[name + "mlp_fc2"], hidden))
            x = [a + b for a, b in zip(x, at.mlp[-1], strict=True)]
            at.x_out.append(x)
        logits.append(times(w["lm_head"], x))
    return Read(ids, sums, layers, logits)


def engine_of(session: Session, weights: Sequence[float]) -> VectorEngine:
    """Another engine with these weights: only its forward pass is asked for."""
    config, optimizer = session._prepared.config, session.spec.optimizer.config()
    return VectorEngine(config, optimizer, array("d", weights))


def rows_that_matter(session: Session, name: str) -> list[int]:
    """The rows of a matrix that change the loss of the open text when they are nudged."""
    weights, at = session.training.engine.read("weights"), 0
    for one in session.info.matrices:
        if one.name == name:
            break
        at += one.rows * one.columns
    engine, rng = engine_of(session, weights), random.Random(1)
    before, found = engine.losses([open_ids(session)]), []
    for row in range(one.rows):
        own = slice(at + row * one.columns, at + (row + 1) * one.columns)
        nudged = array("d", weights)
        nudged[own] = array("d", [value + rng.gauss(0.0, 0.05) for value in nudged[own]])
        engine.write("weights", nudged)
        if engine.losses([open_ids(session)]) != before:
            found.append(row)
    return found


def scalar_gradient(session: Session) -> list[float]:
    """The gradient of the open text, by the scalar engine."""
    config = session._prepared.config
    weights = session.training.engine.read("weights")
    engine = ScalarEngine(config, session.spec.optimizer.config(), weights)
    engine.loss_and_gradients([open_ids(session)])
    return list(engine.read("gradients"))


# ---------------------------------------------------------------- surgery


def try_out(*cuts: str) -> Action:
    """c, for each of these parts: the sheet tries it without."""

    def act(session: Session) -> None:
        for cut in cuts:
            finished(session.trying([operation_of(cut, session._prepared.config)], None))

    return act


def rank(*cuts: str) -> Action:
    """R, as far as these parts go."""

    def act(session: Session) -> None:
        config = session._prepared.config
        parts = [component_of(cut, config) for cut in cuts]
        finished(session.ranking(parts, lambda *_: None))

    return act


def held_out(session: Session) -> bool:
    """True if texts are held out."""
    return bool(session.training.measured_on)


def either(with_texts: Action, without: Action) -> Action:
    """The one action where texts are held out, the other where none are."""
    return lambda session: (with_texts if held_out(session) else without)(session)


def measured(session: Session) -> list[list[int]]:
    """The held-out texts, or the first 32 texts of the data, as the model reads them."""
    config, texts = session._prepared.config, session.training.measured_on
    if not texts:
        documents = session._prepared.documents
        texts = [documents[at] for at in range(min(32, len(documents)))]
    return [one[: config.block_size + 1] for one in texts]


def loss(session: Session) -> float:
    """The mean loss of a token on these texts."""
    engine = engine_of(session, session.training.engine.read("weights"))
    found = [loss for text in engine.losses(measured(session)) for loss in text]
    return sum(found) / len(found)


def costs(session: Session, cuts: Sequence[str]) -> list[tuple[float, float]]:
    """(what the loss gains without each part, its standard error) on the
    held-out texts, or on the first 32 texts of the data."""
    config, texts = session._prepared.config, measured(session)
    weights = session.training.engine.read("weights")
    engine = engine_of(session, weights)

    def losses(cut: str) -> list[list[float]]:
        at = operate(config, weights, [operation_of(cut, config)] if cut else [])
        engine.write("weights", at)
        return [list(one) for one in engine.losses(texts)]

    before, found = losses(""), []
    for cut in cuts:
        each = [sum(b) - sum(a) for a, b in zip(before, losses(cut), strict=True)]
        lengths = [len(one) for one in before]
        mean = sum(each) / sum(lengths)
        spread = sum((one - mean * n) ** 2 for one, n in zip(each, lengths, strict=True))
        error = math.sqrt(spread * len(each) / max(1, len(each) - 1)) / sum(lengths)
        found.append((mean, error))
    return found
