"""The memory of an engine: the four flat arrays of the model, and the room of a step.

Everything begins at a multiple of 64 bytes, the width of a cache line and of the widest vector
register. So no result depends on the place of an array in memory, and the same run gives the same
bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microgpt.config import ModelConfig
from microgpt.engine import STATE_KINDS, StateKind
from microgpt.parameters import parameter_count, parameter_layout

Array = NDArray[np.float64]
Ids = NDArray[np.intp]

ALIGNMENT = 64  # bytes
_FLOATS = ALIGNMENT // 8


def aligned(*shape: int) -> Array:
    """An array of zeros of that shape, which begins at a multiple of 64 bytes."""
    size = math.prod(shape)
    room = np.zeros(size + _FLOATS)
    start = -room.ctypes.data % ALIGNMENT // 8
    return room[start : start + size].reshape(shape)


def up_to_alignment(floats: int) -> int:
    """The next multiple of 64 bytes, in floats."""
    return -(-floats // _FLOATS) * _FLOATS


class Arena:
    """One piece of memory from which each workspace takes its arrays, from the start.

    Workspaces for different lengths share the memory, because only one is in use at a time. The
    memory is then still in the processor's cache when the next step writes over it.
    """

    def __init__(self) -> None:
        self._memory = aligned(0)
        self._used = 0

    def restart(self) -> None:
        """Let the next workspace take from the start again."""
        self._used = 0

    def take(self, *shape: int) -> Array:
        """An array of that shape, with arbitrary content."""
        size = math.prod(shape)
        if self._used + size > len(self._memory):
            self._memory = aligned(max(2 * len(self._memory), up_to_alignment(size)))
            self._used = 0
        start = self._used
        self._used += up_to_alignment(size)
        return self._memory[start : start + size].reshape(shape)


@dataclass(frozen=True, slots=True)
class Block:
    """One layer's matrices. C n_embd."""

    qkv: Array
    """(3C, C): attn_wq, attn_wk, attn_wv, which lie one below the other."""
    wo: Array
    """(C, C)"""
    fc1: Array
    """(4C, C)"""
    fc2: Array
    """(C, 4C)"""


@dataclass(frozen=True, slots=True)
class Matrices:
    """The named matrices as views of one flat array. V vocab_size, C n_embd."""

    wte: Array
    """(V, C)"""
    wpe: Array
    """(block_size, C)"""
    lm_head: Array
    """(V, C)"""
    blocks: tuple[Block, ...]


class State:
    """Weights, gradients and both moments: four rows of one array, each flat in parameter order.

    The rows are filled up with zeros to a multiple of 64 bytes.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.count = parameter_count(config)
        self.rows = aligned(len(STATE_KINDS), up_to_alignment(self.count))
        self.weights = _matrices(self.rows[0], config)
        self.gradients = _matrices(self.rows[1], config)

    def flat(self, kind: StateKind) -> Array:
        """A view (parameter_count) of one kind."""
        return self.rows[STATE_KINDS.index(kind), : self.count]


def _matrices(flat: Array, config: ModelConfig) -> Matrices:
    """Views of the matrices in one flat array."""
    specs = {spec.name: spec for spec in parameter_layout(config)}
    n_embd = config.n_embd

    def view(first: str, last: str = "", columns: int = n_embd) -> Array:
        stop = specs[last or first].slice.stop
        return flat[specs[first].offset : stop].reshape(-1, columns)

    return Matrices(
        view("wte"),
        view("wpe"),
        view("lm_head"),
        tuple(
            Block(
                view(f"layer{i}.attn_wq", f"layer{i}.attn_wv"),
                view(f"layer{i}.attn_wo"),
                view(f"layer{i}.mlp_fc1"),
                view(f"layer{i}.mlp_fc2", columns=4 * n_embd),
            )
            for i in range(config.n_layer)
        ),
    )
