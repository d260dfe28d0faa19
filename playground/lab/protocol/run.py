"""What a run is, where it is recorded, and its whole state."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Recording:
    """What the worker is to record a run as."""

    store: str
    """Path of the store's file."""
    run: int | None = None
    """Go on with this recorded run; None for a new one, which is made with its first step."""
    at: int | None = None
    """Where to stand in a recorded run; where it stood last, if None."""
    parent: int | None = None
    """The new run is a fork of this one, and is made at once."""
    fork_step: int | None = None
    """The step after which it differs from its parent."""
    name: str = ""
    worker: int | None = None
    """Go on with the run that this process had open when it died, in place of `run`, if that is
    in the store; from the checkpoint that is opened, if that knows more than the record."""
    looking: bool = False
    """Leave the recorded run as it is: it may be open elsewhere. Training it further makes a fork
    of it, and nothing else does."""


@dataclass(frozen=True, slots=True)
class RecordState:
    """How the recording of the open run stands."""

    run: int | None
    """Its number in the store; None as long as there is nothing to record."""
    uid: str = ""
    name: str = ""
    parent: int | None = None
    fork_step: int | None = None
    pending: bool = False
    """It is being made: its number is known in a moment."""
    trouble: Failure | None = None
    """Why it is not recorded just now; training goes on all the same."""


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
    observation: Observation = field(default_factory=Observation)
    """How it is looked at when it is opened: as was asked for, or as much of that as fits these
    data."""


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
    edits: Edits = field(default_factory=Edits)
    """What was set by hand, that in a recorded future included."""
    gradients: bytes = b""
    """Those of the last step, for the screen; training does not depend on them."""
    data: str = ""
    """SHA-256 of the documents: going back before `step` needs the very same ones."""
    since_step: int = 0
    """The series hold the steps after this one, and may go on beyond `step`: a future that was
    recorded."""
    epoch: int = 0
    """The frame epoch that the series belong to."""
    measured: tuple[tuple[str, bytes], ...] = ()
    """What each metric gave, by its label: step, value, step, value ..., float64, from
    `since_step` on."""
    repeatable: bool = True
    """The steps that led here can be done again from the start. Not so if something that
    steered them was given up on the way."""
    sampling: Sampling | None = None
    """How texts were sampled; None if that is not known."""

    @property
    def at_start(self) -> bool:
        """It is the very beginning of a run, whose weights follow from the seed."""
        return self.step == 0 and not self.weights


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
