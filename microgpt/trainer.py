"""Documents + engine -> one step at a time."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any

from microgpt.config import ModelConfig, OptimizerConfig, linear_decay
from microgpt.engine import BulkEngine, Engine, takes_many
from microgpt.parameters import initial_weights


class DivergedError(ArithmeticError):
    """The loss or the weights stopped being finite numbers; the step was not applied."""

    def __init__(
        self,
        step: int,
        loss: float,
        token_losses: Sequence[Sequence[float]],
        document_indices: Sequence[int],
        learning_rate: float,
    ) -> None:
        super().__init__(
            f"the loss of step {step} is {loss}: training has diverged "
            f"(learning rate {learning_rate:.4g}); a lower learning rate usually helps"
        )
        self.step = step
        """1-based number of the step that could not be done."""
        self.loss = loss
        self.token_losses = token_losses
        self.document_indices = document_indices
        self.learning_rate = learning_rate


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one training step."""

    step: int
    """Number of the step just done, counted from 1."""
    loss: float
    """Mean over all predicted tokens of the batch, in nats, before the update."""
    token_losses: tuple[tuple[float, ...], ...]
    """Losses per document, per predicted token, in nats."""
    document_indices: tuple[int, ...]
    """The documents of the step."""
    learning_rate: float
    """The learning rate of this update, its schedule included."""
    tokens: int
    """Tokens predicted in this step."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The result of several training steps in a row."""

    losses: array[float]
    """The loss of each step, as StepResult.loss; all finite."""
    learning_rates: array[float]
    """The learning rate of each step."""
    tokens: int
    """Tokens predicted in all these steps."""
    last: StepResult | None
    """The result of the last step; None if no step was done."""
    diverged: DivergedError | None = None
    """Why there are fewer steps than were asked for; None if there are not."""


def joined(parts: Sequence[Stretch]) -> Stretch:
    """Several stretches, one after the other, as one. parts: at least one; the last result that
    there is counts."""
    losses, rates = array("d"), array("d")
    for part in parts:
        losses.extend(part.losses)
        rates.extend(part.learning_rates)
    last = next((part.last for part in reversed(parts) if part.last is not None), None)
    tokens = sum(part.tokens for part in parts)
    return Stretch(losses, rates, tokens, last, parts[-1].diverged)


def linear_factor(step: int, steps: int) -> float:
    """microgpt.py's schedule: what the learning rate is multiplied by at 0-based `step`."""
    return linear_decay(1.0, step, steps)


class Trainer:
    """Feeds documents to an engine, `batch_size` a step, round and round.

    documents: token ids with BOS at both ends; may encode lazily, each is asked for once a step.
    factor: (0-based step, steps) -> what the base learning rate is multiplied by.
    Raises ValueError without documents, or if steps or batch_size is below 1.
    """

    def __init__(
        self,
        engine: Engine,
        documents: Sequence[Sequence[int]],
        optimizer: OptimizerConfig,
        steps: int,
        batch_size: int = 1,
        factor: Callable[[int, int], float] = linear_factor,
    ) -> None:
        if not len(documents):
            raise ValueError("there are no documents to train on")
        for name, value in (("steps", steps), ("batch_size", batch_size)):
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, not {value}")
        self.engine = engine
        """The engine, which may be exchanged between two steps for one in the same state."""
        self.documents = documents
        self.learning_rate = optimizer.learning_rate
        """The learning rate before its schedule; may be changed at any time."""
        self.factor = factor
        self.steps = steps
        """The end of the schedule. Training may go on after it; the linear rate is then 0."""
        self.batch_size = batch_size
        self.step = 0
        """Steps completed."""

    def document_indices(self, step: int) -> list[int]:
        """The documents of 0-based `step`: microgpt.py's `step % len(docs)`, batch by batch."""
        first = step * self.batch_size
        return [(first + i) % len(self.documents) for i in range(self.batch_size)]

    def advance(self) -> StepResult:
        """One step: forward, loss, backward, update.

        Raises DivergedError if the loss is not finite; weights, moments and `step` are then
        still those that gave that loss.
        """
        indices = self.document_indices(self.step)
        token_losses = self.engine.loss_and_gradients([self.documents[i] for i in indices])
        tokens = sum(map(len, token_losses))
        loss = sum(map(sum, token_losses)) / tokens
        learning_rate = self.learning_rate * self.factor(self.step, self.steps)
        if not math.isfinite(loss):
            raise DivergedError(self.step + 1, loss, token_losses, indices, learning_rate)
        self.engine.adam_step(learning_rate, self.step)
        self.step += 1
        return StepResult(
            step=self.step,
            loss=loss,
            token_losses=tuple(map(tuple, token_losses)),
            document_indices=tuple(indices),
            learning_rate=learning_rate,
            tokens=tokens,
        )

    def train(self, steps: int) -> Stretch:
        """Do `steps` steps in a row; in one call, if the engine takes many at once.

        Stops before a step whose loss is not finite: see `advance`.
        """
        engine, first = self.engine, self.step
        if steps > 0 and takes_many(engine):
            return self._train_at_once(engine, first, steps)
        losses, rates = array("d"), array("d")
        tokens, last = 0, None
        for _ in range(steps):
            try:
                last = self.advance()
            except DivergedError as error:
                return Stretch(losses, rates, tokens, last, error)
            losses.append(last.loss)
            rates.append(last.learning_rate)
            tokens += last.tokens
        return Stretch(losses, rates, tokens, last)

    def _train_at_once(self, engine: BulkEngine, first: int, steps: int) -> Stretch:
        base, factor, end = self.learning_rate, self.factor, self.steps
        rates = array("d", [base * factor(first + i, end) for i in range(steps)])
        count, size = len(self.documents), self.batch_size
        indices = [i % count for i in range(first * size, (first + steps) * size)]
        done = engine.train([self.documents[i] for i in indices], rates, first)
        losses, token_losses, tokens = done.losses, done.token_losses, done.tokens
        if not len(losses):
            return Stretch(losses, rates[:0], 0, None)
        at = len(losses) - 1
        result = StepResult(
            step=first + at + 1,
            loss=losses[at],
            token_losses=tuple(map(tuple, token_losses)),
            document_indices=tuple(indices[at * size : (at + 1) * size]),
            learning_rate=rates[at],
            tokens=sum(map(len, token_losses)),
        )
        if math.isfinite(result.loss):
            self.step = result.step
            return Stretch(losses, rates[: at + 1], tokens, result)
        self.step = first + at
        error = DivergedError(
            result.step, result.loss, token_losses, result.document_indices, rates[at]
        )
        return Stretch(losses[:at], rates[:at], tokens - result.tokens, None, error)


def gradient_norm(engine: Engine) -> float:
    """Euclidean length of the gradient of the last step, over all parameters."""
    return math.hypot(*engine.read("gradients"))


def shuffle(documents: MutableSequence[Any], seed: int) -> random.Random:
    """Shuffle in place; return the stream, from which the weights are drawn next.

    Source: microgpt.py: `random.seed(42)`, then `random.shuffle(docs)`.
    """
    rng = random.Random(seed)
    rng.shuffle(documents)
    return rng


def shuffle_and_init(
    documents: MutableSequence[Any], config: ModelConfig, seed: int
) -> tuple[array[float], random.Random]:
    """Shuffle the documents in place, then draw the first weights, from one random stream.

    Returns the flat weights and the stream, from which `python -m microgpt` goes on to sample.
    """
    rng = shuffle(documents, seed)
    return initial_weights(config, rng), rng
