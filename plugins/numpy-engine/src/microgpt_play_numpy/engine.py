"""The engine: state in and out, one step, many steps."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence

import numpy as np

from microgpt.checks import check_length, check_second_moment, documents_a_step
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import StateKind, Steps
from microgpt_play_numpy import layers
from microgpt_play_numpy.batches import Batch, Documents
from microgpt_play_numpy.decoder import NumpyDecoder
from microgpt_play_numpy.memory import Arena, State, aligned

_EVALUATED_AT_ONCE = 32
"""Documents that `losses` takes through the model together, if they are short."""
_TOKENS_EVALUATED_AT_ONCE = 2048
_UPDATED_AT_ONCE = 8192
"""Weights that Adam takes at a time: with all that belongs to them, they stay in the processor's
second cache through its nine passes."""
_SETTLED_EVERY = 256
"""Steps after which moments are looked through for such as have died away. A moment whose gradients
are 0 from some step on (those of a unit that relu silences for good) shrinks by a factor a step,
until it stands below 2e-308, where many processors take a hundred cycles for each operation."""
_NEXT_TO_NOTHING = 1e-280  # in 256 steps at a factor of 0.85 it does not come down to 2e-308
_WORKSPACES = 256
"""The most workspaces kept, since batches of many lengths would make ever more."""


class Workspace:
    """The formulas of the whole model for B documents of T tokens, strung together."""

    def __init__(
        self, config: ModelConfig, state: State, arena: Arena, batch: int, length: int
    ) -> None:
        arena.restart()
        rows = batch * length
        weights, gradients = state.weights, state.gradients
        embedded, x, dx = (arena.take(rows, config.n_embd) for _ in range(3))
        self.losses = arena.take(rows)
        """(B T), the losses of the last step."""
        self.even = layers.constant(1 / rows)
        """The weight of each loss if all documents have T tokens."""
        self._embed, self._embed_backward = layers.embedding(
            arena, weights.wte, weights.wpe, gradients.wte, gradients.wpe, embedded, dx, batch
        )
        pairs: list[layers.Pair] = []
        before = embedded  # needed again, so the first block leaves this array as it is
        for block, d_block in zip(weights.blocks, gradients.blocks, strict=True):
            pairs.append(
                layers.attention(arena, block, d_block, before, x, dx, batch, config.n_head)
            )
            before = x
            pairs.append(layers.mlp(arena, block, d_block, x, dx))
        self._blocks = [forward for forward, _ in pairs]
        self._blocks_backward = [backward for _, backward in reversed(pairs)]
        self._head, self._head_backward = layers.head(
            arena, weights.lm_head, gradients.lm_head, x, dx, self.losses
        )

    def forward(self, batch: Batch) -> None:
        """Compute the losses, into `losses`."""
        self._embed(batch.inputs)
        for block in self._blocks:
            block()
        self._head(batch.targets)

    def backward(self, batch: Batch) -> None:
        """Compute the gradients, into the state, after `forward` on the same batch."""
        self._head_backward(batch.targets, self.even if batch.weight is None else batch.weight)
        for block in self._blocks_backward:
            block()
        self._embed_backward(batch.inputs)


class NumpyEngine:
    """Engine by whole matrices. Fulfils `microgpt.engine.BulkEngine`.

    weights: parameter_count float64 in parameter order; copied. ValueError for another length.
    """

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        check_length(weights, config)
        self.config = config
        self.optimizer = optimizer
        self._state = State(config)
        self._arena = Arena()
        self._workspaces: dict[tuple[int, int], Workspace] = {}
        self._update = adam(self._state, optimizer)
        self.write("weights", weights)

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine."""
        if not len(documents):
            raise ValueError("a batch needs at least one document")
        (batch,) = Documents(documents, self.config).batches(len(documents))
        workspace = self._workspace(batch)
        with np.errstate(all="ignore"):
            workspace.forward(batch)
            workspace.backward(batch)
        return batch.by_document(workspace.losses)

    def adam_step(self, learning_rate: float, step: int) -> None:
        """See Engine."""
        with np.errstate(all="ignore"):
            self._update(learning_rate, step)

    def train(
        self, documents: Sequence[Sequence[int]], learning_rates: Sequence[float], step: int
    ) -> Steps:
        """See BulkEngine."""
        size = documents_a_step(len(documents), len(learning_rates))
        batches = Documents(documents, self.config).batches(size)
        losses: array[float] = array("d")
        token_losses: list[list[float]] = []
        tokens = 0
        find, update, isfinite = self._workspace, self._update, math.isfinite
        with np.errstate(all="ignore"):
            for batch, learning_rate in zip(batches, learning_rates, strict=True):
                workspace = find(batch)
                workspace.forward(batch)
                workspace.backward(batch)
                token_losses = batch.by_document(workspace.losses)
                predicted = sum(batch.lengths)
                loss = sum(map(sum, token_losses)) / predicted  # as Trainer takes the mean
                losses.append(loss)
                tokens += predicted
                if not isfinite(loss):
                    break
                update(learning_rate, step)
                step += 1
        return Steps(losses, token_losses, tokens)

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine. Documents of similar length go through the model together."""
        if not len(documents):
            return []
        order = sorted(range(len(documents)), key=lambda i: len(documents[i]))
        at_once = min(_EVALUATED_AT_ONCE, _TOKENS_EVALUATED_AT_ONCE // self.config.block_size) or 1
        losses: list[list[float]] = [[]] * len(documents)
        with np.errstate(all="ignore"):
            for first in range(0, len(order), at_once):
                some = order[first : first + at_once]
                checked = Documents([documents[i] for i in some], self.config)
                (batch,) = checked.batches(len(some))
                workspace = self._workspace(batch)
                workspace.forward(batch)
                for i, row in zip(some, batch.by_document(workspace.losses), strict=True):
                    losses[i] = row
        return losses

    def decoder(self) -> NumpyDecoder:
        """See Engine. It sees the weights as they are at each push."""
        return NumpyDecoder(self.config, self._state.weights)

    def read(self, kind: StateKind) -> array[float]:
        """See Engine."""
        return array("d", self._state.flat(kind).tobytes())

    def write(self, kind: StateKind, values: array[float]) -> None:
        """See Engine."""
        check_length(values, self.config)
        if kind == "second_moment":
            check_second_moment(values)
        self._state.flat(kind)[:] = values

    def _workspace(self, batch: Batch) -> Workspace:
        """The workspace for batches of this shape, made when first asked for."""
        shape = batch.size, batch.length
        known = self._workspaces.get(shape)
        if known is None:
            if len(self._workspaces) >= _WORKSPACES:
                self._workspaces.clear()
            known = Workspace(self.config, self._state, self._arena, *shape)
            self._workspaces[shape] = known
        return known


def adam(state: State, optimizer: OptimizerConfig) -> Callable[[float, int], None]:
    """The update of Adam (Kingma & Ba 2014, arXiv:1412.6980), in as few passes as NumPy allows.

    The two moments lie one below the other, so that one call decays both. The bias corrections
    go into the rate and into eps, as at the end of the paper's section 2.
    """
    add, subtract, multiply, divide, sqrt = np.add, np.subtract, np.multiply, np.divide, np.sqrt
    beta1, beta2 = optimizer.beta1, optimizer.beta2
    decay = np.array([[beta1], [beta2]])
    share = np.array([[1 - beta1], [math.sqrt(1 - beta2)]])
    every = state.rows.shape[1]
    size = min(every, _UPDATED_AT_ONCE)
    room = aligned(3, size)
    pieces = []
    for start in range(0, every, size):
        rows = state.rows[:, start : start + size]
        news, change = room[:2, : rows.shape[1]], room[2, : rows.shape[1]]
        pieces.append((*rows, rows[2:], news, news[1], change))

    def update(learning_rate: float, step: int) -> None:
        root2 = math.sqrt(1 - beta2 ** (step + 1))
        rate = learning_rate * root2 / (1 - beta1 ** (step + 1))
        eps = optimizer.eps * root2 or 5e-324
        if step % _SETTLED_EVERY == 0:
            moments = state.rows[2:]
            moments[np.abs(moments) < _NEXT_TO_NOTHING] = 0.0
        for (
            weights, gradients, first_moment, second_moment, moments, news, squares, change
        ) in pieces:  # fmt: skip
            multiply(gradients, share, news)
            multiply(squares, squares, squares)  # (√(1 - β2) g)²
            multiply(moments, decay, moments)
            add(moments, news, moments)
            sqrt(second_moment, change)
            add(change, eps, change)
            divide(first_moment, change, change)
            multiply(change, rate, change)
            subtract(weights, change, weights)

    return update
