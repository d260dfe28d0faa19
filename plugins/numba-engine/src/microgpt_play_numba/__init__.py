"""An engine for the microgpt playground that Numba compiles.

Only the declaration is here: Numba and NumPy are imported when an engine is made, since this
module is imported each time the playground starts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from playground.api import Contribution, hookimpl

if TYPE_CHECKING:
    from microgpt.config import ModelConfig, OptimizerConfig
    from microgpt_play_numba.engine import NumbaEngine


def make_engine(
    config: ModelConfig,
    optimizer: OptimizerConfig,
    weights: array[float],
    precision: str = "float64",
) -> NumbaEngine:
    """See `microgpt.engine.EngineFactory`. Raises ImportError if Numba cannot be imported."""
    from microgpt_play_numba.engine import NumbaEngine

    return NumbaEngine(config, optimizer, weights, precision)


@hookimpl
def microgpt_engines() -> Iterator[Contribution[NumbaEngine]]:
    """The engine "numba", and the same in float32."""
    yield Contribution(
        name="numba",
        summary="compiled for this processor by Numba: thousands of times as fast as the reference",
        factory=make_engine,
        requires=("numba",),
    )
    yield Contribution(
        name="numba-float32",
        summary="the same with 7 digits a number instead of 16, and about twice as fast",
        factory=partial(make_engine, precision="float32"),
        requires=("numba",),
        precision="float32",
    )
