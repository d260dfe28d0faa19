"""What a run is, where it is recorded, and its whole state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from playground.catalog import Catalog, Problem
from playground.lab.edits import Edits
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.sampling import Sampling

AGAIN = 10.0
"""Seconds after which a store that could not be written is tried again, while a run is open."""

LAST = 1 << 62
"""As the step at which to stand in a recorded run: the end of its record, however long that is."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What the worker records a run as."""

    store: str
    """Path of the store's file."""
    run: int | None = None
    """The recorded run to go on with; None for a new one, whose row is made at its first step."""
    at: int | None = None
    """The step at which to stand in a recorded run; None for the step where it stood last."""
    parent: int | None = None
    """The run that a new run is a fork of. The fork's row is made at once, unless `looking`."""
    fork_step: int | None = None
    """The step after which the fork differs from its parent."""
    name: str = ""
    worker: int | None = None
    """The id of a process that died. If the store has the run that this process had open, the
    worker goes on with that run instead of `run`: from the checkpoint that is opened, if the
    checkpoint knows more than the record."""
    looking: bool = False
    """True to leave the recorded run as it is, because it may be open elsewhere. Only training it
    further makes a fork."""


@dataclass(frozen=True, slots=True)
class RecordState:
    """How the recording of the open run stands."""

    run: int | None
    """The run's number in the store; None as long as there is nothing to record."""
    uid: str = ""
    name: str = ""
    parent: int | None = None
    fork_step: int | None = None
    pending: bool = False
    """True while the run's row is being made: its number is known in a moment."""
    trouble: Failure | None = None
    """Why the run is not recorded just now; training goes on all the same."""


SessionState = Literal["ready", "running", "paused", "finished", "failed"]
MatrixKind = Literal["weights", "gradients", "update", "first_moment", "second_moment"]
"""`update` is what the last step added to the weights."""

FALLBACK_ENGINE = "vector"
"""The engine that goes on where another cannot: built in, and fast enough."""
FALLBACK_SCHEDULE = "linear"
"""The schedule that goes on where another cannot: microgpt's own."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Name and shape of one weight matrix."""

    name: str
    rows: int
    columns: int


BaselineName = Literal["uniform", "unigram", "bigram", "trigram"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A loss that counting reaches with little or no context, and that training must beat."""

    name: BaselineName
    nats: float
    documents: int = 0
    """How many held-out documents, from the first on, the loss is the mean over; 0 for the training
    documents, where none are held out."""


SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know about their data. Plain text."""

    text: str
    action: str = ""
    """What helps, as "split:windows"; SCHEDULE for what the schedule does at this step; "" if no
    key does."""
    brief: str = ""
    """The same as one short sentence, for where `text` has no room; "" for none."""
    note: bool = False
    """True for what is only worth knowing: nothing is amiss, and nothing needs to be done."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The text that a held-out loss is measured on."""

    tokens: int
    """Predicted tokens, the ends of documents included."""
    characters: int
    """Unicode characters that these tokens stand for; the end of a document is none."""
    sha256: str
    """Of the text: two runs with the same one are measured on the same characters and ends."""
    tokens_sha256: str = ""
    """Of the predicted tokens and their text: the losses of two runs with the same one are nats of
    the same tokens; "" if that is not known."""

    @property
    def bits_per_nat(self) -> float:
        """Bits a character that a loss of 1 nat a token comes to."""
        return self.tokens / (self.characters * math.log(2))


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What stays the same while a run is open."""

    spec: str
    """RunSpec as JSON."""
    dataset_title: str
    """The data set for the screen: "names", or a file's name."""
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
    """For each number of held-out documents that an engine may look at: all of one number together,
    the lowest numbers first."""
    notices: tuple[Notice, ...] = ()
    resumed_at: int = 0
    """The step at which the run was opened: 0, or that of a checkpoint."""
    observation: Observation = field(default_factory=Observation)
    """How the run is looked at when it is opened: as much of what was asked for as fits the
    data."""
    distinct_documents: int = 0
    """Different texts among the documents; 0 if that is not known."""
    data: str = ""
    """SHA-256 of the documents; "" if that is not known."""

    def baselines_on(self, documents: int) -> tuple[Baseline, ...]:
        """The baselines on so many held-out documents; all of them if none are on so many."""
        return tuple(one for one in self.baselines if one.documents == documents) or self.baselines


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The whole state of a session after `step` steps, from which training goes on bit for bit."""

    spec: str
    step: int
    weights: bytes
    """float64, little-endian, in parameter order; both moments likewise. They are those of the next
    step: what the edits at `step` say is done to them, in a state of `state_of`. To do it again
    changes nothing, and whoever opens the checkpoint does."""
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
    edits: Edits = field(default_factory=Edits)
    """The changes by hand, those after `step` in a known future included."""
    gradients: bytes = b""
    """The gradients of the last step, for the screen; training does not depend on them."""
    data: str = ""
    """SHA-256 of the documents, without which the run cannot go back before `step`."""
    since_step: int = 0
    """The step after which the series begin. They may go on beyond `step`, where a future is
    known."""
    epoch: int = 0
    """The frame epoch that the series belong to."""
    measured: tuple[tuple[str, bytes], ...] = ()
    """(label, values) of each metric: step, value, step, value ..., float64, from `since_step`
    on."""
    repeatable: bool = True
    """True if this spec can do the steps that led here again from the start; False if, say, they
    were made under another schedule."""
    sampling: Sampling | None = None
    """The sampling of texts; None if it is not known."""
    before: bytes = b""
    """The weights as the last step left them, to take back what was done to them at `step`; empty
    if `weights` are those."""
    clock: bytes = field(default=b"", compare=False)
    """Step, tokens seen, seconds of training, step ..., float64, from `since_step` on: how long it
    took differs each time the same steps are made."""

    @property
    def at_start(self) -> bool:
        """True at the start of a run, where the weights follow from the seed."""
        return self.step == 0 and not self.weights


@dataclass(frozen=True, slots=True)
class SavedPlugin:
    """A plugin's file as it is now, after its trial."""

    path: str
    """The path as the plugin sources spell it, which is the plugin's origin."""
    source: bytes | None = None
    """The newest version that passed its trial; None if no version did, and for a package, which
    is read from disk."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with the version saved last; empty if that version is to be used."""
    gone: bool = False
    """True if the file is gone."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of plugins that were saved."""

    catalog: Catalog
    sampling: Sampling | None = None
    """The sampling now, without knobs that no longer exist; None if no run is open."""
    remarks: tuple[str, ...] = ()
    """What a person should know of the change, a sentence each."""
    refused: Mapping[str, Problem] = field(default_factory=dict)
    """Why a version that passed its trial could not be used, by path."""
