"""The thread that writes a run into the store, one job after the other.

It may wait for the disk and for others' locks; nobody waits for it but who asks to. What it
cannot do is in `trouble`, and is tried again as its owner sees fit.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.run import AGAIN
from playground.lab.record.batches import Gathered, RecordedRun, RecordedUpTo
from playground.lab.record.load import owner_of
from playground.lab.store.errors import StoreError
from playground.lab.store.keyframes import frame_bytes
from playground.lab.store.locks import RunLock, remove_lock
from playground.lab.store.records import NewRun
from playground.lab.store.store import Store

_HANDOVER = 0.0001
"""Seconds after which training lets the writing thread in."""


class Writer:
    """Belongs to one Recorder. Its jobs are put in by the thread that trains."""

    def __init__(
        self,
        path: Path,
        text: bytes | None,
        idle: Callable[[], None],
        failing: Callable[[], None],
    ) -> None:
        """path: the store. text: the file that the run learns from, if it is kept with it: what
        was read, for the file may be edited while the run goes on. idle: called in the writing
        thread after each job, and now and then while there is trouble; failing: when a job
        failed."""
        self.trouble: Failure | None = None
        """Why the last job could not be done."""
        self.quiet_until = 0.0
        """On the monotonic clock: nothing is to be tried before that, for there was trouble."""
        self._path, self._text = path, text
        self._idle, self._failing = idle, failing
        self._owner = owner_of(os.getpid())
        self._store: Store | None = None
        self._put_in = self._taken_out = 0  # each counted by one of the two threads only
        self._jobs: SimpleQueue[tuple[RecordedRun | None, Callable[[], None]] | None] = (
            SimpleQueue()
        )
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Jobs that are not done yet."""
        return self._put_in - self._taken_out

    def put(self, line: RecordedRun | None, job: Callable[[], None]) -> None:
        self._put_in += 1
        self._jobs.put((line, job))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                item = self._jobs.get(timeout=AGAIN if self.trouble else None)
            except Empty:  # nothing more came, for the run stands: what is missing is tried
                self._idle()
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
            self._idle()
        self._let_go()

    def _failed(self, line: RecordedRun | None, failure: Failure) -> None:
        self.trouble = failure
        self.quiet_until = time.monotonic() + AGAIN
        self._failing()
        if line is not None:
            line.marks = None  # how far the record goes is read anew
        self._let_go()  # the file may be another one when it is tried again

    def _let_go(self) -> None:
        """Of the store."""
        store, self._store = self._store, None
        if store is not None:
            with suppress(StoreError):
                store.close()

    def prepare(self, line: RecordedRun) -> None:
        """Have the run in the store; `line.marks` is there then."""
        self.put(line, lambda: self._begin(line))

    def own(self, line: RecordedRun) -> None:
        """The run is in the store, and held: say so there."""
        run = line.run
        assert run is not None
        self.put(line, lambda: self._open().set_owner(run, self._owner))

    def append(self, line: RecordedRun, marks: RecordedUpTo, gathered: Gathered) -> None:
        """Write what was gathered, and what it was gathered by is still what holds."""
        self.put(line, lambda: self._append(line, marks, gathered))

    def _begin(self, line: RecordedRun) -> None:
        """Have the run in the store, as ours, and know how far it goes."""
        if line.marks is not None:
            return
        store = self._open()
        if line.uid:
            self._find_again(store, line)
        if line.run is None:
            self._create(store, line, line.new)
        self._release_parent(store, line)  # now: whenever it is killed, one was interrupted
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
        line.take(record)
        self.trouble = None

    def _find_again(self, store: Store, line: RecordedRun) -> None:
        """The store may have been moved away, and be a new one, or a copy of the old one."""
        for deleted in (False, True):
            with suppress(StoreError):
                line.run = store.find(line.uid, deleted=deleted).id
                return
        if line.lock is not None:
            line.lock.release()
        line.run = line.lock = line.parent = None
        line.uid = ""
        line.new = replace(line.new, name=line.name, parent=None, fork_step=None)

    def _create(self, store: Store, line: RecordedRun, new: NewRun) -> None:
        """Locked before it is there: it shall not look like an interrupted one, and be one if it
        is killed the moment after."""
        if self._text is not None:
            new = replace(new, text_sha256=store.keep_text(self._text))
        step = new.fork_step
        if new.parent is not None and new.fork_step is not None:
            # If the end of the parent could not be recorded, the fork has it nevertheless.
            step = min(new.fork_step, store.row(new.parent).step)
        new = replace(new, uid=uuid.uuid4().hex)
        lock = RunLock(store.lock_folder, new.uid)
        lock.acquire()
        try:
            if new.parent is not None and step is not None:
                line.run = store.fork(new.parent, step, new, self._owner)
            else:
                line.run = store.create(new, self._owner)
        except BaseException:
            lock.release()
            remove_lock(store.lock_folder, new.uid)
            raise
        line.lock = lock

    def _append(self, line: RecordedRun, marks: RecordedUpTo, gathered: Gathered) -> None:
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
                self.trouble = None
                return
        except BaseException:
            line.unwritten.extend((*batch.samples, *batch.probes))
            raise
        line.unwritten.extend((*batch.samples, *batch.probes))
        self._failing()  # it was gathered in the very moment when that happened

    def _open(self) -> Store:
        if self._store is not None and self._store.moved:
            raise StoreError(
                "The store of runs was moved away",
                f"{self._path} is not the file that was written to any more. Put it back, or a "
                "new one is made, and the whole run recorded in it.",
                "missing",
            )
        if self._store is None:
            self._store = Store.open(self._path)
        return self._store

    def _release(self, store: Store, line: RecordedRun) -> None:
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
        self._release_parent(store, line)

    def _release_parent(self, store: Store, line: RecordedRun) -> None:
        """The run that was at work before this one."""
        if line.parent is not None:
            self._release(store, line.parent)
            line.parent = None

    # ------------------------------------------------------------ the end

    def settle(self, seconds: float = 2.0) -> bool:
        """Wait until all that was asked for is written; False if that takes too long."""
        if self._thread is None or not self.waiting:
            return True
        done = threading.Event()
        self.put(None, done.set)
        return done.wait(seconds)

    def end(self, line: RecordedRun) -> None:
        """Let go of the run and of the store, and end."""
        if self._thread is not None:
            self.put(None, lambda: self._release(self._open(), line))
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
