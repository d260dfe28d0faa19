"""The engine: state in and out, one step, many steps."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from microgpt.checks import check_length, documents_a_step
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import StateKind, Steps
from microgpt_play_torch import adam
from microgpt_play_torch.batch import Batch, Pair, checked
from microgpt_play_torch.decoder import TorchDecoder
from microgpt_play_torch.model import as_reported, logits, token_losses
from microgpt_play_torch.state import State, matrices

_TOKENS_EVALUATED_AT_ONCE = 8192


class TorchEngine:
    """Engine on PyTorch's functions and autograd. Fulfils `microgpt.engine.BulkEngine`.

    weights: parameter_count float64 in parameter order; copied. ValueError for another length.
    """

    def __init__(
        self,
        config: ModelConfig,
        optimizer: OptimizerConfig,
        weights: array[float],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        check_length(weights, config)
        self.config = config
        self.optimizer = optimizer
        self._device = device
        self._state = State(config, dtype, device)
        self._state.write("weights", weights)
        self._matrices = matrices(self._state.flat["weights"], config)

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine."""
        if not len(documents):
            raise ValueError("a batch needs at least one document")
        return self._forward_and_backward(checked(documents, self.config))

    def adam_step(self, learning_rate: float, step: int) -> None:
        """See Engine."""
        adam.update(self._state, self.optimizer, learning_rate, step)

    def train(
        self, documents: Sequence[Sequence[int]], learning_rates: Sequence[float], step: int
    ) -> Steps:
        """See BulkEngine."""
        size = documents_a_step(len(documents), len(learning_rates))
        pairs = checked(documents, self.config)
        losses: array[float] = array("d")
        token_losses: list[list[float]] = []
        tokens = 0
        for number, learning_rate in enumerate(learning_rates):
            token_losses = self._forward_and_backward(pairs[number * size : (number + 1) * size])
            predicted = sum(map(len, token_losses))
            losses.append(sum(map(sum, token_losses)) / predicted)  # as Trainer takes the mean
            tokens += predicted
            if not math.isfinite(losses[-1]):
                break
            self.adam_step(learning_rate, step + number)
        return Steps(losses, token_losses, tokens)

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine. Documents of similar length go through the model together."""
        pairs = checked(documents, self.config)
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]))
        at_once = _TOKENS_EVALUATED_AT_ONCE // self.config.block_size or 1
        losses: list[list[float]] = [[]] * len(pairs)
        for first in range(0, len(order), at_once):
            some = order[first : first + at_once]
            batch = Batch.of([pairs[i] for i in some], self._device)
            with torch.inference_mode():
                rows = batch.by_document(as_reported(self._forward(batch)))
            for i, row in zip(some, rows, strict=True):
                losses[i] = row
        return losses

    def decoder(self) -> TorchDecoder:
        """See Engine. It sees the weights as they are at each push."""
        return TorchDecoder(self.config, self._matrices)

    def read(self, kind: StateKind) -> array[float]:
        """See Engine."""
        return self._state.read(kind)

    def write(self, kind: StateKind, values: array[float]) -> None:
        """See Engine."""
        self._state.write(kind, values)

    def _forward(self, batch: Batch) -> Tensor:
        """The loss of each token, (B, T)."""
        return token_losses(logits(self._matrices, self.config, batch.inputs), batch.targets)

    def _forward_and_backward(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """The token losses of a batch; leaves the gradients of their mean in the state."""
        batch = Batch.of(pairs, self._device)
        with repeatable(self._device):
            losses = self._forward(batch)
            mean = losses.sum() / batch.predicted
            gradients = torch.autograd.grad(mean, list(self._matrices.values()))
        torch.cat([one.flatten() for one in gradients], out=self._state.flat["gradients"])
        return batch.by_document(as_reported(losses))


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Let attention take the same sums in the same order each time.

    On a processor it does. On a GPU its fused forms add up gradients in the order in which threads
    come by, and the plain form does not.
    """
    if device.type == "cpu":
        yield
    else:
        with sdpa_kernel(SDPBackend.MATH):
            yield
