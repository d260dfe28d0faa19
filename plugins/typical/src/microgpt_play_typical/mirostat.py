"""Mirostat 2.0 (Basu, Ramachandran, Keskar and Varshney 2021, arXiv:2007.14966).

The surprise of each token is fed back into the limit of surprise for the next one, as a thermostat
feeds back the temperature of a room.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from microgpt.sampling import MASKED, log_softmax
from playground.api import Knob, Knobs, SampleContext

_BIT = math.log(2)
_KEPT = 2_000_000
"""The most surprises remembered, over all texts: 16 MB. The default model has 27 a token."""


class MirostatKnobs(Knobs):
    target: float = Knob(
        2.5,
        ge=0,
        le=10,
        step=0.1,
        neutral=0.0,
        unit="bits",
        help="the surprise that a token shall have on average; 0 switches it off",
    )
    rate: float = Knob(
        0.3,
        ge=0.01,
        le=1,
        step=0.01,
        help="how much of a miss is made good at the next token",
    )


class _Place(NamedTuple):
    """A text as it stood when its next token was to be chosen."""

    limit: float
    """mu of the paper: the most surprise allowed, in bits."""
    surprises: array[float]
    """The surprise of each token at this place (vocab_size), in bits."""


class Mirostat:
    """Rules out tokens more surprising than mu, and moves mu by the surprise of the chosen token.

    mu belongs to a text, but a strategy serves many texts. So the strategy does not remember "the
    last token" but places in texts, each by all the tokens before it; mu at a place follows from
    the place before and the token that came there. The same text has the same mu, in whatever
    order texts are written, and a second call at a place changes nothing.
    """

    def __init__(self, knobs: MirostatKnobs) -> None:
        self.target = knobs.target
        self.rate = knobs.rate
        self._places: OrderedDict[tuple[int, int, tuple[int, ...]], _Place] = OrderedDict()

    def transform(self, logits: Sequence[float], context: SampleContext) -> list[float]:
        """Keep the tokens of at most mu bits of surprise, and in any case the likeliest token."""
        if self.target == 0:
            return list(logits)
        limit = self.limit(context)
        surprises = array("d", [-log_prob / _BIT for log_prob in log_softmax(logits)])
        self._remember(context, _Place(limit, surprises))
        if (least := min(surprises)) > limit:
            likeliest = surprises.index(least)
            kept = [MASKED] * len(surprises)
            kept[likeliest] = logits[likeliest]
            return kept
        return [
            logit if surprise <= limit else MASKED
            for logit, surprise in zip(logits, surprises, strict=True)
        ]

    def limit(self, context: SampleContext) -> float:
        """mu at this place, in bits: twice the target at the beginning of the text, and then, with
        S the surprise of the last token, mu - rate * (S - target) (the paper's algorithm 1, "Update
        mu"). If the place before is not known, mu is twice the target again: see the README.
        """
        start = 2 * self.target
        # The key has the prompt's length, since no token was chosen at a place inside the prompt.
        before = self._places.get((context.step, context.prompt_length, context.tokens[:-1]))
        if before is None or context.tokens[-1] >= len(before.surprises):
            return start
        surprise = before.surprises[context.tokens[-1]]
        if not math.isfinite(surprise):  # impossible by the model, and chosen all the same
            return before.limit
        return before.limit - self.rate * (surprise - self.target)

    def _remember(self, context: SampleContext, place: _Place) -> None:
        key = (context.step, context.prompt_length, context.tokens)
        self._places[key] = place
        self._places.move_to_end(key)
        while len(self._places) * len(place.surprises) > _KEPT and len(self._places) > 1:
            self._places.popitem(last=False)
