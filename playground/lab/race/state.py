"""A race at one moment, as plain values."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from playground.lab.fork import Setting
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.lab.protocol.run import Checkpoint, Recording, RunInfo, Scored, SessionState
from playground.lab.protocol.sampling import SampleBatch, Sampling
from playground.lab.store import runlist

Place = Literal[0, 1]
"""Left or right, A or B."""
SideStatus = SessionState | Literal["opening", "restarting", "down"]
"""`restarting`: the side's worker was lost, and another one is being started; `down`: the side was
given up."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A run that takes part in a race, from its start or from a checkpoint on."""

    name: str
    """A name for the screen, unlike that of the other entrant; untrusted."""
    spec: str
    """RunSpec as JSON."""
    checkpoint: Checkpoint | None = None
    sampling: Sampling | None = None
    """How to sample texts. A race samples both sides alike: as the left entrant says, else as the
    right one says."""
    recording: Recording | None = None
    """What the worker records the run as, or which recorded run to open; `spec` may then be
    empty. None for a new run of the Lab's store."""
    probes: ProbeSet | None = None
    """The probes. A race gives both sides the same: those of the left entrant, else of the right
    one, else of a recorded run."""


ROUNDING = 1e-9
"""The relative difference of two losses up to which nothing but rounding sets them apart."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The losses of both sides at one step, nats a token."""

    step: int
    left: float
    right: float

    @property
    def difference(self) -> float:
        """Right minus left, nats a token; below 0 if the right side is better."""
        return self.right - self.left


@dataclass(frozen=True, slots=True)
class SamplePair:
    """Texts of both sides, from the same prompt and the same seed, after the same step."""

    step: int
    prompt: str
    left: SampleBatch | None
    """None if the left worker could not be asked; `right` likewise."""
    right: SampleBatch | None


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """The answers of both sides to the same probes, after the same step."""

    left: ProbeAnswers
    right: ProbeAnswers

    @property
    def step(self) -> int:
        """The step after which both sides answered."""
        return self.left.step


@dataclass(frozen=True, slots=True)
class RaceProbes:
    """The probes of a race, and the answers up to where the sides stand."""

    asked: ProbeSet
    newest: AnswerPair | None
    """The answers at the last step at which both sides answered; None before the first."""
    before: AnswerPair | None
    """The answers at the step before that at which both sides answered."""
    own: tuple[tuple[ProbeAnswers, ProbeAnswers] | None, tuple[ProbeAnswers, ProbeAnswers] | None]
    """Each side's first answers and its newest, which may be the same; None before the first."""
    skipped: tuple[tuple[SkippedPrompt, ...], tuple[SkippedPrompt, ...]] = ((), ())
    """The prompts that each side's model cannot be asked."""
    troubles: tuple[Failure | None, Failure | None] = (None, None)
    """Why each side's last probing gave no answers."""


@dataclass(frozen=True, slots=True)
class SideState:
    """One side of a race. The arrays grow in place: read them, and do not change them."""

    name: str
    status: SideStatus
    step: int = 0
    steps: int = 0
    """Steps in the whole run."""
    earliest: int = 0
    first: int = 0
    """`losses[0]` is the loss of step `first + 1`."""
    losses: array[float] = field(default_factory=lambda: array("d"))
    """Nats a token, one a step; after going back, the losses of later steps as well."""
    smoothed: array[float] = field(default_factory=lambda: array("d"))
    """An exponential moving average of `losses`."""
    evaluations: tuple[tuple[int, float], ...] = ()
    """(step, hold-out loss) pairs."""
    heldout_errors: Mapping[int, float] = field(default_factory=dict)
    """The standard error of the hold-out loss, by step, where it is known."""
    learning_rate: float = 0.0
    """The learning rate of the next step."""
    engine: str = ""
    steps_per_second: float = 0.0
    trouble: Failure | None = None
    """Why the side does not go on."""
    notes: tuple[str, ...] = ()
    """What a person should know of the side: why its worker was lost, what is different since."""
    info: RunInfo | None = None
    scored: Scored | None = None
    """What the hold-out losses are measured on; None if nothing is held out."""
    run: int | None = None
    """The side's number in the store; None if it is not recorded."""
    parent: tuple[int, int] | None = None
    """The run of the store that the side is a fork of, and the step."""
    stage: str = ""
    """What the side is doing while it is being opened: "tokenizing"; empty if that is not known."""

    def heldout(self) -> tuple[int, float] | None:
        """The latest (step, hold-out loss) up to where the side stands; None before the first."""
        return next((pair for pair in reversed(self.evaluations) if pair[0] <= self.step), None)

    def bits(self) -> float | None:
        """The latest hold-out loss in bits a character; None if that is not known."""
        held = self.heldout()
        if held is None or self.scored is None:
            return None
        return held[1] * self.scored.bits_per_nat

    def average(self) -> float | None:
        """The smoothed loss where the side stands; None before the first."""
        place = min(self.step - self.first, len(self.smoothed)) - 1
        return self.smoothed[place] if place >= 0 else None


