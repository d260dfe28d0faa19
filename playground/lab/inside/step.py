"""The autopsy of a training step: what it did, and who made it do that.

The step is done again, from the state before it, on the engine at work; nothing is estimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from microgpt.autopsy import (
    Update,
    cosine,
    foretold,
    norm,
    remembered,
    take_apart,
    token_gradients,
)
from microgpt.config import OptimizerConfig
from microgpt.engine import Engine
from microgpt.gradient_check import GradientCheck, check_gradient
from microgpt.parameters import MatrixSpec, parameter_layout
from playground.lab.inside.surgery import Difference, difference
from playground.lab.run.training import Training

REMEMBERED = 10
"""Earlier steps that are named in the update of a weight; the rest is one figure."""
MOVED = 5
"""Held-out texts that are named, of those that got better and of those that got worse."""


@dataclass(frozen=True, slots=True)
class Read:
    """A token that the step learnt from."""

    document: int
    """Which document of the step, counted from 0."""
    position: int
    token: int
    """The id that was read."""
    target: int
    """The id that should have been predicted."""
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
    """√v̂ + ε, by which the update is divided."""
    tokens: tuple[float, ...]
    """By token of the step."""
    steps: tuple[tuple[int, float], ...]
    """(an earlier step, what is remembered of it), the latest first."""
    older: float
    """What is remembered of the steps before these."""


@dataclass(frozen=True, slots=True)
class HeldOutText:
    """A held-out text that the step moved."""

    tokens: tuple[int, ...]
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
    check: GradientCheck
    """The gradient check, for the engine at work and the documents of the step."""

    @property
    def change(self) -> float:
        """What the step added to the loss of its own documents."""
        return self.after - self.before


class Autopsy:
    """Takes one step of a training apart. The training stands after the step then, with the bits of
    a training that nobody looked at."""

    def __init__(self, training: Training, documents: Callable[[int], Sequence[int]]) -> None:
        """documents: the tokens of a training document, by its place in the order of training."""
        self._training = training
        self._documents = documents

    def read(self, step: int, weight: tuple[str, int, int] | None = None) -> StepReading:
        """Take apart the step with this number, counted from 1, which a training stands before.

        weight: (matrix, row, column) of the weight that is explained by itself. The training has to
        stand at `first_needed` or later; it is taken forward to the step. Raises PluginError,
        IndexError for a weight that is not there, ValueError for a step that cannot be done.
        """
        training = self._training
        place = None if weight is None else _place(training.engine, weight)
        history: list[tuple[int, float]] = []
        while training.step < step - 1:
            self._forward()
            if place is not None:
                history.append((training.step, training.engine.read("gradients")[place]))
        history = history[-REMEMBERED:]
        return self._apart(weight, place, history)

    @staticmethod
    def first_needed(step: int, weight: bool) -> int:
        """The step at which a training has to stand before the autopsy of `step`."""
        return max(0, step - 1 - (REMEMBERED if weight else 0))

    def _forward(self) -> None:
        if not self._training.forward(1):
            trouble = self._training.trouble
            why = f": {trouble.title}" if trouble is not None else ""
            raise ValueError(f"step {self._training.step + 1:,} cannot be done{why}")

    def _apart(
        self,
        weight: tuple[str, int, int] | None,
        place: int | None,
        history: Sequence[tuple[int, float]],
    ) -> StepReading:
        training, engine = self._training, self._training.engine
        at = training.step
        indices = training.documents_to_come()
        documents = [self._documents(index) for index in indices]
        weights = engine.read("weights")
        moments = engine.read("first_moment"), engine.read("second_moment")
        pulls = [row for document in documents for row in token_gradients(engine, document)]
        rate = training.next_rate
        update = take_apart(training.spec.optimizer.config(), rate, at, *moments, pulls)
        check = check_gradient(engine, documents, at)
        heldout = training.measured_on
        before, held_before = engine.losses(documents), training.current.losses(heldout)
        self._forward()
        gradient = engine.read("gradients")
        after, held_after = engine.losses(documents), training.current.losses(heldout)
        moved = sorted(
            (
                HeldOutText(tuple(tokens), (math.fsum(b) - math.fsum(a)) / len(a))
                for tokens, a, b in zip(heldout, held_before, held_after, strict=True)
            ),
            key=lambda one: one.delta,
        )
        return StepReading(
            step=at + 1,
            learning_rate=rate,
            documents=tuple(indices),
            tokens=tuple(_tokens(documents, before, after)),
            before=_mean(before),
            after=_mean(after),
            foretold=foretold(gradient, update),
            heldout=difference(held_before, held_after) if heldout else None,
            better=sum(one.delta < 0 for one in moved),
            worse=sum(one.delta > 0 for one in moved),
            most_better=tuple(one for one in moved[:MOVED] if one.delta < 0),
            most_worse=tuple(one for one in reversed(moved[-MOVED:]) if one.delta > 0),
            matrices=tuple(
                _matrix(spec, weights, gradient, moments[0], update)
                for spec in parameter_layout(engine.config)
            ),
            weight=None
            if weight is None or place is None
            else _weight(
                weight, place, weights[place], gradient[place], moments[0][place], update, history,
                training.spec.optimizer.config(),
            ),
            check=check,
        )  # fmt: skip


def _place(engine: Engine, weight: tuple[str, int, int]) -> int:
    """The flat index of a weight. Raises IndexError."""
    matrix, row, column = weight
    for spec in parameter_layout(engine.config):
        if spec.name == matrix and 0 <= row < spec.rows and 0 <= column < spec.columns:
            return spec.offset + row * spec.columns + column
    raise IndexError(f"there is no weight {matrix}[{row},{column}]")


def _mean(losses: Sequence[Sequence[float]]) -> float:
    return math.fsum(map(math.fsum, losses)) / sum(map(len, losses))


def _tokens(
    documents: Sequence[Sequence[int]],
    before: Sequence[Sequence[float]],
    after: Sequence[Sequence[float]],
) -> list[Read]:
    return [
        Read(number, position, document[position], document[position + 1], was, now)
        for number, document in enumerate(documents)
        for position, (was, now) in enumerate(zip(before[number], after[number], strict=True))
    ]


def _matrix(
    spec: MatrixSpec,
    weights: Sequence[float],
    gradient: Sequence[float],
    first_moment: Sequence[float],
    update: Update,
) -> MatrixUpdate:
    shares = update.shares(spec.slice)
    return MatrixUpdate(
        spec.name,
        norm(weights[spec.slice]),
        norm(update.delta[spec.slice]),
        norm(gradient[spec.slice]),
        cosine(gradient[spec.slice], first_moment[spec.slice]),
        shares.memory,
        shares.tokens,
    )


def _weight(
    weight: tuple[str, int, int],
    place: int,
    value: float,
    gradient: float,
    first_moment: float,
    update: Update,
    history: Sequence[tuple[int, float]],
    optimizer: OptimizerConfig,
) -> WeightUpdate:
    """history: (an earlier step, the weight's gradient there), the earliest first."""
    latest = list(reversed(history))
    parts, older = remembered(optimizer, update.memory[place], first_moment, [g for _, g in latest])
    matrix, row, column = weight
    return WeightUpdate(
        matrix,
        row,
        column,
        value,
        update.delta[place],
        gradient,
        update.denominators[place],
        tuple(one[place] for one in update.tokens),
        tuple((step, part) for (step, _), part in zip(latest, parts, strict=True)),
        older,
    )
