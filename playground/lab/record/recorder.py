"""Records a run while it is trained: gathered between steps, written by a thread of its own.

Training never waits for the disk. What happened since the last time is gathered every 0.4
seconds at least, and at once when a run pauses, and goes into the store as one transaction; so a
process that is killed takes less than half a second of record with it, and nothing of the run,
which replays from there. If the store cannot be written that is told (`RecordState.trouble`),
training goes on unrecorded, and every ten seconds all that is missing is tried again.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.protocol.run import Recording, RecordState
from playground.lab.protocol.sampling import SampleBatch
from playground.lab.record.batches import UNWRITTEN, RecordedRun, gather
from playground.lab.record.load import Recalled, same_settings
from playground.lab.record.writer import Writer
from playground.lab.run.training import Training
from playground.lab.store.records import NewRun, RunStatus, StoredSamples
from playground.lab.timeline import Measured

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
        text: bytes | None = None,
        recalled: Recalled | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """about: the run as it is to be made, but for its parent. settings: how it is looked at,
        as JSON. text: the file that it learns from, if that is to be kept. recalled: the run that
        is gone on with, as it was read, and its lock."""
        self.samples: deque[StoredSamples] = deque(maxlen=UNWRITTEN)
        """To be recorded with the next batch; so are the answers to the probes."""
        self.probes: deque[ProbeAnswers] = deque(maxlen=UNWRITTEN)
        self.seconds = 0.0
        """That training took so far."""
        self._training = training
        self._about = about
        self._settings = settings
        self._wake = wake
        self.writer = Writer(Path(recording.store), text, self._stir, self._owe)
        """The other thread."""
        self._next = self._last = time.monotonic()
        self._next_norm = 0.0
        self._owed = False
        """Something could not be gathered yet; `wake` is called when it can."""
        self._unchecked: tuple[int, bool] | None = None
        """What `check_future` was told, as long as the record could not be looked at."""
        self._lazy = recording.looking
        """A fork is made only when it differs from its parent."""
        self._line = line = RecordedRun(self._new(recording), recording.run)
        if recalled is not None:
            line.lock = recalled.lock
            line.take(recalled.record)
            self.seconds = recalled.record.seconds
            self.writer.own(line)
        elif recording.run is not None or (recording.parent is not None and not self._lazy):
            self.writer.prepare(line)

    def _new(self, recording: Recording) -> NewRun:
        return replace(
            self._about(),
            parent=recording.parent,
            fork_step=recording.fork_step,
            name=recording.name,
        )

    @property
    def state(self) -> RecordState:
        """How it stands, for the screen."""
        line = self._line
        ours = line.uid != ""
        parent, fork_step = line.parent_run, line.fork_step
        if not ours:
            parent, fork_step = line.new.parent, line.new.fork_step
        pending = not ours and self.writer.trouble is None and self._worth_keeping()
        return RecordState(
            line.run if ours else None,
            line.uid,
            line.name,
            parent,
            fork_step,
            pending,
            self.writer.trouble,
        )

    def _stir(self) -> None:
        """In the other thread: it has room."""
        if self._owed:
            self._wake()

    def _owe(self) -> None:
        """In the other thread: something could not be written."""
        self._owed = True

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
        if not anyhow and (now < self.writer.quiet_until or self.writer.waiting >= _AHEAD):
            return
        self._next = now + EVERY
        self._check()
        line = self._line
        if line.marks is None and not self.writer.waiting:
            if not self._worth_keeping():
                self._owed = False
                return
            self.writer.prepare(line)
            if self._training.pace > EVERY:  # the next occasion is far away
                self.writer.settle(min(1.0, _PATIENCE * self._training.pace))
                self._check()
                line = self._line
        marks = line.marks
        if marks is None:
            self._next = now + _SOON  # it is being made: what there is shall follow at once
            return
        self._owed = False
        self.seconds = max(self.seconds, line.seconds)
        marks.shelf.earn(now - self._last)
        self._last = now
        samples, probes = self._to_record(line)
        gathered = gather(
            self._training, marks, status, self._settings(), self.seconds, samples, probes
        )
        line.head = marks.head
        if gathered is not None:
            self.writer.append(line, marks, gathered)

    def _to_record(self, line: RecordedRun) -> tuple[list[StoredSamples], list[ProbeAnswers]]:
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
        self.samples.clear()
        self.probes.clear()
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
        quiet = time.monotonic() < self.writer.quiet_until
        if (
            self._line.marks is None
            and not (self.writer.waiting or quiet)
            and self._worth_keeping()
        ):
            self.writer.prepare(self._line)
        self.writer.settle()
        self.flush(status, anyhow=self._line.marks is not None)
        line = self._line
        if line.run is not None:
            self._fork(step)
        elif line.new.fork_step is not None:
            # A fork that could not be made yet: it is one from here, if that is before.
            line.new = replace(line.new, fork_step=min(step, line.new.fork_step))
        self._forget_after(step)

    def _forget_after(self, step: int) -> None:
        """What could not be recorded of a future that is given up is not to be in the record of
        another one."""
        unrecorded: tuple[deque[Any], ...] = (self.samples, self.probes, self._line.unwritten)
        for waiting in unrecorded:
            for _ in range(len(waiting)):
                one = waiting.popleft()
                if (one.batch.step if isinstance(one, StoredSamples) else one.step) <= step:
                    waiting.append(one)

    def _fork(self, step: int) -> None:
        parent = self._line
        self._unchecked = None
        new = replace(self._about(), parent=parent.run, fork_step=step)
        self._line = RecordedRun(new, parent=parent)
        self._line.unwritten.extend(parent.unwritten)
        self.writer.prepare(self._line)

    def check_future(self, step: int, exact: bool) -> None:
        """A recorded run is gone on with at `step`. If what comes is not what is recorded (not
        `exact`: other data, another engine; or something was given up on the way), the record
        stays, and this session is its fork. Edits that are recorded for what is to come belong
        to the run, and are made again."""
        self._unchecked = (step, exact)
        self.writer.settle()
        self._check()

    def _check(self) -> None:
        line, marks, asked = self._line, self._line.marks, self._unchecked
        if asked is None or marks is None:
            return
        self._unchecked = None
        step, exact = asked
        timeline = self._training.timeline
        mine = {(edit.step, edit.field) for edit in timeline.edits}
        as_recorded = all(edit in marks.edits for edit in timeline.edits if edit.step < marks.head)
        recorded = ((edit.step, edit.field) for edit in marks.edits if edit.step < step)
        nothing_missing = all(key in mine for key in recorded)
        about = self._about()
        same = same_settings(line.spec, about.spec) and line.data == about.data
        if not same or (marks.head > step and not (exact and as_recorded and nothing_missing)):
            self._fork(step)
            return
        timeline.edits = marks.edits.having(*timeline.edits)

    # ------------------------------------------------------------ the end

    def write_all(self, status: RunStatus) -> None:
        """Write what is left, and wait for it: two seconds at most. `state` then tells if that
        could not be."""
        self.flush(status, anyhow=True)
        if self._owed and self.writer.settle(1.0):
            self.flush(status, anyhow=True)  # it was only just made
        self.writer.settle(1.0)

    def close(self, status: RunStatus) -> None:
        """Write what is left and let go of the run; takes some seconds at most."""
        self.write_all(status)
        self.writer.end(self._line)
