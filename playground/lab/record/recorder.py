"""Records a run while it is trained: gathered between steps, written by a thread of its own.

Training never waits for the disk. What is new is gathered every 0.4 seconds, and at once when a
run pauses, and is written as one transaction. A killed process loses less than half a second of
record, and nothing of the run, which replays from there. If the store cannot be written,
`RecordState.trouble` says so, training goes on unrecorded, and every ten seconds the recorder tries
to write all that is missing.
"""

from __future__ import annotations

import math
import time
from array import array
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.lab.protocol.film import FilmRow
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.protocol.run import Recording, RecordState
from playground.lab.protocol.sampling import SampleBatch
from playground.lab.record.batches import UNWRITTEN, RecordedRun, gather
from playground.lab.record.load import Recalled, same_settings
from playground.lab.record.writer import Writer
from playground.lab.run.training import Training
from playground.lab.store.records import NewRun, RunStatus, StoredSamples
from playground.lab.timeline import LARGE, Measured

EVERY = 0.4
"""Seconds between two batches while a run trains."""
NORM = "gradient-norm"
"""The series of the gradient's length, named as the built-in metric of the same values."""
NEW_SHARE = "new-share"
"""The series of the share of sampled texts that are new, named as the built-in metric."""
_SHARE = 0.005
"""The share of the time that measuring the gradient's length may take."""
_AHEAD = 3
"""Batches that may wait for the disk before no more are gathered."""
_SOON = 0.02
"""Seconds after which `note` looks again whether the run's row is written."""
LAST = 4.0
"""Seconds that the last writing of a run may take: a busy machine takes more than one for what
otherwise takes a hundredth. The screen waits a little longer for the worker (`Limits.write`)."""
_SLOWEST = 50e6
"""Bytes a second of a slow disk, for which the writing of a large state is waited longer."""
_AT_ONCE = 65_536
"""Numbers of a gradient that are taken together."""
_PATIENCE = 0.05
"""How long the record of one slow step may wait for the run's row, as a share of the step."""


