"""What is new of a run since the last batch, its keyframes for the disk included.

`gather` works between two steps, in the thread that trains. It reads only what is new, however
long the run is.

Keyframes in memory are cheap and close together (timeline.py). Keyframes on disk are about a tenth
of a second of training apart, farther in a long run, and are thinned out by the same rule above a
budget: each step of a closed run stays a short replay away, and a run that trains for days does
not wear out the disk. Of a large model (timeline.LARGE) the first keyframe and the newest one are
kept, written as RATE affords and when the run is closed, and no tip.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, takewhile

from playground.lab.edits import Edits
from playground.lab.protocol.film import FilmRow
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.record.needs import most_on_disk
from playground.lab.run.training import Training
from playground.lab.store.locks import RunLock
from playground.lab.store.records import Batch, NewRun, RunRecord, RunStatus, StoredSamples
from playground.lab.timeline import LARGE, Keyframe, Series, least_missed

BETWEEN = 0.1
"""Seconds of steps between two keyframes on disk, before they are thinned out."""
RATE = 4 * 1024 * 1024
"""Bytes of keyframes a second that are written at most, for large models."""
NEWEST = 1.0
"""Seconds after which the newest state is written again, while a run trains."""
LARGEST = 999_000_000
"""Bytes of the largest keyframe that is kept; SQLite's values have 1,000,000,000 at most."""
_DENSER = 2
"""How much closer together new keyframes are than evenly spread ones would be."""


