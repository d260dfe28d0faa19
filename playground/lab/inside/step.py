"""The autopsy of a training step: what it did, and who made it do that.

The step is done again, from the state before it, on the engine at work; nothing is estimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

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
from microgpt.gradient_check import check_gradient
from microgpt.parameters import MatrixSpec, parameter_layout
from playground.lab.inside.surgery import difference
from playground.lab.protocol.step import (
    HeldOutText,
    MatrixUpdate,
    Read,
    StepReading,
    WeightUpdate,
)
from playground.lab.run.training import Training

REMEMBERED = 10
"""Earlier steps that are named in the update of a weight; the rest is one figure."""
MOVED = 30
"""Held-out texts that are named, of those that got better and of those that got worse."""
MOST_NUMBERS = 100_000_000
"""Weights times tokens of the largest step that is taken apart: each token has a gradient of its
own, which takes 8 bytes a weight."""
_AROUND = 10
"""All else that is done with each weight, in tokens."""
_LONGEST = 200
"""Characters of a held-out text that are sent."""


class Autopsy:
    """Takes one step of a training apart. The training stands after the step then, with the bits of
    a training that nobody looked at."""

    def __init__(
        self,
        training: Training,
        documents: Callable[[int], Sequence[int]],
        display: Callable[[int], str],
    ) -> None:
        """documents: the tokens of a training document, by its place in the order of training.
        display: a short name for a token."""
        self._training = training
        self._documents = documents
        self._display = display

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
    def check(parameters: int, documents: Sequence[Sequence[int]], block_size: int) -> None:
        """Raise ValueError for a step that is too large to be taken apart. documents: those that
        the step learns from."""
        tokens = sum(min(block_size, len(one) - 1) for one in documents)
        if parameters * (tokens + _AROUND) > MOST_NUMBERS:
            raise ValueError(
                f"each of its {tokens:,} tokens pulls at {parameters:,} weights, number by number "
                "in pure Python: that would take minutes, and more memory than there may be. A "
                "smaller model or a shorter document can be taken apart"
            )

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
        training.take_up()  # the step begins after what was done by hand before it
        at = training.step
        indices = training.documents_to_come()
        documents = [self._documents(index) for index in indices]
        guard = training.current.made.guard
        with guard.at("read", kind="engine"):
            weights = engine.read("weights")
            moments = engine.read("first_moment"), engine.read("second_moment")
        pulls = []
        for document in documents:  # the watchdog hears of each call
            with guard.at("loss_and_gradients", kind="engine"):
                pulls += token_gradients(engine, document)
        rate = training.next_rate
        update = take_apart(training.spec.optimizer.config(), rate, at, *moments, pulls)
        check = None
        if guard.entry.precision == "float64":
            with guard.at("loss_and_gradients", kind="engine"):
                check = check_gradient(engine, documents, at)
        heldout = training.measured_on
        before, held_before = self._losses(documents, heldout)
        self._forward()
        with guard.at("read", kind="engine"):
            gradient = engine.read("gradients")
        after, held_after = self._losses(documents, heldout)
        moved = sorted(
            (
                (tokens, (math.fsum(b) - math.fsum(a)) / len(a))
                for tokens, a, b in zip(heldout, held_before, held_after, strict=True)
            ),
            key=lambda one: one[1],
        )
        return StepReading(
            step=at + 1,
            learning_rate=rate,
            documents=tuple(indices),
            tokens=tuple(self._tokens(documents, before, after)),
            before=_mean(before),
            after=_mean(after),
            foretold=foretold(gradient, update),
            heldout=difference(held_before, held_after) if heldout else None,
            better=sum(delta < 0 for _, delta in moved),
            worse=sum(delta > 0 for _, delta in moved),
            most_better=tuple(self._text(*one) for one in moved[:MOVED] if one[1] < 0),
            most_worse=tuple(self._text(*one) for one in reversed(moved[-MOVED:]) if one[1] > 0),
            matrices=tuple(
                _matrix(spec, weights, gradient, moments[0], update)
                for spec in parameter_layout(engine.config)
            ),
            weight=None
            if weight is None or place is None
            else _weight(
                weight, place, weights[place], gradient[place], moments[0][place], update, history,
                training.spec.optimizer.config(),
                training.surgery.held_to(training.timeline.edits, at, place),
            ),
            check=check,
            engine=self._training.engine_name,
            optimizer=training.spec.optimizer.name,
        )  # fmt: skip

    def _losses(
        self, documents: Sequence[Sequence[int]], heldout: Sequence[Sequence[int]]
    ) -> tuple[list[list[float]], list[list[float]]]:
        current = self._training.current
        with current.made.guard.at("losses", kind="engine"):
            own = current.made.engine.losses(documents)
        return own, current.losses(heldout)

    def _tokens(
        self,
        documents: Sequence[Sequence[int]],
        before: Sequence[Sequence[float]],
        after: Sequence[Sequence[float]],
    ) -> list[Read]:
        return [
            Read(
                number,
                position,
                self._display(document[position]),
                self._display(document[position + 1]),
                was,
                now,
            )
            for number, document in enumerate(documents)
            for position, (was, now) in enumerate(zip(before[number], after[number], strict=True))
        ]

    def _text(self, tokens: Sequence[int], delta: float) -> HeldOutText:
        return HeldOutText("".join(map(self._display, tokens[1:-1]))[:_LONGEST], delta)


def _place(engine: Engine, weight: tuple[str, int, int]) -> int:
    """The flat index of a weight. Raises IndexError."""
    matrix, row, column = weight
    for spec in parameter_layout(engine.config):
        if spec.name == matrix and 0 <= row < spec.rows and 0 <= column < spec.columns:
            return spec.offset + row * spec.columns + column
    raise IndexError(f"there is no weight {matrix}[{row},{column}]")


def _mean(losses: Sequence[Sequence[float]]) -> float:
    return math.fsum(map(math.fsum, losses)) / sum(map(len, losses))


def _matrix(
    spec: MatrixSpec,
    weights: Sequence[float],
    gradient: Sequence[float],
    first_moment: Sequence[float],
    update: Update,
) -> MatrixUpdate:
    shares = update.shares(spec.slice)
    delta = update.delta[spec.slice]
    row, column = divmod(max(range(len(delta)), key=lambda i: abs(delta[i])), spec.columns)
    return MatrixUpdate(
        spec.name,
        norm(weights[spec.slice]),
        norm(delta),
        norm(gradient[spec.slice]),
        cosine(gradient[spec.slice], first_moment[spec.slice]),
        shares.memory,
        shares.tokens,
        row,
        column,
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
    held: float | None,
) -> WeightUpdate:
    """history: (an earlier step, the weight's gradient there), the earliest first. held: the value
    that the weight was put back to."""
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
        held,
    )
