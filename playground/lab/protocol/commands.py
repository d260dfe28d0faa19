"""The commands that the screen sends to a worker, and the replies. "-> X" names the reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from microgpt.surgery import Component, Operation
from playground.catalog import Catalog, KnobValue
from playground.lab.protocol.choices import NamedChoices
from playground.lab.protocol.failures import Done, Failure
from playground.lab.protocol.frames import Frame, FrameRequest
from playground.lab.protocol.influence import Cost, Influences, LeftOut
from playground.lab.protocol.inside import Inside, Look
from playground.lab.protocol.lessons import Given, GuideStep, Judged, LessonCard, LessonPlace
from playground.lab.protocol.observation import Observation, Part
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.lab.protocol.run import Checkpoint, Recording, Reloaded, RunInfo, SavedPlugin
from playground.lab.protocol.sampling import Links, Preview, SampleBatch
from playground.lab.protocol.score import Scored
from playground.lab.protocol.surgery import Held, Patching, Ranked, Surgical, Trial, Tried
from playground.lab.protocol.writing import Leaving, WriterChoice, Written


@dataclass(frozen=True, slots=True)
class Open:
    """Open a run -> RunInfo. A worker opens one run: every run has a process of its own."""

    spec: str
    checkpoint: Checkpoint | None = None
    """The state to go on from, with weights that fit the spec; None for step 0."""
    observation: Observation = field(default_factory=Observation)
    recording: Recording | None = None
    """Where to record the run. If this names a `run` and there is no checkpoint, the worker goes on
    with that recorded run and its own spec."""
    said: NamedChoices = field(default_factory=NamedChoices)
    """Choices that take the place of those in the spec and the observation; the worker looks them
    up, because they may be those of plugins."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Do `steps` steps, and pause -> Done."""

    steps: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """Train until the next command that pauses -> Done."""

    speed: float | None = None
    """Steps a second; None for flat out."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop after the step under way -> Done."""


@dataclass(frozen=True, slots=True)
class GoTo:
    """Go back or forward to the exact state after `step` steps, and pause -> Done."""

    step: int


@dataclass(frozen=True, slots=True)
class GetFrame:
    """-> Frame"""

    request: FrameRequest = field(default_factory=FrameRequest)


@dataclass(frozen=True, slots=True)
class Observe:
    """Replace the sampling, the metrics or the probes -> Done, or a Failure whose `problems` name
    the knob."""

    part: Part


@dataclass(frozen=True, slots=True)
class GetProbes:
    """-> ProbesState"""

    since: int = -1
    """Only answers after this step are sent."""
    now: bool = False
    """First ask where the run stands, unless it was asked there."""


@dataclass(frozen=True, slots=True)
class ProbesState:
    """The probes of the open run, and their answers."""

    probes: ProbeSet
    answers: tuple[ProbeAnswers, ...] = ()
    """In the order of the steps, up to where the run stands."""
    skipped: tuple[SkippedPrompt, ...] = ()
    """The prompts that this model cannot be asked."""
    trouble: Failure | None = None
    """Why the last probing gave no answers."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Sample a batch now, with the session's Sampling -> SampleBatch."""


@dataclass(frozen=True, slots=True)
class GetPreview:
    """-> Preview of the session's prompt and chain."""

    limit: int = 64
    chain: Links | None = None
    """A chain to try, instead of the session's, which stays as it is."""


@dataclass(frozen=True, slots=True)
class LookInside:
    """-> Inside, of the model as it stands."""

    look: Look


@dataclass(frozen=True, slots=True)
class Edit:
    """Change live settings, by dotted field -> the Checkpoint that `then` asks for, or a Failure
    with `problems`. No step comes between the change and that checkpoint."""

    changes: Mapping[str, KnobValue]
    then: GetCheckpoint


@dataclass(frozen=True, slots=True)
class Operate:
    """Do this to the weights before the next step, as an edit of the run -> the Checkpoint that
    `then` asks for, as `Edit` does. In the past, the run becomes a fork of itself."""

    operations: tuple[Operation, ...]
    then: GetCheckpoint


@dataclass(frozen=True, slots=True)
class Hold:
    """Hold these weights, and no others, at their values from the next step on -> as `Operate`.
    Without operations all are released, and stay as they are."""

    operations: tuple[Operation, ...]
    then: GetCheckpoint


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back what was done last to the weights at this step, which Frame.by_hand tells -> as
    `Operate`."""

    then: GetCheckpoint


@dataclass(frozen=True, slots=True)
class GetHeld:
    """-> Held, where the run stands."""


@dataclass(frozen=True, slots=True)
class GetPart:
    """-> the Operation that puts in a component as it is after `step` steps of this run, after
    Progress while those steps are made again; the work is done as that of `Try`."""

    component: Component
    step: int


@dataclass(frozen=True, slots=True)
class Try:
    """What operations would do to the model as it stands, which stays as it is -> Tried, after
    Progress. The work is done between steps and other commands; `Rank` and `Patch` likewise. A new
    command of the same kind replaces the one under way."""

    operations: tuple[Trial, ...]
    text: str | None = None
    """A text to read; None for the document of the last step, before the first step of the next."""


@dataclass(frozen=True, slots=True)
class Rank:
    """What each of these components would cost, one at a time -> Ranked, after Progress."""

    cuts: tuple[Component, ...] = ()
    """Without any, every head, neuron, matrix and position."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Which activation carries the difference between two texts of as many tokens -> Patching,
    after Progress."""

    clean: str
    corrupt: str
    answer: int | None = None
    """The answer to the clean text, as a token's id; None for the likeliest token after it."""
    other: int | None = None
    """The answer to the corrupt text, likewise."""


