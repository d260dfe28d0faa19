"""A frame, which is a picture of a session, and the request for one."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from playground.catalog import KnobValue
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.film import FilmFrame
from playground.lab.protocol.run import MatrixKind, RecordState, Scored, SessionState
from playground.lab.protocol.sampling import Meter, SampleBatch


@dataclass(frozen=True, slots=True)
class MatrixView:
    """One matrix that is on screen."""

    name: str
    kind: MatrixKind
    around: tuple[int, int] = (0, 0)
    """Row and column of the cursor. Of a matrix of more than WHOLE numbers, those around it are
    sent."""


@dataclass(frozen=True, slots=True)
class PanelView:
    """A contributed panel that is on screen, and its size there."""

    name: str
    options: Mapping[str, KnobValue] = field(default_factory=dict)
    width: int = 0
    """Width in cells; `height` likewise."""
    height: int = 0


@dataclass(frozen=True, slots=True)
class SmallViews:
    """All matrices in one view, each in at most so many blocks."""

    kind: MatrixKind
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """What the screen wants to see."""

    since_step: int = 0
    """Metrics of the steps after this one are sent."""
    since_batch: int = 0
    """Sample batches with a number above this one are sent."""
    matrices: tuple[MatrixView, ...] = ()
    document: bool = True
    """True to send the current document with its losses, and its neighbours."""
    history: int = 2
    """Documents before and after the current one."""
    panel: PanelView | None = None
    """The contributed panel to draw."""
    small: SmallViews | None = None
    """What to send of all matrices at once."""
    pulls: bool = False
    """True to send how strongly the last step pulled at each matrix."""
    seen_since: int | None = None
    """The last documents that steps after this one learnt from are sent; None for none."""
    film_since: int | None = None
    """The rows of the film written after so many are sent; None for none."""
    most_steps: int | None = None
    """The series of no more steps than these are sent at once; None for all."""


WHOLE = 131_072
"""Numbers of the largest matrix that is sent whole: a megabyte."""
WINDOW = (256, 512)
"""Rows and columns that are sent of a larger matrix: more than a screen shows on any side of its
cursor. WINDOW holds WHOLE numbers."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a matrix."""

    top: int
    left: int
    rows: int
    columns: int

    @classmethod
    def around(cls, cell: tuple[int, int], rows: int, columns: int) -> Window:
        """The part that is sent of a matrix of rows x columns, with `cell` as near to its middle as
        can be."""
        high, wide = min(rows, WINDOW[0]), min(columns, WINDOW[1])
        if columns < WINDOW[1]:  # few columns leave room for more rows, and the other way round
            high = min(rows, WHOLE // columns)
        elif rows < WINDOW[0]:
            wide = min(columns, WHOLE // rows)
        top = max(0, min(cell[0] - high // 2, rows - high))
        left = max(0, min(cell[1] - wide // 2, columns - wide))
        return cls(top, left, high, wide)


@dataclass(frozen=True, slots=True)
class MatrixFrame:
    """The numbers of one matrix, row by row."""

    name: str
    kind: MatrixKind
    rows: int
    """Rows of the matrix; `columns` likewise."""
    columns: int
    values: array[float]
    """The numbers of the window, or of the whole matrix."""
    window: Window | None = None
    """The part that was sent; None for all."""
    largest: float = 0.0
    """The greatest distance from 0 of a number of the whole matrix."""
    step: int | None = None
    """The step of these numbers, if it is another than the frame's: of a large model that trains,
    they are read as often as a tenth of the time affords."""

    def at(self, row: int, column: int) -> float | None:
        """One number; None if it was not sent."""
        window = self.window or Window(0, 0, self.rows, self.columns)
        row, column = row - window.top, column - window.left
        if not (0 <= row < window.rows and 0 <= column < window.columns):
            return None
        return self.values[row * window.columns + column]


@dataclass(frozen=True, slots=True)
class SmallMatrix:
    """A matrix in blocks, each shown by its number farthest from 0."""

    name: str
    kind: MatrixKind
    rows: int
    """Rows and columns of blocks."""
    columns: int
    values: array[float]
    largest: float
    """The greatest distance from 0 of a number of the matrix."""
    apart: int = 1
    """Only every so manieth column was looked at: of a large model not all are. 1 for all."""


@dataclass(frozen=True, slots=True)
class DocumentFrame:
    """The document that the last step learnt from; before the first step, the one it will."""

    position: int
    """The document's place among the shuffled training documents."""
    tokens: tuple[str, ...]
    """Displays of the predicted tokens, the closing BOS included where it was reached."""
    losses: tuple[float, ...]
    """The loss of each predicted token in nats; empty before the first step."""
    beyond: tuple[str, ...]
    """Displays of the tokens cut off, which the model never sees; at most 64."""
    before: tuple[str, ...]
    """Texts of the documents before this one, nearest last."""
    after: tuple[str, ...]
    """Texts of the documents after this one, nearest first."""


@dataclass(frozen=True, slots=True)
class SeenDocument:
    """A document that a step learnt from."""

    step: int
    tokens: tuple[str, ...]
    """As DocumentFrame has them."""
    losses: tuple[float, ...]
    """The loss that the step found for each of `tokens`, in nats."""
    cut: bool
    """True if the document goes on beyond these tokens."""


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
    """(step, value) pairs of each metric, by its label. The last step of the frame before may come
    again, because samples may have been measured there since."""
    evaluation_errors: tuple[tuple[int, float], ...] = ()
    """(step, standard error) pairs of the evaluations, where it is known."""
    clock: tuple[tuple[float, float, float], ...] = field(default=(), compare=False)
    """(step, tokens seen, seconds of training) after some of the steps, the frame's own step among
    them; nothing is known of the steps before the first. How long the same steps take differs."""
    rest: int = 0
    """Steps up to the frame's own whose series are left out, because the request asked for fewer;
    the next frames bring them."""


@dataclass(frozen=True, slots=True)
class PanelFrame:
    """What a contributed panel drew."""

    name: str
    """The name in the request."""
    step: int
    """Steps done when the panel was drawn: fewer than the frame's if drawing takes long."""
    lines: tuple[str, ...] = ()
    """Untrusted text, with control characters and of any width."""
    trouble: Failure | None = None
    """Why the panel drew nothing."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An immutable picture of a session."""

    state: SessionState
    step: int
    """Steps done."""
    steps: int
    """Steps in the whole run."""
    epoch: int
    """Grows when a part of the series becomes invalid, because the run took another future. The
    screen then asks again from step 0. Going back alone invalidates nothing."""
    metrics: Metrics
    learning_rate: float
    """The learning rate of the next step."""
    base_learning_rate: float
    """The learning rate that is set, from which the schedule starts."""
    engine: str
    """The engine that makes the next step."""
    tokens_seen: int
    steps_per_second: float
    tokens_per_second: float
    speed: float | None
    """Steps a second asked for; None for flat out."""
    document: DocumentFrame | None = None
    seen: tuple[SeenDocument, ...] = ()
    """Oldest first, 30 at most. Of the steps that a compiled engine makes in one call, only the
    last is known."""
    matrices: tuple[MatrixFrame, ...] = ()
    small: tuple[SmallMatrix, ...] = ()
    """Of a large model they may be some steps old."""
    batches: tuple[SampleBatch, ...] = ()
    trouble: Failure | None = None
    """Why the state is `failed`."""
    earliest: int = 0
    """The earliest step to which the run can go back."""
    step_ms: float = 0.0
    """Milliseconds that the engine takes for a step, without the waiting for a slower speed; 0
    while that is not known."""
    scalar_ratio: float = 0.0
    """How many times as fast as the scalar engine on this machine, estimated; 0 while that is not
    known."""
    meters: tuple[Meter, ...] = ()
    """The metrics of the run's Measuring, in its order."""
    panel: PanelFrame | None = None
    """The panel of the request."""
    head: int = 0
    """The last step whose loss is known: later than `step` after going back."""
    edits: tuple[tuple[int, str], ...] = ()
    """(step, words) for each change by hand, which counts after that step; in order of steps."""
    by_hand: tuple[str, ...] = ()
    """What was done to the weights at this step and can be taken back here, in words."""
    held: str = ""
    """The weights that keep their values at each step, in words; "" if none do."""
    operated: str = ""
    """What was done to the weights up to here, in words; "" if nothing was."""
    scored: Scored | None = None
    """What the held-out losses are measured on; None if nothing is held out."""
    record: RecordState | None = None
    """The state of the recording; None if the run is not to be recorded."""
    pulls: Mapping[str, float] = field(default_factory=dict)
    """The root mean square of the gradients of each matrix, by its name. Of a large model they may
    be some steps old; empty if they were not asked for."""
    film: FilmFrame | None = None
    """The rows of the film strip, if they were asked for."""
    evaluated: int = 0
    """How many held-out documents a hold-out loss is the mean over, with the engine at work; 0 if
    none are held out."""
