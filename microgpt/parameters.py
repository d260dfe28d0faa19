"""The named weight matrices and their flat order.

Every engine, checkpoint, frame and plugin speaks of weights as one flat float64 array in the
order of `parameter_layout`, each matrix row by row.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace

from microgpt.config import PARTS, ModelConfig

INIT_STD = 0.08
_AT_A_TIME = 50_000
"""Weights that are drawn between two calls of progress."""


@dataclass(frozen=True, slots=True)
class MatrixSpec:
    """One weight matrix and where it lies in the flat array."""

    name: str
    rows: int
    columns: int
    offset: int
    """Index of its first number in the flat array."""

    @property
    def size(self) -> int:
        return self.rows * self.columns

    @property
    def slice(self) -> slice:
        return slice(self.offset, self.offset + self.size)


def parameter_layout(config: ModelConfig) -> tuple[MatrixSpec, ...]:
    """Every matrix in microgpt.py's order: wte, wpe, lm_head, then layer by layer. Those of a part
    that was left out are not there."""
    n_embd, parts = config.n_embd, config.parts
    shapes = [("wte", config.vocab_size, n_embd)]
    if "positions" in parts:
        shapes += [("wpe", config.block_size, n_embd)]
    shapes += [("lm_head", config.vocab_size, n_embd)]
    for layer in range(config.n_layer):
        if "attention" in parts:
            shapes += [
                (f"layer{layer}.attn_wq", n_embd, n_embd),
                (f"layer{layer}.attn_wk", n_embd, n_embd),
                (f"layer{layer}.attn_wv", n_embd, n_embd),
                (f"layer{layer}.attn_wo", n_embd, n_embd),
            ]
        if "mlp" in parts:
            shapes += [
                (f"layer{layer}.mlp_fc1", 4 * n_embd, n_embd),
                (f"layer{layer}.mlp_fc2", n_embd, 4 * n_embd),
            ]
    layout = []
    offset = 0
    for name, rows, columns in shapes:
        layout.append(MatrixSpec(name, rows, columns, offset))
        offset += rows * columns
    return tuple(layout)


def parameter_count(config: ModelConfig) -> int:
    """How many numbers the model learns: 4,192 at the default model on names."""
    last = parameter_layout(config)[-1]
    return last.offset + last.size


def initial_weights(
    config: ModelConfig,
    rng: random.Random,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> array[float]:
    """Flat float64 weights, each drawn with gauss(0, 0.08) in flat order, as microgpt.py does.

    progress(done, total): called now and then with how many are drawn.

    Those of parts that were left out are drawn too and dropped, so that what remains begins as it
    does in the whole model of the same seed: the two differ in the part alone.
    """
    gauss = rng.gauss
    there = {spec.name for spec in parameter_layout(config)}
    weights, done = array("d"), 0
    whole = replace(config, parts=PARTS)
    total = parameter_count(whole)
    for spec in parameter_layout(whole):
        for first in range(0, spec.size, _AT_A_TIME):
            drawn = [gauss(0, INIT_STD) for _ in range(min(_AT_A_TIME, spec.size - first))]
            if spec.name in there:
                weights.extend(drawn)
            done += len(drawn)
            progress(done, total)
    return weights
