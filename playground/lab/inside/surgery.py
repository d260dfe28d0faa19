"""What an operation would do to the run: tried on its held-out texts, and nothing is changed.

The same texts are read before and after, so that each text is compared with itself. The difference
is then known far better than either loss: what makes a text hard is in both.

All that takes long is a generator here. It yields (done, total) after each piece of its work, and
between two pieces the engine has the run's own weights: other commands, and the run's steps, may
come between. What is tried are the weights of the beginning, also if the run trains on meanwhile.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Sequence
from operator import sub
from typing import TypeVar

from microgpt.anatomy import dissect
from microgpt.config import ModelConfig
from microgpt.engine import BulkEngine, Engine
from microgpt.parameters import parameter_count
from microgpt.surgery import Component, HeadWrite, Operation, operate
from playground.lab.protocol.surgery import Difference, dearness
from playground.lab.run.engines import CurrentEngine
from playground.lab.run.evaluation import at_once, loss_of, mean_of

T = TypeVar("T")
Work = Generator[tuple[int, int], None, T]
"""Yields (done, total) after each piece, and returns the result."""

_PIECE = 16
"""Texts in one piece of the work of an engine that is not very fast: some hundredths of a
second."""


def difference(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> Difference:
    """The difference between two evaluations of the same texts. before, after: the losses of each
    text's tokens, in nats. Raises ValueError for texts of different lengths."""
    lengths = [*map(len, before)]
    if lengths != [*map(len, after)]:
        raise ValueError("the texts have other losses than before")
    paired = loss_of([[*map(sub, other, one)] for one, other in zip(before, after, strict=True)])
    return Difference(
        mean_of(before), mean_of(after), paired.mean, paired.error, len(lengths), sum(lengths)
    )


def pieces(engine: Engine, documents: Sequence[list[int]]) -> list[Sequence[list[int]]]:
    """The documents in parts that this engine reads without keeping others waiting."""
    size = at_once(parameter_count(engine.config), engine.config.block_size)
    size = size if isinstance(engine, BulkEngine) else min(size, _PIECE)
    return [documents[at : at + size] for at in range(0, len(documents), size)]


def finished(work: Work[T], tell: Callable[[int, int], None] = lambda *_: None) -> T:
    """The result of the work, done in one go. tell: called with how many of how many pieces were
    done; what it raises ends the work."""
    try:
        while True:
            tell(*next(work))
    except StopIteration as end:
        found: T = end.value
        return found


def _untold(component: Component, found: Difference) -> None:
    """Tell nobody of a part before all are done."""


class Trials:
    """Tries operations on the weights that the engine at work has now. Raises PluginError."""

    def __init__(
        self, engine: CurrentEngine, config: ModelConfig, documents: Sequence[list[int]]
    ) -> None:
        """documents: the held-out texts as tokens, at least one."""
        self._engine = engine
        self._config = config
        self._documents = documents
        with engine.made.guard.at("read", kind="engine"):
            self._weights = engine.made.engine.read("weights")
        self._pieces = pieces(engine.made.engine, documents)
        self._before: list[list[float]] | None = None

    def difference(self, operations: Sequence[Operation | HeadWrite]) -> Difference:
        """What the operations would do to the held-out loss. Raises PluginError, ValueError."""
        return finished(self.trying(operations))

    def trying(self, operations: Sequence[Operation | HeadWrite]) -> Work[Difference]:
        """As `difference`."""
        pieces = len(self._pieces)
        total = pieces if self._before is not None else 2 * pieces
        before = yield from self._evaluated((), 0, total)
        after = yield from self._evaluated(operations, total - pieces, total)
        return difference(before, after)

    def ranking(
        self, cuts: Sequence[Component], told: Callable[[Component, Difference], None] = _untold
    ) -> Work[list[tuple[Component, Difference]]]:
        """What the held-out loss would be without each of the components, one at a time, the
        dearest first. Counts the components. told: called with each component once it is done."""
        found = []
        for done, cut in enumerate(cuts):
            yield done, len(cuts)
            work = self.trying([Operation(cut)])
            while True:
                try:
                    next(work)
                except StopIteration as end:
                    found.append((cut, end.value))
                    told(cut, end.value)
                    break
                yield done, len(cuts)
        return sorted(found, key=dearness)

    def _evaluated(
        self, operations: Sequence[Operation | HeadWrite], done: int, total: int
    ) -> Work[list[list[float]]]:
        """The held-out losses after the operations; those of the model as it is are kept."""
        if not operations and self._before is not None:
            return self._before
        found: list[list[float]] = []
        writes = any(isinstance(one, HeadWrite) for one in operations)
        weights = operate(
            self._config, self._weights, [one for one in operations if isinstance(one, Operation)]
        )
        for piece in self._pieces:
            if writes:
                for tokens in piece:
                    found.append([*dissect(self._config, self._weights, tokens, operations).losses])
                    yield done, total
            else:
                found += self._losses(weights, piece)
            done += 1
            yield done, total
        if not operations:
            self._before = found
        return found

    def _losses(self, weights: array[float], documents: Sequence[list[int]]) -> list[list[float]]:
        """The losses with these weights; the engine has its own again when this returns."""
        with self._engine.holding(lambda _: weights):
            return self._engine.losses(documents)


def averaged(
    config: ModelConfig, weights: Sequence[float], texts: Sequence[Sequence[int]],
    heads: Sequence[tuple[int, int]],
) -> Work[list[HeadWrite]]:  # fmt: skip
    """Each of these heads, as (layer, head), with the mean of what it writes over all positions of
    these texts."""
    sums = {head: [0.0] * config.n_embd for head in heads}
    count = 0
    for done, tokens in enumerate(texts if heads else ()):
        yield done, len(texts)
        anatomy = dissect(config, weights, tokens)
        count += len(anatomy.tokens)
        for (layer, head), total in sums.items():
            for row in anatomy.layers[layer].heads[head]:
                for place, value in enumerate(row):
                    total[place] += value
    return [
        HeadWrite(layer, head, [[value / count for value in total]])
        for (layer, head), total in sums.items()
    ]
