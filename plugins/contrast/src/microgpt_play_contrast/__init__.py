"""Strategies that look at the text so far: no n-gram twice, and penalties that grow with use."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from playground.api import Contribution, Knob, Knobs, SampleContext, Strategy, hookimpl


class NoRepeatKnobs(Knobs):
    n: int = Knob(
        3,
        ge=0,
        le=16,
        step=1,
        neutral=0,
        unit="tokens",
        help="no run of so many tokens comes twice in a text; 0 switches it off",
    )
    with_prompt: bool = Knob(
        True, label="prompt too", help="whether runs that the prompt has may not come again either"
    )


class NoRepeatNgram:
    """Rules out each token that would complete a run of n tokens which the text has already.

    Source: Paulus, Xiong and Socher 2017, arXiv:1705.04304, section 2.5, who never repeat a
    trigram.
    """

    def __init__(self, knobs: NoRepeatKnobs) -> None:
        self.n = knobs.n
        self.with_prompt = knobs.with_prompt

    def transform(self, logits: Sequence[float], context: SampleContext) -> list[float]:
        """BOS is never ruled out, since a text may end. If every token that earlier links left
        would be ruled out, all of them stay, since some token must come."""
        result = list(logits)
        if self.n == 0:
            return result
        for token in _completions(_text(context, self.with_prompt), self.n):
            if token != context.bos_id and token < len(result):
                result[token] = -math.inf
        return result if max(result) > -math.inf else list(logits)


def _completions(text: Sequence[int], n: int) -> set[int]:
    """The tokens that followed the last n - 1 tokens of `text` earlier in it; for n = 1, all."""
    context = n - 1
    last = text[len(text) - context :]
    return {
        text[place + context]
        for place in range(len(text) - context)
        if text[place : place + context] == last
    }


class PenaltyKnobs(Knobs):
    presence: float = Knob(
        0.5,
        ge=-2,
        le=2,
        step=0.1,
        neutral=0.0,
        help="taken off the logit of a token that is there already; below 0 it is welcome",
    )
    frequency: float = Knob(
        0.5,
        ge=-2,
        le=2,
        step=0.1,
        neutral=0.0,
        help="taken off again for each time that it is there",
    )
    with_prompt: bool = Knob(
        False, label="prompt too", help="whether the tokens of the prompt count as well"
    )


class PresenceFrequency:
    """logit - presence - frequency * count, for each token that the text has `count` times.

    The penalties of OpenAI's interface for completions, by its documentation. BOS is exempt: a text
    that begins with BOS may still end with BOS.
    """

    def __init__(self, knobs: PenaltyKnobs) -> None:
        self.presence = knobs.presence
        self.frequency = knobs.frequency
        self.with_prompt = knobs.with_prompt

    def transform(self, logits: Sequence[float], context: SampleContext) -> list[float]:
        result = list(logits)
        if self.presence == 0 and self.frequency == 0:
            return result
        for token, count in Counter(_text(context, self.with_prompt)).items():
            if token != context.bos_id and token < len(result):
                result[token] -= self.presence + self.frequency * count
        return result


def _text(context: SampleContext, with_prompt: bool) -> tuple[int, ...]:
    """The tokens that count; with the prompt, BOS at the beginning is the first of them."""
    return context.tokens if with_prompt else context.tokens[context.prompt_length :]


@hookimpl
def microgpt_sampling_strategies() -> Iterator[Contribution[Strategy]]:
    """Two strategies: see `playground.api`."""
    yield Contribution(
        name="no-repeat-ngram",
        summary="no run of n tokens comes twice in a text",
        factory=NoRepeatNgram,
        knobs=NoRepeatKnobs,
    )
    yield Contribution(
        name="presence-frequency",
        summary="a token is less likely for being there, and for each time it is",
        factory=PresenceFrequency,
        knobs=PenaltyKnobs,
    )
