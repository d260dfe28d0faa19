"""How texts are sampled, what is sampled, and what is measured beside the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from playground.catalog import KnobValue
from playground.lab.protocol.failures import Failure
from playground.strict import Refusal, fields, flag, items, name_of, shown, text_of, whole

_RULED = ("valid-share", "builtin:valid-share")
"""Names of the metric whose rule tells a valid text."""
_MOST = 1000
"""Links in a chain, metrics, or knobs of one of these, in a record that is read."""


@dataclass(frozen=True, slots=True)
class Link:
    """One sampling strategy in the chain, with the values of its knobs."""

    name: str
    options: Mapping[str, KnobValue] = field(default_factory=dict)
    enabled: bool = True


Links = tuple[Link, ...]
"""A chain: strategies in the order in which they work."""

DEFAULT_CHAIN = (
    Link("temperature", {"temperature": 0.5}),
    Link("repetition-penalty", {"penalty": 1.0}),
    Link("top-k", {"top_k": 0}),
    Link("top-p", {"top_p": 1.0}),
    Link("min-p", {"min_p": 0.0}),
)
"""The chain of a new run; a recorded run and a checkpoint have a chain of their own. The penalty
stands before the filters: a filter that has left one token leaves a penalty behind it no choice."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How text is sampled, on demand and every `every` steps. Training does not depend on it."""

    chain: Links = DEFAULT_CHAIN
    prompt: str = ""
    count: int = 5
    """Texts in one batch."""
    every: int = 100
    """Steps between automatic batches; 0 for never."""
    seed: int = 0


Mark = Literal["new", "recited", "in data"]
"""What a sampled text is: neither a document of the data set nor a part of one; a part of a longer
document, by the rule that docs/probes.md tells; itself a document."""


@dataclass(frozen=True, slots=True)
class SampleText:
    """One sampled text."""

    text: str
    """The text, prompt included."""
    in_data: bool
    """True if the text is itself a document of the data set, held out or not."""
    complete: bool
    """True if the text ended by itself, with BOS; False if it was cut at block_size."""
    recited: bool = False
    """True if the text is no document, but stands word for word in a longer one."""
    letters: tuple[str, ...] = ()
    """Displays of the tokens that were drawn, the closing BOS included; the prompt's are not."""
    chances: tuple[float, ...] = field(default=(), compare=False)
    """The probability (0..1) of each of `letters` after the chain, when it was drawn; empty for a
    text that was sampled by a program that kept none. Two engines agree on it to rounding, so that
    two equal texts may differ here."""

    @property
    def mark(self) -> Mark:
        """Whether the text is new, as a person is told."""
        return "in data" if self.in_data else "recited" if self.recited else "new"


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Texts sampled together."""

    number: int
    """The batch's number in this session, from 1."""
    step: int
    """Training steps done when the texts were sampled."""
    prompt: str
    texts: tuple[SampleText, ...]
    note: str = ""
    """Why there are no texts, in words; "" if there are."""


@dataclass(frozen=True, slots=True)
class TokenChance:
    """One candidate for the next token."""

    token: int
    display: str
    before: float
    """Probability by the model alone (0..1)."""
    after: float
    """Probability after the chain (0..1)."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the chances of the next token are spread."""

    tokens: int
    """How many tokens have a chance at all."""
    choices: float
    """How many equally likely tokens would be as hard to guess: exp(entropy), the perplexity."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The chances of the token after the prompt, before and after the chain of strategies."""

    step: int
    prompt: str
    chances: tuple[TokenChance, ...]
    """Likeliest first, by `after`, then by `before`; at most GetPreview.limit."""
    rest: float = 0.0
    """Probability after the chain of all the tokens left out."""
    rest_count: int = 0
    chain: Links | None = None
    """The chain that was tried; None for the one that the run samples by, without spreads."""
    alone: Spread | None = None
    """The spread by the model alone."""
    spreads: tuple[Spread | None, ...] = ()
    """The spread after each link of `chain`; None where a link is off, or picks the token."""


@dataclass(frozen=True, slots=True)
class MetricChoice:
    """A metric by name, and the values of its knobs."""

    name: str
    options: Mapping[str, KnobValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measuring:
    """Which metrics are on. Training does not depend on it."""

    metrics: tuple[MetricChoice, ...] = ()
    every: int = 10
    """Steps between two measurements of a step; fewer are made if measuring would take more than
    about a tenth of the time (`train` makes them all). Batches of samples are measured as they
    come."""

    @property
    def rule(self) -> str | None:
        """The regular expression of the metric valid-share; None if that is not measured."""
        for metric in self.metrics:
            rule = metric.options.get("rule", "[a-z]+")
            if metric.name in _RULED and isinstance(rule, str):
                return rule
        return None


@dataclass(frozen=True, slots=True)
class Meter:
    """A metric that was asked for: at work, or switched off because it failed."""

    choice: MetricChoice
    label: str
    """The name of the metric's series: the metric's name, and the knobs not at their defaults."""
    trouble: Failure | None = None
    """Why the metric was switched off; None while it is at work."""


# ---------------------------------------------------------------- as JSON gives them


def sampling_of(given: object) -> Sampling | None:
    """A Sampling from the JSON of its `dataclasses.asdict`; None if the values are not one."""
    try:
        of = fields(given, "the sampling", "chain", "prompt", "count", "every", "seed")
        return Sampling(
            tuple(_link(one) for one in items(of["chain"], "the chain", _MOST)),
            text_of(of["prompt"], "the prompt"),
            whole(of["count"], "count"),
            whole(of["every"], "every"),
            whole(of["seed"], "seed", -(2**63), 2**63),
        )
    except Refusal:
        return None


def _link(given: object) -> Link:
    of = fields(given, "a link", "name", "options", "enabled")
    enabled = flag(of["enabled"], "enabled")
    return Link(name_of(of["name"], "a strategy"), _options(of["options"]), enabled)


def measuring_of(given: object) -> Measuring | None:
    """A Measuring from the JSON of its `dataclasses.asdict`; None if the values are not one."""
    try:
        of = fields(given, "the measuring", "metrics", "every")
        metrics = []
        for one in items(of["metrics"], "the metrics", _MOST):
            choice = fields(one, "a metric", "name", "options")
            name = name_of(choice["name"], "a metric")
            metrics.append(MetricChoice(name, _options(choice["options"])))
        return Measuring(tuple(metrics), whole(of["every"], "every"))
    except Refusal:
        return None


def _options(given: object) -> dict[str, KnobValue]:
    """The values of knobs by name. Raises Refusal."""
    options = fields(given, "the options")
    for name, value in options.items():
        if not isinstance(value, bool | int | float | str | None) or len(options) > _MOST:
            raise Refusal(f"{name!r} is {shown(value)}, which no knob has")
    return options
