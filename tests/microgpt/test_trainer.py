"""One step at a time."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence

import pytest

from microgpt import (
    STATE_KINDS,
    DivergedError,
    ModelConfig,
    OptimizerConfig,
    Trainer,
    VectorEngine,
    gradient_norm,
    initial_weights,
    parameter_count,
    shuffle_and_init,
)
from tests.microgpt.conftest import make_engine

CONFIG = ModelConfig(vocab_size=5, n_embd=4, n_head=2, block_size=6)
DOCUMENTS = [[4, 0, 1, 4], [4, 2, 4], [4, 3, 3, 3, 4]]


def trainer(steps: int = 10, **options) -> Trainer:
    engine = make_engine(VectorEngine, CONFIG)
    return Trainer(engine, DOCUMENTS, OptimizerConfig(), steps, **options)


def test_a_step_says_what_it_did():
    run = trainer()
    result = run.advance()
    assert (result.step, run.step) == (1, 1)
    assert result.document_indices == (0,)
    assert result.tokens == len(result.token_losses[0]) == 3
    assert result.loss == pytest.approx(sum(result.token_losses[0]) / 3)
    assert result.learning_rate == 0.01


def test_documents_come_round_in_batches():
    run = trainer(batch_size=2)
    assert [run.advance().document_indices for _ in range(3)] == [(0, 1), (2, 0), (1, 2)]


def test_the_loss_of_a_batch_is_the_mean_over_its_tokens():
    result = trainer(batch_size=3).advance()
    assert result.tokens == 3 + 2 + 4
    assert result.loss == pytest.approx(sum(map(sum, result.token_losses)) / 9)


def test_the_learning_rate_falls_to_0_and_stays_there():
    run = trainer(steps=4)
    rates = [run.advance().learning_rate for _ in range(6)]
    assert rates == pytest.approx([0.01, 0.0075, 0.005, 0.0025, 0.0, 0.0])


def test_the_learning_rate_can_be_changed_while_running():
    run = trainer(steps=4)
    run.advance()
    run.learning_rate = 1.0
    assert run.advance().learning_rate == 0.75


def test_training_learns():
    run = trainer(steps=60)
    losses = [run.advance().loss for _ in range(60)]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_each_document_is_encoded_once_a_step():
    class Lazy(Sequence):
        def __init__(self) -> None:
            self.asked: list[int] = []

        def __len__(self) -> int:
            return 1000

        def __getitem__(self, index: int) -> list[int]:
            self.asked.append(index)
            return [4, 0, 4]

    documents = Lazy()
    run = Trainer(make_engine(VectorEngine, CONFIG), documents, OptimizerConfig(), 10, 2)
    assert documents.asked == []
    run.advance()
    run.advance()
    assert documents.asked == [0, 1, 2, 3]


@pytest.mark.parametrize("weight", [math.inf, math.nan])
def test_a_diverged_step_is_not_applied(weight):
    run = trainer()
    run.advance()
    run.engine.write("weights", array("d", [weight, -weight] * (parameter_count(CONFIG) // 2)))
    before = {kind: run.engine.read(kind).tobytes() for kind in STATE_KINDS}
    with pytest.raises(DivergedError, match=r"loss of step 2 is (nan|inf)") as caught:
        run.advance()
    assert caught.value.step == 2
    assert run.step == 1
    for kind in ("weights", "first_moment", "second_moment"):
        assert run.engine.read(kind).tobytes() == before[kind]


def test_what_cannot_be_trained_is_refused():
    engine = make_engine(VectorEngine, CONFIG)
    with pytest.raises(ValueError, match="no documents"):
        Trainer(engine, [], OptimizerConfig(), 10)
    with pytest.raises(ValueError, match="steps must be 1 or more"):
        Trainer(engine, DOCUMENTS, OptimizerConfig(), 0)
    with pytest.raises(ValueError, match="batch_size must be 1 or more"):
        Trainer(engine, DOCUMENTS, OptimizerConfig(), 1, 0)


def test_the_gradient_norm_is_its_length():
    engine = make_engine(VectorEngine, CONFIG)
    assert gradient_norm(engine) == 0.0
    gradients = array("d", bytes(8 * parameter_count(CONFIG)))
    gradients[0], gradients[-1] = 3.0, -4.0
    engine.write("gradients", gradients)
    assert gradient_norm(engine) == 5.0


def test_one_random_stream_shuffles_and_then_draws_the_weights():
    documents = list("abcdefgh")
    weights, rng = shuffle_and_init(documents, CONFIG, seed=42)
    same = random.Random(42)
    expected = list("abcdefgh")
    same.shuffle(expected)
    assert documents == expected
    assert weights == initial_weights(CONFIG, same)
    assert rng.random() == same.random()
