"""The store: runs, and everything that was recorded of them, in one SQLite file.

Several processes may have it open. A reader never waits; a writer waits for another one's
transaction, and none takes long: what is large is copied and removed in pieces.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from playground.lab.floats import as_bytes
from playground.lab.places import store_file
from playground.lab.store.database import Database
from playground.lab.store.errors import StoreError, missing
from playground.lab.store.forking import fork
from playground.lab.store.managing import Managing
from playground.lab.store.packing import (
    answers_json,
    clean,
    columns_of_spec,
    measured_rows,
    plugins_text,
    samples_text,
)
from playground.lab.store.records import Batch, NewRun, ProbeAnswers, RunStatus
from playground.lab.store.schema import IN_FORCE

__all__ = ["MAX_TEXT", "Store", "StoreError"]

MAX_TEXT = 1 << 30
"""Bytes of the largest text file that is kept."""


class Store(Managing):
    """Open it with `Store.open`. Threads may share it; they take turns."""

    @classmethod
    def open(cls, path: Path | None = None, *, create: bool = True, timeout: float = 5.0) -> Store:
        """path: the file; by default where this system keeps a user's data. An older store is
        brought up to date, and a copy of it stays beside it. timeout: seconds that a write
        waits for those of others.

        Raises StoreError for a file that cannot be used; it is left as it was then.
        """
        return cls(Database(path or store_file(), create, timeout))

    @property
    def moved(self) -> bool:
        """Whether the file was moved or deleted since it was opened, or another one is there."""
        return self._database.moved

    def close(self) -> None:
        """Closing twice does no harm."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------ recording

    def create(self, new: NewRun, owner: str) -> int:
        """A run begins; its id. owner: who has it open, for people. Raises StoreError."""
        with self._database.writing() as db:
            return insert_run(db, new, owner)

    def fork(self, parent: int, step: int, new: NewRun, owner: str) -> int:
        """A new run with the record of `parent` up to and including `step`, keyframes there
        included; its id. Edits made at `step` are not: what holds from there on is the fork's own
        to say, in its first batch. The parent stays as it is. `new` says what the run is; where it
        begins, and what of, follows from the parent.

        Raises ValueError for a step that the parent has no record of, and StoreError.
        """
        return fork(self._database, parent, step, new, owner, insert_run)

    def append(self, run: int, batch: Batch) -> None:
        """Write a batch, whole or not at all.

        Raises ValueError for one that does not begin where the record ends, and StoreError,
        also for a run that was deleted.
        """
        steps = len(batch.losses)
        if steps != len(batch.learning_rates):
            raise ValueError(f"{steps} losses, but {len(batch.learning_rates)} learning rates")
        with self._database.writing() as db:
            end = _end_of(db, run)
            if steps and batch.first != end:
                raise ValueError(
                    f"the record of run {run} ends at step {end}, not at {batch.first}"
                )
            if steps:
                db.execute(
                    "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        run,
                        end,
                        as_bytes(batch.losses),
                        as_bytes(batch.learning_rates),
                        batch.tokens_seen,
                        batch.seconds,
                    ),
                )
                db.execute(
                    "UPDATE runs SET step = ?, tokens_seen = ?, seconds = ? WHERE id = ?",
                    (end + steps, batch.tokens_seen, batch.seconds, run),
                )
            _add_what_was_seen(db, run, batch)
            _add_states(db, run, batch)
            db.execute(
                "UPDATE runs SET at = ?, status = ?, touched = ?, loss = coalesce(?, loss) "
                "WHERE id = ?",
                (batch.at, batch.status, time.time(), batch.loss, run),
            )
            if batch.settings is not None:
                db.execute("UPDATE details SET settings = ? WHERE run = ?", (batch.settings, run))

    def set_owner(self, run: int, owner: str) -> None:
        """Somebody opens the run. Raises StoreError."""
        with self._database.writing() as db:
            _end_of(db, run)
            db.execute("UPDATE runs SET owner = ? WHERE id = ?", (clean(owner), run))

    def close_run(self, run: int, at: int, status: RunStatus) -> None:
        """Nobody has it open any more; it stands at step `at`. Raises StoreError, but not for a
        run that was deleted meanwhile."""
        with self._database.writing() as db:
            db.execute(
                "UPDATE runs SET owner = '', at = ?, status = ? WHERE id = ?", (at, status, run)
            )

    # ------------------------------------------------------------ texts

    def keep_text(self, data: bytes) -> str:
        """Keep what a run learns from; its SHA-256. The same text is kept once.

        Raises StoreError, also for a text of more than MAX_TEXT bytes.
        """
        if len(data) > MAX_TEXT:
            raise StoreError(
                "The text is too large to be kept",
                f"It has {len(data):,} bytes; up to {MAX_TEXT:,} are kept with a run. The run can "
                "be opened again for as long as the file stays where it is.",
            )
        sha256 = hashlib.sha256(data).hexdigest()
        # Packed before anybody has to wait for it.
        packed = b"" if self.has_text(sha256) else zlib.compress(data, 3)
        with self._database.writing() as db:
            now = time.time()
            there = db.execute("UPDATE texts SET kept = ? WHERE sha256 = ?", (now, sha256))
            if not there.rowcount:  # or not any more: a purge may have been quicker
                packed = packed or zlib.compress(data, 3)
                db.execute(
                    "INSERT INTO texts VALUES (?, ?, ?, ?)", (sha256, now, len(data), packed)
                )
        return sha256

    def has_text(self, sha256: str) -> bool:
        """Whether a text is kept under this SHA-256. Raises StoreError."""
        with self._database.reading() as db:
            found = db.execute("SELECT 1 FROM texts WHERE sha256 = ?", (sha256,))
            return found.fetchone() is not None

    def text(self, sha256: str) -> bytes | None:
        """What was kept under this SHA-256. Raises StoreError if it was altered."""
        with self._database.reading() as db:
            found = db.execute(
                "SELECT data, size FROM texts WHERE sha256 = ?", (sha256,)
            ).fetchone()
            return None if found is None else unpacked(found[0], found[1], sha256)


