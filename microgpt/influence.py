"""Which training steps made a prediction what it is: influence, by formula.

The formula is that of TracIn (Pruthi et al. 2020, arXiv:2002.08484) for Adam. To first order, a
prediction whose loss is L would cost more by

    Iₖ = -∇L · δₖ

if the weights had not been moved by δₖ, the part of all their movement that the documents of step k
made. Adam spreads this part over the steps: at the second moments as they were, the update of step
j is linear in the first moment, which remembers the gradient gₖ of an earlier step k as
(1 - β₁) β₁ʲ⁻ᵏ gₖ. So

    δₖ = Σⱼ≥ₖ sⱼ β₁ʲ⁻ᵏ gₖ,   sⱼ = -ηⱼ (1 - β₁) / ((1 - β₁ʲ⁺¹) (√v̂ⱼ + ε))

and not the update of step k alone, most of which is the memory of the documents before. SGD
remembers nothing, and δₖ = -ηₖ gₖ is the update. All δₖ together are the whole way of the weights.
∇L is the gradient at the weights at which the prediction is made; what the later steps would have
learnt otherwise is not in the formula.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from operator import mul

from microgpt.config import OptimizerConfig
from microgpt.engine import Engine

_FORGOTTEN = 1e-6
"""The share of a gradient in the first moment from which on it counts as forgotten."""
_MOST = 2**24
"""Numbers that are kept of the latest steps, at most: 128 MiB."""


def prediction_gradient(engine: Engine, read: Sequence[int], target: int) -> array[float]:
    """The gradient of the loss of one prediction by all weights, in parameter order.

    read: token ids, BOS first, after the last of which `target` is predicted; no more than
    block_size. The engine's gradients are as before, afterwards. ValueError as of the engine.
    """
    kept, count = engine.read("gradients"), len(read)
    try:
        engine.loss_and_gradients([[*read, target]])
        whole = engine.read("gradients")
        if count == 1:
            return whole
        engine.loss_and_gradients([read])
        before = engine.read("gradients")
        return array("d", [count * a - (count - 1) * b for a, b in zip(whole, before, strict=True)])
    finally:
        engine.write("gradients", kept)


class Influences:
    """Adds up what the documents of each step did to a prediction, while the steps are made.

    A step is settled when Adam has forgotten its gradient, to a millionth, or earlier where the
    latest steps would take too much memory; its figure is known only then.
    """

    def __init__(self, optimizer: OptimizerConfig, size: int) -> None:
        """size: how many weights there are."""
        self._optimizer = optimizer
        self._beta1 = beta1 = 0.0 if optimizer.name == "sgd" else optimizer.beta1
        lasting = math.ceil(math.log(_FORGOTTEN) / math.log(beta1)) if beta1 else 1
        room = _MOST // (4 * size)
        self._lasting = max(1, min(lasting, room))
        self._latest: deque[tuple[array[float], array[float]]] = deque()
        """The gradient of each step that is not settled, and what Adam multiplies it by."""

    def add(
        self,
        step: int,
        rate: float,
        gradient: array[float],
        second_moment: Sequence[float],
        pull: Sequence[float],
    ) -> list[float]:
        """Take a step in; returns the influences of the steps that are settled by it, in order.

        step: counted from 0. rate: its learning rate. gradient: of the step. second_moment: after
        the step. pull: the gradient of the prediction's loss by all weights, with 0 for each weight
        whose movement in this step was undone afterwards.
        """
        # The prediction's gradient is multiplied in here, once for each step.
        scales = array("d", self._scaled(step, rate, second_moment, pull))
        self._latest.append((gradient, scales))
        if len(self._latest) < 2 * self._lasting:
            return []
        return self._settled(self._lasting)

    def _scaled(
        self, step: int, rate: float, second_moment: Sequence[float], pull: Sequence[float]
    ) -> list[float]:
        """The prediction's gradient times what the step's gradient was multiplied by."""
        if self._optimizer.name == "sgd":
            return [-rate * slope for slope in pull]
        beta1, beta2, eps = self._beta1, self._optimizer.beta2, self._optimizer.eps
        own = -rate * (1 - beta1) / (1 - beta1 ** (step + 1))
        unbiased = 1 / (1 - beta2 ** (step + 1))
        sqrt = math.sqrt
        return [
            own * slope / (sqrt(v * unbiased) + eps)
            for v, slope in zip(second_moment, pull, strict=True)
        ]

    def rest(self) -> list[float]:
        """The influences of all steps that are not settled yet, after the last step."""
        return self._settled(len(self._latest))

    def _settled(self, count: int) -> list[float]:
        """The influences of the first `count` steps, which are dropped."""
        beta1 = self._beta1
        found: list[float] = []
        carried: Sequence[float] | None = None
        for place in range(len(self._latest) - 1, -1, -1):
            gradient, scales = self._latest[place]
            if carried is None or not beta1:
                carried = scales
            else:
                carried = [beta1 * later + s for later, s in zip(carried, scales, strict=True)]
            if place < count:
                found.append(-math.fsum(map(mul, carried, gradient)))
        for _ in range(count):
            self._latest.popleft()
        return found[::-1]


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """The rank correlation of two rows of as many numbers: 1 for the same order, -1 for the
    reverse. Equal numbers share the mean of their ranks. nan for fewer than two numbers, for rows
    of equal numbers alone, and where a number is not finite.

    Source: Spearman 1904, "The Proof and Measurement of Association between Two Things".
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} numbers cannot be compared with {len(b)}")
    if len(a) < 2 or not all(map(math.isfinite, (*a, *b))):
        return math.nan
    first, second = ranks(a), ranks(b)
    middle = (len(a) + 1) / 2
    left, right = [r - middle for r in first], [r - middle for r in second]
    size = math.sqrt(math.fsum(map(mul, left, left)) * math.fsum(map(mul, right, right)))
    return math.fsum(map(mul, left, right)) / size if size else math.nan


def ranks(numbers: Sequence[float]) -> list[float]:
    """The rank of each number, 1 for the smallest; equal ones share the mean of their ranks."""
    found = [0.0] * len(numbers)
    for places, first in _alike(numbers):
        for place in places:
            found[place] = first + (len(places) + 1) / 2
    return found


def _alike(numbers: Sequence[float]) -> Iterator[tuple[list[int], int]]:
    """(the places of equal numbers, how many numbers are smaller), the smallest number first."""
    order = sorted(range(len(numbers)), key=lambda place: numbers[place])
    at = 0
    while at < len(order):
        end = at
        while end < len(order) and numbers[order[end]] == numbers[order[at]]:
            end += 1
        yield order[at:end], at
        at = end
