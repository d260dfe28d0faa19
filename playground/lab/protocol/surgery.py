"""What is tried on a model before it is done: what it costs, and which part of it matters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from microgpt.surgery import Component, Operation
from playground.lab.protocol.failures import Progress


@dataclass(frozen=True, slots=True)
class Difference:
    """How the held-out loss differs between two states of a model, in nats a token."""

    before: float
    after: float
    delta: float
    """The mean over all tokens of what is added to the loss."""
    error: float | None
    """The standard error of `delta`, of the paired texts; None for fewer than two texts."""
    documents: int
    tokens: int

    @property
    def within_noise(self) -> bool:
        """True if the difference is less than twice its standard error."""
        return self.error is not None and abs(self.delta) < 2 * self.error


@dataclass(frozen=True, slots=True)
class MeanWrite:
    """A head that writes what it writes on average, in the place of what it finds. No weights do
    that, so that it can be tried and not done. Source: Michel et al. 2019; Chan et al. 2022."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"head:{self.layer}.{self.head}=mean"


Trial = Operation | MeanWrite


@dataclass(frozen=True, slots=True)
class Held:
    """The weights that keep their values at each step from here on, as operations."""

    operations: tuple[Operation, ...] = ()


Surgical = Literal["try", "rank", "patch", "part", "without", "influence", "score"]
"""What takes long, is done between steps, and can be given up."""


@dataclass(frozen=True, slots=True)
class NextToken:
    """A token that may come next."""

    token: int
    display: str
    """Untrusted text."""
    before: float
    """Its probability in the model as it stands."""
    after: float
    """Its probability after the operations."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What operations would do."""

    step: int
    """The step of the weights on which they were tried."""
    epoch: int
    """The frame epoch of these weights."""
    heldout: Difference | None
    """None if nothing is held out."""
    tokens: tuple[str, ...]
    """What the model reads of the text, BOS first. Untrusted text; `targets` likewise."""
    targets: tuple[str, ...]
    """What it should predict there."""
    losses_before: tuple[float, ...]
    """By position, in nats."""
    losses_after: tuple[float, ...]
    next: tuple[NextToken, ...]
    """All tokens by how much their probability after the last position changes, the most first;
    at most MOST_TOKENS."""


MOST_TOKENS = 1_000


Cut = tuple[Component, Difference]
"""A component, and what its being taken out does to the held-out loss."""


def dearness(cut: Cut) -> float:
    """The key by which the dearest cut comes first; a loss that is no number comes before all."""
    delta = cut[1].delta
    return -delta if math.isfinite(delta) else -math.inf


@dataclass(frozen=True, slots=True)
class Ranked:
    """What the held-out loss would be without each of some components, one at a time."""

    step: int
    epoch: int
    cuts: tuple[Cut, ...]
    """The dearest first; one whose loss is no number comes before all."""


@dataclass(frozen=True, slots=True)
class RankProgress(Progress):
    """How far a ranking is, with the components that were done since this was last told."""

    found: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class Patching:
    """Which activation carries the difference between two texts, at the weights of `step`."""

    step: int
    epoch: int
    clean: tuple[str, ...]
    """The tokens that are read, BOS first; untrusted text. `corrupt` has as many."""
    corrupt: tuple[str, ...]
    answer: tuple[int, str]
    """(id, display) of the answer to the clean text."""
    other: tuple[int, str]
    """The answer to the corrupt text."""
    stages: tuple[str, ...]
    """As `microgpt.patching.stage_names` has them."""
    difference_clean: float
    """The logit of `answer` minus that of `other` after the last position of the clean text."""
    difference_corrupt: float
    """The same of the corrupt text."""
    differences: tuple[tuple[float, ...], ...]
    """The same of the corrupt text with the activation of one stage at one position put in, by
    stage and position."""

    @property
    def recovered(self) -> tuple[tuple[float, ...], ...]:
        """The share of the way from the corrupt text to the clean one, by stage and position: 0 for
        nothing, 1 for all of it; nan if the two differences are the same."""
        from microgpt.patching import recovered  # the screen starts without it

        ends = self.difference_clean, self.difference_corrupt
        return tuple(tuple(recovered(one, *ends) for one in row) for row in self.differences)
