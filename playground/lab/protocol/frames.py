"""A picture of a session, and what it is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from playground.catalog import KnobValue
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.run import MatrixKind, RecordState, SessionState
from playground.lab.protocol.sampling import Meter, SampleBatch


@dataclass(frozen=True, slots=True)
class MatrixView:
    """One matrix that is on screen."""

    name: str
    kind: MatrixKind


@dataclass(frozen=True, slots=True)
class PanelView:
    """A contributed panel that is on screen, and the room it has."""

    name: str
    options: Mapping[str, KnobValue] = field(default_factory=dict)
    width: int = 0
    """In cells; so is the height."""
    height: int = 0


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """What the screen wants to see."""

    since_step: int = 0
    """Metrics of the steps after this one."""
    since_batch: int = 0
    """Sample batches with a number above this one."""
    matrices: tuple[MatrixView, ...] = ()
    document: bool = True
    """Also the current document with its losses, and its neighbours."""
    history: int = 2
    """Documents before and after the current one."""
    panel: PanelView | None = None
    """A contributed panel that is to be drawn."""


@dataclass(frozen=True, slots=True)
class MatrixFrame:
    """Numbers of one matrix, row by row."""

    name: str
    kind: MatrixKind
    rows: int
    columns: int
    values: array[float]


@dataclass(frozen=True, slots=True)
class DocumentFrame:
    """The document that the last step learnt from (before the first: the one it will)."""

    position: int
    """Its place in the shuffled training documents."""
    tokens: tuple[str, ...]
    """Displays of the predicted tokens, the closing BOS included where it was reached."""
    losses: tuple[float, ...]
    """Surprise at each predicted token in nats; empty before the first step."""
    beyond: tuple[str, ...]
    """Displays of the tokens cut off, never seen by the model; at most 64."""
    before: tuple[str, ...]
    """Texts of earlier documents, nearest last."""
    after: tuple[str, ...]
    """Texts of those to come, nearest first."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Series since the last frame. Steps are numbered from 1."""

    first_step: int
    """The step of losses[0]."""
    losses: array[float]
    """Mean loss of each step, nats a token."""
    learning_rates: array[float]
    evaluations: tuple[tuple[int, float], ...]
    """(step, mean loss over held-out documents) pairs, nats a token."""
    measured: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    """(step, value) pairs of each metric, by its label; the last step of the frame before may
    come again, for samples that were measured there since."""


@dataclass(frozen=True, slots=True)
class PanelFrame:
    """What a contributed panel drew."""

    name: str
    """As it was asked for."""
    step: int
    """Steps done when it was drawn: fewer than the frame's if it takes its time."""
    lines: tuple[str, ...] = ()
    """Untrusted text: control characters, any width."""
    trouble: Failure | None = None
    """Why there is nothing to see."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An immutable picture of a session."""

    state: SessionState
    step: int
    """Steps done."""
    steps: int
    """Steps in the whole run."""
    epoch: int
    """Goes up when what was recorded is not any more, for another future began: the screen then
    asks again from step 0. Going back changes nothing of what is known."""
    metrics: Metrics
    learning_rate: float
    """Of the step to come."""
    base_learning_rate: float
    """The one that is set, from which it decays."""
    engine: str
    """The engine that makes the step to come."""
    tokens_seen: int
    steps_per_second: float
    tokens_per_second: float
    speed: float | None
    """Steps a second asked for; None for flat out."""
    document: DocumentFrame | None = None
    matrices: tuple[MatrixFrame, ...] = ()
    batches: tuple[SampleBatch, ...] = ()
    trouble: Failure | None = None
    """Why the state is `failed`."""
    earliest: int = 0
    """The earliest step that can be gone back to."""
    step_ms: float = 0.0
    """Milliseconds that the engine takes for a step, the waiting that a pace asks for left out;
    0 while that is not known."""
    scalar_ratio: float = 0.0
    """How many times as fast as the scalar engine that is on this machine, about."""
    meters: tuple[Meter, ...] = ()
    """The metrics that were asked for, in their order."""
    panel: PanelFrame | None = None
    """The panel that was asked for."""
    head: int = 0
    """The last step that is recorded: more than `step` after going back."""
    edits: tuple[tuple[int, str], ...] = ()
    """What was set by hand, in words, after which step; in the order of the steps."""
    record: RecordState | None = None
    """How the recording stands; None if this run is not to be recorded."""
