"""The settings of the model and its optimizer: frozen, validated, named as the field does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

ModelPart = Literal["attention", "mlp", "positions", "norm", "residual"]
"""A part of the GPT that can be left out from the start: attention and MLP with their matrices,
positions with wpe; without norm each rmsnorm passes its input on, and without residual a block's
output takes the place of the stream instead of being added to it."""

PARTS: tuple[ModelPart, ...] = get_args(ModelPart)

OptimizerName = Literal["adam", "sgd"]
"""adam: Kingma & Ba 2014, arXiv:1412.6980. sgd: plain gradient descent, θ -= learning rate · g."""

OPTIMIZERS: tuple[OptimizerName, ...] = get_args(OptimizerName)


class ConfigError(ValueError):
    """An impossible setting. `field` names the setting, the message says why and what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def absent(part: ModelPart) -> str:
    """ "attention was left out of this model", for whoever asks for something of it."""
    return f"{part} {'were' if part == 'positions' else 'was'} left out of this model"


def without(left_out: Sequence[ModelPart]) -> str:
    """ "without attention, mlp" for a model that lacks these; "" for a whole one."""
    return f"without {', '.join(left_out)}" if left_out else ""


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
    parts: tuple[ModelPart, ...] = PARTS
    """The parts that are there, in the order of PARTS; all of them make microgpt.py's model."""

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
        unknown = [part for part in self.parts if part not in PARTS]
        if unknown:
            raise ConfigError("parts", f"{unknown[0]!r} is none of {', '.join(PARTS)}")
        there = tuple(part for part in PARTS if part in self.parts)
        object.__setattr__(self, "parts", there)

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.n_embd // self.n_head

    @property
    def left_out(self) -> tuple[ModelPart, ...]:
        """The parts that are not there, in the order of PARTS."""
        return tuple(part for part in PARTS if part not in self.parts)


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """Adam with a learning rate that falls linearly to 0 (microgpt.py's own values), or SGD."""

    learning_rate: float = 0.01
    beta1: float = 0.85
    beta2: float = 0.99
    eps: float = 1e-8
    name: OptimizerName = "adam"
    """SGD has no use for beta1, beta2 and eps."""

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
        if self.name not in OPTIMIZERS:
            raise ConfigError("name", f"{self.name!r} is none of {', '.join(OPTIMIZERS)}")


def needs(model: ModelConfig, optimizer: OptimizerConfig) -> tuple[str, ...]:
    """What an engine must know beside the whole model and Adam: a part for each that was left out,
    and "sgd" where that is the optimizer. Of `ABILITIES`, in their order."""
    wanted = (*model.left_out, optimizer.name)
    return tuple(ability for ability in ABILITIES if ability in wanted)


ABILITIES: tuple[str, ...] = (*PARTS, "sgd")
"""All that an engine may know beside the whole model and Adam."""


def linear_decay(learning_rate: float, step: int, steps: int) -> float:
    """Learning rate of 0-based `step` out of `steps`: from `learning_rate` straight down to 0.

    Source: microgpt.py, `lr_t = learning_rate * (1 - step / num_steps)`.
    """
    return learning_rate * max(0.0, 1 - step / steps)
