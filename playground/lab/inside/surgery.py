"""What an operation would do to the run: tried on its held-out texts, and taken back.

The same texts are read before and after, so that each text is compared with itself. The difference
is then known far better than either loss: what makes a text hard is in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from microgpt.config import ModelConfig
from microgpt.engine import Engine
from microgpt.surgery import Component, Operation, operate
from playground.lab.protocol.surgery import Difference
from playground.lab.run.engines import CurrentEngine, forward_only
from playground.lab.run.evaluation import AT_ONCE, loss_of


def difference(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> Difference:
    """The difference between two evaluations of the same texts. before, after: the losses of each
    text's tokens, in nats."""
    added = [
        [b - a for a, b in zip(one, other, strict=True)]
        for one, other in zip(before, after, strict=True)
    ]
    paired = loss_of(added)
    return Difference(
        loss_of(before).mean,
        loss_of(after).mean,
        paired.mean,
        paired.error,
        len(added),
        sum(map(len, added)),
    )


class Trials:
    """Tries operations on the engine at work. After each trial the engine has its weights again, to
    the bit."""

    def __init__(
        self, engine: CurrentEngine, config: ModelConfig, documents: Sequence[list[int]]
    ) -> None:
        """documents: the held-out texts as tokens, at least one."""
        self._engine = engine
        self._config = config
        self._documents = documents
        self._before = self._losses(engine.made.engine)

    def difference(self, operations: Sequence[Operation]) -> Difference:
        """What the operations would do to the held-out loss. Raises PluginError, ValueError."""
        with self._operated(operations) as engine:
            after = self._losses(engine)
        return difference(self._before, after)

    def rank(
        self, cuts: Sequence[Component], tell: Callable[[int, int], None]
    ) -> Iterator[tuple[Component, Difference]]:
        """What the held-out loss would be without each of the components, one at a time.

        tell: called with how many of how many were tried; what it raises ends the trials. Raises
        PluginError.
        """
        for done, cut in enumerate(cuts):
            tell(done, len(cuts))
            yield cut, self.difference([Operation(cut)])

    @contextmanager
    def _operated(self, operations: Sequence[Operation]) -> Iterator[Engine]:
        made = self._engine.made
        with made.guard.at("read", kind="engine"):
            weights = made.engine.read("weights")
        with made.guard.at("write", kind="engine"):
            made.engine.write("weights", operate(self._config, weights, operations))
        try:
            yield made.engine
        finally:
            with made.guard.at("write", kind="engine"):
                made.engine.write("weights", weights)

    def _losses(self, engine: Engine) -> list[list[float]]:
        reader, guard = forward_only(engine), self._engine.made.guard
        found: list[list[float]] = []
        for first in range(0, len(self._documents), AT_ONCE):  # the watchdog hears of each call
            with guard.at("losses", kind="engine"):
                found += reader.losses(self._documents[first : first + AT_ONCE])
        return found
