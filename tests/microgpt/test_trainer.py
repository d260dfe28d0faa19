"""The trainer, one step at a time and in stretches."""

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
from tests.microgpt.conftest import Bulk, make_engine

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


@pytest.mark.parametrize("factory", [VectorEngine, Bulk])
def test_a_stretch_is_the_same_steps_in_a_row(factory):
    def run() -> Trainer:
        return Trainer(make_engine(factory, CONFIG), DOCUMENTS, OptimizerConfig(), 9, 2)

    single, stretched = run(), run()
    results = [single.advance() for _ in range(7)]
    parts = [stretched.train(4), stretched.train(3)]
    assert [*parts[0].losses, *parts[1].losses] == [result.loss for result in results]
    rates = [*parts[0].learning_rates, *parts[1].learning_rates]
    assert rates == [result.learning_rate for result in results]
    assert sum(part.tokens for part in parts) == sum(result.tokens for result in results)
    assert (parts[0].last, parts[1].last) == (results[3], results[6])
    assert stretched.step == 7
    assert stretched.engine.read("weights") == single.engine.read("weights")
    assert stretched.train(0).last is None


@pytest.mark.parametrize("factory", [VectorEngine, Bulk])
def test_a_stretch_ends_before_the_step_that_diverges(factory):
    run = Trainer(make_engine(factory, CONFIG), DOCUMENTS, OptimizerConfig(learning_rate=1e160), 99)
    stretch = run.train(50)
    assert stretch.diverged is not None
    assert 0 < run.step < 50
    assert run.step == len(stretch.losses) == len(stretch.learning_rates)
    assert all(map(math.isfinite, stretch.losses))
    assert stretch.diverged.step == run.step + 1
    assert not math.isfinite(stretch.diverged.loss)
    other = Trainer(make_engine(VectorEngine, CONFIG), DOCUMENTS, OptimizerConfig(1e160), 99)
    tokens = sum(other.advance().tokens for _ in range(run.step))
    assert stretch.tokens == tokens
    for kind in ("weights", "first_moment", "second_moment"):
        assert run.engine.read(kind).tobytes() == other.engine.read(kind).tobytes()


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
