"""Documents -> the tensors of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from microgpt.checks import inputs_and_targets
from microgpt.config import ModelConfig
from microgpt_play_torch.model import IGNORED

Pair = tuple[Sequence[int], Sequence[int]]
"""The ids that the model reads of a document, and those it should predict."""


def checked(documents: Sequence[Sequence[int]], config: ModelConfig) -> list[Pair]:
    """What the model reads and predicts of each. Raises ValueError as `inputs_and_targets` does."""
    return [inputs_and_targets(document, config) for document in documents]


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents side by side, filled up behind their ends to the length T of the longest.

    No token sees the filling, because attention looks back only, and the filling has no loss.
    """

    inputs: Tensor
    """(B, T)"""
    targets: Tensor
    """(B, T), IGNORED in the filling."""
    lengths: list[int]
    """Tokens predicted in each document."""

    @classmethod
    def of(cls, pairs: Sequence[Pair], device: torch.device) -> Batch:
        """The batch of these documents, as `checked` gives them."""
        lengths = [len(inputs) for inputs, _ in pairs]
        longest = max(lengths)
        inputs = [[*ids, *[0] * (longest - len(ids))] for ids, _ in pairs]
        targets = [[*ids, *[IGNORED] * (longest - len(ids))] for _, ids in pairs]
        given, wanted = (torch.tensor(ids, device=device) for ids in (inputs, targets))
        return cls(given, wanted, lengths)

    @property
    def predicted(self) -> int:
        """Tokens predicted in all documents."""
        return sum(self.lengths)

    def by_document(self, losses: Tensor) -> list[list[float]]:
        """(B, T) -> one list a document, without the filling."""
        rows: list[list[float]] = losses.tolist()
        return [row[:length] for row, length in zip(rows, self.lengths, strict=True)]
