"""The held-out loss, on documents that the run never trains on."""

from __future__ import annotations

from collections.abc import Sequence

from playground.lab.run.data import Encoder
from playground.lab.run.engines import ForwardOnly

LOOKED_AT = 32
"""The most held-out documents in one evaluation, always the same ones."""


class Evaluator:
    """Measures the held-out loss. An Evaluator without documents is false."""

    def __init__(self, engine: ForwardOnly, encoder: Encoder, heldout: Sequence[str]) -> None:
        self._engine = engine
        self._encoder = encoder
        self._texts = heldout[:LOOKED_AT]
        self._documents: list[list[int]] | None = None

    def __bool__(self) -> bool:
        return bool(self._texts)

    def loss(self) -> float:
        """Mean loss over the first held-out documents, in nats a token. Raises PluginError."""
        if self._documents is None:
            self._documents = [self._encoder.document(text) for text in self._texts]
        losses = self._engine.losses(self._documents)
        return sum(map(sum, losses)) / sum(map(len, losses))
