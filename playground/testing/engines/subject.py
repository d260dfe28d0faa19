"""The engine under test, and the form of one promise about it."""

from __future__ import annotations

import random
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import STATE_KINDS, Engine, EngineFactory, PreparedEngine, StateKind
from microgpt.parameters import initial_weights

T = TypeVar("T")

SMALL = ModelConfig(vocab_size=5, n_embd=4, n_head=2, n_layer=2, block_size=6)
BATCH = ((4, 0, 1, 2, 4), (4, 3, 4), (4, 1))
"""Documents for SMALL, BOS 4: none needs more than its block."""

SLOW = 0.02
"""An engine is slow if a step of the default model on a name takes more seconds than this."""


class Subject:
    """The factory of the engine under test, and the size of the checks."""

    def __init__(
        self,
        factory: EngineFactory,
        name: str = "",
        small: bool | None = None,
        knows: Sequence[str] = (),
    ) -> None:
        self.factory = factory
        self.name = name
        self.knows = tuple(knows)
        """What the engine declares to know beside the whole model and Adam."""
        self._small = small

    def make(
        self,
        config: ModelConfig = SMALL,
        weights: array[float] | None = None,
        seed: int = 1,
        optimizer: OptimizerConfig | None = None,
    ) -> Engine:
        """An engine ready for work, with the given weights or with random ones."""
        if weights is None:
            weights = initial_weights(config, random.Random(seed))
        engine = self.factory(config, optimizer or OptimizerConfig(), weights)
        if isinstance(engine, PreparedEngine):
            engine.prepare(_silence)
        return engine

    @cached_property
    def small(self) -> bool:
        """True if the checks should be small ones, because the engine is slow."""
        if self._small is not None:
            return self._small
        engine = self.make(ModelConfig(27))
        times = []
        for step in range(3):
            began = time.perf_counter()
            engine.loss_and_gradients([[26, 4, 12, 12, 0, 26]])
            engine.adam_step(0.01, step)
            times.append(time.perf_counter() - began)
        return min(times) > SLOW

    def size(self, full: T, small: T) -> T:
        """`full`, or `small` for a slow engine."""
        return small if self.small else full


def _silence(what: str, done: int, total: int) -> None:
    """Ignores the progress."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise of every engine; with one engine, it makes a `Check`."""

    name: str
    description: str
    test: Callable[[Subject], str | None]
    essential: bool = False


def clause(
    name: str, description: str, essential: bool = False
) -> Callable[[Callable[[Subject], str | None]], Clause]:
    """Make a Clause of the decorated function, which returns None, or why there is nothing to
    test, or raises ContractError without `promised`: the description takes its place."""

    def made(test: Callable[[Subject], str | None]) -> Clause:
        return Clause(name, description, test, essential)

    return made


def take_steps(
    engine: Engine, batches: Sequence[Sequence[Sequence[int]]], first: int, rate: float = 0.01
) -> list[float]:
    """Do a training step for each batch, from step `first` (counted from 0) on; returns all token
    losses."""
    losses: list[float] = []
    for step, batch in enumerate(batches, first):
        for row in engine.loss_and_gradients(batch):
            losses += row
        engine.adam_step(rate, step)
    return losses


def state_of(engine: Engine) -> dict[StateKind, bytes]:
    """All four kinds of state, to be compared bit for bit."""
    return {kind: engine.read(kind).tobytes() for kind in STATE_KINDS}


def move(source: Engine, target: Engine) -> None:
    """Put `target` into the state of `source`: weights, gradients, both moments."""
    for kind in STATE_KINDS:
        target.write(kind, source.read(kind))
