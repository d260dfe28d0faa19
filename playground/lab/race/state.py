"""A race at one moment, as plain values."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Literal

from playground.lab.fork import Setting
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.lab.protocol.run import Checkpoint, Recording, RunInfo, SessionState
from playground.lab.protocol.sampling import SampleBatch, Sampling

Place = Literal[0, 1]
"""Left or right, A or B."""
SideStatus = SessionState | Literal["opening", "restarting", "down"]
"""`restarting`: its worker was lost, and another one is being started; `down`: it was given up."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A run that takes part: from its start, or from a checkpoint on."""

    name: str
    """What tells it from the other, for people; untrusted."""
    spec: str
    """RunSpec as JSON."""
    checkpoint: Checkpoint | None = None
    sampling: Sampling | None = None
    """How its texts are sampled. In a race both are sampled alike: as the left one, if that
    says how."""
    recording: Recording | None = None
    """What its worker is to record it as, or which recorded run it is: then `spec` may be
    empty. None for what the Lab does by itself."""
    probes: ProbeSet | None = None
    """What it is asked. In a race both are asked the same: what the left one is, if it says
    what, else the right one, else what a recorded run was asked before."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Both losses of one step, nats a token."""

    step: int
    left: float
    right: float

    @property
    def difference(self) -> float:
        """Right minus left: below 0 the right one is better."""
        return self.right - self.left


@dataclass(frozen=True, slots=True)
class SamplePair:
    """Texts of both, from the same prompt and the same seed, after the same step."""

    step: int
    prompt: str
    left: SampleBatch | None
    """None if that side could not be asked; so is the right one."""
    right: SampleBatch | None


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """What both answered to the same probes, after the same step."""

    left: ProbeAnswers
    right: ProbeAnswers

    @property
    def step(self) -> int:
        """At which both were asked."""
        return self.left.step


@dataclass(frozen=True, slots=True)
class RaceProbes:
    """What both are asked, and what they answered up to where they stand."""

    asked: ProbeSet
    newest: AnswerPair | None
    """At the last step that both were asked at; None before the first."""
    before: AnswerPair | None
    """At the one before."""
    own: tuple[tuple[ProbeAnswers, ProbeAnswers] | None, tuple[ProbeAnswers, ProbeAnswers] | None]
    """Each side's first answers and its newest, which may be the same; None before the first."""
    skipped: tuple[tuple[SkippedPrompt, ...], tuple[SkippedPrompt, ...]] = ((), ())
    """The prompts that a side's model cannot be asked."""
    troubles: tuple[Failure | None, Failure | None] = (None, None)
    """Why a side's last probing gave nothing."""


@dataclass(frozen=True, slots=True)
class SideState:
    """One of the two. The arrays grow in place: they are to be read, not changed."""

    name: str
    status: SideStatus
    step: int = 0
    steps: int = 0
    """In its whole run."""
    earliest: int = 0
    first: int = 0
    """`losses[0]` is the loss of step `first + 1`."""
    losses: array[float] = field(default_factory=lambda: array("d"))
    """Nats a token, one a step; after going back, those that follow as well."""
    smoothed: array[float] = field(default_factory=lambda: array("d"))
    """An exponential moving average of them."""
    evaluations: tuple[tuple[int, float], ...] = ()
    """(step, hold-out loss) pairs."""
    learning_rate: float = 0.0
    """Of the step to come."""
    engine: str = ""
    steps_per_second: float = 0.0
    trouble: Failure | None = None
    """Why it does not go on."""
    notes: tuple[str, ...] = ()
    """What a person should know of it: what its worker was lost to, what is different since."""
    info: RunInfo | None = None
    run: int | None = None
    """Its number in the store, once it is recorded."""
    parent: tuple[int, int] | None = None
    """The run of the store that it is forked from, and the step."""

    def heldout(self) -> tuple[int, float] | None:
        """The latest hold-out loss where it stands, and its step."""
        return next((pair for pair in reversed(self.evaluations) if pair[0] <= self.step), None)

    def average(self) -> float | None:
        """The smoothed loss where it stands; None before the first."""
        place = min(self.step - self.first, len(self.smoothed)) - 1
        return self.smoothed[place] if place >= 0 else None


@dataclass(frozen=True, slots=True)
class RaceState:
    """Everything there is to see."""

    sides: tuple[SideState, SideState]
    running: bool
    lockstep: bool
    start: int
    """The step at which the race began."""
    step: int
    """Where both have come to: who is ahead has been here too."""
    recorded: int
    """The last step that both have a loss of: later than `step` after going back."""
    epoch: int
    """Goes up whenever a series was rewound; what was drawn of them is then to be drawn anew."""
    difference_first: int
    """`difference[0]` is right minus left at step `difference_first + 1`."""
    difference: array[float]
    """Over the steps that both have a loss of; to be read, not changed."""
    parted: Gap | None
    """The first step at which the two losses are not the same bits; None if there is none."""
    largest: Gap | None
    """Where they are farthest apart; None while they are the same."""
    average: Gap | None
    """The smoothed losses at `step`."""
    settings: tuple[Setting, ...]
    """What differs, learning rates and engines that were set by hand included."""
    samples: tuple[SamplePair, ...]
    """Newest first."""
    prompt: str
    remarks: tuple[str, ...]
    """What must be minded in comparing the two, a sentence each."""
    trouble: Failure | None = None
    """Why something that both were asked could not be done."""
    probes: RaceProbes | None = None
    """None if they are asked none."""

    @property
    def comparable(self) -> bool:
        """Are the losses nats of the same tokens?"""
        one, other = (side.info for side in self.sides)
        return one is None or other is None or one.vocabulary == other.vocabulary

    @property
    def ahead(self) -> Place | None:
        """Whose smoothed loss is lower at the last common step; None if neither's is, or if
        they cannot be compared."""
        if self.average is None or not self.average.difference or not self.comparable:
            return None
        return 1 if self.average.difference < 0 else 0
