"""The interface of an engine, which holds weights, gradients and Adam moments, and computes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeGuard, runtime_checkable

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
        behind, replacing earlier gradients. A token given probability 0 has loss inf;
        nothing is raised for numbers that are not finite. Raises ValueError for an empty batch,
        a document of fewer than two tokens, or an id out of range.
        """

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """Forward only: the same losses as `loss_and_gradients`, at a fraction of the cost.

        For hold-out evaluation. Gradients, moments and weights stay as they are.
        """

    def adam_step(self, learning_rate: float, step: int) -> None:
        """Update the weights by the gradients. step counts from 0 (for bias correction).

        An engine that knows SGD, and was made with an OptimizerConfig of that name, does
        weights -= learning_rate * gradients here, and leaves both moments as they are: zeros.
        """

    def decoder(self) -> Decoder:
        """A fresh decoder over the present weights."""

    def read(self, kind: StateKind) -> array[float]:
        """A copy of one kind of state, flat float64 in parameter order."""

    def write(self, kind: StateKind, values: array[float]) -> None:
        """Replace one kind of state by a copy of `values`; what follows depends on nothing else.

        Raises ValueError if the length is not parameter_count, or a second moment is negative.
        """


@dataclass(frozen=True, slots=True)
class Steps:
    """The result of several steps in one call."""

    losses: array[float]
    """The mean loss of each step over its tokens, in nats. If the last one is not finite, its
    update was not made, and the steps after it were not tried."""
    token_losses: list[list[float]]
    """Losses of the last step in `losses`: per document, per predicted token, in nats."""
    tokens: int
    """Tokens predicted in all these steps."""


@runtime_checkable
class BulkEngine(Engine, Protocol):
    """An engine so fast that a call for each step would cost more than the step."""

    def train(
        self, documents: Sequence[Sequence[int]], learning_rates: Sequence[float], step: int
    ) -> Steps:
        """Do as many steps as there are learning rates, from `step` (counted from 0) on.

        documents: those of all the steps, in order, the same number for each. Does, bit for
        bit, what `loss_and_gradients` and `adam_step` do in turns, and leaves the gradients of
        the last step behind. Without documents and learning rates, nothing is done. Raises
        ValueError as `loss_and_gradients` does, or if the documents cannot be shared out evenly;
        nothing is changed then.
        """


def takes_many(engine: Engine) -> TypeGuard[BulkEngine]:
    """True for a BulkEngine. `isinstance` says the same, and takes a hundredth of a step for it,
    because it looks for each name of the protocol."""
    return hasattr(engine, "train")


Progress = Callable[[str, int, int], None]
"""progress(what, done, total): called now and then by long work; total 0 if unknown. It raises
an exception to cancel; let that exception pass through."""


@runtime_checkable
class PreparedEngine(Engine, Protocol):
    """An engine that has something to do once, before it is first used: to compile itself."""

    def prepare(self, progress: Progress) -> None:
        """Called once, before any other method; may take long, and reports to `progress`."""


@runtime_checkable
class ThreadedEngine(Engine, Protocol):
    """An engine that can compute on several threads."""

    def use_threads(self, count: int) -> None:
        """Called once at most, before any other method. Up to `count` threads, 2 or more, may
        compute where that pays. No number depends on it, to the bit."""


class EngineFactory(Protocol):
    """Makes an engine: called with the shapes, the optimizer's constants, the first weights.

    A heavy library is imported in this call and not with the plugin; ImportError may be raised.
    """

    def __call__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> Engine: ...
