"""What an engine is: it holds weights, gradients and Adam moments, and does the arithmetic."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from microgpt.config import ModelConfig, OptimizerConfig

StateKind = Literal["weights", "gradients", "first_moment", "second_moment"]
"""The four flat float64 arrays of an engine, each in the order of `parameter_layout`."""

STATE_KINDS: tuple[StateKind, ...] = ("weights", "gradients", "first_moment", "second_moment")


class Decoder(Protocol):
    """One text being continued, token by token, with a KV cache of its own.

    It sees the weights as they were when it was made or as they are now, at the engine's
    choice, so a decoder is used up before the next training step.
    """

    def push(self, token: int) -> list[float]:
        """Read one token; return the logits (vocab_size) of the one that follows.

        Raises IndexError after block_size tokens, ValueError for an id out of range.
        """


@runtime_checkable
class Engine(Protocol):
    """The arithmetic of one model. Not thread-safe; deterministic; no random numbers."""

    config: ModelConfig

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """Forward and backward over a batch.

        documents: token ids, BOS at both ends; each is cut to block_size predictions.
        Returns the per-token losses in nats, one list a document (length
        min(block_size, len(document) - 1)). Leaves d(mean loss over all these tokens)/d(weight)
        behind, replacing the gradients before. A token given probability 0 has loss inf;
        nothing is raised for numbers that are not finite. Raises ValueError for an empty batch,
        a document of fewer than two tokens, or an id out of range.
        """

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """Forward only: the same losses as `loss_and_gradients`, at a fraction of the cost.

        For hold-out evaluation. Gradients, moments and weights stay as they are.
        """

    def adam_step(self, learning_rate: float, step: int) -> None:
        """Update the weights by the gradients. step counts from 0 (for bias correction)."""

    def decoder(self) -> Decoder:
        """A fresh decoder over the present weights."""

    def read(self, kind: StateKind) -> array[float]:
        """A copy of one kind of state, flat float64 in parameter order."""

    def write(self, kind: StateKind, values: array[float]) -> None:
        """Replace one kind of state by a copy of `values`; what follows depends on nothing else.

        Raises ValueError if the length is not parameter_count, or a second moment is negative.
        """


class EngineFactory(Protocol):
    """Makes an engine: called with the shapes, the optimizer's constants, the first weights."""

    def __call__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> Engine: ...
