"""Records a run while it is trained: gathered between steps, written by a thread of its own.

Training never waits for the disk. What happened since the last time is gathered every 0.4
seconds at least, and at once when a run pauses, and goes into the store as one transaction; so a
process that is killed takes less than half a second of record with it, and nothing of the run,
which replays from there. If the store cannot be written that is told (`RecordState.trouble`),
training goes on unrecorded, and every ten seconds all that is missing is tried again.
"""

from __future__ import annotations

import math
import os
import platform
import threading
import time
from array import array
from bisect import bisect_right, insort
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, takewhile
from pathlib import Path
from queue import SimpleQueue

from playground.lab.keeping import text_of
from playground.lab.protocol import Failure, Recording, RecordState
from playground.lab.shelf import Shelf
from playground.lab.store.errors import StoreError
from playground.lab.store.frames import frame_bytes
from playground.lab.store.locks import RunLock
from playground.lab.store.records import (
    Batch,
    Edit,
    NewRun,
    ProbeAnswers,
    RunRecord,
    RunStatus,
    StoredSamples,
)
from playground.lab.store.store import Store
from playground.lab.timeline import Keyframe, Measured, Timeline
from playground.lab.training import Training

EVERY = 0.4
"""Seconds between two batches while a run trains."""
AGAIN = 10.0
"""Seconds after which a store that could not be written is tried again."""
NORM = "gradient-norm"
"""The series of the gradient's length, named as the built-in metric that measures the same."""
_SHARE = 0.005
"""Of the time, that measuring it may take."""
_AHEAD = 3
"""Batches that may wait for the disk before no more are gathered."""
_AVERAGED = 50
"""Losses in the average that lists of runs show."""


