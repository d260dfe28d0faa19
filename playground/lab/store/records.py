"""What the store keeps, as plain values. Steps are numbered from 1; step 0 is the start."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from playground.lab.edits import Edit as Edit  # a record too
from playground.lab.protocol.probes import ProbeAnswers as ProbeAnswers  # a record too
from playground.lab.protocol.sampling import SampleBatch

RunStatus = Literal["ready", "running", "paused", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class PluginUse:
    """A contribution that a run was made with, and the plugin as it was then."""

    kind: str
    """"dataset", "tokenizer", "engine", "schedule", "strategy", "metric"."""
    name: str
    """Qualified: "plugin:name"."""
    plugin: str
    version: str = ""
    sha256: str = ""
    """Of a single file's bytes; empty for what is installed or built in."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that begins."""

    spec: str
    """RunSpec as JSON."""
    dataset: str
    """"names", or the name of a file."""
    parameters: int
    tokenizer_state: str
    """The tokenizer's state_dict as JSON."""
    data: str
    """Fingerprint (SHA-256) of the documents."""
    plugins: tuple[PluginUse, ...] = ()
    settings: str = "{}"
    """How it is looked at, as JSON: sampling, metrics, probes."""
    name: str = ""
    """What the person called it; empty until they do."""
    parent: int | None = None
    """The run that it was forked from, and after which step."""
    fork_step: int | None = None
    first: int = 0
    """Its series begin after this step."""
    earliest: int = 0
    """The first step that can be gone back to."""
    text_sha256: str = ""
    """Of the text file it learns from, which `Store.keep_text` keeps; empty if there is none."""
    uid: str = ""
    """By which it is locked already; empty to have one chosen."""


@dataclass(frozen=True, slots=True)
class StoredKeyframe:
    """Everything that the steps to come depend on, but for the edits. See `frame_bytes`."""

    step: int
    state: bytes
    """safetensors: weights, first_moment, second_moment, flat float64 in parameter order; the
    step and the tokens seen as text in the metadata."""


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """A batch of texts, and what made it: "automatic", "on demand 2"."""

    occasion: str
    batch: SampleBatch


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened to a run since the batch before: written whole or not at all."""

    at: int
    """Where the run stands, which may be in its past."""
    status: RunStatus
    first: int = 0
    """`losses[0]` is the loss of step `first + 1`."""
    losses: array[float] = field(default_factory=lambda: array("d"))
    """Nats a token, one a step; must go on where the record ends."""
    learning_rates: array[float] = field(default_factory=lambda: array("d"))
    tokens_seen: int = 0
    """After the last of these steps."""
    seconds: float = 0.0
    """That training took so far, after the last of these steps."""
    loss: float | None = None
    """A moving average at the end of the record, for lists; None to leave it as it is."""
    evaluations: tuple[tuple[int, float], ...] = ()
    """(step, hold-out loss) pairs."""
    measured: Mapping[str, array[float]] = field(default_factory=dict)
    """By label: step, value, step, value ..."""
    samples: tuple[StoredSamples, ...] = ()
    probes: tuple[ProbeAnswers, ...] = ()
    edits: tuple[Edit, ...] = ()
    keyframes: tuple[StoredKeyframe, ...] = ()
    dropped: tuple[int, ...] = ()
    """Steps whose keyframes go."""
    tip: StoredKeyframe | None = None
    """The newest state, which takes the place of the tip before; None to keep that one."""
    settings: str | None = None
    """As NewRun.settings, where that changed."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line in a list of runs."""

    id: int
    """Counts the runs of this store from 1; never used twice."""
    uid: str
    """The same in every store that it is imported to: 32 hexadecimal digits."""
    name: str
    note: str
    created: float
    """Seconds since 1970; so is `touched`, the last time anything was recorded."""
    touched: float
    parent: int | None
    fork_step: int | None
    dataset: str
    tokenizer: str
    engine: str
    """The one in force at the end of the record: what was set by hand last, or else what the
    run began with, which its spec says. So is `learning_rate`."""
    schedule: str
    seed: int
    learning_rate: float
    """The base one, before the schedule."""
    batch_size: int
    n_embd: int
    n_head: int
    n_layer: int
    block_size: int
    parameters: int
    steps: int
    """In the whole run, as it was set."""
    step: int
    """The last one recorded."""
    at: int
    """Where it stands."""
    loss: float | None
    heldout: float | None
    """The latest hold-out loss."""
    status: RunStatus
    owner: str
    """Who has it open, for people: "process 4711 on laptop"; empty if it was closed."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """All of a run but its keyframes' bytes and its samples."""

    row: RunRow
    spec: str
    tokenizer_state: str
    data: str
    text_sha256: str
    plugins: tuple[PluginUse, ...]
    settings: str
    first: int
    earliest: int
    losses: array[float]
    """Of the steps after `first`."""
    learning_rates: array[float]
    tokens_seen: int
    seconds: float
    evaluations: tuple[tuple[int, float], ...]
    measured: Mapping[str, array[float]]
    """By label: step, value, step, value ..."""
    edits: tuple[Edit, ...]
    keyframes: tuple[int, ...]
    """Where they are, in order, the tip included."""
