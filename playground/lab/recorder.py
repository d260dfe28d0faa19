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
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue

from playground.lab.gathering import Gathered, Line, Marks, edits_of, gather
from playground.lab.keeping import text_of
from playground.lab.protocol import AGAIN, Failure, Recording, RecordState, SampleBatch
from playground.lab.recall import Recalled, owner_of, same_settings
from playground.lab.store.errors import StoreError
from playground.lab.store.frames import frame_bytes
from playground.lab.store.locks import RunLock
from playground.lab.store.records import NewRun, ProbeAnswers, RunStatus, StoredSamples
from playground.lab.store.store import Store
from playground.lab.timeline import Measured
from playground.lab.training import Training

EVERY = 0.4
"""Seconds between two batches while a run trains."""
NORM = "gradient-norm"
"""The series of the gradient's length, named as the built-in metric that measures the same."""
NEW_SHARE = "new-share"
"""The share of the sampled texts that are not in the data; likewise."""
_SHARE = 0.005
"""Of the time, that measuring it may take."""
_AHEAD = 3
"""Batches that may wait for the disk before no more are gathered."""
_HANDOVER = 0.0001
"""Seconds after which training lets the writing thread in."""
_SOON = 0.02
"""Seconds after which it is looked again if a run is made."""
_PATIENCE = 0.05
"""Of a step that takes longer than EVERY: so long its record may wait for the run to be made."""


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
        recalled: Recalled | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """about: the run as it is to be made, but for its parent. settings: how it is looked at,
        as JSON. text: path of the file that it learns from, if it is one. recalled: the run that
        is gone on with, as it was read, and its lock."""
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
        self._owner = owner_of(os.getpid())
        self._store: Store | None = None
        self._identity: tuple[int, int] | None = None
        """Of the file that is written to."""
        self._trouble: Failure | None = None
        self._quiet_until = 0.0
        self._next = self._last = time.monotonic()
        self._next_norm = 0.0
        self._owed = False
        """Something could not be gathered yet; `wake` is called when it can."""
        self._unchecked: tuple[int, bool] | None = None
        """What `check_future` was told, as long as the record could not be looked at."""
        self._put_in = self._taken_out = 0  # each counted by one of the two threads only
        self._jobs: SimpleQueue[tuple[Line | None, Callable[[], None]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lazy = recording.looking
        """A fork is made only when it differs from its parent."""
        self._line = line = Line(self._new(recording), recording.run)
        if recalled is not None:
            line.lock = recalled.lock
            line.take(recalled.record)
            self.seconds = recalled.record.seconds
            self._put(line, lambda: self._open().set_owner(recalled.record.row.id, self._owner))
        elif recording.run is not None or (recording.parent is not None and not self._lazy):
            self._prepare(line)

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
        ours = line.uid != ""
        parent, fork_step = line.parent_run, line.fork_step
        if line.new is not None and not ours:
            parent, fork_step = line.new.parent, line.new.fork_step
        pending = not ours and self._trouble is None and self._worth_keeping()
        return RecordState(
            line.run if ours else None,
            line.uid,
            line.name,
            parent,
            fork_step,
            pending,
            self._trouble,
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
        """How strongly the last step pulled: seldom enough to cost next to nothing, and only
        where the run never was before."""
        training, marks = self._training, self._line.marks
        step, measured = training.step, training.series.measured
        known = marks.measured.get(NORM) if marks else None
        new = step == training.series.head and not (known and step <= known[-1])
        if new and training.last is not None and training.last.step == step:
            with suppress(Exception):  # an engine of a plugin's; its steps tell what is wrong
                length = math.hypot(*training.engine.read("gradients"))
                one = measured.get(NORM)
                if math.isfinite(length) and (one is None or one.at(step) is None):
                    measured.setdefault(NORM, Measured()).record(step, length)
        self._next_norm = time.monotonic() + (time.monotonic() - now) / _SHARE

    def sampled(self, occasion: str, batch: SampleBatch) -> None:
        """Texts were sampled: they go into the record, and how many of them are new into a
        series of it."""
        self.samples.append(StoredSamples(occasion, batch))
        if batch.texts:
            new = [text.in_data for text in batch.texts].count(False)
            one = self._training.series.measured.setdefault(NEW_SHARE, Measured())
            if one.at(batch.step) is None:
                one.record(batch.step, new / len(batch.texts))

    def flush(self, status: RunStatus, *, anyhow: bool = False) -> None:
        """Gather all that is new, now. anyhow: also if the disk is behind, or was in trouble a
        moment ago."""
        now = time.monotonic()
        self._owed = True  # before looking whether it can be: the other thread ends meanwhile
        if not anyhow and (now < self._quiet_until or self._waiting >= _AHEAD):
            return
        self._next = now + EVERY
        self._check()
        line = self._line
        if line.marks is None and not self._waiting:
            if not self._worth_keeping():
                self._owed = False
                return
            self._prepare(line)
            if self._training.pace > EVERY:  # the next occasion is far away
                self._settle(min(1.0, _PATIENCE * self._training.pace))
                self._check()
                line = self._line
        marks = line.marks
        if marks is None:
            self._next = now + _SOON  # it is being made: what there is shall follow at once
            return
        self._owed = False
        marks.shelf.earn(now - self._last)
        self._last = now
        samples, probes = self._to_record(line)
        gathered = gather(
            self._training, marks, status, self._settings(), self.seconds, samples, probes
        )
        line.head = marks.head
        if gathered is not None:
            self._put(line, lambda: self._append(line, marks, gathered))

    def _to_record(self, line: Line) -> tuple[list[StoredSamples], list[ProbeAnswers]]:
        """The samples and answers since the last time, and those that came back."""
        samples: list[StoredSamples] = []
        probes: list[ProbeAnswers] = []
        while line.unwritten:
            one = line.unwritten.popleft()
            if isinstance(one, StoredSamples):
                samples.append(one)
            else:
                probes.append(one)
        samples += self.samples
        probes += self.probes
        self.samples, self.probes = [], []
        return samples, probes

    def _worth_keeping(self) -> bool:
        """A run is made when there is something to lose: a step, or a fork asked for."""
        line, series = self._line, self._training.series
        if line.run is not None or line.parent is not None:
            return True
        if line.new.fork_step is not None:
            return not self._lazy or series.head > line.new.fork_step
        return series.head > series.first

    # ------------------------------------------------------------ forks

    def branch(self, step: int, status: RunStatus) -> None:
        """Another future is about to begin after `step`. If a future is recorded already, it
        stays, and this session goes on as a fork."""
        if max(self._line.head, self._training.series.head) <= step:
            return
        quiet = time.monotonic() < self._quiet_until
        if self._line.marks is None and not (self._waiting or quiet) and self._worth_keeping():
            self._prepare(self._line)
        self._settle()
        self.flush(status, anyhow=self._line.marks is not None)
        line = self._line
        if line.run is not None:
            self._fork(step)
        elif line.new.fork_step is not None:
            # A fork that could not be made yet: it is one from here, if that is before.
            line.new = replace(line.new, fork_step=min(step, line.new.fork_step))

    def _fork(self, step: int) -> None:
        parent = self._line
        self._unchecked = None
        new = replace(self._about(), parent=parent.run, fork_step=step)
        self._line = Line(new, parent=parent)
        self._prepare(self._line)

    def check_future(self, step: int, exact: bool) -> None:
        """A recorded run is gone on with at `step`. If what comes is not what is recorded (not
        `exact`: other data, another engine; or something was given up on the way), the record
        stays, and this session is its fork. Edits that are recorded for what is to come belong
        to the run, and are made again."""
        self._unchecked = (step, exact)
        self._settle()
        self._check()

    def _check(self) -> None:
        line, marks, asked = self._line, self._line.marks, self._unchecked
        if asked is None or marks is None:
            return
        self._unchecked = None
        step, exact = asked
        timeline = self._training.timeline
        mine = edits_of(timeline)
        as_recorded = all(marks.edits.get(key) == mine[key] for key in mine if key[0] < marks.head)
        nothing_missing = all(key in mine for key in marks.edits if key[0] < step)
        about = self._about()
        same = same_settings(line.spec, about.spec) and line.data == about.data
        if not same or (marks.head > step and not (exact and as_recorded and nothing_missing)):
            self._fork(step)
            return
        for (at, name), value in marks.edits.items():
            if (at, name) in mine:
                continue
            if name == "engine":
                timeline.engines[at] = str(value)
            else:
                timeline.edits[at] = float(value)

    # ------------------------------------------------------------ writing

    def _put(self, line: Line | None, job: Callable[[], None]) -> None:
        self._put_in += 1
        self._jobs.put((line, job))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                item = self._jobs.get(timeout=AGAIN if self._trouble else None)
            except Empty:  # nothing more came, for the run stands: what is missing is tried
                self._stir()
                continue
            if item is None:
                break
            line, job = item
            try:
                job()
            except StoreError as error:
                self._failed(line, Failure(error.title, error.message))
            except Exception as error:  # whatever it is, training goes on
                reason = f"{type(error).__name__}: {error}."
                self._failed(line, Failure("The run cannot be recorded", reason, kind="internal"))
            finally:
                self._taken_out += 1
            self._stir()
        self._let_go()

    def _stir(self) -> None:
        if self._owed:
            self._wake()

    def _failed(self, line: Line | None, failure: Failure) -> None:
        self._trouble = failure
        self._quiet_until = time.monotonic() + AGAIN
        self._owed = True
        if line is not None:
            line.marks = None  # how far the record goes is read anew
        self._let_go()  # the file may be another one when it is tried again

    def _let_go(self) -> None:
        """Of the store."""
        store, self._store = self._store, None
        if store is not None:
            with suppress(StoreError):
                store.close()

    def _prepare(self, line: Line) -> None:
        self._put(line, lambda: self._begin(line))

    def _begin(self, line: Line) -> None:
        """Have the run in the store, as ours, and know how far it goes."""
        if line.marks is not None:
            return
        store = self._open()
        if line.uid:
            self._find_again(store, line)
        if line.run is None:
            self._create(store, line, line.new)
        assert line.run is not None
        record = store.record(line.run)
        if line.lock is None:
            lock = RunLock(store.lock_folder, record.row.uid)
            if not lock.acquire(2.0):
                raise StoreError(
                    "The run is recorded elsewhere",
                    f"Run {line.run} is open in {record.row.owner or 'another playground'}. Close "
                    "it there.",
                    "locked",
                )
            line.lock = lock
        store.set_owner(line.run, self._owner)
        self.seconds = max(self.seconds, record.seconds)
        line.take(record)
        self._trouble = None

    def _find_again(self, store: Store, line: Line) -> None:
        """The store may have been moved away, and be a new one, or a copy of the old one."""
        for deleted in (False, True):
            with suppress(StoreError):
                line.run = store.find(line.uid, deleted=deleted).id
                return
        if line.lock is not None:
            line.lock.release()
        line.run = line.lock = line.parent = None
        line.uid = ""
        line.new = replace(line.new, parent=None, fork_step=None)

    def _create(self, store: Store, line: Line, new: NewRun) -> None:
        """Without an owner, until it is locked: it shall not look like an interrupted one."""
        if line.parent is not None:
            self._release(store, line.parent)
        data = text_of(self._text) if self._text else None
        if data is not None:  # the file may be edited, and the run goes on all the same
            new = replace(new, text_sha256=store.keep_text(data))
        if new.parent is not None and new.fork_step is not None:
            # If the end of the parent could not be recorded, the fork has it nevertheless.
            step = min(new.fork_step, store.row(new.parent).step)
            line.run = store.fork(new.parent, step, new, "")
        else:
            line.run = store.create(new, "")

    def _append(self, line: Line, marks: Marks, gathered: Gathered) -> None:
        batch = gathered.batch
        try:
            if line.marks is marks and line.run is not None:  # else something before it failed
                whole = replace(
                    batch,
                    keyframes=tuple(map(frame_bytes, gathered.frames)),
                    tip=frame_bytes(gathered.tip) if gathered.tip is not None else None,
                )
                store = self._open()
                with _let_in_at_once():
                    store.append(line.run, whole)
                self._trouble = None
                return
        except BaseException:
            line.unwritten.extend((*batch.samples, *batch.probes))
            raise
        line.unwritten.extend((*batch.samples, *batch.probes))

    def _open(self) -> Store:
        if self._store is not None and _identity(self._path) != self._identity:
            raise StoreError(
                "The store of runs was moved away",
                f"{self._path} is not the file that was written to any more. Put it back, or a "
                "new one is made, and the whole run recorded in it.",
                "missing",
            )
        if self._store is None:
            self._store = Store.open(self._path)
            self._identity = _identity(self._path)
        return self._store

    def _release(self, store: Store, line: Line) -> None:
        """The run is no longer at work."""
        try:
            if line.run is not None:
                row = store.row(line.run)
                at, status = line.marks.stands if line.marks else (-1, None)
                at, status = (row.at, row.status) if status is None else (at, status)
                store.close_run(line.run, at, "paused" if status == "running" else status)
        finally:
            if line.lock is not None:
                line.lock.release()
                line.lock = None

    # ------------------------------------------------------------ the end

    def _settle(self, seconds: float = 2.0) -> bool:
        """Wait until all that was gathered is written; False if that takes too long."""
        if self._thread is None or not self._waiting:
            return True
        done = threading.Event()
        self._put(None, done.set)
        return done.wait(seconds)

    def write_all(self, status: RunStatus) -> None:
        """Write what is left, and wait for it: two seconds at most. `state` then tells if that
        could not be."""
        self.flush(status, anyhow=True)
        if self._owed and self._settle(1.0):
            self.flush(status, anyhow=True)  # it was only just made
        self._settle(1.0)

    def close(self, status: RunStatus) -> None:
        """Write what is left and let go of the run; takes some seconds at most."""
        self.write_all(status)
        if self._thread is None:
            return
        line = self._line
        self._put(None, lambda: self._release(self._open(), line))
        self._jobs.put(None)
        self._thread.join(1.0)


@contextmanager
def _let_in_at_once() -> Iterator[None]:
    """While this thread writes, training hands over to it at every occasion: each statement has
    to come back from SQLite, and others wait for the lock of the store meanwhile."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _HANDOVER))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of its name; None if there is none."""
    with suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None
