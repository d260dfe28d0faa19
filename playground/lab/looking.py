"""An engine to look with: what is only looked at should not cost what training costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from microgpt.config import OptimizerConfig
from microgpt.engine import Decoder, Engine
from microgpt.scalar_engine import ScalarEngine
from microgpt.vector_engine import VectorEngine


class Looking(Protocol):
    """The part of an Engine that changes nothing."""

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine."""

    def decoder(self) -> Decoder:
        """See Engine."""


class _Twin:
    """The scalar engine's weights, looked at by the vector engine.

    The scalar engine builds a graph even where nothing walks it: a held-out loss or a sample
    would stop the training, and every answer to the screen, for minutes at larger sizes. The
    two agree to 1e-9.
    """

    def __init__(self, engine: ScalarEngine) -> None:
        self._engine = engine
        self._twin: VectorEngine | None = None

    def _fresh(self) -> VectorEngine:
        weights = self._engine.read("weights")
        if self._twin is None:
            self._twin = VectorEngine(self._engine.config, OptimizerConfig(), weights)
        else:
            self._twin.write("weights", weights)
        return self._twin

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        return self._fresh().losses(documents)

    def decoder(self) -> Decoder:
        return self._fresh().decoder()


def looking(engine: Engine) -> Looking:
    """The engine itself, unless it is the scalar one."""
    return _Twin(engine) if type(engine) is ScalarEngine else engine
