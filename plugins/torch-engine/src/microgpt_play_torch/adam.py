"""The update of Adam, or of plain gradient descent."""

from __future__ import annotations

import math

import torch

from microgpt.config import OptimizerConfig
from microgpt_play_torch.state import State

_AT_ONCE = 1 << 15
"""Weights that one thread of a processor takes at a time: with their gradients and moments, they
stay in its cache from the first operation to the last."""


def update(state: State, optimizer: OptimizerConfig, learning_rate: float, step: int) -> None:
    """Adam (Kingma & Ba 2014, arXiv:1412.6980), in place. step counts from 0.

    The bias corrections go into the rate and into eps, as at the end of the paper's section 2.
    torch.optim.Adam would do the same; it needs a second to import, and wakes all threads even for
    a small model.
    """
    flat = state.flat
    if optimizer.name == "sgd":
        flat["weights"].sub_(flat["gradients"], alpha=learning_rate)
        return
    beta1, beta2 = optimizer.beta1, optimizer.beta2
    root2 = math.sqrt(1 - beta2 ** (step + 1))
    rate = learning_rate * root2 / (1 - beta1 ** (step + 1))
    eps = optimizer.eps * root2
    on_processor = flat["weights"].device.type == "cpu"
    size = _AT_ONCE * torch.get_num_threads() if on_processor else len(flat["weights"])
    pieces = (flat[kind].split(size) for kind in flat)
    for weights, gradients, first_moment, second_moment in zip(*pieces, strict=True):
        first_moment.lerp_(gradients, 1 - beta1)  # β1 m + (1 - β1) g
        second_moment.mul_(beta2).addcmul_(gradients, gradients, value=1 - beta2)
        weights.addcdiv_(first_moment, second_moment.sqrt().add_(eps), value=-rate)
