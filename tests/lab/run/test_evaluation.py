"""The held-out loss is a mean over tokens, of the same few documents each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from microgpt.engine import Decoder
from playground.hooks.registry import Registry
from playground.lab.run.evaluation import LOOKED_AT, Evaluator
from playground.lab.run.guard import Activity
from playground.lab.run.setup import PreparedRun, prepare_run
from playground.lab.session import Session
from tests.lab.conftest import text_run


class Known:
    """An engine whose losses are known: each token of a document costs as much as the document has
    tokens to predict."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Sequence[int]]] = []

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        self.asked.append(documents)
        return [[float(len(document) - 1)] * (len(document) - 1) for document in documents]

    def decoder(self) -> Decoder:
        raise AssertionError("no text is made")


@pytest.fixture
def prepared(words: Path, registry: Registry) -> PreparedRun:
    spec = text_run(words, holdout=0.5)
    return prepare_run(spec, registry, None, lambda _: None, Activity())


def test_every_token_counts_the_same_however_long_its_document(prepared: PreparedRun) -> None:
    evaluator = Evaluator(Known(), prepared.encoder, ["a", "ant"])  # 2 and 4 tokens, with the end
    assert evaluator.loss() == pytest.approx((2 * 2 + 4 * 4) / 6)


def test_the_loss_of_a_run_is_that_of_its_held_out_tokens(
    words: Path, registry: Registry, prepared: PreparedRun
) -> None:
    session = Session.open(text_run(words, holdout=0.5), registry)
    documents = [prepared.encoder.document(text) for text in prepared.heldout]
    assert len({len(document) for document in documents}) > 1
    losses = session.training.engine.losses(documents)
    mean = sum(map(sum, losses)) / sum(len(document) - 1 for document in documents)
    assert session.frame().metrics.evaluations == ((0, pytest.approx(mean)),)


def test_the_first_held_out_documents_are_looked_at_and_always_the_same(
    prepared: PreparedRun,
) -> None:
    engine = Known()
    texts = ["ant", "bee", "cat"] * LOOKED_AT
    evaluator = Evaluator(engine, prepared.encoder, texts)
    assert evaluator and evaluator.loss() == evaluator.loss()
    expected = [prepared.encoder.document(text) for text in texts[:LOOKED_AT]]
    assert engine.asked == [expected, expected]


def test_without_held_out_documents_there_is_nothing_to_measure(prepared: PreparedRun) -> None:
    assert not Evaluator(Known(), prepared.encoder, [])
