"""Documents -> the index arrays that the formulas take, for many steps at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from microgpt.checks import inputs_and_targets
from microgpt.config import ModelConfig
from microgpt_play_numpy.memory import Array, Ids

_TOKENS_AT_ONCE = 1 << 16
"""Index arrays are made for about this many tokens at a time, whatever the number of steps."""


class Batch(NamedTuple):  # made faster than a dataclass, and made for each step
    """The documents of one step, side by side: B of them, each filled up to T tokens.

    The filling repeats the last token. No earlier token sees the filling, since attention looks
    back only, and the loss of the filling has weight 0.
    """

    size: int
    """B"""
    length: int
    """T"""
    inputs: Ids
    """(B T) token ids."""
    targets: Ids
    """(B T) indices into the flat (B T, V) logits."""
    weight: Array | None
    """(B T, 1), the weight of each loss in the mean; None if it is the same for all."""
    lengths: list[int]
    """Tokens predicted in each document."""

    def by_document(self, losses: Array) -> list[list[float]]:
        """(B T) -> one list a document, without the filling."""
        rows: list[list[float]] = losses.reshape(self.size, self.length).tolist()
        if self.weight is None:
            return rows
        return [row[:length] for row, length in zip(rows, self.lengths, strict=True)]


class Documents:
    """Checked documents as one array of token ids.

    Raises ValueError as `microgpt.checks.inputs_and_targets` does.
    """

    def __init__(self, documents: Sequence[Sequence[int]], config: ModelConfig) -> None:
        self._vocab_size = config.vocab_size
        block_size = config.block_size
        used = [
            document if len(document) <= block_size + 1 else document[: block_size + 1]
            for document in documents
        ]
        sizes = np.fromiter(map(len, used), np.intp, len(used))
        self._lengths = sizes - 1
        self._starts = sizes.cumsum() - sizes
        try:
            self._tokens = np.fromiter(chain.from_iterable(used), np.intp, int(sizes.sum()))
            wrong = bool(
                (self._lengths < 1).any()
                or self._tokens.min(initial=0) < 0
                or self._tokens.max(initial=0) >= config.vocab_size
            )
        except OverflowError:  # an id that no array of whole numbers can hold
            wrong = True
        if wrong:
            for document in used:
                inputs_and_targets(document, config)

    def batches(self, size: int) -> Iterator[Batch]:
        """Batches of `size` documents, in order; the number of documents is a multiple."""
        lengths, starts = self._lengths.reshape(-1, size), self._starts.reshape(-1, size)
        longest = lengths.max(1, initial=1)
        at_once = max(1, _TOKENS_AT_ONCE // (size * int(longest.max(initial=1))))
        for first in range(0, len(lengths), at_once):
            some = slice(first, first + at_once)
            yield from self._some(lengths[some], starts[some], longest[some])

    def _some(self, lengths: Ids, starts: Ids, longest: Ids) -> Iterator[Batch]:
        """lengths, starts: (steps, B). longest: (steps). Each array below has all the tokens of
        all these steps, document by document."""
        steps, size = lengths.shape
        room = np.repeat(longest, size)  # T for each document
        first = room.cumsum() - room
        document = np.repeat(np.arange(steps * size), room)
        everything = np.arange(len(document))
        position = everything - first[document]
        at = starts.ravel()[document] + np.minimum(position, lengths.ravel()[document] - 1)
        tokens = longest * size
        ends = tokens.cumsum()
        row = everything - np.repeat(ends - tokens, tokens)
        inputs, targets = self._tokens[at], self._tokens[at + 1] + row * self._vocab_size
        if size > 1:
            predicted = lengths.sum(1)
            weight = (position < lengths.ravel()[document]) / np.repeat(predicted, tokens)
            full = (tokens == predicted).tolist()
        lengths_of = lengths.tolist()
        start = 0
        for step, (end, length) in enumerate(zip(ends.tolist(), longest.tolist(), strict=True)):
            some = slice(start, end)
            yield Batch(
                size,
                length,
                inputs[some],
                targets[some],
                None if size == 1 or full[step] else weight[some, None],
                lengths_of[step],
            )
            start = end
