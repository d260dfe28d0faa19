"""The four flat tensors of an engine, and the weights of the model as views of one of them."""

from __future__ import annotations

from array import array

import torch
from torch import Tensor

from microgpt.checks import check_length, check_second_moment
from microgpt.config import ModelConfig
from microgpt.engine import STATE_KINDS, StateKind
from microgpt.parameters import parameter_count, parameter_layout


class State:
    """Weights, gradients and both moments: a flat tensor each, in parameter order."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype, device: torch.device) -> None:
        self._config = config
        count = parameter_count(config)
        self.flat: dict[StateKind, Tensor] = {
            kind: torch.zeros(count, dtype=dtype, device=device) for kind in STATE_KINDS
        }

    def read(self, kind: StateKind) -> array[float]:
        """See Engine. One copy, which turns float32 into float64 on the way."""
        values = array("d", [0.0]) * len(self.flat[kind])
        torch.frombuffer(values, dtype=torch.float64).copy_(self.flat[kind])
        return values

    def write(self, kind: StateKind, values: array[float]) -> None:
        """See Engine. A number that float32 cannot hold becomes the next one, or inf."""
        check_length(values, self._config)
        given = torch.frombuffer(values, dtype=torch.float64)
        if kind == "second_moment" and bool((given < 0).any()):
            check_second_moment(values)
        self.flat[kind].copy_(given)


def matrices(flat: Tensor, config: ModelConfig) -> dict[str, Tensor]:
    """The matrices by name, in flat order: leaves of autograd's graph that share the memory of
    `flat`. attn_wq, attn_wk and attn_wv, which lie one below the other, are one: attn_qkv."""
    found = {}
    n_embd = config.n_embd
    for spec in parameter_layout(config):
        layer, _, name = spec.name.rpartition(".")
        if name in ("attn_wk", "attn_wv"):
            continue
        rows = 3 * n_embd if name == "attn_wq" else spec.rows
        matrix = flat[spec.offset : spec.offset + rows * spec.columns].view(rows, spec.columns)
        known = f"{layer}.attn_qkv" if name == "attn_wq" else spec.name
        found[known] = matrix.detach().requires_grad_()
    return found
