"""Locally typical sampling (Meister, Pimentel, Wiher and Cotterell 2023, arXiv:2202.00666)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from microgpt.sampling import MASKED, log_softmax
from playground.api import Knob, Knobs, SampleContext


class TypicalKnobs(Knobs):
    mass: float = Knob(
        0.9,
        ge=0,
        le=1,
        step=0.01,
        neutral=1.0,
        help="keep the most typical tokens that have this probability together; 1 keeps all",
    )


class Typical:
    """Keeps the tokens whose surprise is nearest to the expected surprise of the next token."""

    def __init__(self, knobs: TypicalKnobs) -> None:
        self.mass = knobs.mass

    def transform(self, logits: Sequence[float], context: SampleContext) -> list[float]:  # noqa: ARG002
        if self.mass == 1:
            return list(logits)
        return typical(logits, self.mass)


def typical(logits: Sequence[float], mass: float) -> list[float]:
    """Keep the fewest tokens, the most typical first, whose probabilities reach `mass` together.

    The information of a token y after the text so far is -ln p(y), and its expected value is the
    entropy H = -sum p(y) ln p(y). Of all sets of tokens with a probability of at least `mass` (tau
    in the paper), the set with the least sum of |H + ln p(y)| is kept. As in the paper, tokens are
    taken in the order of |H + ln p(y)|. So even the likeliest token is ruled out if it says less
    than a typical one.

    logits: (vocab_size). At least one token stays; of equally typical ones the lower id goes
    first. Raises ValueError for NaN, or without logits.
    """
    log_probs = log_softmax(logits)
    possible = [token for token, log_prob in enumerate(log_probs) if log_prob > MASKED]
    entropy = -sum(math.exp(log_probs[token]) * log_probs[token] for token in possible)
    possible.sort(key=lambda token: abs(entropy + log_probs[token]))
    kept = [MASKED] * len(log_probs)
    total = 0.0
    for token in possible:
        kept[token] = logits[token]
        total += math.exp(log_probs[token])
        if total >= mass:
            break
    return kept
