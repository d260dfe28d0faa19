"""What counting reaches: unigrams, bigrams and trigrams, smoothed, as losses to compare with.

The smoothing is Witten and Bell's, which has no constant to tune. A count of n-grams gives way to
the next shorter ones by as much as it has met new tokens after the same context:

    P(t | context) = (count(context t) + kinds(context) * P(t | shorter context))
                     / (count(context) + kinds(context))

`kinds` is how many different tokens were met after the context. A unigram gives way to the uniform
distribution in the same way. The beginning of a
document is a context like a token.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from playground.lab.protocol.run import BaselineName

ORDERS: tuple[BaselineName, ...] = ("unigram", "bigram", "trigram")
_BEGIN = -1
"""Stands twice before a document."""
_AT_ONCE = 2**16
"""Tokens that are counted in one call."""


class NGrams:
    """Counts of tokens, each with the two before it, and the losses that these counts lead to."""

    def __init__(self, vocab_size: int) -> None:
        self.documents = 0
        self.tokens = 0
        """Tokens counted."""
        self._vocab_size = vocab_size
        self._triples: Counter[tuple[int, int, int]] = Counter()
        self._uncounted: list[int] = []

    def add(self, targets: Sequence[int]) -> None:
        """Count the tokens that a model predicts in one document."""
        self._uncounted += (_BEGIN, _BEGIN, *targets)
        self.documents += 1
        self.tokens += len(targets)
        if len(self._uncounted) >= _AT_ONCE:
            self._count()

    def _count(self) -> Counter[tuple[int, int, int]]:
        flat, self._uncounted = self._uncounted, []
        self._triples.update(zip(flat, flat[1:], flat[2:], strict=False))
        for junk in [triple for triple in self._triples if triple[2] == _BEGIN]:
            del self._triples[junk]  # from the end of one document to the beginning of the next
        return self._triples

    def losses_of(self, others: NGrams) -> tuple[float, float, float]:
        """The loss of the other counted tokens, summed, in nats, for each of ORDERS."""
        tables, log = _Tables(self._count(), self._vocab_size), math.log
        one = two = three = 0.0
        for (first, second, token), count in others._count().items():
            low = tables.unigram(token)
            middle = tables.bigram(second, token, low)
            one -= count * log(low)
            two -= count * log(middle)
            three -= count * log(tables.trigram(first, second, token, middle))
        return one, two, three


class _Tables:
    """Counts, and for each context how often and before how many kinds of tokens it stood."""

    def __init__(self, triples: Counter[tuple[int, int, int]], vocab_size: int) -> None:
        self._ones: Counter[int] = Counter()
        self._pairs: Counter[tuple[int, int]] = Counter()
        self._triples = triples
        self._after_one: Counter[int] = Counter()
        self._kinds_after_one: Counter[int] = Counter()
        self._after_two: Counter[tuple[int, int]] = Counter()
        self._kinds_after_two: Counter[tuple[int, int]] = Counter()
        for (first, second, token), count in triples.items():
            self._pairs[second, token] += count
            self._after_two[first, second] += count
            self._kinds_after_two[first, second] += 1
        for (before, token), count in self._pairs.items():
            self._ones[token] += count
            self._after_one[before] += count
            self._kinds_after_one[before] += 1
        self._total = self._ones.total()
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
