"""What counting n-grams reaches on the same texts, one number a document."""

from __future__ import annotations

import math
from collections.abc import Sequence

from playground.lab.protocol.failures import Progress
from playground.lab.run.counting import ORDERS, NGrams
from playground.lab.score.work import Work

COUNTS = ("uniform", *ORDERS)
"""The names of the competitors, the weakest first. Smoothing: see playground.lab.run.counting."""

_EVERY = 256
"""Documents that are counted at once."""


def nats_of_each(
    trained: Sequence[Sequence[int]], documents: Sequence[Sequence[int]], vocab_size: int
) -> Work[dict[str, list[float]]]:
    """By the name of the competitor, the nats that it needs for each document. trained, documents:
    predicted tokens; counts are made of `trained` alone."""
    counted = NGrams(vocab_size)
    for number, targets in enumerate(trained):
        if number % _EVERY == 0:
            yield Progress("counting n-grams", number, len(trained))
        counted.add(targets)
    parts = []
    for targets in documents:
        part = NGrams(vocab_size)
        part.add(targets)
        parts.append(part)
    losses = counted.losses_of_each(parts)
    found = {"uniform": [len(targets) * math.log(vocab_size) for targets in documents]}
    for place, name in enumerate(ORDERS):
        found[name] = [one[place] for one in losses]
    return found
