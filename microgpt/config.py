"""The settings of the model and its optimizer: frozen, validated, named as the field does."""

from __future__ import annotations

import math
from dataclasses import dataclass


class ConfigError(ValueError):
    """An impossible setting. `field` names the setting, the message says why and what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def _positive_int(field: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(field, f"must be a whole number, not {value!r}")
    if value < 1:
        raise ConfigError(field, f"must be 1 or more, not {value}")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of the GPT.

    Raises ConfigError naming the first field that is impossible.
    """

    vocab_size: int
    """Tokens in the vocabulary, BOS included."""
    n_embd: int = 16
    """Width of the residual stream; a multiple of n_head."""
    n_head: int = 4
    """Attention heads in each layer."""
    n_layer: int = 1
    """Transformer blocks."""
    block_size: int = 16
    """Context length: the most tokens the model looks at."""

    def __post_init__(self) -> None:
        for field in ("vocab_size", "n_embd", "n_head", "n_layer", "block_size"):
            _positive_int(field, getattr(self, field))
        if self.n_embd % self.n_head:
            fits = [h for h in range(1, self.n_embd + 1) if self.n_embd % h == 0]
            near = sorted(sorted(fits, key=lambda h: abs(h - self.n_head))[:4])
            raise ConfigError(
                "n_embd",
                f"{self.n_embd} cannot be divided among {self.n_head} heads; "
                f"choose n_head from {', '.join(map(str, near))}, or make n_embd a multiple "
                f"of {self.n_head}",
            )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.n_embd // self.n_head


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """Adam with a learning rate that falls linearly to 0 (microgpt.py's own values)."""

    learning_rate: float = 0.01
    beta1: float = 0.85
    beta2: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        for field in ("learning_rate", "beta1", "beta2", "eps"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(field, f"must be a number, not {value!r}")
            if not math.isfinite(value):
                raise ConfigError(field, f"must be finite, not {value}")
        if self.learning_rate < 0:
            raise ConfigError("learning_rate", f"must be 0 or more, not {self.learning_rate}")
        for field in ("beta1", "beta2"):
            if not 0 <= getattr(self, field) < 1:
                raise ConfigError(field, f"must be in [0, 1), not {getattr(self, field)}")
        if self.eps <= 0:
            raise ConfigError("eps", f"must be above 0, not {self.eps}")


def linear_decay(learning_rate: float, step: int, steps: int) -> float:
    """Learning rate of 0-based `step` out of `steps`: from `learning_rate` straight down to 0.

    Source: microgpt.py, `lr_t = learning_rate * (1 - step / num_steps)`.
    """
    return learning_rate * max(0.0, 1 - step / steps)