@dataclass(slots=True)
class DiskKeyframes:
    """The steps whose keyframes are on disk, in order."""

    steps: list[int] = field(default_factory=list)
    _allowance: float = RATE
    _since_tip: float = NEWEST

    def earn(self, seconds: float) -> None:
        """Add `seconds` without writing to the allowance."""
        self._allowance = min(RATE, self._allowance + RATE * seconds)
        self._since_tip += seconds

    def affords(self, size: int) -> bool:
        """True if `size` bytes may be written now. A keyframe of more than RATE bytes, the largest
        allowance, waits for that."""
        return self._allowance >= min(size, RATE)

    def spend(self, size: int) -> None:
        """Take `size` written bytes from the allowance."""
        self._allowance -= size

    def affords_tip(self, size: int) -> bool:
        """True if the newest state may be written now, while the run trains."""
        return self._since_tip >= NEWEST and self.affords(size)

    def spend_on_tip(self, size: int) -> None:
        """Take a written tip of `size` bytes from the allowance."""
        self.spend(size)
        self._since_tip = 0.0

    def put(self, frame: Keyframe) -> None:
        """Add a keyframe after all others, whatever its distance to the one before."""
        self.spend(frame.size)
        self.steps.append(frame.step)

    def choose(self, frames: Iterable[Keyframe], pace: float) -> list[Keyframe]:
        """The keyframes of `frames`, in order, that are to be kept. pace: seconds a step."""
        chosen: list[Keyframe] = []
        last = self.steps[-1] if self.steps else None
        for frame in frames:
            if last is not None and frame.step < last + self._apart(frame, pace):
                continue
            if not self.affords(frame.size):
                break
            self.spend(frame.size)
            chosen.append(frame)
            last = frame.step
        self.steps += [frame.step for frame in chosen]
        return chosen

    def _apart(self, frame: Keyframe, pace: float) -> int:
        whole = frame.step - self.steps[0] if self.steps else 0
        return max(1, int(BETWEEN / max(pace, 1e-9)), whole // (_DENSER * most_on_disk(frame.size)))

    def thin(self, size: int) -> tuple[int, ...]:
        """Remove the keyframes beyond the budget, at `size` bytes each; returns their steps."""
        gone: list[int] = []
        while len(self.steps) > most_on_disk(size):
            victim = self.steps[1] if size > LARGE else least_missed(self.steps)
            self.steps.remove(victim)
            gone.append(victim)
        return tuple(gone)


_AVERAGED = 50
"""Last losses in the average that lists of runs show."""

UNWRITTEN = 1000
"""How many samples, answers to probes, and rows of the film wait for a store that cannot be
written; the oldest go first."""


@dataclass(slots=True)
class RecordedUpTo:
    """How far the record of a run goes."""

    head: int = 0
    evaluated: int = -1
    measured: dict[str, array[int]] = field(default_factory=dict)
    """The steps of the recorded measurements in order, by label."""
    edits: Edits = field(default_factory=Edits)
    on_disk: DiskKeyframes = field(default_factory=DiskKeyframes)
    tip: int = -1
    """The newest step whose state is on disk."""
    stands: tuple[int, RunStatus | None] = (-1, None)
    settings: str = ""

    @classmethod
    def of(cls, record: RunRecord) -> RecordedUpTo:
        """How far a run that was loaded from the store is recorded."""
        start = [0] if record.earliest == 0 else []
        return cls(
            head=record.row.step,
            evaluated=max((step for step, _ in record.evaluations), default=-1),
            measured={
                label: array("q", sorted(map(int, pairs[::2])))
                for label, pairs in record.measured.items()
                if pairs
            },
            edits=Edits.of(record.edits),
            on_disk=DiskKeyframes(sorted({*start, *record.keyframes})),
            settings=record.settings,
        )


class RecordedRun:
    """One run of the store, as the recorder knows it. The writing thread sets `up_to` when the run
    is in the store; from then on `up_to` belongs to the gathering thread."""

    def __init__(self, new: NewRun, run: int | None = None, parent: RecordedRun | None = None):
        self.new = new
        """The run to insert, unless it is in the store already."""
        self.run = run
        self.parent = parent
        """The run of this session before, of which this one is a fork."""
        self.uid = self.name = self.spec = self.data = ""
        self.parent_run: int | None = None
        self.fork_step: int | None = None
        self.lock: RunLock | None = None
        self.up_to: RecordedUpTo | None = None
        """None before the run is in the store, and after a failed write, when it is read anew."""
        self.head: float = 0 if run is None else math.inf
        """The last step that may be recorded; `inf` as long as it is not known."""
        self.seconds = 0.0
        """Seconds that training took up to the end of the record."""
        self.unwritten: deque[StoredSamples | ProbeAnswers | FilmRow] = deque(maxlen=UNWRITTEN)
        """What was gathered and could not be written. Everything else in a failed batch is still
        in the Training, and is gathered again."""

    def take(self, record: RunRecord) -> None:
        """Take over what the store says of the run."""
        self.uid, self.name = record.row.uid, record.row.name
        self.spec, self.data = record.spec, record.data
        self.parent_run, self.fork_step = record.row.parent, record.row.fork_step
        self.head, self.seconds = record.row.step, record.seconds
        self.up_to = RecordedUpTo.of(record)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A batch without the bytes of its keyframes, which the writing thread makes."""

    batch: Batch
    frames: tuple[Keyframe, ...]
    tip: Keyframe | None


def gather(
    training: Training,
    up_to: RecordedUpTo,
    status: RunStatus,
    settings: str,
    seconds: float,
    samples: Sequence[StoredSamples],
    probes: Sequence[ProbeAnswers],
    film: Sequence[FilmRow],
    last: bool = False,
) -> Gathered | None:
    """What is not recorded yet; None if there is nothing. From now on `up_to` says that it is
    recorded. seconds: how long training took so far. last: the run is closed after this."""
    series = training.series
    stands = (training.step, status)
    begin = max(0, up_to.head - series.first)
    losses, rates = series.losses[begin:], series.learning_rates[begin:]
    head = up_to.head + len(losses)
    later = takewhile(lambda pair: pair[0] > up_to.evaluated, reversed(series.evaluations.items()))
    evaluations = tuple(later)[::-1]
    measured = {
        label: pairs
        for label in {**series.noted, **series.measured}
        if (pairs := _unrecorded(series, label, up_to.measured.setdefault(label, array("q"))))
    }
    edits = tuple(edit for edit in training.timeline.edits if edit not in up_to.edits)
    if (
        not (last and _owes_large(training, up_to, head))
        and stands == up_to.stands
        and settings == up_to.settings
        and not (losses or evaluations or measured or edits or samples or probes or film)
    ):
        return None
    scored = training.scored if evaluations else None
    frames, tip, dropped = _states(training, up_to, head, status != "running", last)
    batch = Batch(
        at=training.step,
        status=status,
        first=up_to.head,
        losses=losses,
        learning_rates=rates,
        tokens_seen=training.tokens_seen,
        seconds=seconds,
        loss=_average(series.losses),
        evaluations=evaluations,
        bits_per_nat=scored.bits_per_nat if scored else None,
        heldout_text=scored.sha256 if scored else "",
        heldout_tokens=scored.tokens_sha256 if scored else "",
        measured=measured,
        samples=tuple(samples),
        probes=tuple(probes),
        film=tuple(film),
        edits=edits,
        dropped=dropped,
        settings=settings if settings != up_to.settings else None,
    )
    up_to.head, up_to.stands, up_to.settings = head, stands, settings
    up_to.evaluated = max(up_to.evaluated, *(step for step, _ in evaluations), -1)
    up_to.edits = up_to.edits.having(*edits)
    return Gathered(batch, frames, tip)


def _owes_large(training: Training, up_to: RecordedUpTo, head: int) -> bool:
    """True if the model is large, and its state shortly before `head` is not on disk."""
    near, steps = training.timeline.before(head), up_to.on_disk.steps
    return LARGE < near.size <= LARGEST and (not steps or near.step > steps[-1])


def _states(
    training: Training, up_to: RecordedUpTo, head: int, standing: bool, closing: bool
) -> tuple[tuple[Keyframe, ...], Keyframe | None, tuple[int, ...]]:
    """(keyframes to write, the tip or None, steps whose keyframes are removed). standing: the run
    does not train at the moment.

    Opening a run at its end repeats the last step, which brings the gradients; so a state shortly
    before the end is always kept. A standing run also keeps the state at its end, in case the last
    step cannot be repeated. Of a large model all this would be a gigabyte at each step that a
    person makes: its state shortly before the end is written as RATE affords, and when the run is
    closed.
    """
    on_disk, timeline = up_to.on_disk, training.timeline
    near = timeline.before(head)
    if near.size > LARGEST:  # no states: a run of this size is trained again when it is opened
        return (), None, ()
    if near.size > LARGE:
        if not (_owes_large(training, up_to, head) and (closing or on_disk.affords(near.size))):
            return (), None, ()
        on_disk.put(near)
        return (near,), None, on_disk.thin(near.size)
    last = on_disk.steps[-1] if on_disk.steps else -1
    frames = on_disk.choose(
        (one for one in timeline.after(last) if one.step <= head), training.pace
    )
    stands_at_end = standing and training.step == training.series.head == head
    if stands_at_end and near.step > max([last, *(frame.step for frame in frames)]):
        frames.append(near)
        on_disk.put(near)
    dropped = on_disk.thin(near.size)
    kept = tuple(frame for frame in frames if frame.step not in dropped)
    newest, tip = max([up_to.tip, *on_disk.steps]), None
    if stands_at_end and newest < head:
        tip = training.keyframe()
    elif not standing and newest < near.step and on_disk.affords_tip(near.size):
        tip = near
    if tip is not None:
        on_disk.spend_on_tip(tip.size)
        up_to.tip = tip.step
    return kept, tip, dropped


def _unrecorded(series: Series, label: str, known: array[int]) -> array[float]:
    """The (step, value) pairs of steps that are not in `known`; adds these steps to `known`."""
    last = known[-1] if known else -1
    parts = [one for each in (series.noted, series.measured) if (one := each.get(label))]
    pairs = [pair for one in parts for pair in one.between(last + 1, series.head)]
    if sum(bisect_right(one.steps, last) for one in parts) != len(known):
        # Other steps up to `last` are here than recorded.
        recorded = set(known)
        earlier = [pair for one in parts for pair in one.between(0, last)]
        pairs = [pair for pair in earlier if pair[0] not in recorded] + pairs
    if len(parts) > 1:
        pairs = sorted(dict(pairs).items())
    known.extend(step for step, _ in pairs)
    if pairs and pairs[0][0] < last:
        known[:] = array("q", sorted(known))
    return array("d", chain.from_iterable(pairs))


def _average(losses: array[float]) -> float | None:
    recent = losses[-_AVERAGED:]
    return sum(recent) / len(recent) if recent else None
