"""How texts are sampled, what came of it, and what is measured beside the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from playground.catalog import KnobValue
from playground.lab.protocol.failures import Failure


@dataclass(frozen=True, slots=True)
class Link:
    """One sampling strategy in the chain, with the values of its knobs."""

    name: str
    options: Mapping[str, KnobValue] = field(default_factory=dict)
    enabled: bool = True


DEFAULT_CHAIN = (
    Link("temperature", {"temperature": 0.5}),
    Link("top-k", {"top_k": 0}),
    Link("top-p", {"top_p": 1.0}),
    Link("min-p", {"min_p": 0.0}),
    Link("repetition-penalty", {"penalty": 1.0}),
)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How text is sampled, on demand and every `every` steps. Never touches training."""

    chain: tuple[Link, ...] = DEFAULT_CHAIN
    prompt: str = ""
    count: int = 5
    """Texts in one batch."""
    every: int = 100
    """Steps between automatic batches; 0 for never."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SampleText:
    """One sampled text."""

    text: str
    """Prompt included."""
    in_data: bool
    """The very text is a document of the data set (held out or not)."""
    complete: bool
    """It ended by itself (BOS); False if it was cut at block_size."""


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Texts sampled together."""

    number: int
    """Counts the batches of this session from 1."""
    step: int
    """Training steps done when they were sampled."""
    prompt: str
    texts: tuple[SampleText, ...]
    note: str = ""
    """Why there are none, in words, if there are none."""


@dataclass(frozen=True, slots=True)
class TokenChance:
    """One candidate for the next token."""

    token: int
    display: str
    before: float
    """Probability that the model gives it (0..1)."""
    after: float
    """Probability after the chain."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What may come after the prompt, before and after the chain of strategies."""

    step: int
    prompt: str
    chances: tuple[TokenChance, ...]
    """Likeliest first, by `after`, then by `before`; at most PreviewRequest.limit."""
    rest: float = 0.0
    """Probability after the chain of all the tokens left out."""
    rest_count: int = 0


@dataclass(frozen=True, slots=True)
class MetricChoice:
    """A metric by name, and the values of its knobs."""

    name: str
    options: Mapping[str, KnobValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measuring:
    """Which metrics are on. Never touches training."""

    metrics: tuple[MetricChoice, ...] = ()
    every: int = 10
    """Steps between two measurements of what is measured of steps; fewer are made where they
    would take more than about a tenth of the time. Batches of samples are measured as they
    come."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A metric that was asked for, at work or switched off because it failed."""

    choice: MetricChoice
    label: str
    """Its name, and the knobs that are not at their defaults: the name of its series."""
    trouble: Failure | None = None
    """Why it was switched off."""


# ---------------------------------------------------------------- as JSON gives them


def sampling_of(given: Any) -> Sampling | None:
    """From `dataclasses.asdict` and back through JSON; None for what is no Sampling."""
    try:
        links = tuple(
            Link(str(one["name"]), dict(one["options"]), bool(one["enabled"]))
            for one in given["chain"]
        )
        return Sampling(
            links,
            str(given["prompt"]),
            int(given["count"]),
            int(given["every"]),
            int(given["seed"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def measuring_of(given: Any) -> Measuring | None:
    """The same for a Measuring."""
    try:
        metrics = tuple(
            MetricChoice(str(one["name"]), dict(one["options"])) for one in given["metrics"]
        )
        return Measuring(metrics, int(given["every"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
