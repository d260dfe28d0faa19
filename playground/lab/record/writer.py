"""The thread that writes a run into the store, one job after the other.

The thread may wait for the disk and for the locks of others; only `settle` waits for the thread.
`trouble` says what the thread could not write; its Recorder decides when to try again.
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
"""Python's switch interval while a batch is written, in seconds."""


class Writer:
    """The writing thread of one Recorder. The thread that trains puts the jobs in."""

    def __init__(
        self,
        path: Path,
        text: bytes | None,
        idle: Callable[[], None],
        failing: Callable[[], None],
    ) -> None:
        """path: the store. text: the bytes of the file that the run learns from, if they are to be
        kept; the file itself may be edited meanwhile. idle: called in the writing thread after
        each job, and every AGAIN seconds while there is trouble. failing: called there when a job
        failed."""
        self.trouble: Failure | None = None
        """Why a job failed; None after a later job succeeded."""
        self.quiet_until = 0.0
        """The time on the monotonic clock before which nothing is tried after a failure."""
        self._path, self._text = path, text
        self._idle, self._failing = idle, failing
        self._owner = owner_of(os.getpid())
        self._store: Store | None = None
        self._put_in = self._taken_out = 0  # each is changed by one thread only
        self._jobs: SimpleQueue[tuple[RecordedRun | None, Callable[[], None]] | None] = (
            SimpleQueue()
        )
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many jobs are not done yet."""
        return self._put_in - self._taken_out

    def put(self, recorded: RecordedRun | None, job: Callable[[], None]) -> None:
        self._put_in += 1
        self._jobs.put((recorded, job))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                item = self._jobs.get(timeout=AGAIN if self.trouble else None)
            except Empty:  # the run stands and puts nothing in: what is missing is tried again
                self._idle()
                continue
            if item is None:
                break
            recorded, job = item
            try:
                job()
            except StoreError as error:
                self._failed(recorded, Failure(error.title, error.message))
            except Exception as error:  # training goes on after any error
                reason = f"{type(error).__name__}: {error}."
                self._failed(
                    recorded, Failure("The run cannot be recorded", reason, kind="internal")
                )
            finally:
                self._taken_out += 1
            self._idle()
        self._let_go()

    def _failed(self, recorded: RecordedRun | None, failure: Failure) -> None:
        self.trouble = failure
        self.quiet_until = time.monotonic() + AGAIN
        self._failing()
        if recorded is not None:
            recorded.up_to = None  # the next job reads anew how far the record goes
        self._let_go()  # the next job may find another file there

    def _let_go(self) -> None:
        """Close the store."""
        store, self._store = self._store, None
        if store is not None:
            with suppress(StoreError):
                store.close()

    def prepare(self, recorded: RecordedRun) -> None:
        """Put in a job that gets the run into the store and sets `recorded.up_to`."""
        self.put(recorded, lambda: self._begin(recorded))

    def own(self, recorded: RecordedRun) -> None:
        """Put in a job that names this process as the owner of a run that it has locked."""
        run = recorded.run
        assert run is not None
        self.put(recorded, lambda: self._open().set_owner(run, self._owner))

    def append(self, recorded: RecordedRun, up_to: RecordedUpTo, gathered: Gathered) -> None:
        """Put in a job that writes a batch, if `up_to` is still that of the run by then."""
        self.put(recorded, lambda: self._append(recorded, up_to, gathered))

    def _begin(self, recorded: RecordedRun) -> None:
        """Get the run into the store, lock it, and set `recorded.up_to` by its record."""
        if recorded.up_to is not None:
            return
        store = self._open()
        if recorded.uid:
            self._find_again(store, recorded)
        if recorded.run is None:
            self._create(store, recorded, recorded.new)
        # After the row is inserted, so that a kill at any moment leaves an interrupted run.
        self._release_parent(store, recorded)
        assert recorded.run is not None
        record = store.record(recorded.run)
        if recorded.lock is None:
            lock = RunLock(store.lock_folder, record.row.uid)
            if not lock.acquire(2.0):
                raise StoreError(
                    "The run is recorded elsewhere",
                    f"Run {recorded.run} is open in {record.row.owner or 'another playground'}. "
                    "Close it there.",
                    "locked",
                )
            recorded.lock = lock
        store.set_owner(recorded.run, self._owner)
        recorded.take(record)
        self.trouble = None

    def _find_again(self, store: Store, recorded: RecordedRun) -> None:
        """Look for the run by its uid, because the file may be a new store or a copy of the old
        one. A run that is not found is to be inserted anew."""
        for deleted in (False, True):
            with suppress(StoreError):
                recorded.run = store.find(recorded.uid, deleted=deleted).id
                return
        if recorded.lock is not None:
            recorded.lock.release()
        recorded.run = recorded.lock = recorded.parent = None
        recorded.uid = ""
        recorded.new = replace(recorded.new, name=recorded.name, parent=None, fork_step=None)

    def _create(self, store: Store, recorded: RecordedRun, new: NewRun) -> None:
        """Insert the run. Takes its lock before the row is inserted: a row with an owner and a free
        lock counts as interrupted, and another process could open it."""
        if self._text is not None:
            new = replace(new, text_sha256=store.keep_text(self._text))
        step = new.fork_step
        if new.parent is not None and new.fork_step is not None:
            # The fork records the end of the parent itself if the parent's record lacks it.
            step = min(new.fork_step, store.row(new.parent).step)
        new = replace(new, uid=uuid.uuid4().hex)
        lock = RunLock(store.lock_folder, new.uid)
        lock.acquire()
        try:
            if new.parent is not None and step is not None:
                recorded.run = store.fork(new.parent, step, new, self._owner)
            else:
                recorded.run = store.create(new, self._owner)
        except BaseException:
            lock.release()
            remove_lock(store.lock_folder, new.uid)
            raise
        recorded.lock = lock

    def _append(self, recorded: RecordedRun, up_to: RecordedUpTo, gathered: Gathered) -> None:
        batch = gathered.batch
        try:
            if recorded.up_to is up_to and recorded.run is not None:  # else an earlier job failed
                whole = replace(
                    batch,
                    keyframes=tuple(map(frame_bytes, gathered.frames)),
                    tip=frame_bytes(gathered.tip) if gathered.tip is not None else None,
                )
                store = self._open()
                with _let_in_at_once():
                    store.append(recorded.run, whole)
                self.trouble = None
                return
        except BaseException:
            recorded.unwritten.extend((*batch.samples, *batch.probes, *batch.film))
            raise
        recorded.unwritten.extend((*batch.samples, *batch.probes, *batch.film))
        self._failing()  # the batch was gathered in the moment of that failure

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

    def _release(self, store: Store, recorded: RecordedRun) -> None:
        """Close the run in the store and free its lock; the same for its parent."""
        try:
            if recorded.run is not None:
                row = store.row(recorded.run)
                at, status = recorded.up_to.stands if recorded.up_to else (-1, None)
                at, status = (row.at, row.status) if status is None else (at, status)
                store.close_run(recorded.run, at, "paused" if status == "running" else status)
        finally:
            if recorded.lock is not None:
                recorded.lock.release()
                recorded.lock = None
        self._release_parent(store, recorded)

    def _release_parent(self, store: Store, recorded: RecordedRun) -> None:
        """Release the run of this session before."""
        if recorded.parent is not None:
            self._release(store, recorded.parent)
            recorded.parent = None

    # ------------------------------------------------------------ the end

    def settle(self, seconds: float = 2.0) -> bool:
        """Wait until all jobs are done; False after `seconds`."""
        if self._thread is None or not self.waiting:
            return True
        done = threading.Event()
        self.put(None, done.set)
        return done.wait(seconds)

    def end(self, recorded: RecordedRun) -> None:
        """Release the run, close the store, and end the thread; waits one second at most."""
        if self._thread is not None:
            self.put(None, lambda: self._release(self._open(), recorded))
            self._jobs.put(None)
            self._thread.join(1.0)


@contextmanager
def _let_in_at_once() -> Iterator[None]:
    """Lower Python's switch interval, so that training hands over at every occasion: after each
    statement this thread needs its turn back, while other processes wait for the store's lock."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _HANDOVER))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
