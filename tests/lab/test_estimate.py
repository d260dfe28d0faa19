"""The estimate of a step's cost. `tools/fit_estimate.py check` measures how near it comes."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace

import pytest

from microgpt import ModelConfig, OptimizerConfig, ScalarEngine, VectorEngine
from microgpt.collector import collector_paused
from microgpt.parameters import initial_weights
from playground.lab import estimate
from playground.lab.estimate import MeasuredSteps, Shape, estimate_step_ms

ENGINES = ("vector", "scalar")
BASE = ModelConfig(27)


@pytest.fixture(autouse=True)
def one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of fixed speed, since these tests compare estimates with each other."""
    monkeypatch.setattr(estimate, "_probe", lambda engine: {"vector": 0.6, "scalar": 4.4}[engine])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("change", "least", "most"),
    [
        ({"n_layer": 4}, 2, 7),
        ({"n_embd": 64}, 8, 40),
        ({"vocab_size": 500}, 1.5, 12),
    ],
)
def test_more_model_costs_more(
    engine: str, change: dict[str, int], least: float, most: float
) -> None:
    ratio = estimate_step_ms(replace(BASE, **change), 7, engine) / estimate_step_ms(BASE, 7, engine)
    assert least < ratio < most


def test_one_value_a_number_costs_far_more_than_rows() -> None:
    ratio = estimate_step_ms(BASE, 7, "scalar") / estimate_step_ms(BASE, 7, "vector")
    assert 20 < ratio < 120


def test_a_document_costs_no_more_than_the_model_sees() -> None:
    assert estimate_step_ms(BASE, 1000) == estimate_step_ms(BASE, 16)
    assert estimate_step_ms(BASE, 7, batch_size=8) > 4 * estimate_step_ms(BASE, 7)


def test_a_plugins_engine_is_not_guessed_at() -> None:
    assert math.isnan(estimate_step_ms(BASE, 7, "numpy"))


def test_attention_costs_more_in_a_wider_model() -> None:
    def attention(engine: str, n_embd: int) -> float:
        whole = ModelConfig(27, n_embd=n_embd, n_head=1, block_size=200)
        without = replace(whole, parts=("mlp", "positions", "norm", "residual"))
        most, least = (
            estimate_step_ms(whole, tokens, engine) - estimate_step_ms(without, tokens, engine)
            for tokens in (200, 20)
        )
        return most - least

    for engine in ENGINES:
        assert attention(engine, 32) > 2 * attention(engine, 8)


def test_sgd_costs_less_than_adam() -> None:
    for engine in ENGINES:
        ms = estimate_step_ms(BASE, 7, engine)
        assert 0.5 * ms < estimate_step_ms(BASE, 7, engine, optimizer="sgd") < ms


@pytest.mark.parametrize(
    ("engine", "shape"),
    [
        ("vector", Shape(ModelConfig(27), 7)),
        ("vector", Shape(ModelConfig(300, n_embd=32, n_head=2, block_size=8), 8, 2, "sgd")),
        ("vector", Shape(ModelConfig(12, n_embd=8, n_head=8, n_layer=3, block_size=64), 40)),
        ("scalar", Shape(ModelConfig(27), 4)),
        ("scalar", Shape(ModelConfig(60, n_embd=4, n_head=1, n_layer=2), 10)),
    ],
)
def test_real_steps_take_about_what_was_estimated(engine: str, shape: Shape) -> None:
    config = shape.config
    make = {"vector": VectorEngine, "scalar": ScalarEngine}[engine]
    model = make(
        config, OptimizerConfig(name=shape.optimizer), initial_weights(config, random.Random(0))
    )
    documents = [
        [token % config.vocab_size for token in range(int(shape.tokens) + 1)]
    ] * shape.batch_size
    times, probes = [], []
    with collector_paused():
        for step in range(8):  # the first one compiles kernels
            probes.append(estimate.probe_ms(engine))
            began = time.thread_time()
            model.loss_and_gradients(documents)
            model.adam_step(0.001, step)
            times.append(1000 * (time.thread_time() - began))
    # The fastest of both, in turns, since other programs take caches away for moments.
    assert 0.5 < min(times) / (min(probes) * estimate.probes(shape, engine)) < 2


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_estimate_takes_no_more_than_30_ms(engine: str) -> None:
    began = time.thread_time()
    estimate.probe_ms(engine)
    assert time.thread_time() - began < 0.03 * 2  # a machine half as fast may test as well


def test_real_steps_correct_the_estimate_of_other_shapes() -> None:
    steps = MeasuredSteps()
    here, wider = Shape(BASE, 7), Shape(replace(BASE, n_embd=32), 7)
    before = steps.estimate("vector", wider)
    now = steps.estimate("vector", here)
    assert before is not None and now is not None and not before.rough
    steps.note("vector", here, 3 * now.ms)
    after = steps.estimate("vector", wider)
    assert after is not None and after.ms == pytest.approx(3 * before.ms)
    steps.note("vector", wider, 5.0)
    again = steps.estimate("vector", wider)
    assert again is not None and again.ms == pytest.approx(5.0)


def test_of_a_plugins_engine_bounds_are_known_after_its_first_steps() -> None:
    steps = MeasuredSteps()
    here, wider = Shape(BASE, 7), Shape(ModelConfig(27, 64, 4, 2, 32), 32)
    assert steps.estimate("mine:fast", wider) is None
    # Steps of NumPy and of Numba here: one spends its time on calls, the other on arithmetic.
    for small, large in ((0.063, 0.963), (0.0066, 0.293)):
        steps.note("mine:fast", here, small)
        found = steps.estimate("mine:fast", wider)
        assert found is not None and found.rough
        assert small <= found.least < large < found.most
    same = steps.estimate("mine:fast", here)
    assert same is not None and same.ms == pytest.approx(0.0066) and not same.rough
    steps.note("mine:fast", wider, 0.293)
    close = steps.estimate("mine:fast", Shape(ModelConfig(27, 64, 4, 2, 32), 30))
    assert close is not None and 0.25 < close.ms <= 0.293 and not close.rough
    # Nothing measured so far had what this model has: there is no bound.
    steps = MeasuredSteps()
    steps.note("mine:fast", Shape(replace(BASE, parts=("mlp",)), 7), 0.05)
    assert steps.estimate("mine:fast", here) is None