def incomparable(one: RunInfo | None, other: RunInfo | None) -> str:
    """Why the losses of two runs cannot be compared, in a sentence; "" if they can be, as far as
    that is known."""
    if one is None or other is None:
        return ""
    contexts = one.block_size, other.block_size
    reached = max(one.longest, other.longest) + 1  # the end of a document is predicted, too
    return runlist.incomparable(
        tokens=(one.vocabulary, one.vocab_size) != (other.vocabulary, other.vocab_size),
        data=bool(one.data and other.data) and one.data != other.data,
        contexts=contexts if reached > min(contexts) else None,
    )


@dataclass(frozen=True, slots=True)
class RaceState:
    """Everything that the screen shows of a race."""

    sides: tuple[SideState, SideState]
    running: bool
    lockstep: bool
    start: int
    """The step at which the race began: both sides are forks from there on."""
    step: int
    """The step that both sides have reached: the lower of the two."""
    recorded: int
    """The last step for which both sides have a loss; later than `step` after going back."""
    epoch: int
    """Grows whenever a series is rewound; then the curves must be drawn anew."""
    difference_first: int
    """`difference[0]` is right minus left at step `difference_first + 1`."""
    difference: array[float]
    """One for each step for which both sides have a loss; read it, and do not change it."""
    parted: Gap | None
    """The first step at which the two losses are not the same bits; None if there is none."""
    largest: Gap | None
    """The step at which the losses are farthest apart; None while they are the same."""
    average: Gap | None
    """The smoothed losses at `step`."""
    settings: tuple[Setting, ...]
    """The settings that differ, learning rates and engines that were set by hand included."""
    samples: tuple[SamplePair, ...]
    """Newest first."""
    prompt: str
    remarks: tuple[str, ...]
    """What to mind in comparing the two runs, a sentence each."""
    trouble: Failure | None = None
    """Why the last request to both sides could not be met."""
    probes: RaceProbes | None = None
    """None if the race has no probes."""
    pace: float | None = None
    """Steps a second in lock-step; None for as many as the slower side can."""
    beyond: Mapping[float, int] = field(default_factory=dict)
    """The first step at which the losses differ by more than a size, relative to the left one, by
    that size: those of comparison.TOLERANCES that were reached."""

    @property
    def by_rounding(self) -> bool:
        """True if the losses parted by a difference as small as rounding makes it."""
        one = self.parted
        return one is not None and abs(one.difference) <= ROUNDING * abs(one.left)

    @property
    def comparable(self) -> bool:
        """True if both losses are nats of the same tokens, as far as that is known."""
        return not incomparable(*(side.info for side in self.sides))

    @property
    def same_held_out(self) -> bool:
        """True if both held-out losses are measured on the same characters, so that their bits a
        character can be compared whatever the tokens are."""
        one, other = (side.scored for side in self.sides)
        return one is not None and other is not None and one.sha256 == other.sha256

    @property
    def ahead(self) -> Place | None:
        """The side with the lower smoothed loss at `step`; None if the losses are equal or cannot
        be compared."""
        if self.average is None or not self.average.difference or not self.comparable:
            return None
        return 1 if self.average.difference < 0 else 0