@dataclass(slots=True)
class Marks:
    """How far the record of a run goes."""

    head: int = 0
    evaluated: int = -1
    measured: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By label: how many values, and the step of the last one."""
    edits: dict[tuple[int, str], float | str] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf)
    tip: int = -1
    stands: tuple[int, str] = (-1, "")
    settings: str = ""

    @classmethod
    def of(cls, record: RunRecord) -> Marks:
        """Those of a run that was recorded before."""
        start = [0] if record.earliest == 0 else []
        known = {
            label: (len(pairs) // 2, int(pairs[-2]))
            for label, pairs in record.measured.items()
            if pairs
        }
        return cls(
            head=record.row.step,
            evaluated=max((step for step, _ in record.evaluations), default=-1),
            measured=known,
            edits={(edit.step, edit.field): edit.value for edit in record.edits},
            shelf=Shelf(sorted({*start, *record.keyframes})),
            settings=record.settings,
        )


class Line:
    """One run of the store, as the recorder's thread knows it. `marks` is there once it is in
    the store; from then on it belongs to the gathering side."""

    def __init__(self, new: NewRun | None, run: int | None = None, parent: Line | None = None):
        self.new = new
        """What to make it of; None for a run that is in the store already."""
        self.run = run
        self.parent = parent
        """The run that this session made before, from which it is forked."""
        self.uid = self.name = self.spec = ""
        self.parent_run: int | None = None
        self.fork_step: int | None = None
        self.lock: RunLock | None = None
        self.marks: Marks | None = None


class Recorder:
    """Gathers in the thread that trains; `wake` is called in another one when there is room to
    gather more. Never raises for what the store cannot do."""

    def __init__(
        self,
        recording: Recording,
        training: Training,
        about: Callable[[], NewRun],
        settings: Callable[[], str],
        *,
        text: str = "",
        lock: RunLock | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """about: the run as it is to be made, but for its parent. settings: how it is looked at,
        as JSON. text: path of the file that it learns from, if it is one. lock: held already, for
        a run that is gone on with."""
        self.samples: list[StoredSamples] = []
        """To be recorded with the next batch; so are the answers to the probes."""
        self.probes: list[ProbeAnswers] = []
        self.seconds = 0.0
        """That training took so far."""
        self._training = training
        self._about = about
        self._settings = settings
        self._text = text
        self._wake = wake
        self._path = Path(recording.store)
        self._owner = f"process {os.getpid()} on {platform.node() or 'this machine'}"
        self._store: Store | None = None
        self._line = Line(None if recording.run is not None else self._new(recording))
        self._line.run, self._line.lock = recording.run, lock
        self._trouble: Failure | None = None
        self._quiet_until = 0.0
        self._next = time.monotonic() + EVERY
        self._last = time.monotonic()
        self._next_norm = 0.0
        self._put_in = self._taken_out = 0  # each counted by one of the two threads only
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        if recording.run is not None or recording.parent is not None:
            self._prepare(self._line)

    def _new(self, recording: Recording) -> NewRun:
        return replace(
            self._about(),
            parent=recording.parent,
            fork_step=recording.fork_step,
            name=recording.name,
        )

    @property
    def _waiting(self) -> int:
        """Jobs that are not done yet."""
        return self._put_in - self._taken_out

    @property
    def state(self) -> RecordState:
        """How it stands, for the screen."""
        line = self._line
        return RecordState(
            line.run, line.uid, line.name, line.parent_run, line.fork_step, self._trouble
        )

    # ------------------------------------------------------------ gathering

    def note(self, status: RunStatus) -> None:
        """Steps were made. Gathers what is new if it is time for it, or would be during the
        next step."""
        now = time.monotonic()
        if now >= self._next_norm:
            self._measure_norm(now)
        if now + min(self._training.pace, EVERY) >= self._next:
            self.flush(status)

    def _measure_norm(self, now: float) -> None:
        """How strongly the last step pulled: seldom enough to cost next to nothing."""
        training = self._training
        step, measured = training.step, training.series.measured
        if training.last is not None and training.last.step == step:
            with suppress(Exception):  # an engine of a plugin's; its steps tell what is wrong
                length = math.hypot(*training.engine.read("gradients"))
                known = measured.get(NORM)
                if math.isfinite(length) and (known is None or known.at(step) is None):
                    measured.setdefault(NORM, Measured()).record(step, length)
        self._next_norm = time.monotonic() + (time.monotonic() - now) / _SHARE

    def flush(self, status: RunStatus) -> None:
        """Gather all that is new, now."""
        now = time.monotonic()
        if now < self._quiet_until or self._waiting >= _AHEAD:
            return
        self._next = now + EVERY
        line = self._line
        if line.marks is None:
            if not self._waiting and self._worth_keeping():
                self._prepare(line)
            return
        line.marks.shelf.earn(now - self._last)
        self._last = now
        gathered = self._gather(line.marks, status)
        if gathered is not None:
            batch, frames, tip = gathered
            self._put(lambda: self._append(line, batch, frames, tip))

    def _worth_keeping(self) -> bool:
        """A run is made when there is something to lose: a step, or a fork asked for."""
        line, training = self._line, self._training
        return (
            line.run is not None
            or (line.new is not None and line.new.parent is not None)
            or training.series.head > training.series.first
            or line.parent is not None
        )

    def _gather(
        self, marks: Marks, status: RunStatus
    ) -> tuple[Batch, list[Keyframe], Keyframe | None] | None:
        training = self._training
        series, timeline = training.series, training.timeline
        stands, settings = (training.step, status), self._settings()
        begin = max(0, marks.head - series.first)
        losses, rates = series.losses[begin:], series.learning_rates[begin:]
        evaluations = tuple(
            takewhile(lambda pair: pair[0] > marks.evaluated, reversed(series.evaluations.items()))
        )
        measured = {
            label: pairs
            for label, one in series.measured.items()
            if (pairs := _unrecorded(one, marks.measured.get(label)))
        }
        edits = tuple(
            Edit(at, name, value)  # type: ignore[arg-type]  # one of the two above
            for (at, name), value in _edits(timeline).items()
            if marks.edits.get((at, name)) != value
        )
        samples, self.samples = tuple(self.samples), []
        probes, self.probes = tuple(self.probes), []
        if (
            stands == marks.stands
            and settings == marks.settings
            and not (losses or evaluations or measured or edits or samples or probes)
        ):
            return None
        head = marks.head + len(losses)
        shelf = marks.shelf
        last = shelf.steps[-1] if shelf.steps else -1
        frames = shelf.choose(timeline.after(last), training.pace) if losses else []
        frames += self._the_first(marks)
        size = timeline.before(0).size
        tip = None
        at_head = training.step == series.head == head != marks.tip
        if at_head and (shelf.affords(size) or status != "running"):
            shelf.spend(size)
            tip, marks.tip = training.keyframe(), head
        batch = Batch(
            at=training.step,
            status=status,
            first=marks.head,
            losses=losses,
            learning_rates=rates,
            tokens_seen=training.tokens_seen,
            seconds=self.seconds,
            loss=_average(series.losses),
            evaluations=evaluations[::-1],
            measured=measured,
            samples=samples,
            probes=probes,
            edits=edits,
            dropped=shelf.thin(size),
            settings=settings if settings != marks.settings else None,
        )
        marks.head, marks.stands, marks.settings = head, stands, settings
        marks.evaluated = max(marks.evaluated, *(step for step, _ in evaluations), -1)
        for label in measured:
            steps = series.measured[label].steps
            marks.measured[label] = (len(steps), steps[-1])
        marks.edits.update({(edit.step, edit.field): edit.value for edit in edits})
        return batch, frames, tip

    def _the_first(self, marks: Marks) -> list[Keyframe]:
        """The state that all steps of the run are replayed from, if that is not the start and
        not on disk yet."""
        timeline, shelf = self._training.timeline, marks.shelf
        if not timeline.earliest or timeline.earliest in shelf.steps:
            return []
        frame = timeline.before(timeline.earliest)
        insort(shelf.steps, frame.step)
        return [frame]

    # ------------------------------------------------------------ forks

    def branch(self, step: int, status: RunStatus) -> None:
        """Another future is about to begin after `step`. If a future is recorded already, it
        stays, and this session goes on as a fork."""
        line = self._line
        recorded = line.marks.head if line.marks else 0
        if max(recorded, self._training.series.head) <= step:
            return
        if line.marks is None and line.run is None and not self._waiting:
            if not self._worth_keeping():
                return
            self._prepare(line)
        self._settle()
        self.flush(status)
        if line.marks is None:  # it cannot be recorded: there is nothing to fork from
            return
        new = replace(self._about(), parent=line.run, fork_step=step)
        self._line = Line(new, parent=line)
        self._prepare(self._line)

    def check_future(self, step: int, exact: bool) -> None:
        """A recorded run is gone on with at `step`. If what comes is not what is recorded (not
        `exact`: other data, another engine; or something was given up on the way), the record
        stays, and this session is its fork."""
        self._settle()
        line = self._line
        if line.run is None or line.marks is None:
            return
        edits = _edits(self._training.timeline)
        beyond = line.marks.head > step
        same_edits = all(line.marks.edits.get(key) == value for key, value in edits.items())
        if line.spec != self._about().spec or (beyond and not (exact and same_edits)):
            self._line = Line(replace(self._about(), parent=line.run, fork_step=step), parent=line)
            self._prepare(self._line)

    # ------------------------------------------------------------ writing

    def _put(self, job: Callable[[], None]) -> None:
        self._put_in += 1
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except StoreError as error:
                self._failed(Failure(error.title, error.message))
            except Exception as error:  # whatever it is, training goes on
                reason = f"{type(error).__name__}: {error}"
                self._failed(Failure("The run cannot be recorded", reason, kind="internal"))
            finally:
                self._taken_out += 1
            self._wake()
        if self._store is not None:
            self._store.close()

    def _failed(self, failure: Failure) -> None:
        again = f"Training goes on; recording is tried again every {AGAIN:.0f} seconds."
        self._trouble = replace(failure, message=f"{failure.message} {again}")
        self._quiet_until = time.monotonic() + AGAIN
        self._line.marks = None  # how far the record goes is read anew

    def _prepare(self, line: Line) -> None:
        self._put(lambda: self._begin(line))

    def _begin(self, line: Line) -> None:
        """Have the run in the store, as ours, and know how far it goes."""
        if line.marks is not None:
            return
        store = self._open()
        if line.run is None and line.new is not None:
            self._create(store, line, line.new)
        assert line.run is not None
        record = store.record(line.run)
        line.uid, line.name, line.spec = record.row.uid, record.row.name, record.spec
        line.parent_run, line.fork_step = record.row.parent, record.row.fork_step
        if line.lock is None:
            line.lock = RunLock(store.lock_folder, line.uid)
            line.lock.acquire(2.0)
        store.set_owner(line.run, self._owner)
        self.seconds = max(self.seconds, record.seconds)
        line.marks, self._trouble = Marks.of(record), None

    def _create(self, store: Store, line: Line, new: NewRun) -> None:
        if line.parent is not None:
            self._release(store, line.parent)
        data = text_of(self._text) if self._text else None
        if data is not None:  # the file may be edited, and the run goes on all the same
            new = replace(new, text_sha256=store.keep_text(data))
        if new.parent is not None and new.fork_step is not None:
            line.run = store.fork(new.parent, new.fork_step, new, self._owner)
        else:
            line.run = store.create(new, self._owner)

    def _append(
        self, line: Line, batch: Batch, frames: list[Keyframe], tip: Keyframe | None
    ) -> None:
        if line.marks is None or line.run is None:
            return  # something before it failed: it comes again
        self._open().append(
            line.run,
            replace(
                batch,
                keyframes=tuple(frame_bytes(frame) for frame in frames),
                tip=frame_bytes(tip) if tip is not None else None,
            ),
        )
        self._trouble = None

    def _open(self) -> Store:
        if self._store is None:
            self._store = Store.open(self._path)
        return self._store

    def _release(self, store: Store, line: Line) -> None:
        """The run is no longer at work."""
        if line.run is not None and line.marks is not None:
            at, status = line.marks.stands
            store.close_run(line.run, max(at, 0), status if status != "running" else "paused")  # type: ignore[arg-type]
        if line.lock is not None:
            line.lock.release()
            line.lock = None

    # ------------------------------------------------------------ the end

    def _settle(self, seconds: float = 2.0) -> bool:
        """Wait until all that was gathered is written; False if that takes too long."""
        if self._thread is None or not self._waiting:
            return True
        done = threading.Event()
        self._put(done.set)
        return done.wait(seconds)

    def close(self, status: RunStatus) -> None:
        """Write what is left and let go of the run; takes two seconds at most."""
        self.flush(status)
        if self._line.marks is None and self._settle():
            self.flush(status)  # it was only just made
        if self._thread is None:
            return
        line = self._line
        self._put(lambda: self._release(self._open(), line) if line.run is not None else None)
        self._jobs.put(None)
        self._thread.join(2.0)


def _edits(timeline: Timeline) -> dict[tuple[int, str], float | str]:
    return {
        **{(at, "learning_rate"): rate for at, rate in timeline.edits.items()},
        **{(at, "engine"): name for at, name in timeline.engines.items()},
    }


def _unrecorded(one: Measured, known: tuple[int, int] | None) -> array[float]:
    """(step, value) pairs that are not in the record; all of them, if some of those were
    measured at earlier steps than what is."""
    count, last = known or (0, -1)
    place = bisect_right(one.steps, last)
    if place != count:
        place = 0
    pairs = zip(one.steps[place:], one.values[place:], strict=True)
    return array("d", chain.from_iterable(pairs))


def _average(losses: array[float]) -> float | None:
    recent = losses[-_AVERAGED:]
    return sum(recent) / len(recent) if recent else None
