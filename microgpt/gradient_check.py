"""The gradient check: an engine's gradients against the slope of its own losses.

A loss that falls proves little. Adam divides each gradient by its own size, and so a gradient of
the wrong scale, or one that lacks a term, still trains a model, only a worse one. But the loss is a
function of the weights, and its slope can be measured without any derivative: by two losses, a
small step apart. The gradient foretells that slope in every direction, or it is wrong.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from microgpt.engine import Engine

STEP = 1e-3
"""The length of the step, in the space of all weights."""
TOLERANCE = 1e-6
"""How far from 1 the ratio of a right gradient is at most."""
_DIRECTIONS = 64
_AGREE = 2e-7
"""How far two measurements of one slope are apart at most, relative to it."""
_MEASURED = 12
"""Directions in which a slope is measured, at most; the step is shorter in each."""
_SHORTER = 0.6


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """What the gradient foretells in one direction, and what is measured there."""

    foretold: float
    """⟨g, d⟩: nats a token, by the length of a step in the direction d."""
    measured: float
    """The slope of the mean loss in the direction d, by finite differences."""

    @property
    def ratio(self) -> float:
        """foretold / measured: 1 for a right gradient; nan where neither is there."""
        if self.measured:
            return self.foretold / self.measured
        return math.inf if self.foretold else math.nan

    @property
    def right(self) -> bool:
        """True if the ratio is 1 up to `TOLERANCE`."""
        return abs(self.ratio - 1) <= TOLERANCE


def check_gradient(
    engine: Engine, documents: Sequence[Sequence[int]], seed: int = 0
) -> GradientCheck:
    """Check the engine's gradients of a batch in a random direction of unit length.

    documents: as `Engine.loss_and_gradients` takes them. The slope is measured from four losses,
    (8 (L₁ - L₋₁) - (L₂ - L₋₂)) / 12 h, whose error falls with the fourth power of the step h
    (Abramowitz & Stegun 1964, table 25.2), where the loss is smooth. It has a kink where a relu
    bends. So the slope is measured with half the step as well, and where the two differ, another
    direction and a shorter step are taken. The gradient has no say in that. Weights and gradients
    of the engine are as before, afterwards. ValueError as of the engine; losses that are not finite
    give a ratio of nan.
    """
    weights, kept = engine.read("weights"), engine.read("gradients")
    try:
        engine.loss_and_gradients(documents)
        gradient = engine.read("gradients")
        dice = random.Random(seed)
        for attempt in range(_MEASURED):
            direction = _direction(gradient, dice)
            step = STEP * _SHORTER**attempt
            rise = {
                steps: _loss(engine, documents, weights, direction, steps * step)
                - _loss(engine, documents, weights, direction, -steps * step)
                for steps in (0.5, 1, 2)
            }
            measured = (8 * rise[1] - rise[2]) / (12 * step)
            again = (8 * rise[0.5] - rise[1]) / (6 * step)
            if not abs(measured - again) > _AGREE * abs(measured):  # a nan is taken as it is
                break
        foretold = math.fsum(map(float.__mul__, gradient, direction))
    finally:
        engine.write("weights", weights)
        engine.write("gradients", kept)
    return GradientCheck(foretold, measured)


def _loss(
    engine: Engine,
    documents: Sequence[Sequence[int]],
    weights: Sequence[float],
    direction: Sequence[float],
    length: float,
) -> float:
    """The mean loss of a token, that far from the weights in the direction."""
    moved = [w + length * d for w, d in zip(weights, direction, strict=True)]
    engine.write("weights", array("d", moved))
    losses = [one for losses in engine.losses(documents) for one in losses]
    return math.fsum(losses) / len(losses)


def _direction(gradient: Sequence[float], dice: random.Random) -> list[float]:
    """A random direction in which the loss has a slope that can be measured: in one that is nearly
    at right angles to the gradient, rounding would be seen instead."""
    length = math.sqrt(math.fsum(g * g for g in gradient))
    for _ in range(_DIRECTIONS):
        drawn = [dice.gauss(0, 1) for _ in gradient]
        size = math.sqrt(math.fsum(d * d for d in drawn))
        direction = [d / size for d in drawn]
        slope = math.fsum(map(float.__mul__, gradient, direction))
        if not abs(slope) * math.sqrt(len(gradient)) < length / 2:  # a nan is taken as it is
            break
    return direction
