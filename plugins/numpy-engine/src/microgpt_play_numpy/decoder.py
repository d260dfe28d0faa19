"""One text being continued, token by token, with a KV cache."""

from __future__ import annotations

import math

import numpy as np

from microgpt.checks import check_token
from microgpt.config import ModelConfig
from microgpt_play_numpy.memory import Array, Matrices


class NumpyDecoder:
    """A decoder over the weights as they are at each push. See `microgpt.engine.Decoder`.

    This is the model once more, for one token at a time and written plainly: V vocab_size,
    C n_embd, H n_head, D head_dim, T tokens read so far.
    """

    def __init__(self, config: ModelConfig, weights: Matrices) -> None:
        self._config = config
        self._weights = weights
        shape = config.n_layer, config.block_size, config.n_embd
        self._keys, self._values = np.zeros(shape), np.zeros(shape)
        self._of_head = np.repeat(np.eye(config.n_head), config.head_dim, axis=0)  # (C, H)
        self._scaled = self._of_head / math.sqrt(config.head_dim)
        self._position = 0

    def push(self, token: int) -> list[float]:
        """See Decoder."""
        check_token(token, self._position, self._config)
        weights, n_embd = self._weights, self._config.n_embd
        here, self._position = self._position, self._position + 1
        with np.errstate(all="ignore"):
            x = _norm(weights.wte[token] + weights.wpe[here])  # (C)
            for layer, block in enumerate(weights.blocks):
                qkv = block.qkv.dot(_norm(x))  # (3C)
                self._keys[layer, here] = qkv[n_embd : 2 * n_embd]
                self._values[layer, here] = qkv[2 * n_embd :]
                keys, values = self._keys[layer, : here + 1], self._values[layer, : here + 1]
                scores = (keys * qkv[:n_embd]).dot(self._scaled)  # (T, H)
                looks = np.exp(scores - scores.max(0))
                looks /= looks.sum(0)
                attended = (looks.dot(self._of_head.T) * values).sum(0)  # (C)
                x = x + block.wo.dot(attended)
                hidden = np.maximum(block.fc1.dot(_norm(x)), 0)  # (4C)
                x = x + block.fc2.dot(hidden)
            logits: list[float] = weights.lm_head.dot(x).tolist()  # (V)
        return logits


def _norm(x: Array) -> Array:
    """RMSNorm (C)."""
    normalized: Array = x / math.sqrt(x.dot(x) / len(x) + 1e-5)
    return normalized
