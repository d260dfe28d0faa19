"""The tokens and the contexts at which a model loses most."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from playground.lab.score.interval import Figure
from playground.lab.score.predictions import Prediction

LISTED = 10
CONTEXT = 2
"""Tokens of a context; BOS stands before a document."""
_LEAST = 3
"""Predictions from which on a mean has an interval."""


@dataclass(frozen=True, slots=True)
class Costly:
    """A token, or a context, and what the predictions of it cost."""

    tokens: tuple[int, ...]
    count: int
    loss: Figure
    """The mean in nats, with the normal interval of a mean over its predictions."""
    share: float
    """Of the loss of all texts, 0..1."""


def worst_tokens(
    documents: Sequence[Sequence[int]], predictions: Sequence[Sequence[Prediction]]
) -> list[Costly]:
    """The predicted tokens with the highest mean loss, the highest first. documents: predicted
    tokens. Tokens that were predicted fewer than three times are left out."""
    found = _costly(documents, predictions, lambda document, place: (document[place],))
    return sorted(found, key=lambda one: -one.loss.value)[:LISTED]


def worst_contexts(
    documents: Sequence[Sequence[int]], predictions: Sequence[Sequence[Prediction]], bos: int
) -> list[Costly]:
    """The contexts of two tokens, or of BOS alone, after which most of the loss is made, the most
    first."""

    def context(document: Sequence[int], place: int) -> tuple[int, ...]:
        before = document[max(0, place - CONTEXT) : place]
        return (*([bos] if place < CONTEXT else []), *before)

    return sorted(_costly(documents, predictions, context), key=lambda one: -one.share)[:LISTED]


def _costly(
    documents: Sequence[Sequence[int]],
    predictions: Sequence[Sequence[Prediction]],
    key: Callable[[Sequence[int], int], tuple[int, ...]],
) -> list[Costly]:
    """What predictions cost by the key of their document and place."""
    groups: dict[tuple[int, ...], list[float]] = {}
    for document, its in zip(documents, predictions, strict=True):
        for place, one in enumerate(its):
            groups.setdefault(key(document, place), []).append(one.loss)
    total = math.fsum(map(math.fsum, groups.values()))
    found = []
    for tokens, losses in groups.items():
        count = len(losses)
        if count < _LEAST:
            continue
        mean = math.fsum(losses) / count
        spread = math.fsum((one - mean) ** 2 for one in losses) / (count - 1)
        half = 1.96 * math.sqrt(spread / count)
        figure = Figure(mean, max(0.0, mean - half), mean + half)
        found.append(Costly(tokens, count, figure, mean * count / total if total else 0.0))
    return found
