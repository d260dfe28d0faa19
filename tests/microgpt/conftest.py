"""What the tests of the GPT share."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from microgpt import (
    Engine,
    EngineFactory,
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    VectorEngine,
    initial_weights,
)


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """As in the worker, which collects seldom: every Value would be counted again and again."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


ENGINES = {"scalar": ScalarEngine, "vector": VectorEngine}
DATA = Path(__file__).parent / "data"


def make_engine(factory: EngineFactory, config: ModelConfig, seed: int = 1) -> Engine:
    """An engine with random weights; the same for every factory."""
    return factory(config, OptimizerConfig(), initial_weights(config, random.Random(seed)))


@pytest.fixture(params=ENGINES)
def factory(request: pytest.FixtureRequest) -> EngineFactory:
    """Each engine in turn."""
    return ENGINES[request.param]


@pytest.fixture
def reference() -> Path:
    """The folder with what microgpt.py itself printed on names.txt, if this machine has it."""
    beside = Path(__file__).parents[3] / "shared" / "reference"
    folder = Path(os.environ.get("MICROGPT_REFERENCE", beside))
    if not (folder / "names.txt").is_file():
        pytest.skip("microgpt.py's names.txt run is not here; set MICROGPT_REFERENCE to its folder")
    return folder
