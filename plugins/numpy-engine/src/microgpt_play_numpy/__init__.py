"""The hook, which names the engine. NumPy is imported when an engine is made, not before."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

from microgpt.config import ModelConfig, OptimizerConfig
from playground.api import Contribution, Engine, hookimpl

if TYPE_CHECKING:
    from microgpt_play_numpy.engine import NumpyEngine


def make_engine(
    config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
) -> NumpyEngine:
    """An engine with these shapes, constants and first weights. See `EngineFactory`.

    NumPy's library gets one thread in this process, unless OPENBLAS_NUM_THREADS says otherwise.
    Raises ValueError if `weights` is not parameter_count long, ImportError without NumPy.
    """
    from microgpt_play_numpy.threads import one_thread

    one_thread()
    from microgpt_play_numpy.engine import NumpyEngine

    return NumpyEngine(config, optimizer, weights)


@hookimpl
def microgpt_engines() -> Iterator[Contribution[Engine]]:
    """One engine: see `playground.api`."""
    yield Contribution(
        name="numpy",
        summary="whole matrices at a time with NumPy, in float64",
        factory=make_engine,
        requires=("numpy",),
    )
