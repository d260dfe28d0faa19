"""Sampling strategies: microgpt.sampling's pure functions, with knobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from microgpt import sampling
from playground.api import Contribution, Knob, Knobs, SampleContext, Strategy, hookimpl

Logits = Sequence[float]


class TemperatureKnobs(Knobs):
    temperature: float = Knob(
        0.5,
        ge=0.05,
        le=5,
        step=0.05,
        neutral=1.0,
        help="below 1 the likely tokens grow likelier, above 1 the odds even out",
        below="the strategy greedy takes the likeliest token each time",
    )


class Temperature:
    """logits / temperature."""

    def __init__(self, knobs: TemperatureKnobs) -> None:
        self.temperature = knobs.temperature

    def transform(self, logits: Logits, context: SampleContext) -> list[float]:  # noqa: ARG002
        if self.temperature == 1:
            return list(logits)
        return sampling.temperature(logits, self.temperature)


class TopKKnobs(Knobs):
    top_k: int = Knob(
        0, ge=0, le=256, step=1, neutral=0, help="keep the k likeliest tokens; 0 keeps all"
    )


class TopK:
    """The k likeliest tokens."""

    def __init__(self, knobs: TopKKnobs) -> None:
        self.top_k = knobs.top_k

    def transform(self, logits: Logits, context: SampleContext) -> list[float]:  # noqa: ARG002
        if self.top_k == 0 or self.top_k >= len(logits):
            return list(logits)
        return sampling.top_k(logits, self.top_k)


class TopPKnobs(Knobs):
    top_p: float = Knob(
        1.0,
        ge=0,
        le=1,
        step=0.01,
        neutral=1.0,
        help="keep the fewest tokens that have this probability together; 1 keeps all",
    )


class TopP:
    """The nucleus: the fewest tokens with probability p together."""

    def __init__(self, knobs: TopPKnobs) -> None:
        self.top_p = knobs.top_p

    def transform(self, logits: Logits, context: SampleContext) -> list[float]:  # noqa: ARG002
        if self.top_p == 1:
            return list(logits)
        return sampling.top_p(logits, self.top_p)


class MinPKnobs(Knobs):
    min_p: float = Knob(
        0.0,
        ge=0,
        le=1,
        step=0.01,
        neutral=0.0,
        help="keep tokens at least this fraction as probable as the likeliest; 0 keeps all",
    )


class MinP:
    """The tokens that come near the likeliest."""

    def __init__(self, knobs: MinPKnobs) -> None:
        self.min_p = knobs.min_p

    def transform(self, logits: Logits, context: SampleContext) -> list[float]:  # noqa: ARG002
        if self.min_p == 0:
            return list(logits)
        return sampling.min_p(logits, self.min_p)


class RepetitionKnobs(Knobs):
    penalty: float = Knob(
        1.0,
        ge=1,
        le=3,
        step=0.05,
        neutral=1.0,
        label="repetition",
        help="how much less likely tokens become that are there already; 1 leaves them",
    )
    window: int = Knob(
        0,
        ge=0,
        le=4096,
        step=1,
        neutral=0,
        unit="tokens",
        follows="block_size",
        help="how far back it looks; off: as far as the model does",
    )


class RepetitionPenalty:
    """Tokens of the text so far made less likely. BOS is exempt: a text may end."""

    def __init__(self, knobs: RepetitionKnobs) -> None:
        self.penalty = knobs.penalty
        self.window = knobs.window

    def transform(self, logits: Logits, context: SampleContext) -> list[float]:
        if self.penalty == 1:
            return list(logits)
        window = self.window or context.block_size
        seen = set(context.tokens[-window:]) - {context.bos_id}
        return sampling.repetition_penalty(logits, seen, self.penalty)


class Greedy:
    """Always the likeliest token; of equals the first."""

    def pick(self, probs: Sequence[float], context: SampleContext) -> int:  # noqa: ARG002
        return max(range(len(probs)), key=probs.__getitem__)


@hookimpl
def microgpt_sampling_strategies() -> Iterator[Contribution[Strategy]]:
    yield Contribution(
        name="temperature",
        summary="sharpen or flatten the odds",
        factory=Temperature,
        knobs=TemperatureKnobs,
    )
    yield Contribution(
        name="top-k", summary="only the k likeliest tokens", factory=TopK, knobs=TopKKnobs
    )
    yield Contribution(
        name="top-p",
        summary="nucleus: the likeliest tokens up to a share of the probability",
        factory=TopP,
        knobs=TopPKnobs,
    )
    yield Contribution(
        name="min-p",
        summary="only tokens that come near the likeliest",
        factory=MinP,
        knobs=MinPKnobs,
    )
    yield Contribution(
        name="repetition-penalty",
        summary="what is there already becomes less likely",
        factory=RepetitionPenalty,
        knobs=RepetitionKnobs,
    )
    yield Contribution(
        name="greedy", summary="no chance: always the likeliest token", factory=Greedy
    )