class Recorder:
    """Records one run. Gathers in the thread that trains; calls `wake` in the writing thread when
    there is room to gather more. Trouble with the store raises nothing: `state` tells it."""

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
        """about: makes the NewRun, without a parent. settings: sampling, metrics and probes as
        JSON. text: the bytes of the file that the run learns from, if they are to be kept.
        recalled: the run that continues, as it was loaded, with its lock."""
        self.samples: deque[StoredSamples] = deque(maxlen=UNWRITTEN)
        """Samples for the next batch."""
        self.probes: deque[ProbeAnswers] = deque(maxlen=UNWRITTEN)
        """Answers to probes for the next batch."""
        self.film: deque[FilmRow] = deque(maxlen=UNWRITTEN)
        """Rows of the film for the next batch."""
        self.seconds = 0.0
        """How long training took so far."""
        self._training = training
        self._about = about
        self._settings = settings
        self._wake = wake
        self.store = Path(recording.store)
        """The file of the store."""
        self.writer = Writer(self.store, text, self._stir, self._owe)
        """The writing thread."""
        self._next = self._last = time.monotonic()
        self._next_norm = 0.0
        self._owed = False
        """True if something could not be gathered yet; `wake` is called when it can be."""
        self._unchecked: tuple[int, bool] | None = None
        """The arguments of `check_future`, until the record can be compared."""
        self._lazy = recording.looking
        """True if a fork is made only when it differs from its parent."""
        self._recorded = recorded = RecordedRun(self._new(recording), recording.run)
        if recalled is not None:
            recorded.lock = recalled.lock
            recorded.take(recalled.record)
            self.seconds = recalled.record.seconds
            self.writer.own(recorded)
        elif recording.run is not None or (recording.parent is not None and not self._lazy):
            self.writer.prepare(recorded)

    def _new(self, recording: Recording) -> NewRun:
        return replace(
            self._about(),
            parent=recording.parent,
            fork_step=recording.fork_step,
            name=recording.name,
        )

    @property
    def state(self) -> RecordState:
        """How the recording stands, for the screen."""
        recorded = self._recorded
        ours = recorded.uid != ""
        parent, fork_step = recorded.parent_run, recorded.fork_step
        if not ours:
            parent, fork_step = recorded.new.parent, recorded.new.fork_step
        pending = not ours and self.writer.trouble is None and self._worth_keeping()
        return RecordState(
            recorded.run if ours else None,
            recorded.uid,
            recorded.name,
            parent,
            fork_step,
            pending,
            self.writer.trouble,
        )

    def _stir(self) -> None:
        """Called in the writing thread when there is room for more."""
        if self._owed:
            self._wake()

    def _owe(self) -> None:
        """Called in the writing thread when a write failed."""
        self._owed = True

    # ------------------------------------------------------------ gathering

    def note(self, status: RunStatus) -> None:
        """Called after a step: gathers what is new if that is due now or during the next step."""
        now = time.monotonic()
        if now >= self._next_norm:
            self._measure_norm(now)
        if now + min(self._training.pace, EVERY) >= self._next:
            self.flush(status)

    def _measure_norm(self, now: float) -> None:
        """Note the length of the last gradient, for new steps only, and so seldom that it takes
        no more than _SHARE of the time."""
        training, up_to = self._training, self._recorded.up_to
        step = training.step
        known = up_to.measured.get(NORM) if up_to else None
        new = step == training.series.head and not (known and step <= known[-1])
        if new and training.last is not None and training.last.step == step:
            with suppress(Exception):  # a plugin's engine may fail; its next step says why
                length = _length(training.engine.read("gradients"))
                if math.isfinite(length):
                    self._note(NORM, step, length)
        self._next_norm = time.monotonic() + (time.monotonic() - now) / _SHARE

    def sampled(self, occasion: str, batch: SampleBatch) -> None:
        """Record sampled texts, and the share of them that is new. Called after the metrics have
        measured the texts."""
        self.samples.append(StoredSamples(occasion, batch))
        if batch.texts:
            new = [text.mark for text in batch.texts].count("new")
            self._note(NEW_SHARE, batch.step, new / len(batch.texts))

    def _note(self, label: str, step: int, value: float) -> None:
        """Keep a value for the record, unless the metric of that name, or the record, has one of
        this step."""
        series = self._training.series
        here = (one for each in (series.measured, series.noted) if (one := each.get(label)))
        if all(one.at(step) is None for one in here):
            series.noted.setdefault(label, Measured()).record(step, value)

    def flush(self, status: RunStatus, *, anyhow: bool = False, last: bool = False) -> None:
        """Gather all that is new now. anyhow: even if batches wait for the disk, or a write failed
        a moment ago. last: with the state of a large model, too."""
        now = time.monotonic()
        self._owed = True  # set first, because the writing thread may finish during the next line
        if not anyhow and (now < self.writer.quiet_until or self.writer.waiting >= _AHEAD):
            return
        self._next = now + EVERY
        self._check()
        recorded = self._recorded
        if recorded.up_to is None and not self.writer.waiting:
            if not self._worth_keeping():
                self._owed = False
                return
            self.writer.prepare(recorded)
            if self._training.pace > EVERY:  # the next call is a whole step away
                self.writer.settle(min(1.0, _PATIENCE * self._training.pace))
                self._check()
                recorded = self._recorded
        up_to = recorded.up_to
        if up_to is None:
            self._next = now + _SOON  # the run's row is being written; the batch follows at once
            return
        self._owed = False
        self.seconds = max(self.seconds, recorded.seconds)
        up_to.on_disk.earn(now - self._last)
        self._last = now
        gathered = gather(
            self._training,
            up_to,
            status,
            self._settings(),
            self.seconds,
            *self._to_record(recorded),
            last=last,
        )
        recorded.head = up_to.head
        if gathered is not None:
            self.writer.append(recorded, up_to, gathered)

    def _to_record(
        self, recorded: RecordedRun
    ) -> tuple[list[StoredSamples], list[ProbeAnswers], list[FilmRow]]:
        """The samples, answers and rows since the last batch, and those of batches that failed."""
        samples: list[StoredSamples] = []
        probes: list[ProbeAnswers] = []
        film: list[FilmRow] = []
        while recorded.unwritten:
            one = recorded.unwritten.popleft()
            if isinstance(one, StoredSamples):
                samples.append(one)
            elif isinstance(one, ProbeAnswers):
                probes.append(one)
            else:
                film.append(one)
        samples += self.samples
        probes += self.probes
        film += self.film
        self.samples.clear()
        self.probes.clear()
        self.film.clear()
        return samples, probes, film

    def _worth_keeping(self) -> bool:
        """True if the run has something to lose: a step, or a fork that a person asked for."""
        recorded, series = self._recorded, self._training.series
        if recorded.run is not None or recorded.parent is not None:
            return True
        if recorded.new.fork_step is not None:
            return not self._lazy or series.head > recorded.new.fork_step
        return series.head > series.first

    # ------------------------------------------------------------ forks

    def branch(self, step: int, status: RunStatus) -> None:
        """Called before the steps after `step` become others. If steps after `step` are recorded,
        they stay in the record, and this session continues as a fork."""
        if max(self._recorded.head, self._training.series.head) <= step:
            return
        quiet = time.monotonic() < self.writer.quiet_until
        if (
            self._recorded.up_to is None
            and not (self.writer.waiting or quiet)
            and self._worth_keeping()
        ):
            self.writer.prepare(self._recorded)
        self.writer.settle()
        self.flush(status, anyhow=self._recorded.up_to is not None)
        recorded = self._recorded
        if recorded.run is not None:
            self._fork(step)
        elif recorded.new.fork_step is not None:
            # A fork that is not in the store yet begins at the earlier of the two steps.
            recorded.new = replace(recorded.new, fork_step=min(step, recorded.new.fork_step))
        self._forget_after(step)

    def _forget_after(self, step: int) -> None:
        """Drop unrecorded samples, answers and rows after `step`: they belong to steps that are
        given up, and must not get into the record of the new ones."""
        unrecorded: tuple[deque[Any], ...] = (
            self.samples,
            self.probes,
            self.film,
            self._recorded.unwritten,
        )
        for waiting in unrecorded:
            for _ in range(len(waiting)):
                one = waiting.popleft()
                if (one.batch.step if isinstance(one, StoredSamples) else one.step) <= step:
                    waiting.append(one)

    def _fork(self, step: int) -> None:
        parent = self._recorded
        self._unchecked = None
        new = replace(self._about(), parent=parent.run, fork_step=step)
        self._recorded = RecordedRun(new, parent=parent)
        self._recorded.unwritten.extend(parent.unwritten)
        self.writer.prepare(self._recorded)

    def check_future(self, step: int, exact: bool) -> None:
        """Called when a recorded run continues at `step`. If the next steps will not be the
        recorded ones (other data or another engine, so not `exact`; or an edit before `step` is
        gone), the record stays, and this session becomes its fork. Otherwise the recorded edits
        after `step` belong to the run, and are made again."""
        self._unchecked = (step, exact)
        self.writer.settle()
        self._check()

    def _check(self) -> None:
        recorded, up_to, asked = self._recorded, self._recorded.up_to, self._unchecked
        if asked is None or up_to is None:
            return
        self._unchecked = None
        step, exact = asked
        timeline = self._training.timeline
        mine = {(edit.step, edit.field) for edit in timeline.edits}
        as_recorded = all(edit in up_to.edits for edit in timeline.edits if edit.step < up_to.head)
        known = ((edit.step, edit.field) for edit in up_to.edits if edit.step < step)
        nothing_missing = all(key in mine for key in known)
        about = self._about()
        same = same_settings(recorded.spec, about.spec) and recorded.data == about.data
        if not same or (up_to.head > step and not (exact and as_recorded and nothing_missing)):
            self._fork(step)
            return
        timeline.edits = up_to.edits.having(*timeline.edits)

    # ------------------------------------------------------------ the end

    @property
    def patience(self) -> float:
        """Seconds that the last writing may take."""
        size = self._training.keyframe_size
        return LAST + (size / _SLOWEST if size > LARGE else 0.0)

    def write_all(self, status: RunStatus) -> None:
        """Write what is left, and wait `patience` seconds at most. `state` then tells whether it
        failed."""
        until = time.monotonic() + self.patience
        self.flush(status, anyhow=True, last=True)
        # Without the run's row nothing of the run is kept, so a slow disk is waited for.
        if self._owed and self.writer.settle(LAST):
            self.flush(status, anyhow=True, last=True)
        self.writer.settle(max(0.0, until - time.monotonic()))

    def close(self, status: RunStatus) -> None:
        """Write what is left and release the run; takes `patience` seconds and one more at most."""
        self.write_all(status)
        self.writer.end(self._recorded)


def _length(values: array[float]) -> float:
    """The length of a vector, taken in parts: as arguments of a call, all numbers of a large model
    would be objects at once."""
    parts = range(0, len(values), _AT_ONCE)
    return math.hypot(*(math.hypot(*values[at : at + _AT_ONCE]) for at in parts))
