"""A small model and a text, of which tests look at every number."""

from __future__ import annotations

import random

from microgpt import ModelConfig, initial_weights
from microgpt.anatomy import dissect

SMALL = ModelConfig(5, n_embd=4, n_head=2, n_layer=2, block_size=4)
TEXT = [0, 1, 2, 2, 3]


def weights_of(config: ModelConfig, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [weight * 4 for weight in initial_weights(config, rng)]


WEIGHTS = weights_of(SMALL)
ANATOMY = dissect(SMALL, WEIGHTS, TEXT)
