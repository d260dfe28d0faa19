"""A run without one of its steps, and the steps that made a prediction what it is."""

from __future__ import annotations

from dataclasses import dataclass

from playground.lab.protocol.sampling import SampleBatch
from playground.lab.protocol.surgery import Difference


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a matrix of the run without the step lies from that of the run."""

    matrix: str
    weights: float
    """‖θ‖ of the run."""
    apart: float
    """‖θ' - θ‖"""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run, and the same run with one step passed over, after as many steps."""

    step: int
    """The step that was passed over, counted from 1."""
    at: int
    """After how many steps both are compared."""
    epoch: int
    """The frame epoch in which this was asked."""
    documents: tuple[int, ...]
    """The places, in the order of training, of the documents that did not train."""
    texts: tuple[str, ...]
    """Their tokens' displays in a row, at most 200 characters each. Untrusted text."""
    own: Difference
    """What is added to the loss of these documents."""
    heldout: Difference | None
    """What is added to the held-out loss; None without held-out texts."""
    samples: SampleBatch
    """Of the run; `samples_without` is drawn with the same dice, for the same prompt."""
    samples_without: SampleBatch
    weights: float
    """‖θ‖ of the run."""
    apart: float
    """‖θ' - θ‖ over all weights."""
    matrices: tuple[Distance, ...]
    seconds: float
    """Seconds that the replay took; `replayed` steps were made in them."""
    replayed: int

    @property
    def ratio(self) -> float:
        """‖θ' - θ‖ / ‖θ‖; 0 for a model all of whose weights are 0."""
        return self.apart / self.weights if self.weights else 0.0


@dataclass(frozen=True, slots=True)
class Influential:
    """A step that pushed a prediction. Above 0, the prediction's loss would be higher without the
    step: its documents taught it."""

    step: int
    """Counted from 1."""
    documents: tuple[int, ...]
    """The places of its documents in the order of training."""
    texts: tuple[str, ...]
    """Their tokens' displays in a row, at most 200 characters each. Untrusted text."""
    formula: float
    """What the prediction's loss would be without the step, less what it is, in nats: to first
    order."""
    replayed: float | None = None
    """The same, from the run made again without the step; None where that was not done."""


@dataclass(frozen=True, slots=True)
class Influences:
    """The steps that pushed a prediction most."""

    at: int
    """Where the run stands: the prediction is made with the weights there."""
    epoch: int
    tokens: tuple[str, ...]
    """What is read before the prediction, BOS first. Untrusted text."""
    token: int
    """The predicted token's id."""
    target: str
    """Its display. Untrusted text."""
    loss: float
    """The prediction's loss, in nats."""
    first: int
    """The first step that could be looked at, counted from 1: earlier ones are not kept."""
    steps: int
    """How many steps were looked at."""
    total: float
    """The sum of the formula over all of them."""
    most: tuple[Influential, ...]
    """Those with the largest size by formula, the largest first."""
    correlation: float
    """Spearman's rank correlation of the two figures of those that were replayed; nan for fewer
    than two."""
    seconds_formula: float
    """Seconds that the formula took over all steps; `seconds_replay` the replays."""
    seconds_replay: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a replay would take, by the pace that was measured when this was asked."""

    steps: int
    """Steps that would be made, about."""
    seconds: float
    """nan if no step could be made to measure the pace."""
