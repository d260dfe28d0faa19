"""What a frame says of the gradients of whole matrices, and how often that is computed."""

from __future__ import annotations

import math
from array import array
from random import Random

import pytest

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.parameters import initial_weights, parameter_layout
from microgpt.vector_engine import VectorEngine
from playground.lab.run import frames
from playground.lab.run.frames import Pulls

CONFIG = ModelConfig(7, n_embd=4, n_head=2, n_layer=2, block_size=5)


def engine() -> VectorEngine:
    weights = array("d", initial_weights(CONFIG, Random(1)))
    made = VectorEngine(CONFIG, OptimizerConfig(), weights)
    made.loss_and_gradients([[6, 1, 2, 3, 6]])
    return made


def test_the_pull_at_a_matrix_is_the_root_mean_square_of_its_gradients() -> None:
    made = engine()
    pulls = Pulls().of(made, 1)
    gradients = made.read("gradients")
    assert list(pulls) == [matrix.name for matrix in parameter_layout(CONFIG)]
    for matrix in parameter_layout(CONFIG):
        part = gradients[matrix.slice]
        mean = math.fsum(g * g for g in part) / len(part)
        assert pulls[matrix.name] == pytest.approx(math.sqrt(mean), rel=1e-12)
    assert pulls["wte"] > 0


def test_pulls_take_a_tenth_of_the_time_however_large_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(frames.time, "monotonic", lambda: now[0])
    made, read = engine(), []

    class Slow:
        config = CONFIG

        def read(self, kind: str) -> array[float]:
            now[0] += 0.2
            read.append(kind)
            return made.read("gradients")

    pulls = Pulls()
    for step in range(120):  # in 2.4 seconds, each with a frame
        pulls.of(Slow(), step)  # type: ignore[arg-type]
        now[0] += 0.02
    assert len(read) == 2, "0.2 s in 2 s"
    pulls.of(Slow(), 119)  # type: ignore[arg-type]
    assert len(read) == 2, "nothing is new"
