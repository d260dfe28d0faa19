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
from collections.abc import Callable, Mapping, Sequence

from playground.lab.protocol.run import BaselineName

ORDERS: tuple[BaselineName, ...] = ("unigram", "bigram", "trigram")
_AT_ONCE = 2**16
"""Tokens that are counted in one call."""


class NGrams:
    """Counts of tokens, each with the two before it, and the losses that these counts lead to.

    Three tokens are counted as one number, whose digits to the base vocab_size + 1 they are: a
    tuple would take twice the memory. The digit vocab_size stands twice before a document.
    """

    def __init__(self, vocab_size: int) -> None:
        self.documents = 0
        self.tokens = 0
        """Tokens counted."""
        self._vocab_size = vocab_size
        self._triples: Counter[int] = Counter()
        self._uncounted: list[int] = []
        self._tables: _Tables | None = None

    def add(self, targets: Sequence[int]) -> None:
        """Count the tokens that a model predicts in one document."""
        begin = self._vocab_size
        base = begin + 1
        second = [begin, *targets]
        first = [begin, *second]
        self._uncounted += [
            (one * base + two) * base + token
            for one, two, token in zip(first, second, targets, strict=False)
        ]
        self.documents += 1
        self.tokens += len(targets)
        if len(self._uncounted) >= _AT_ONCE:
            self._count()

    def _count(self) -> Counter[int]:
        if self._uncounted:
            self._triples.update(self._uncounted)
            self._uncounted, self._tables = [], None
        return self._triples

    def losses_of(self, others: NGrams) -> tuple[float, float, float]:
        """The loss of the other counted tokens, summed, in nats, for each of ORDERS."""
        if self._uncounted or self._tables is None:
            self._tables = _Tables(self._count(), self._vocab_size)
        tables, log = self._tables, math.log
        one = two = three = 0.0
        for triple, count in others._count().items():
            low = tables.unigram(triple)
            middle = tables.bigram(triple, low)
            one -= count * log(low)
            two -= count * log(middle)
            three -= count * log(tables.trigram(triple, middle))
        return one, two, three


class _Tables:
    """Counts, and for each context how often and before how many kinds of tokens it stood. Of a
    triple, the last two tokens are its remainder by base², the first two its quotient by base."""

    def __init__(self, triples: Counter[int], vocab_size: int) -> None:
        self._triples = triples
        self._base = base = vocab_size + 1
        pairs, self._after_two, self._kinds_after_two = _sums(
            triples, lambda triple: triple % base**2, base
        )
        self._pairs = pairs
        self._ones, self._after_one, self._kinds_after_one = _sums(
            pairs, lambda pair: pair % base, base
        )
        self._total = sum(self._ones.values())
        self._uniform = 1 / vocab_size

    def unigram(self, triple: int) -> float:
        kinds = len(self._ones)
        count = self._ones.get(triple % self._base, 0)
        return (count + kinds * self._uniform) / (self._total + kinds)

    def bigram(self, triple: int, shorter: float) -> float:
        """shorter: the unigram's probability of the token."""
        pair = triple % self._base**2
        kinds = self._kinds_after_one.get(pair // self._base, 0)
        if not kinds:
            return shorter
        count = self._pairs.get(pair, 0)
        return (count + kinds * shorter) / (self._after_one[pair // self._base] + kinds)

    def trigram(self, triple: int, shorter: float) -> float:
        """shorter: the bigram's probability of the token."""
        context = triple // self._base
        kinds = self._kinds_after_two.get(context, 0)
        if not kinds:
            return shorter
        count = self._triples.get(triple, 0)
        return (count + kinds * shorter) / (self._after_two[context] + kinds)


def _sums(
    counts: Mapping[int, int], shorter: Callable[[int], int], base: int
) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    """(counts of the n-grams without their first token; of each context, how often it stood, and
    before how many kinds of tokens)."""
    ends: dict[int, int] = {}
    contexts: dict[int, int] = {}
    kinds: dict[int, int] = {}
    for gram, count in counts.items():
        end, context = shorter(gram), gram // base
        ends[end] = ends.get(end, 0) + count
        contexts[context] = contexts.get(context, 0) + count
        kinds[context] = kinds.get(context, 0) + 1
    return ends, contexts, kinds
