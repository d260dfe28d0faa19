"""What the store keeps, as plain values. Step 0 is the start; the first training step is step 1."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from playground.lab.edits import Edit as Edit  # stored as it is
from playground.lab.protocol.film import FilmRow as FilmRow  # stored as it is
from playground.lab.protocol.probes import ProbeAnswers as ProbeAnswers  # stored as it is
from playground.lab.protocol.sampling import SampleBatch

RunStatus = Literal["ready", "running", "paused", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class PluginUse:
    """A contribution that a run was made with, and the version of its plugin at that time."""

    kind: str
    """"dataset", "tokenizer", "engine", "schedule", "strategy", "metric"."""
    name: str
    """The qualified name, "plugin:name"."""
    plugin: str
    version: str = ""
    sha256: str = ""
    """The SHA-256 of a single-file plugin; empty for what is installed or built in."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be inserted into the store."""

    spec: str
    """The RunSpec as JSON."""
    dataset: str
    """"names", or the name of a file."""
    parameters: int
    tokenizer_state: str
    """The tokenizer's state_dict as JSON."""
    data: str
    """Fingerprint (SHA-256) of the documents."""
    plugins: tuple[PluginUse, ...] = ()
    settings: str = "{}"
    """Sampling, metrics and probes, as JSON."""
    name: str = ""
    """The name that a person gave; empty if none did."""
    parent: int | None = None
    """The run that this one is forked from; None if it is no fork."""
    fork_step: int | None = None
    """The step of the parent that the fork begins at."""
    first: int = 0
    """The series begin after this step."""
    earliest: int = 0
    """The first step that one can go back to."""
    text_sha256: str = ""
    """The SHA-256 of the text in `Store.keep_text` that the run learns from; empty if none is
    kept."""
    uid: str = ""
    """The uid that is locked already; empty for a new one."""


@dataclass(frozen=True, slots=True)
class StoredKeyframe:
    """The state that the next steps follow from, without the edits. `frame_bytes` makes it."""

    step: int
    state: bytes
    """safetensors: weights, first_moment and second_moment, flat float64 in parameter order; step
    and tokens_seen as text in the metadata."""


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """A batch of sampled texts."""

    occasion: str
    """What the texts were sampled for: "automatic", "on demand 2"."""
    batch: SampleBatch


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened to a run since the previous batch; written whole or not at all."""

    at: int
    """The step that the run stands at, which may lie in its past."""
    status: RunStatus
    first: int = 0
    """`losses[0]` is the loss of step `first + 1`."""
    losses: array[float] = field(default_factory=lambda: array("d"))
    """Nats a token, one for each step; they continue where the record ends."""
    learning_rates: array[float] = field(default_factory=lambda: array("d"))
    tokens_seen: int = 0
    """Tokens seen after the last of these steps."""
    seconds: float = 0.0
    """Seconds that all training took, up to the last of these steps."""
    loss: float | None = None
    """The average of the last losses, for lists; None to leave the stored one."""
    evaluations: tuple[tuple[int, float], ...] = ()
    """(step, hold-out loss) pairs."""
    measured: Mapping[str, array[float]] = field(default_factory=dict)
    """What metrics measured, by label: step, value, step, value ..."""
    bits_per_nat: float | None = None
    """Bits a character that a hold-out loss of 1 nat a token comes to; None if that is not
    known."""
    heldout_text: str = ""
    """The SHA-256 of the text that the hold-out losses are measured on; "" if that is not known."""
    heldout_tokens: str = ""
    """The SHA-256 of the same as tokens."""
    samples: tuple[StoredSamples, ...] = ()
    probes: tuple[ProbeAnswers, ...] = ()
    film: tuple[FilmRow, ...] = ()
    edits: tuple[Edit, ...] = ()
    keyframes: tuple[StoredKeyframe, ...] = ()
    dropped: tuple[int, ...] = ()
    """Steps whose keyframes are removed."""
    tip: StoredKeyframe | None = None
    """The newest state, which replaces the previous tip; None to keep the previous one."""
    settings: str | None = None
    """`NewRun.settings` as they are now; None if they did not change."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line in a list of runs."""

    id: int
    """A number from 1, unique in this store; no number is used twice."""
    uid: str
    """32 hexadecimal digits, the same in every store that the run is imported to."""
    name: str
    note: str
    created: float
    """In seconds since 1970."""
    touched: float
    """When something was last recorded, in seconds since 1970."""
    parent: int | None
    fork_step: int | None
    dataset: str
    tokenizer: str
    engine: str
    """The engine in force at the end of the record: the last edit, or else that of the spec."""
    schedule: str
    seed: int
    learning_rate: float
    """The base learning rate, before the schedule, in force at the end of the record."""
    batch_size: int
    n_embd: int
    n_head: int
    n_layer: int
    block_size: int
    parameters: int
    steps: int
    """Steps that the whole run is to have."""
    step: int
    """The last recorded step."""
    at: int
    """The step that the run stands at."""
    loss: float | None
    heldout: float | None
    """The latest hold-out loss."""
    status: RunStatus
    owner: str
    """A name for whoever has the run open: "process 4711 on laptop"; empty if it was closed."""
    bits_per_character: float | None = None
    """The latest hold-out loss in bits a character; None if that is not known."""
    left_out: str = ""
    """The parts that the model leaves out, "attention, norm"; "" for a whole model."""
    optimizer: str = "adam"
    heldout_text: str = ""
    """The SHA-256 of the text that `heldout` is measured on; "" for a run that was recorded before
    there was one, and for one without held-out losses."""
    heldout_tokens: str = ""
    """The SHA-256 of the same as tokens: equal for two runs whose held-out losses are nats of the
    same tokens."""
    data_sha256: str = ""
    """The SHA-256 of the documents that the run learns from and holds out."""
    by_hand: str = ""
    """The first thing that was done to the weights by hand, in words, "head 2 of layer 0 cut"; ""
    if nothing was."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """All of a run but its samples and the bytes of its keyframes."""

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
    """Nats a token; the first is that of step `first + 1`."""
    learning_rates: array[float]
    tokens_seen: int
    seconds: float
    evaluations: tuple[tuple[int, float], ...]
    """(step, hold-out loss) pairs in order."""
    measured: Mapping[str, array[float]]
    """What metrics measured, by label: step, value, step, value ..."""
    edits: tuple[Edit, ...]
    keyframes: tuple[int, ...]
    """The steps of the keyframes in order, the tip included."""
    clock: array[float] = field(default_factory=lambda: array("d"))
    """Step, tokens seen, seconds of training, step ...: after the last step of each batch."""
