"""The estimate of a step's cost, against steps that are really done."""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Iterator

import pytest

from microgpt import ModelConfig, OptimizerConfig, ScalarEngine, VectorEngine, initial_weights
from playground.lab import estimate
from playground.lab.estimate import estimate_step_ms


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """As in the worker, which collects seldom."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def measured(engine: str, config: ModelConfig, tokens: int) -> float:
    factory = VectorEngine if engine == "vector" else ScalarEngine
    model = factory(config, OptimizerConfig(), initial_weights(config, random.Random(0)))
    last = config.vocab_size - 1
    document = [last, *(i % last for i in range(tokens - 1)), last]
    best = math.inf
    for step in range(5 if engine == "vector" else 2):
        began = time.perf_counter()
        model.loss_and_gradients([document])
        model.adam_step(0.01, step)
        best = min(best, time.perf_counter() - began)
    return 1000 * best


@pytest.mark.parametrize(
    ("engine", "n_embd", "n_layer", "vocab_size", "tokens"),
    [
        ("vector", 8, 1, 27, 7),
        ("vector", 16, 2, 100, 16),
        ("vector", 32, 4, 27, 7),
        ("vector", 64, 1, 27, 16),
        ("vector", 64, 4, 27, 7),
        ("scalar", 8, 1, 27, 7),
        ("scalar", 16, 1, 27, 7),
    ],
)
def test_the_estimate_is_of_the_right_size(
    engine: str, n_embd: int, n_layer: int, vocab_size: int, tokens: int
) -> None:
    config = ModelConfig(vocab_size, n_embd, 4, n_layer, 16)
    ratio = estimate_step_ms(config, tokens, engine) / measured(engine, config, tokens)
    assert 1 / 4 < ratio < 4, ratio  # 1.5 on a quiet machine; tests run on busy ones


def test_a_document_costs_no_more_than_the_model_sees() -> None:
    config = ModelConfig(27)
    assert estimate_step_ms(config, 1000) == estimate_step_ms(config, 16)
    assert estimate_step_ms(config, 7, batch_size=8) > 4 * estimate_step_ms(config, 7)


def test_a_plugins_engine_is_not_guessed_at() -> None:
    assert math.isnan(estimate_step_ms(ModelConfig(27), 7, "numpy"))


@pytest.mark.parametrize("engine", ["vector", "scalar"])
def test_getting_to_know_the_machine_is_quick(engine: str) -> None:
    estimate._machine.cache_clear()
    began = time.perf_counter()
    estimate_step_ms(ModelConfig(27), 7, engine)
    assert time.perf_counter() - began < 0.2  # 0.03 on a quiet machine