def unpacked(packed: bytes, size: int, sha256: str) -> bytes:
    """A text as it was. Raises ValueError or zlib.error if it is not that."""
    if not 0 <= size <= MAX_TEXT:
        raise ValueError(f"a text of {size} bytes")
    data = zlib.decompressobj().decompress(packed, size + 1)
    if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("a text is not what was kept")
    return data


def insert_run(db: sqlite3.Connection, new: NewRun, owner: str, *, ready: bool = True) -> int:
    """The rows of a run without a step, within the caller's transaction."""
    now = time.time()
    parent = new.parent
    found = db.execute("SELECT uid FROM runs WHERE id = ?", (parent,)).fetchone()
    values = {
        "uid": new.uid or uuid.uuid4().hex,
        "name": clean(new.name),
        "created": now,
        "touched": now,
        "parent": parent,
        "parent_uid": found[0] if found else None,
        "fork_step": new.fork_step,
        "dataset": clean(new.dataset),
        **columns_of_spec(new.spec),
        "parameters": new.parameters,
        "first": new.first,
        "earliest": new.earliest,
        "step": new.first,
        "at": new.first,
        "status": "ready",
        "owner": clean(owner),
        "ready": ready,
    }
    marks = ", ".join("?" * len(values))
    done = db.execute(
        f"INSERT INTO runs ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
    )
    run = int(done.lastrowid or 0)
    json.loads(new.settings)  # what is no JSON is refused here, not when it is read
    db.execute(
        "INSERT INTO details (run, spec, tokenizer_state, data, plugins, settings, text_sha256) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            run,
            new.spec,
            new.tokenizer_state,
            new.data,
            plugins_text(new.plugins),
            new.settings,
            new.text_sha256,
        ),
    )
    return run


def _end_of(db: sqlite3.Connection, run: int) -> int:
    """The last step recorded. Raises StoreError for a run that is not there, or deleted."""
    found = db.execute("SELECT step, deleted FROM runs WHERE id = ?", (run,)).fetchone()
    if found is None:
        raise missing(
            "The run is not in the store", f"There is no run {run}; it goes on unrecorded."
        )
    if found[1] is not None:
        raise missing(
            "The run was deleted",
            f"Run {run} was deleted while it was open; it goes on unrecorded. Undo the deletion "
            "to have it recorded again.",
        )
    return int(found[0])


def _add_what_was_seen(db: sqlite3.Connection, run: int, batch: Batch) -> None:
    db.executemany(
        "INSERT INTO measurements (run, label, first, last, pairs) VALUES (?, ?, ?, ?, ?)",
        [(run, *row) for row in measured_rows(batch.evaluations, batch.measured)],
    )
    if batch.evaluations:
        step, loss = max(batch.evaluations)
        db.execute("UPDATE runs SET heldout = ? WHERE id = ? AND step >= ?", (loss, run, step))
    db.executemany(
        "INSERT INTO samples (run, step, body) VALUES (?, ?, ?)",
        [(run, one.batch.step, samples_text(one)) for one in batch.samples],
    )
    add_probes(db, run, batch.probes)
    db.executemany(
        "INSERT OR REPLACE INTO edits VALUES (?, ?, ?, ?)",
        [(run, one.step, one.field, one.value) for one in batch.edits],
    )
    if batch.edits:
        db.execute(f"{IN_FORCE} WHERE id = ?", (run,))


def add_probes(db: sqlite3.Connection, run: int, probes: Sequence[ProbeAnswers]) -> None:
    """Answers at one step take the place of those that were there."""
    db.executemany(
        "INSERT OR REPLACE INTO probes VALUES (?, ?, ?)",
        [(run, one.step, answers_json(one)) for one in probes],
    )


def _add_states(db: sqlite3.Connection, run: int, batch: Batch) -> None:
    db.executemany(
        "DELETE FROM keyframes WHERE run = ? AND step = ? AND tip = 0",
        [(run, step) for step in batch.dropped],
    )
    rows = [(run, frame.step, False, frame.state) for frame in batch.keyframes]
    if batch.tip is not None:
        db.execute("DELETE FROM keyframes WHERE run = ? AND tip = 1", (run,))
        rows.append((run, batch.tip.step, True, batch.tip.state))
    db.executemany("INSERT OR REPLACE INTO keyframes VALUES (?, ?, ?, ?)", rows)
