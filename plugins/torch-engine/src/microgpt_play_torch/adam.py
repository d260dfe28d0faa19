"""The update of Adam, or of plain gradient descent, in place."""

from __future__ import annotations

import math

import torch
from torch.optim.adam import adam

from microgpt.config import OptimizerConfig
from microgpt_play_torch.state import State

_FEW = 1 << 16
"""Weights for which PyTorch's update in one piece costs more than the formula in six operations,
since it wakes all threads of the processor, however little each of them has to do."""


def update(state: State, optimizer: OptimizerConfig, learning_rate: float, step: int) -> None:
    """Do one update by the gradients in the state. step counts from 0."""
    if optimizer.name == "sgd":
        state.flat["weights"].sub_(state.flat["gradients"], alpha=learning_rate)
    elif len(state.flat["weights"]) <= _FEW:
        by_formula(state, optimizer, learning_rate, step)
    else:
        in_one_piece(state, optimizer, learning_rate, step)


def by_formula(state: State, optimizer: OptimizerConfig, learning_rate: float, step: int) -> None:
    """Adam (Kingma & Ba 2014, arXiv:1412.6980). The bias corrections go into the rate and into
    eps, as at the end of the paper's section 2."""
    weights, gradients, first_moment, second_moment = state.flat.values()
    beta1, beta2 = optimizer.beta1, optimizer.beta2
    root2 = math.sqrt(1 - beta2 ** (step + 1))
    rate = learning_rate * root2 / (1 - beta1 ** (step + 1))
    first_moment.lerp_(gradients, 1 - beta1)  # β1 m + (1 - β1) g
    second_moment.mul_(beta2).addcmul_(gradients, gradients, value=1 - beta2)
    denominator = second_moment.sqrt().add_(optimizer.eps * root2)
    weights.addcdiv_(first_moment, denominator, value=-rate)


def in_one_piece(state: State, optimizer: OptimizerConfig, learning_rate: float, step: int) -> None:
    """The function behind torch.optim.Adam, which reads and writes each number once. (The class
    takes a second to make its first object.)"""
    weights, gradients, first_moment, second_moment = ([flat] for flat in state.flat.values())
    steps = torch.tensor(float(step), device=weights[0].device)  # counted up before it is used
    adam(
        weights,
        gradients,
        first_moment,
        second_moment,
        [],
        [steps],
        fused=True,
        amsgrad=False,
        beta1=optimizer.beta1,
        beta2=optimizer.beta2,
        lr=learning_rate,
        weight_decay=0,
        eps=optimizer.eps,
        maximize=False,
    )
