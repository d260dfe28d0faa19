"""The held-out loss, on texts that the run never trains on.

How many of the held-out documents are looked at depends on the size of the model, on the documents
and on the engine, and never on a clock: the figure at a step is then the same each time that the
step is made. An evaluation takes about as long as thirty steps of a run of the default size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from microgpt.engine import BulkEngine, Engine
from microgpt.scalar_engine import ScalarEngine
from microgpt.vector_engine import VectorEngine
from playground.lab.run.engines import CurrentEngine
from playground.lab.timeline import HeldOutLoss

LEAST = 32
"""Documents that any engine looks at. Runs that hold out by row look at so many, as they did."""
AFFORDED = 2**22
"""Predicted tokens times parameters that an evaluation by the built-in engines may cost. With the
default model: some 140 names."""
AFFORDED_FAST = 2**30
"""The same for an engine that makes many steps in one call: such an engine is far faster."""
AT_ONCE = 512
"""Documents in one call of the engine, at most."""
_A_CALL = 2**32
"""Predicted tokens times parameters in one call, at most, but one document at least: a fraction of
a second for a fast engine, after which the watchdog, and whoever waits, hears how far it is."""
MOST_TOKENS = 2**16
"""Predicted tokens in an evaluation at most."""


def at_once(parameters: int, block_size: int) -> int:
    """How many documents one call of the engine measures."""
    return max(1, min(AT_ONCE, _A_CALL // (parameters * block_size)))


def mean_of(losses: Sequence[Sequence[float]]) -> float:
    """The mean over all tokens alone, as in `loss_of`."""
    return sum(map(sum, losses)) / sum(map(len, losses))


def loss_of(losses: Sequence[Sequence[float]]) -> HeldOutLoss:
    """The mean over all tokens, and its standard error. losses: those of each document's tokens.

    The tokens of a document are no independent draws, so the error is that of a ratio: the spread
    of the documents' sums around what their lengths let expect.
    """
    lengths, sums = [*map(len, losses)], [*map(sum, losses)]
    tokens, documents = sum(lengths), len(losses)
    mean = sum(sums) / tokens
    if documents < 2:
        return HeldOutLoss(mean, None)
    spread = math.fsum((one - mean * n) ** 2 for one, n in zip(sums, lengths, strict=True))
    return HeldOutLoss(mean, math.sqrt(spread * documents / (documents - 1)) / tokens)


class HeldOut:
    """The held-out documents as tokens, as many as the fastest engine looks at, and how many of
    them, from the first on, each engine looks at."""

    def __init__(
        self, documents: Iterable[list[int]], parameters: int, block_size: int, as_before: bool
    ) -> None:
        """documents: token ids with BOS at both ends; no more are taken than needed. as_before:
        look at the first LEAST documents with any engine."""
        self.documents: list[list[int]] = []
        self.at_once = at_once(parameters, block_size)
        """Documents in one call of the engine."""
        self._afforded = LEAST
        tokens = 0
        for document in documents:
            seen = min(block_size, len(document) - 1)
            count = len(self.documents)
            most = min(MOST_TOKENS, AFFORDED_FAST // parameters)
            if count >= LEAST and (as_before or tokens + seen > most):
                break
            self.documents.append(document)
            tokens += seen
            if tokens <= AFFORDED // parameters:
                self._afforded = max(LEAST, count + 1)

    def count(self, engine: Engine) -> int:
        """How many documents this engine looks at."""
        most = len(self.documents)
        if isinstance(engine, BulkEngine):
            return most
        known = isinstance(engine, (VectorEngine, ScalarEngine))
        return min(most, self._afforded if known else LEAST)

    @property
    def counts(self) -> tuple[int, ...]:
        """Each number of documents that some engine looks at."""
        most = len(self.documents)
        return tuple(sorted({min(most, LEAST), min(most, self._afforded), most} - {0}))


class Evaluator:
    """Measures the held-out loss. An Evaluator without documents is false."""

    def __init__(self, engine: CurrentEngine, heldout: HeldOut) -> None:
        self._engine = engine
        self._heldout = heldout

    def __bool__(self) -> bool:
        return bool(self._heldout.documents)

    @property
    def count(self) -> int:
        """How many documents the engine at work looks at."""
        return self._heldout.count(self._engine.made.engine)

    @property
    def documents(self) -> list[list[int]]:
        """The documents that are measured, as tokens: the first ones, always the same."""
        return self._heldout.documents[: self.count]

    def loss(self, told: Callable[[int, int], None] = lambda *_: None) -> HeldOutLoss:
        """The loss over `documents`. told: called with how many are measured, of how many, where
        these are several calls of the engine. Raises PluginError."""
        documents, losses = self.documents, list[list[float]]()
        at_once = self._heldout.at_once
        for first in range(0, len(documents), at_once):  # the watchdog hears of each call
            if first:
                told(first, len(documents))
            losses += self._engine.losses(documents[first : first + at_once])
        return loss_of(losses)
