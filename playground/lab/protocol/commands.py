"""What the screen may ask, and all that may be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from playground.catalog import Catalog, KnobValue
from playground.lab.protocol.failures import Done, Failure
from playground.lab.protocol.frames import Frame, FrameRequest
from playground.lab.protocol.observation import Observation, Part
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.lab.protocol.run import Checkpoint, Recording, Reloaded, RunInfo, SavedPlugin
from playground.lab.protocol.sampling import Preview, SampleBatch


@dataclass(frozen=True, slots=True)
class Open:
    """Open a run -> RunInfo. Only once in a worker: every run has a process of its own."""

    spec: str
    checkpoint: Checkpoint | None = None
    """Go on from here. Its weights must fit the spec."""
    observation: Observation = field(default_factory=Observation)
    recording: Recording | None = None
    """Where to record it. With a `run` and no checkpoint, that run is gone on with, and the
    spec is its own."""


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
class Observe:
    """Look at the run like this from now on, and otherwise as before -> Done, or a Failure whose
    `problems` name the knob."""

    part: Part


@dataclass(frozen=True, slots=True)
class GetProbes:
    """-> ProbesState"""

    since: int = -1
    """Only answers after this step."""
    now: bool = False
    """Ask where the run stands first, unless it was asked there."""


@dataclass(frozen=True, slots=True)
class ProbesState:
    """The probes of the open run, and what came of them."""

    probes: ProbeSet
    answers: tuple[ProbeAnswers, ...] = ()
    """In the order of the steps, up to where the run stands."""
    skipped: tuple[SkippedPrompt, ...] = ()
    """Prompts that this model cannot be asked."""
    trouble: Failure | None = None
    """Why the last probing gave nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A batch now, with the session's Sampling -> SampleBatch."""


@dataclass(frozen=True, slots=True)
class GetPreview:
    """-> Preview of the session's prompt and chain."""

    limit: int = 64


@dataclass(frozen=True, slots=True)
class Edit:
    """Change live settings, by dotted field -> the Checkpoint asked for, or a Failure with
    `problems`. Whoever is told that it is done holds the state that it led to: no step comes
    between."""

    changes: Mapping[str, KnobValue]
    then: GetCheckpoint


@dataclass(frozen=True, slots=True)
class UseEngine:
    """Let another engine go on, in the same state, as soon as it is made -> the Checkpoint
    asked for, after Progress while it is made; training goes on meanwhile. A Failure leaves the
    engine that is at work. A new UseEngine takes the place of one that is under way; naming the
    engine at work gives that up."""

    engine: str
    then: GetCheckpoint


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
    Open | Advance | Run | Pause | GoTo | GetFrame | Observe | GetProbes | Sample | GetPreview
    | Edit | UseEngine | GetCheckpoint | Save | Export | GetCatalog | Reload | Ping | Close
)  # fmt: skip
Reply = (
    Done | RunInfo | Frame | SampleBatch | Preview | ProbesState | Checkpoint | Catalog
    | Reloaded | Failure
    | Pong
)  # fmt: skip
