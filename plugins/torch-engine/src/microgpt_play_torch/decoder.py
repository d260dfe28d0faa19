"""One text being continued, token by token, with a KV cache."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from microgpt.checks import check_token
from microgpt.config import ModelConfig
from microgpt_play_torch.model import logits


class TorchDecoder:
    """A decoder over the weights as they are at each push. See `microgpt.engine.Decoder`."""

    def __init__(self, config: ModelConfig, weights: Mapping[str, Tensor]) -> None:
        self._config = config
        self._weights = weights
        self._cache = Cache(config, weights["wte"])

    def push(self, token: int) -> list[float]:
        """See Decoder."""
        check_token(token, self._cache.read, self._config)
        device = self._weights["wte"].device
        with torch.inference_mode():
            tokens = torch.tensor([[token]], device=device)
            found = logits(self._weights, self._config, tokens, self._cache)
        self._cache.read += 1
        row: list[float] = found.flatten().tolist()
        return row


class Cache:
    """The keys and values of every layer for the tokens read so far; a `model.Memory`."""

    def __init__(self, config: ModelConfig, like: Tensor) -> None:
        """like: a tensor of the type and on the device that the cache shall have."""
        shape = (config.n_layer, 1, config.n_head, config.block_size, config.head_dim)
        self._keys, self._values = like.new_zeros(shape), like.new_zeros(shape)
        self.read = 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """See Memory."""
        after = self.read + 1
        for cached, new in ((self._keys[layer], keys), (self._values[layer], values)):
            cached[:, :, self.read : after] = new
        return self._keys[layer, :, :, :after], self._values[layer, :, :, :after]
