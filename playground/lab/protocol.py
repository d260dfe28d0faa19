"""What the screen and the worker say to each other: frozen dataclasses, plain data.

The screen sends a Command and gets one Reply, or a Failure; while a run opens it also gets
Progress. Nothing else is ever sent: the screen pulls. No pydantic here, so that the screen can
paint before it is loaded: a RunSpec travels as JSON text.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from playground.catalog import Catalog, KnobValue, Problem

SessionState = Literal["ready", "running", "paused", "finished", "failed"]
MatrixKind = Literal["weights", "gradients", "update", "first_moment", "second_moment"]
"""`update` is what the last step added to the weights."""

FALLBACK_ENGINE = "vector"
"""The engine that goes on where another cannot: built in, and fast enough."""

# ---------------------------------------------------------------- sampling


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


# ---------------------------------------------------------------- metrics


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


# ---------------------------------------------------------------- what a run is


@dataclass(frozen=True, slots=True)
class Matrix:
    """Name and shape of one weight matrix."""

    name: str
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """A loss that takes no learning of context, or little: what training must beat."""

    name: Literal["uniform", "unigram", "bigram"]
    nats: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know about their data. Plain text."""

    text: str
    action: str = ""
    """What helps, e.g. "split:windows"; empty if there is nothing to press."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What stays the same for as long as a run is open."""

    spec: str
    """RunSpec as JSON."""
    dataset_title: str
    """"names", or a file's name."""
    source: str
    licence: str
    documents: int
    train_documents: int
    heldout_documents: int
    longest: int
    """Tokens in the longest document looked at, BOS left out."""
    vocabulary: tuple[str, ...]
    """Display of each token, by id; at most the first 1,024."""
    vocab_size: int
    bos_id: int
    matrices: tuple[Matrix, ...]
    parameter_count: int
    block_size: int
    n_head: int
    baselines: tuple[Baseline, ...]
    notices: tuple[Notice, ...] = ()
    resumed_at: int = 0
    """The step at which it was opened: 0, or that of a checkpoint."""
    sampling: Sampling = field(default_factory=Sampling)
    """How texts are sampled at first: as was asked for, or as much of that as fits these data."""


# ---------------------------------------------------------------- frames


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
    """Goes up when the metrics were rewound: the screen then asks again from step 0."""
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


# ---------------------------------------------------------------- replies that are not frames


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened, why, and what to do, in plain text."""

    title: str
    message: str
    kind: Literal["input", "diverged", "plugin", "internal", "dead", "hung", "cancelled"] = "input"
    detail: str = ""
    """A traceback, where there is one."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Bad settings by dotted field, where it is about settings."""
    contribution: str = ""
    """"strategy:hot:hot": what failed, if it was a plugin's and is known."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the opening of a run is."""

    stage: str
    """"reading names.txt", "tokenizing", ..."""
    done: int
    total: int
    """0 if unknown."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A session's whole state after `step` steps: enough to go on bit for bit."""

    spec: str
    step: int
    weights: bytes
    """float64, little-endian, in parameter order; so are the moments."""
    first_moment: bytes
    second_moment: bytes
    tokenizer: str
    """The tokenizer's state_dict as JSON."""
    base_learning_rate: float
    tokens_seen: int = 0
    losses: bytes = b""
    """The losses of the steps after `since_step`, float64, for the chart; may be empty."""
    learning_rates: bytes = b""
    evaluations: tuple[tuple[int, float], ...] = ()
    edits: tuple[tuple[int, float], ...] = ()
    """(step, base learning rate) pairs: what was set by hand after that many steps, those in a
    recorded future included."""
    engines: tuple[tuple[int, str], ...] = ()
    """(step, engine) pairs: which one took over after that many steps from the spec's."""
    gradients: bytes = b""
    """Those of the last step, for the screen; training does not depend on them."""
    data: str = ""
    """A fingerprint of the documents: going back before `step` needs the very same ones."""
    since_step: int = 0
    """The series hold the steps after this one."""
    epoch: int = 0
    """The frame epoch that the series belong to."""
    measured: tuple[tuple[str, bytes], ...] = ()
    """What each metric gave, by its label: step, value, step, value ..., float64, from
    `since_step` on."""


@dataclass(frozen=True, slots=True)
class SavedPlugin:
    """A plugin's file as it is now, after its trial."""

    path: str
    """As the sources spell it, which is the plugin's origin."""
    source: bytes | None = None
    """The newest version that passed its trial; None if none is known, and for a package,
    which is read from disk."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with the version saved last; empty if that is the one to use."""
    gone: bool = False
    """There is no such file any more."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of plugins that were saved."""

    catalog: Catalog
    sampling: Sampling | None = None
    """How texts are sampled now, knobs that are no more left out; None if no run is open."""
    remarks: tuple[str, ...] = ()
    """What a person should know of it, a sentence each."""
    refused: Mapping[str, Problem] = field(default_factory=dict)
    """Versions that passed their trial and could not be used all the same, by path."""


