"""What a model says of each token of some texts: its loss, and how sure it was of what."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from microgpt.engine import Decoder
from playground.lab.protocol.failures import Progress
from playground.lab.score.work import Work


@dataclass(frozen=True, slots=True)
class Prediction:
    """One predicted token."""

    loss: float
    """Nats; inf for a token of probability 0, nan from a model that has diverged."""
    confidence: float
    """The probability of the likeliest token, 0..1."""
    right: bool
    """True if the likeliest token came, the first of equals."""


def predict(decoder: Decoder, bos: int, targets: Sequence[int]) -> list[Prediction]:
    """What a fresh decoder says of the tokens of one document, after BOS."""
    found = []
    token = bos
    for target in targets:
        logits = decoder.push(token)
        top = max(logits)
        likeliest = logits.index(top) if top == top else -1
        total = math.fsum(math.exp(one - top) for one in logits)
        loss = math.log(total) + top - logits[target]
        found.append(Prediction(loss, 1 / total, likeliest == target))
        token = target
    return found


def predict_all(
    make: Callable[[], Decoder], bos: int, documents: Sequence[Sequence[int]]
) -> Work[list[list[Prediction]]]:
    """`predict` of each document, with a fresh decoder for each."""
    found = []
    for number, targets in enumerate(documents):
        yield Progress("measuring the held-out loss", number, len(documents))
        found.append(predict(make(), bos, targets))
    return found
