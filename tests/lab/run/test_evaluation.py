"""The held-out loss is a mean over tokens, of the same documents each time, and tells its error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import BulkEngine
from microgpt.parameters import initial_weights
from microgpt.vector_engine import VectorEngine
from playground.hooks.registry import Registry
from playground.lab.run.engines import CurrentEngine
from playground.lab.run.evaluation import AFFORDED, LEAST, MOST_TOKENS, Evaluator, HeldOut, loss_of
from playground.lab.run.guard import Activity
from playground.lab.run.setup import PreparedRun, prepare_run
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab.conftest import text_run


class Made:
    engine: object = None


class Known:
    """An engine whose losses are known: each token of a document costs as much as the document has
    tokens to predict."""

    def __init__(self) -> None:
        self.made = Made()
        self.asked: list[Sequence[Sequence[int]]] = []

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        self.asked.append(documents)
        return [[float(len(document) - 1)] * (len(document) - 1) for document in documents]


def evaluator(documents: list[list[int]]) -> tuple[Evaluator, Known]:
    engine = Known()
    heldout = HeldOut(documents, parameters=4192, block_size=16, as_before=False)
    return Evaluator(cast(CurrentEngine, engine), heldout), engine


@pytest.fixture
def prepared(words: Path, registry: Registry) -> PreparedRun:
    spec = text_run(words, holdout=0.5)
    return prepare_run(spec, registry, None, lambda _: None, Activity())


def test_every_token_counts_the_same_however_long_its_document() -> None:
    found, _ = evaluator([[9, 1, 9], [9, 1, 2, 3, 9]])  # 2 and 4 tokens to predict
    assert found.loss().mean == pytest.approx((2 * 2 + 4 * 4) / 6)


def test_the_error_is_that_of_documents_and_not_of_their_tokens() -> None:
    """Two documents of one loss each tell as much as the same two with every token ten times."""
    one, other = loss_of([[1.0], [3.0]]), loss_of([[1.0] * 10, [3.0] * 10])
    assert one.mean == other.mean == 2.0
    assert one.error == other.error == pytest.approx(1.0)  # sqrt(2) spread over sqrt(2) documents
    assert loss_of([[1.0, 3.0]]).error is None  # a single document has no spread


def test_the_loss_of_a_run_is_that_of_its_held_out_tokens(
    words: Path, registry: Registry, prepared: PreparedRun
) -> None:
    session = Session.open(text_run(words, holdout=0.5), registry)
    documents = prepared.heldout.documents
    assert len(documents) == 10 and len({len(document) for document in documents}) > 1
    losses = session.training.engine.losses(documents)
    mean = sum(map(sum, losses)) / sum(len(document) - 1 for document in documents)
    assert session.frame().metrics.evaluations == ((0, pytest.approx(mean)),)
    assert session.frame().evaluated == 10
    held = session.training.series.held_out(0)
    assert held is not None and held.error == loss_of(losses).error


def test_the_same_documents_are_looked_at_each_time() -> None:
    found, engine = evaluator([[9, 1, 9], [9, 1, 2, 3, 9]] * LEAST)
    assert found and found.loss() == found.loss()
    assert engine.asked[0] == engine.asked[1] == ([[9, 1, 9], [9, 1, 2, 3, 9]] * LEAST)[:LEAST]


class Bulk(VectorEngine):
    """An engine that makes many steps in one call, and so is a fast one."""

    def train(self, *_: Any) -> Any: ...


def test_a_fast_engine_looks_at_all_and_a_slow_one_at_what_it_affords() -> None:
    documents = [[9, *[1] * 7, 9] for _ in range(3000)]
    held = HeldOut(iter(documents), parameters=4192, block_size=16, as_before=False)
    config = ModelConfig(3)
    weights = initial_weights(config, Random(1))
    bulk, vector = (made(config, OptimizerConfig(), weights) for made in (Bulk, VectorEngine))
    assert isinstance(bulk, BulkEngine) and held.count(bulk) == 3000
    afforded = held.count(vector)
    assert LEAST < afforded == AFFORDED // 4192 // 8
    assert held.count(cast(Any, Known())) == LEAST  # nobody knows how fast that engine is
    assert held.counts == (LEAST, afforded, 3000)


def test_the_page_tells_how_many_names_are_looked_at(registry: Registry) -> None:
    heldout = prepare_run(RunSpec(), registry, None, lambda _: None, Activity()).heldout
    page = Path("docs/held-out.md").read_text(encoding="utf-8")
    least, afforded, most = heldout.counts
    for words in (f"{least} names", f"| {afforded} names", f"all {most:,} names"):
        assert words in page


def test_there_is_an_end_to_what_is_looked_at() -> None:
    documents = [[9, *[1] * 7, 9] for _ in range(20_000)]
    many = HeldOut(iter(documents), parameters=4192, block_size=16, as_before=False)
    assert len(many.documents) == MOST_TOKENS // 8
    large = HeldOut(iter(documents), parameters=40_000_000, block_size=16, as_before=False)
    assert len(large.documents) == LEAST
    before = HeldOut(iter(documents), parameters=4192, block_size=16, as_before=True)
    assert len(before.documents) == LEAST and before.counts == (LEAST,)


def test_without_held_out_documents_there_is_nothing_to_measure() -> None:
    found, _ = evaluator([])
    assert not found and found.count == 0


def test_the_figure_of_a_step_depends_on_no_clock(spec: RunSpec, registry: Registry) -> None:
    """A replay, and another session of the same spec, give the same bits and the same error."""
    runs = [Session.open(spec, registry) for _ in range(2)]
    for session in runs:
        while session.step < 30:
            assert session.advance()
    first = runs[0].training.series
    known = {step: first.held_out(step) for step in first.evaluations}
    assert known and known == {
        step: runs[1].training.series.held_out(step) for step in runs[1].training.series.evaluations
    }
    series = runs[1].training.series
    series.evaluations.clear()
    series.measured.clear()
    runs[1].training.timeline.forget_frames_after(0)  # so that the replay passes them all
    runs[1].go_to(30)
    again = {step: series.held_out(step) for step in series.evaluations}
    assert again and again == {step: loss for step, loss in known.items() if step > 0}
