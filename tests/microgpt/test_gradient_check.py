"""The gradient check passes engines that are right, and finds what is wrong with others."""

from __future__ import annotations

import math
import random
from array import array
from typing import Any

import pytest

from microgpt import (
    STATE_KINDS,
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    VectorEngine,
    parameter_count,
)
from microgpt.gradient_check import check_gradient
from tests.microgpt.wrong_gpt import CUT_KEYS, WRONG, wrong_engine

CONFIG = ModelConfig(vocab_size=6, n_embd=8, n_head=2, n_layer=2, block_size=6)
OPTIMIZER = OptimizerConfig()
BATCH = [[5, 0, 3, 1, 4, 5], [5, 2, 2, 0, 5]]


def weights(seed: int, spread: float = 0.3) -> array[float]:
    dice = random.Random(seed)
    return array("d", [dice.gauss(0, spread) for _ in range(parameter_count(CONFIG))])


@pytest.mark.parametrize("make", [ScalarEngine, VectorEngine])
@pytest.mark.parametrize("seed", range(4))
def test_an_engine_that_is_right_passes_and_is_left_as_it_was(make: Any, seed: int) -> None:
    engine = make(CONFIG, OPTIMIZER, weights(seed))
    engine.loss_and_gradients(BATCH[:1])
    engine.adam_step(0.01, 0)
    before = [engine.read(kind).tobytes() for kind in STATE_KINDS]
    found = check_gradient(engine, BATCH, seed)
    assert found.right and found.ratio == pytest.approx(1, abs=1e-6)
    assert [engine.read(kind).tobytes() for kind in STATE_KINDS] == before


@pytest.mark.parametrize("name", WRONG)
def test_an_engine_that_is_wrong_is_found_though_its_losses_are_right(name: str) -> None:
    engine = wrong_engine(name)(CONFIG, OPTIMIZER, weights(1))
    right = ScalarEngine(CONFIG, OPTIMIZER, weights(1))
    for own, other in zip(engine.losses(BATCH), right.losses(BATCH), strict=True):
        assert own == pytest.approx(other, abs=1e-12)
    found = check_gradient(engine, BATCH)
    assert abs(found.ratio - 1) > 1e-4 and not found.right


def test_the_wrong_gradient_that_still_learns_is_found_all_the_same() -> None:
    engine = wrong_engine(CUT_KEYS)(CONFIG, OPTIMIZER, weights(1))
    losses = []
    for step in range(60):
        found = engine.loss_and_gradients(BATCH)
        losses.append(math.fsum(map(math.fsum, found)) / sum(map(len, found)))
        engine.adam_step(0.01, step)
    assert losses[-1] < losses[0] / 2, "the curve looks right"
    assert not check_gradient(engine, BATCH).right


def test_losses_that_are_no_numbers_pass_no_check() -> None:
    broken = weights(1)
    broken[0] = math.inf
    found = check_gradient(VectorEngine(CONFIG, OPTIMIZER, broken), BATCH)
    assert math.isnan(found.ratio) and not found.right


def test_a_bend_of_a_relu_beside_the_weights_is_not_taken_for_a_mistake() -> None:
    """A model with many neurons has one of them at its bend nearly everywhere."""
    config = ModelConfig(vocab_size=27)
    dice = random.Random(3)
    rows = array("d", [dice.gauss(0, 0.3) for _ in range(parameter_count(config))])
    engine = VectorEngine(config, OPTIMIZER, rows)
    for seed in range(8):
        text = [26, *(dice.randrange(26) for _ in range(12)), 26]
        assert check_gradient(engine, [text], seed).right