@dataclass(frozen=True, slots=True)
class Without:
    """The run as it would stand if this step, counted from 1, had been passed over -> LeftOut,
    after Progress. Done between steps and other commands, and given up, as `Try`."""

    step: int
    to: int | None = None
    """After so many steps, which are known; None for where the run stands."""


@dataclass(frozen=True, slots=True)
class Influence:
    """The steps that pushed a prediction most -> Influences, after Progress, as `Without`."""

    text: str | None = None
    """The text that is read; None for the document of the last step."""
    position: int | None = None
    """After which position the prediction is made; None for the last one."""
    token: int | None = None
    """The id of the predicted token; None for the one that comes next in the text, and at its end
    for the likeliest."""


@dataclass(frozen=True, slots=True)
class GetScore:
    """How good the model is as it stands now -> Scored, after Progress, as `Without`. The run may
    train on meanwhile: the score stays that of the moment at which it was asked."""

    samples: int
    """Texts to sample, 0 or more; `seed` is that of their dice."""
    seed: int
    rule: str | None = None
    """A regular expression that a valid text matches; None for that of the run's metric
    valid-share, if it measures it."""


@dataclass(frozen=True, slots=True)
class GetCost:
    """What `Without` this step would take, or with None an `Influence` -> Cost."""

    step: int | None = None
    to: int | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Give up the command of this kind that is under way, which then fails as cancelled -> Done."""

    what: Surgical


@dataclass(frozen=True, slots=True)
class GetCard:
    """-> LessonCard. A worker without a run answers too."""

    lesson: str


@dataclass(frozen=True, slots=True)
class GetStep:
    """-> GuideStep: what a step of a lesson says, at this moment of the run."""

    place: LessonPlace


@dataclass(frozen=True, slots=True)
class Judge:
    """-> Judged"""

    place: LessonPlace
    given: Given | None
    """The answer; None to be shown it."""


@dataclass(frozen=True, slots=True)
class UseEngine:
    """Let another engine go on in the same state, as soon as the engine is made -> the Checkpoint
    that `then` asks for, after Progress while the engine is made. Training goes on meanwhile, and
    a Failure leaves the engine at work. A new UseEngine replaces the one under way; the name of
    the engine at work cancels it."""

    engine: str
    then: GetCheckpoint


@dataclass(frozen=True, slots=True)
class GetCheckpoint:
    """-> Checkpoint"""

    series: bool = True
    """With the series: losses, learning rates and the like."""
    since_step: int = 0
    """The series begin after this step if the epoch is still `epoch`; otherwise at their start."""
    epoch: int = -1
    most: int | None = None
    """Bytes of the largest state that is sent: a larger one is left out, and the reply has no
    weights, moments and gradients. None for any state."""


@dataclass(frozen=True, slots=True)
class Save:
    """Write a .safetensors file -> Done."""

    path: str


@dataclass(frozen=True, slots=True)
class Export:
    """Write the run with an exporter -> Done, after Progress while the exporter is at work."""

    path: str
    name: str
    options: Mapping[str, KnobValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GetLeaving:
    """-> Leaving. A worker without a run answers too; `Write` likewise."""

    choice: WriterChoice


@dataclass(frozen=True, slots=True)
class Write:
    """Let another model continue a prompt -> Written, after WritingProgress. The worker does
    nothing else meanwhile, so that it has no run; whoever gives up ends its process."""

    choice: WriterChoice
    prompt: str
    agreed: Leaving
    """What a person agreed to. If the writer would send anything else by now, it is not asked."""


@dataclass(frozen=True, slots=True)
class GetCatalog:
    """-> Catalog. A worker without a run answers too."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Take over plugins as they were saved -> Reloaded, which says what was refused."""

    plugins: tuple[SavedPlugin, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask what the worker is doing -> Pong, at once, from a thread of its own."""


ActivityKind = Literal["idle", "own", "plugin", "prepare", "engine", "writer"]
"""Whose code is at work, which decides how long it may go without a sign of progress: nobody's, the
program's own, a plugin's, a data set's `prepare` (which may wait for a network), an engine's step,
a writer that waits for another machine."""


@dataclass(frozen=True, slots=True)
class Pong:
    """What the worker's main thread is doing."""

    kind: ActivityKind
    label: str
    """Whose code is at work, as "tokenizer 'slow' (file /x/slow.py)"."""
    place: str
    """The part of that code, as "train"."""
    seconds: float
    """Seconds since the last sign of progress."""
    count: int
    """Grows with every sign of progress."""
    contribution: str = ""
    """The contribution at work, as "strategy:cold" or "tokenizer:slow"; "" if none is."""
    stack: str = ""
    """The stack of the main thread, innermost line last; "" unless it has not moved for long."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the process -> Done."""


Command = (
    Open | Advance | Run | Pause | GoTo | GetFrame | Observe | GetProbes | Sample | GetPreview
    | LookInside | Edit | Operate | Hold | Undo | GetHeld | GetPart | Try | Rank | Patch | Without
    | Influence | GetScore | GetCost | GiveUp | GetCard | GetStep | Judge | UseEngine
    | GetCheckpoint | Save | Export | GetLeaving | Write | GetCatalog | Reload | Ping | Close
)  # fmt: skip
Reply = (
    Done | RunInfo | Frame | SampleBatch | Preview | ProbesState | Checkpoint | Catalog
    | Reloaded | Failure | Inside | Held | Operation | Tried | Ranked | Patching | LeftOut
    | Influences | Scored | Cost | LessonCard | GuideStep | Judged | Leaving | Written | Pong
)  # fmt: skip
