"""The engine under test, and the form of one promise about it."""

from __future__ import annotations

import math
import random
import struct
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import STATE_KINDS, Engine, EngineFactory, PreparedEngine, StateKind
from microgpt.parameters import initial_weights
from playground.testing.engines.comparing import (
    FLOOR,
    GRADIENT_FLOOR,
    REL,
    Rows,
    check_gradients,
    check_numbers,
    check_rows,
    close,
)

T = TypeVar("T")

SMALL = ModelConfig(vocab_size=5, n_embd=4, n_head=2, n_layer=2, block_size=6)
BATCH = ((4, 0, 1, 2, 4), (4, 3, 4), (4, 1))
"""Documents for SMALL, BOS 4: none needs more than its block."""

COARSER = 2.0**29
"""How many times as large the last bit of a float32 is as that of a float64, and with it what an
engine in float32 is allowed, up to these limits:"""
FLOAT32_REL = 1e-4
FLOAT32_FLOOR = 1e-6

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
        precision: str = "float64",
    ) -> None:
        self.factory = factory
        self.name = name
        self.knows = tuple(knows)
        """What the engine declares to know beside the whole model and Adam."""
        self.precision = precision
        """What the engine declares to compute in: "float64" or "float32"."""
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

    # ------------------------------------------------ which numbers count as the same

    def rounded(self, values: Sequence[float]) -> array[float]:
        """The values as an engine of this precision holds them."""
        if self.precision == "float64":
            return array("d", values)
        # In single numbers, as array("f") raises an error for one that float32 cannot hold.
        return array("d", map(_as_float32, values))

    def close(self, a: float, b: float) -> bool:
        """As `comparing.close`, by the engine's precision."""
        return close(a, b, self.rel(REL), self._floor(FLOOR))

    def check_numbers(
        self,
        what: str,
        mine: Sequence[float],
        expected: Sequence[float],
        advice: str,
        rel: float = REL,
        floor: float = FLOOR,
    ) -> None:
        """As `comparing.check_numbers`, by the engine's precision."""
        check_numbers(what, mine, expected, advice, self.rel(rel), self._floor(floor))

    def check_rows(
        self,
        what: str,
        mine: Rows,
        expected: Rows,
        advice: str,
        rel: float = REL,
        floor: float = FLOOR,
    ) -> None:
        """As `comparing.check_rows`, by the engine's precision."""
        check_rows(what, mine, expected, advice, self.rel(rel), self._floor(floor))

    def check_gradients(
        self,
        what: str,
        config: ModelConfig,
        mine: array[float],
        expected: array[float],
        advice: str,
    ) -> None:
        """As `comparing.check_gradients`, by the engine's precision."""
        rel, floor = self.rel(REL), self._floor(GRADIENT_FLOOR)
        check_gradients(what, config, mine, expected, advice, rel, floor)

    def rel(self, rel: float = REL) -> float:
        """The largest relative difference, for which one in float64 is allowed `rel`."""
        return rel if self.precision == "float64" else min(COARSER * rel, FLOAT32_REL)

    def _floor(self, floor: float) -> float:
        return floor if self.precision == "float64" else min(COARSER * floor, FLOAT32_FLOOR)


def _as_float32(value: float) -> float:
    try:
        rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


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