@dataclass(frozen=True, slots=True)
class Done:
    """It was done; there is nothing to tell."""


# ---------------------------------------------------------------- commands


@dataclass(frozen=True, slots=True)
class Open:
    """Open a run -> RunInfo. Only once in a worker: every run has a process of its own."""

    spec: str
    checkpoint: Checkpoint | None = None
    """Go on from here. Its weights must fit the spec."""
    sampling: Sampling = field(default_factory=Sampling)
    measuring: Measuring = field(default_factory=Measuring)


@dataclass(frozen=True, slots=True)
class Advance:
    """Do `steps` steps now, and pause -> Done."""

    steps: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """Train until told otherwise -> Done."""

    speed: float | None = None
    """Steps a second; None for flat out."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop after the step under way -> Done."""


@dataclass(frozen=True, slots=True)
class GoTo:
    """Go back (or forward) to the state after `step` steps, exactly; pauses -> Done."""

    step: int


@dataclass(frozen=True, slots=True)
class GetFrame:
    """-> Frame"""

    request: FrameRequest = field(default_factory=FrameRequest)


@dataclass(frozen=True, slots=True)
class SetSampling:
    """How texts are sampled from now on -> Done, or a Failure that names the knob."""

    sampling: Sampling


@dataclass(frozen=True, slots=True)
class SetMetrics:
    """Which metrics are on from now on -> Done, or a Failure that names the knob."""

    measuring: Measuring


@dataclass(frozen=True, slots=True)
class Sample:
    """A batch now, with the session's Sampling -> SampleBatch."""


@dataclass(frozen=True, slots=True)
class GetPreview:
    """-> Preview of the session's prompt and chain."""

    limit: int = 64


@dataclass(frozen=True, slots=True)
class Edit:
    """Change live settings, by dotted field -> Done, or a Failure with `problems`."""

    changes: Mapping[str, KnobValue]


@dataclass(frozen=True, slots=True)
class UseEngine:
    """Let another engine go on, in the same state, as soon as it is made -> Done, after
    Progress while it is made; training goes on meanwhile. A Failure leaves the engine that is
    at work. A new UseEngine takes the place of one that is under way; naming the engine at
    work gives that up."""

    engine: str


@dataclass(frozen=True, slots=True)
class GetCheckpoint:
    """-> Checkpoint"""

    series: bool = True
    """With the losses so far."""
    since_step: int = 0
    """Only those after this step, if the epoch is still `epoch`; otherwise all of them."""
    epoch: int = -1


@dataclass(frozen=True, slots=True)
class Save:
    """Write a .safetensors file -> Done."""

    path: str


@dataclass(frozen=True, slots=True)
class Export:
    """Write the run with an exporter -> Done, after Progress while it is at work."""

    path: str
    name: str
    options: Mapping[str, KnobValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GetCatalog:
    """-> Catalog. May be asked before a run is open."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Take plugins as they were saved -> Reloaded. What is wrong with one is in its answer."""

    plugins: tuple[SavedPlugin, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there, and what are you at? -> Pong, from a thread of its own, at once."""


ActivityKind = Literal["idle", "own", "plugin", "prepare", "engine"]
"""Whose code is at work, which decides how long it may go without a sign of progress: our own,
a plugin's, a data set's `prepare` (which may wait for a network), an engine's step."""


@dataclass(frozen=True, slots=True)
class Pong:
    """What the worker's main thread is doing."""

    kind: ActivityKind
    label: str
    """Whose code: "tokenizer 'slow' (file /x/slow.py)"."""
    place: str
    """Which part of it: "train"."""
    seconds: float
    """How long since it last gave a sign of progress."""
    count: int
    """Goes up with every sign of progress."""
    contribution: str = ""
    """"strategy:cold", "tokenizer:slow": which contribution is at work, if one is."""
    stack: str = ""
    """Where it stands, innermost line last; only when it has been there for long."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the process -> Done."""


Command = (
    Open | Advance | Run | Pause | GoTo | GetFrame | SetSampling | SetMetrics | Sample | GetPreview
    | Edit | UseEngine | GetCheckpoint | Save | Export | GetCatalog | Reload | Ping | Close
)  # fmt: skip
Reply = (
    Done | RunInfo | Frame | SampleBatch | Preview | Checkpoint | Catalog | Reloaded | Failure
    | Pong
)  # fmt: skip
