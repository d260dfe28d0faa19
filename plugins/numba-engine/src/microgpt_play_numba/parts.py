"""One batch on several threads, each with some of its documents.

The numbers are those of one thread, bit for bit. Forward and back, no token's numbers depend on
those of another document. A gradient is a sum over all tokens: each thread computes some of its
rows, over all tokens in their order. The update takes each weight for itself.

The threads are Python's: the compiled code lets go of the interpreter's lock. They meet three times
a step, which takes about a tenth of a millisecond.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise

from microgpt.config import OptimizerConfig
from microgpt_play_numba.buffers import Buffer
from microgpt_play_numba.compiled import CompiledParts
from microgpt_play_numba.shape import Memory, Shape, room_for

_FEWEST = 32
"""Tokens that a part must have: with fewer, `model.linear` reads a copy that all would share."""
_WORTH_SHARING = 50_000_000
"""Weights times tokens of a batch that pays: some milliseconds on one thread."""
UPDATE = 10
"""An update takes as long as so many tokens."""


class Parts:
    """Several threads, and a space for each."""

    def __init__(self, shape: Shape, precision: str, code: CompiledParts, count: int) -> None:
        """count: threads, two or more."""
        self.count = count
        self._shape = shape
        self._precision = precision
        self._code = code
        self._holds = (0, 0, 0)
        self._others = ThreadPoolExecutor(count - 1, thread_name_prefix="part of a batch")

    def edges(self, lengths: Sequence[int]) -> array[int] | None:
        """The first document of each part, and the number of documents; None if one thread does as
        well. lengths: the tokens to predict of each document."""
        ends = list(accumulate(lengths, initial=0))
        parts = min(self.count, len(lengths))
        if parts < 2 or not self.worth_sharing(ends[-1]):
            return None
        inner = [bisect_left(ends, ends[-1] * part / parts) for part in range(1, parts)]
        edges = array("q", [0, *inner, len(lengths)])
        tokens = [ends[last] - ends[first] for first, last in pairwise(edges)]
        return None if min(tokens) < _FEWEST else edges

    def worth_sharing(self, tokens: int) -> bool:
        """True if so many tokens, or an update (UPDATE), are work enough to be shared."""
        return tokens * self._shape.size >= _WORTH_SHARING

    def batch_pass(
        self,
        memory: Memory,
        tokens: int,
        starts: int,
        lengths: Sequence[int],
        edges: array[int],
        losses: int,
        derive: int,
    ) -> None:
        """As `entries.batch_pass`. tokens, starts, losses: addresses."""
        ends = list(accumulate(lengths, initial=0))
        self._make_room(lengths, ends, edges)
        shape, room, parts = self._shape, self._room, len(edges) - 1
        memories = [memory._replace(space=space.address) for space in self._spaces[:parts]]

        def forward(part: int) -> None:
            first, last = edges[part], edges[part + 1]
            self._code.part_pass(
                shape, room, memories[part], tokens, starts + 8 * first, last - first,
                losses + 8 * ends[first], ends[-1], derive,
            )  # fmt: skip

        spaces = array("q", [space.address for space in self._spaces])

        def gradients(part: int) -> None:
            self._code.part_gradients(
                shape, room, memories[part], spaces.buffer_info()[0], tokens, starts,
                edges.buffer_info()[0], part, parts,
            )  # fmt: skip

        self._together(forward, parts)
        if derive:
            self._together(gradients, parts)

    def update(
        self, memory: Memory, learning_rate: float, step: int, optimizer: OptimizerConfig
    ) -> None:
        """As `entries.update`."""

        def update(part: int) -> None:
            self._code.part_update(
                self._shape, memory, learning_rate, step, optimizer.beta1, optimizer.beta2,
                optimizer.eps, part, self.count,
            )  # fmt: skip

        self._together(update, self.count)

    def _together(self, work: Callable[[int], None], parts: int) -> None:
        """Do all parts at the same time, the first one here."""
        others = [self._others.submit(work, part) for part in range(1, parts)]
        work(0)
        for other in others:
            other.result()

    def _make_room(self, lengths: Sequence[int], ends: Sequence[int], edges: array[int]) -> None:
        pairs = list(pairwise(edges))
        need = (
            max(ends[last] - ends[first] for first, last in pairs),
            max(last - first for first, last in pairs),
            max(lengths),
        )
        if all(n <= h for n, h in zip(need, self._holds, strict=True)):
            return
        self._holds = tokens, documents, longest = (
            max(need[0], self._holds[0]), max(need[1], self._holds[1]),
            max(need[2], self._holds[2]),
        )  # fmt: skip
        self._room = room_for(self._shape, tokens, documents, longest, keep=True)
        self._spaces = [Buffer(self._room.size, self._precision) for _ in range(self.count)]
