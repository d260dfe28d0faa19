"""The GPT in torch.nn.functional: forward alone, for autograd knows the way back.

Shapes in comments: B documents, T tokens each, C n_embd, H n_head, D head_dim, V vocab_size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
import torch.nn.functional as f
from torch import Tensor

from microgpt.config import ModelConfig

IGNORED = -100
"""The target of a place that holds no token: its loss is 0, and so is its gradient."""


class Memory(Protocol):
    """What a model remembers of the tokens that it has read: a KV cache."""

    read: int
    """Tokens read before those that are given now."""

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add keys and values (1, H, 1, D) of one token; returns those of all (1, H, T, D)."""


def logits(
    weights: Mapping[str, Tensor], config: ModelConfig, tokens: Tensor, memory: Memory | None = None
) -> Tensor:
    """Token ids (B, T) -> logits (B, T, V) of what follows each.

    weights: by name, as `state.matrices` makes them. memory: with it, `tokens` is one token (1, 1)
    that goes on with the text in the memory.
    """
    parts = config.parts
    start = memory.read if memory else 0
    x = f.embedding(tokens, weights["wte"])  # (B, T, C)
    if "positions" in parts:
        x = x + weights["wpe"][start : start + tokens.shape[1]]
    x = norm(x, config)
    for layer in range(config.n_layer):
        if "attention" in parts:
            attended = attention(weights, config, norm(x, config), layer, memory)
            x = x + attended if "residual" in parts else attended
        if "mlp" in parts:
            hidden = f.linear(norm(x, config), weights[f"layer{layer}.mlp_fc1"]).relu_()
            written = f.linear(hidden, weights[f"layer{layer}.mlp_fc2"])
            x = x + written if "residual" in parts else written
    return f.linear(x, weights["lm_head"])


def norm(x: Tensor, config: ModelConfig) -> Tensor:
    """RMSNorm over the last axis, or x itself in a model without norm."""
    return f.rms_norm(x, (config.n_embd,), eps=1e-5) if "norm" in config.parts else x


def attention(
    weights: Mapping[str, Tensor],
    config: ModelConfig,
    x: Tensor,
    layer: int,
    memory: Memory | None,
) -> Tensor:
    """What the heads gather from the tokens so far, (B, T, C) -> (B, T, C)."""
    batch, length, width = x.shape
    qkv = f.linear(x, weights[f"layer{layer}.attn_qkv"])  # (B, T, 3C)
    by_head = qkv.view(batch, length, 3, config.n_head, config.head_dim)
    queries, keys, values = by_head.permute(2, 0, 3, 1, 4)  # (B, H, T, D) each
    if memory is not None:
        keys, values = memory.extend(layer, keys, values)
    # One call for softmax(q kᵀ / √D) v. A token that is read alone may look at everything.
    heads = f.scaled_dot_product_attention(queries, keys, values, is_causal=memory is None)
    joined = heads.transpose(1, 2).reshape(batch, length, width)
    return f.linear(joined, weights[f"layer{layer}.attn_wo"])


def token_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Logits (B, T, V) and targets (B, T) -> -log p(target) in nats (B, T)."""
    losses = f.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.view(targets.shape)


def as_reported(losses: Tensor) -> Tensor:
    """Token losses as an engine gives them: inf for a probability that is 0 as a float64.

    cross_entropy works with logarithms, and so has a finite loss, and a gradient, even there.
    """
    losses = losses.detach()
    return losses.masked_fill(torch.exp(-losses.double()) == 0, torch.inf)
