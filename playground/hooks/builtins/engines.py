"""The two engines of microgpt: the same numbers, for speed and for reading."""

from __future__ import annotations

from collections.abc import Iterator

from microgpt.config import ABILITIES
from microgpt.scalar_engine import ScalarEngine
from microgpt.vector_engine import VectorEngine
from playground.api import Contribution, Engine, hookimpl


@hookimpl
def microgpt_engines() -> Iterator[Contribution[Engine]]:
    """The factories are the classes themselves: (config, optimizer, weights)."""
    yield Contribution(
        name="vector",
        summary="row by row, backward derived by hand: fast, with no library",
        factory=VectorEngine,
        knows=ABILITIES,
    )
    yield Contribution(
        name="scalar",
        summary="one Value per number, as in microgpt.py: slow, to be read",
        factory=ScalarEngine,
        knows=ABILITIES,
    )
