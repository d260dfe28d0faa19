"""A training step taken apart, as plain values.

Token displays and texts are untrusted. Numbers that are not finite stand as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from microgpt.config import OptimizerName
from microgpt.gradient_check import GradientCheck
from playground.lab.protocol.surgery import Difference


@dataclass(frozen=True, slots=True)
class Read:
    """A token that the step learnt from."""

    document: int
    """Which document of the step, counted from 0."""
    position: int
    token: str
    """Display of the token that was read."""
    target: str
    """Display of the token that should have been predicted."""
    before: float
    """Its loss before the step, in nats."""
    after: float
    """Its loss after it."""


@dataclass(frozen=True, slots=True)
class MatrixUpdate:
    """What the step did to one matrix."""

    name: str
    weights: float
    """‖θ‖ before the step."""
    update: float
    """‖Δθ‖"""
    gradient: float
    """‖g‖"""
    cosine: float
    """cos(g, m) with the first moment before the step; nan where one of them is 0."""
    memory: float
    """The share of the update that is memory of earlier steps; nan for a matrix that stood still.
    All shares add up to 1."""
    tokens: tuple[float, ...]
    """The share of each token of the step."""
    row: int
    """The place of the weight that was moved farthest; `column` likewise."""
    column: int

    @property
    def ratio(self) -> float:
        """‖Δθ‖ / ‖θ‖: about 0.001 is usual."""
        return self.update / self.weights if self.weights else math.inf


@dataclass(frozen=True, slots=True)
class WeightUpdate:
    """Why one weight moved as it did: parts that add up to `delta`."""

    matrix: str
    row: int
    column: int
    before: float
    delta: float
    gradient: float
    denominator: float
    """√v̂ + ε, by which the update is divided; 1 with SGD."""
    tokens: tuple[float, ...]
    """By token of the step."""
    steps: tuple[tuple[int, float], ...]
    """(an earlier step, what is remembered of it), the latest first."""
    older: float
    """What is remembered of the steps before these."""
    held: float | None = None
    """The value that it was put back to at the end of the step; None where it was not held."""


@dataclass(frozen=True, slots=True)
class HeldOutText:
    """A held-out text that the step moved."""

    text: str
    """Its tokens' displays in a row, at most 200 characters."""
    delta: float
    """What was added to its loss, in nats a token."""


@dataclass(frozen=True, slots=True)
class StepReading:
    """A step taken apart."""

    step: int
    """Counted from 1: the step that was done."""
    learning_rate: float
    documents: tuple[int, ...]
    """The places of its documents in the order of training."""
    tokens: tuple[Read, ...]
    before: float
    """The loss of its own documents before the step, in nats a token."""
    after: float
    """The same after it."""
    foretold: float
    """The change to first order, g · Δθ; what differs from it is curvature."""
    heldout: Difference | None
    """What was added to the held-out loss; None without held-out texts."""
    better: int
    """How many held-out texts got a lower loss."""
    worse: int
    most_better: tuple[HeldOutText, ...]
    most_worse: tuple[HeldOutText, ...]
    matrices: tuple[MatrixUpdate, ...]
    weight: WeightUpdate | None
    check: GradientCheck | None
    """The gradient check, for the engine at work and the documents of the step; None for an engine
    in float32, which has too few digits to measure a slope from losses a small step apart."""
    engine: str
    """The name of that engine."""
    optimizer: OptimizerName = "adam"

    @property
    def change(self) -> float:
        """What the step added to the loss of its own documents."""
        return self.after - self.before
