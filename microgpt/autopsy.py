"""The autopsy of a step: who moved the weights, and by how much, as exact sums.

At a given second moment, Adam's update is linear in the gradients. With t = step + 1, the gradient
g = Σₚ gₚ / n of the n tokens p of this step, and the first and second moment m, v before it:

    v̂  = (β₂ v + (1 - β₂) g²) / (1 - β₂ᵗ)
    Δθ = -η (β₁ m + (1 - β₁) Σₚ gₚ / n) / ((1 - β₁ᵗ) (√v̂ + ε))

So one update is the sum of what each token pulled, and of what is remembered of earlier steps; and
m is itself a sum over these, (1 - β₁) Σₖ β₁ᵏ gₜ₋₁₋ₖ. Source: Kingma & Ba 2014, arXiv:1412.6980,
algorithm 1.

SGD remembers nothing: Δθ = -η Σₚ gₚ / n, which is all that this step's tokens pulled.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from microgpt.checks import inputs_and_targets
from microgpt.config import OptimizerConfig
from microgpt.engine import Engine

Flat = Sequence[float]
"""A number for each weight, in parameter order."""


def token_gradients(engine: Engine, document: Sequence[int]) -> list[array[float]]:
    """The gradient of each predicted token's loss by all weights, one row a token.

    document: token ids, BOS at both ends. A token's loss does not depend on what follows it, so the
    gradient is that of the text up to it, less that of the text before: exact up to rounding, with
    any engine. The engine's gradients are as before, afterwards. ValueError as of the engine.
    """
    kept = engine.read("gradients")
    inputs, _ = inputs_and_targets(document, engine.config)
    found: list[array[float]] = []
    before = array("d", bytes(8 * len(kept)))
    try:
        for count in range(1, len(inputs) + 1):
            engine.loss_and_gradients([document[: count + 1]])
            whole = array("d", [count * g for g in engine.read("gradients")])
            found.append(array("d", [a - b for a, b in zip(whole, before, strict=True)]))
            before = whole
    finally:
        engine.write("gradients", kept)
    return found


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the update of some weights, the share of each part. All shares add up to 1; one below 0
    pulled against what was done."""

    memory: float
    tokens: tuple[float, ...]
    """By token of the step."""


@dataclass(frozen=True, slots=True)
class Update:
    """One step of the optimizer, taken apart."""

    memory: Flat
    """What the first moment did: the memory of earlier steps; zeros with SGD."""
    tokens: Sequence[Flat]
    """What each token did."""
    delta: Flat
    """By how much each weight was moved: the sum of the above."""
    denominators: Flat
    """√v̂ + ε of each weight, by which Adam divides; 1 with SGD."""

    def shares(self, weights: slice) -> Shares:
        """The shares of the parts in the update of these weights: how far each points the way that
        the weights went, ⟨part, Δθ⟩ / ⟨Δθ, Δθ⟩. All are nan for weights that did not move."""
        delta = self.delta[weights]
        whole = _dot(delta, delta)

        def share(part: Flat) -> float:
            return _dot(part[weights], delta) / whole if whole else math.nan

        return Shares(share(self.memory), tuple(map(share, self.tokens)))


def take_apart(
    optimizer: OptimizerConfig,
    learning_rate: float,
    step: int,
    first_moment: Flat,
    second_moment: Flat,
    tokens: Sequence[Flat],
) -> Update:
    """What a step of the optimizer does, by what does it.

    step: counted from 0. first_moment, second_moment: as they were before the step. tokens: the
    gradient of each token's loss; their mean is the gradient of the step. ValueError without a
    token.
    """
    if not tokens:
        raise ValueError("a step learns from one token at least")
    count = len(tokens)
    if optimizer.name == "sgd":
        pulls = [[-learning_rate / count * g for g in one] for one in tokens]
        delta = [math.fsum(parts) for parts in zip(*pulls, strict=True)]
        return Update([0.0] * len(delta), pulls, delta, [1.0] * len(delta))
    gradient = [math.fsum(column) / count for column in zip(*tokens, strict=True)]
    denominators, scales = [], []
    for v, g in zip(second_moment, gradient, strict=True):
        root = denominator(optimizer, step, v, g)
        denominators.append(root)
        scales.append(-learning_rate / ((1 - optimizer.beta1 ** (step + 1)) * root))
    own = (1 - optimizer.beta1) / count
    memory = [s * optimizer.beta1 * m for s, m in zip(scales, first_moment, strict=True)]
    pulls = [[s * own * g for s, g in zip(scales, one, strict=True)] for one in tokens]
    delta = [math.fsum(parts) for parts in zip(memory, *pulls, strict=True)]
    return Update(memory, pulls, delta, denominators)


def denominator(
    optimizer: OptimizerConfig, step: int, second_moment: float, gradient: float
) -> float:
    """√v̂ + ε of one weight, by which its update is divided; 1 with SGD. second_moment: before the
    step."""
    if optimizer.name == "sgd":
        return 1.0
    beta2 = optimizer.beta2
    v = beta2 * second_moment + (1 - beta2) * gradient * gradient
    return math.sqrt(v / (1 - beta2 ** (step + 1))) + optimizer.eps


def remembered(
    optimizer: OptimizerConfig, memory: float, first_moment: float, gradients: Sequence[float]
) -> tuple[list[float], float]:
    """What a weight's `memory` is made of: (the part of each earlier step, the rest).

    memory: the weight's part of `Update.memory`. first_moment: before the step. gradients: those of
    the weight at the steps before, the latest first. The rest is of the steps before these. The
    parts and the rest add up to `memory`.
    """
    if not first_moment:
        return [0.0 for _ in gradients], memory
    scale = memory / first_moment
    beta1 = optimizer.beta1
    parts = [scale * (1 - beta1) * beta1**age * g for age, g in enumerate(gradients)]
    return parts, memory - math.fsum(parts)


def foretold(gradient: Flat, update: Update) -> float:
    """The change of the step's own loss to first order, g · Δθ, in nats a token. What the loss does
    beside that is curvature: the step was not short."""
    return _dot(gradient, update.delta)


def cosine(a: Flat, b: Flat) -> float:
    """The cosine of the angle between two rows of numbers; nan if one of them is 0."""
    size = math.sqrt(_dot(a, a)) * math.sqrt(_dot(b, b))
    return _dot(a, b) / size if size else math.nan


def norm(a: Flat) -> float:
    """The Euclidean length of a row of numbers."""
    return math.sqrt(_dot(a, a))


def _dot(a: Flat, b: Flat) -> float:
    return math.fsum(map(mul, a, b))
