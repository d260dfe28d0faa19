"""Engines, and the fixtures of the tests of the GPT."""

from __future__ import annotations

import gc
import math
import os
import random
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from microgpt import (
    Engine,
    EngineFactory,
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    Steps,
    VectorEngine,
    initial_weights,
)
from microgpt.graph import Graph
from tests.microgpt.small import SMALL, TEXT, WEIGHTS


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Switch the garbage collector off, which would visit every Value again and again; runs
    make their steps without it for the same reason."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Bulk(VectorEngine):
    """The vector engine, taking many steps a call."""

    def train(
        self, documents: Sequence[Sequence[int]], learning_rates: Sequence[float], step: int
    ) -> Steps:
        size = len(documents) // max(1, len(learning_rates))
        losses = array("d")
        token_losses: list[list[float]] = []
        tokens = 0
        for i, rate in enumerate(learning_rates):
            token_losses = self.loss_and_gradients(documents[i * size : (i + 1) * size])
            count = sum(map(len, token_losses))
            losses.append(sum(map(sum, token_losses)) / count)
            tokens += count
            if not math.isfinite(losses[-1]):
                break
            self.adam_step(rate, step + i)
        return Steps(losses, token_losses, tokens)


ENGINES = {"scalar": ScalarEngine, "vector": VectorEngine}
DATA = Path(__file__).parent / "data"


def make_engine(factory: EngineFactory, config: ModelConfig, seed: int = 1) -> Engine:
    """An engine with random weights, which are the same for every factory."""
    return factory(config, OptimizerConfig(), initial_weights(config, random.Random(seed)))


@pytest.fixture(params=ENGINES)
def factory(request: pytest.FixtureRequest) -> EngineFactory:
    """Each engine in turn."""
    return ENGINES[request.param]


@pytest.fixture
def reference() -> Path:
    """The folder with the output of microgpt.py on names.txt; skips the test if there is none."""
    beside = Path(__file__).parents[3] / "shared" / "reference"
    folder = Path(os.environ.get("MICROGPT_REFERENCE", beside))
    if not (folder / "names.txt").is_file():
        pytest.skip("microgpt.py's names.txt run is not here; set MICROGPT_REFERENCE to its folder")
    return folder


@pytest.fixture(scope="session")
def graph() -> Graph:
    """Every number of the small model for its text; read only."""
    return Graph(SMALL, WEIGHTS, TEXT)
