"""What counting reaches: unigrams, bigrams and trigrams, smoothed, as losses to compare with.

The smoothing is Witten and Bell's, which has no constant to tune. A count of n-grams gives way to
the next shorter ones by as much as it has met new tokens after the same context:

    P(t | context) = (count(context t) + kinds(context) * P(t | shorter context))
                     / (count(context) + kinds(context))

`kinds` is how many different tokens were met after the context. A unigram gives way to the uniform
distribution in the same way. A document begins after BOS, and has BOS before it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from playground.lab.protocol.run import BaselineName

ORDERS: tuple[BaselineName, ...] = ("unigram", "bigram", "trigram")

Tokens = Sequence[int]


class NGrams:
    """Counts of the tokens of documents, and the losses that they lead to."""

    def __init__(self, vocab_size: int, bos_id: int) -> None:
        self._size = vocab_size
        self._bos = bos_id
        self._pairs: Counter[tuple[int, int]] = Counter()
        self._triples: Counter[tuple[int, int, int]] = Counter()
        self.documents = 0
        self.tokens = 0
        """Tokens counted."""
        self._tables: _Tables | None = None

    def add(self, targets: Tokens) -> None:
        """Count the tokens that a model predicts in one document."""
        bos = self._bos
        before = [bos, *targets[:-1]]
        self._pairs.update(zip(before, targets, strict=True))
        self._triples.update(zip([bos, *before[:-1]], before, targets, strict=True))
        self.documents += 1
        self.tokens += len(targets)
        self._tables = None

    def losses(self, targets: Tokens) -> tuple[float, float, float]:
        """The loss of a document summed over its tokens, in nats, for each of ORDERS."""
        tables = self._known()
        bos, log = self._bos, math.log
        first, second = bos, bos
        one = two = three = 0.0
        for token in targets:
            low = tables.unigram(token)
            middle = tables.bigram(second, token, low)
            one -= log(low)
            two -= log(middle)
            three -= log(tables.trigram(first, second, token, middle))
            first, second = second, token
        return one, two, three

    def own_losses(self) -> tuple[float, float, float]:
        """The loss summed over all tokens that were counted, for each of ORDERS."""
        tables, log = self._known(), math.log
        one = two = three = 0.0
        for (first, second, token), count in self._triples.items():
            low = tables.unigram(token)
            middle = tables.bigram(second, token, low)
            one -= count * log(low)
            two -= count * log(middle)
            three -= count * log(tables.trigram(first, second, token, middle))
        return one, two, three

    def _known(self) -> _Tables:
        if self._tables is None:
            self._tables = _Tables(self._pairs, self._triples, self._size)
        return self._tables


class _Tables:
    """Counts, and for each context how often and before how many kinds of tokens it stood."""

    def __init__(
        self,
        pairs: Counter[tuple[int, int]],
        triples: Counter[tuple[int, int, int]],
        vocab_size: int,
    ) -> None:
        self._ones: Counter[int] = Counter()
        self._after_one: Counter[int] = Counter()
        self._kinds_after_one: Counter[int] = Counter()
        self._after_two: Counter[tuple[int, int]] = Counter()
        self._kinds_after_two: Counter[tuple[int, int]] = Counter()
        self._pairs, self._triples = pairs, triples
        for (before, token), count in pairs.items():
            self._ones[token] += count
            self._after_one[before] += count
            self._kinds_after_one[before] += 1
        for (first, second, _), count in triples.items():
            self._after_two[first, second] += count
            self._kinds_after_two[first, second] += 1
        self._total = pairs.total()
        self._uniform = 1 / vocab_size

    def unigram(self, token: int) -> float:
        kinds = len(self._ones)
        return (self._ones[token] + kinds * self._uniform) / (self._total + kinds)

    def bigram(self, before: int, token: int, shorter: float) -> float:
        """shorter: the unigram's probability of the token."""
        kinds = self._kinds_after_one[before]
        if not kinds:
            return shorter
        count = self._pairs[before, token]
        return (count + kinds * shorter) / (self._after_one[before] + kinds)

    def trigram(self, first: int, second: int, token: int, shorter: float) -> float:
        """shorter: the bigram's probability of the token."""
        kinds = self._kinds_after_two[first, second]
        if not kinds:
            return shorter
        count = self._triples[first, second, token]
        return (count + kinds * shorter) / (self._after_two[first, second] + kinds)
