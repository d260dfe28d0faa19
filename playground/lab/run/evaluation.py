"""The held-out loss: on documents that are never trained on."""

from __future__ import annotations

from collections.abc import Sequence

from playground.lab.run.data import Encoder
from playground.lab.run.engines import ForwardOnly

LOOKED_AT = 32
"""Held-out documents in one evaluation, always the same ones."""


class Evaluator:
    """Mean loss over the first held-out documents, nats a token. False if there are none."""

    def __init__(self, engine: ForwardOnly, encoder: Encoder, heldout: Sequence[str]) -> None:
        self._engine = engine
        self._encoder = encoder
        self._texts = heldout[:LOOKED_AT]
        self._documents: list[list[int]] | None = None

    def __bool__(self) -> bool:
        return bool(self._texts)

    def loss(self) -> float:
        """Forward only; the engine's state stays as it is. Raises PluginError."""
        if self._documents is None:
            self._documents = [self._encoder.document(text) for text in self._texts]
        losses = self._engine.losses(self._documents)
        return sum(map(sum, losses)) / sum(map(len, losses))
