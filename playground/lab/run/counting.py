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
from collections.abc import Set as AbstractSet

from playground.lab.protocol.run import BaselineName

ORDERS: tuple[BaselineName, ...] = ("unigram", "bigram", "trigram")
Losses = tuple[float, float, float]
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
        self._triples.update(self._uncounted)
        self._uncounted = []
        return self._triples

    def losses_of(self, others: NGrams) -> Losses:
        """The loss of the other counted tokens, summed, in nats, for each of ORDERS."""
        return self.losses_of_each([others])[0]

    def losses_of_each(self, others: Sequence[NGrams]) -> list[Losses]:
        """As `losses_of`, for several at once."""
        base, log = self._vocab_size + 1, math.log
        asked = {triple // base for one in others for triple in one._count()}
        tables = _Tables(self._count(), self._vocab_size, asked)
        found: list[Losses] = []
        for some in others:
            one = two = three = 0.0
            for triple, count in some._count().items():
                low = tables.unigram(triple)
                middle = tables.bigram(triple, low)
                one -= count * log(low)
                two -= count * log(middle)
                three -= count * log(tables.trigram(triple, middle))
            found.append((one, two, three))
        return found


class _Tables:
    """Counts, and for each context how often and before how many kinds of tokens it stood. Of a
    triple, the last two tokens are its remainder by base², the first two its quotient by base."""

    def __init__(self, triples: Counter[int], vocab_size: int, asked: AbstractSet[int]) -> None:
        """asked: the contexts of two tokens that will be asked for."""
        self._triples = triples
        self._base = base = vocab_size + 1
        self._pairs: dict[int, int] = {}
        self._ones: dict[int, int] = {}
        self._after_two: dict[int, int] = {}
        self._kinds_after_two: dict[int, int] = {}
        self._after_one: dict[int, int] = {}
        self._kinds_after_one: dict[int, int] = {}
        for triple, count in triples.items():
            _add(self._pairs, triple % base**2, count)
            if (context := triple // base) in asked:
                _add(self._after_two, context, count)
                _add(self._kinds_after_two, context, 1)
        for pair, count in self._pairs.items():
            _add(self._ones, pair % base, count)
            _add(self._after_one, pair // base, count)
            _add(self._kinds_after_one, pair // base, 1)
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


def _add(counts: dict[int, int], key: int, count: int) -> None:
    counts[key] = counts.get(key, 0) + count
