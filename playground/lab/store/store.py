"""The store: runs, and everything that was recorded of them, in one SQLite file.

Several processes may have the file open. A reader never waits. A writer waits for the transaction
of another, and no transaction takes long: large things are copied and removed in pieces.
"""

from __future__ import annotations

import difflib
import hashlib
import sqlite3
import time
import zlib
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from playground.lab.edits import edit_of
from playground.lab.floats import as_bytes, floats_of
from playground.lab.paths import MOST, store_file
from playground.lab.protocol.film import FilmRow
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.store.database import Database
from playground.lab.store.errors import StoreError, missing
from playground.lab.store.fork import fork
from playground.lab.store.locks import is_open
from playground.lab.store.query import Query
from playground.lab.store.records import (
    Batch,
    NewRun,
    RunRecord,
    RunRow,
    RunStatus,
    StoredKeyframe,
    StoredSamples,
)
from playground.lab.store.rows import (
    ROW_COLUMNS,
    answers_json,
    answers_of,
    bytes_of,
    clean,
    evaluations_of,
    film_row_json,
    film_row_of,
    insert_run,
    joined,
    measured_rows,
    plugins_of,
    row_of,
    samples_of,
    samples_text,
)
from playground.lab.store.schema import IN_FORCE
from playground.strict import LARGEST, Refusal, fields, number, parsed, shown, text_of, whole

SEEN = "runs.deleted IS NULL AND runs.ready"
"""The condition on a run that lists show."""
PUT_AWAY = "runs.deleted IS NOT NULL AND runs.ready"
"""The condition on a run that was deleted and can still be restored."""
MAX_NAME = 200
"""Characters of a run's name."""
MAX_TEXT = MOST
"""Bytes of the largest text that `Store.keep_text` takes."""
MAX_PACKED = MAX_TEXT + MAX_TEXT // 1000 + 1000
"""Bytes that zlib makes of a text at most."""


class Store:
    """An open store. `Store.open` makes one; threads may share it, and take turns.

    Each method answers from one state of the file, while other processes write.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        """The connection, for transactions of the other modules of this package."""

    @classmethod
    def open(cls, path: Path | None = None, *, create: bool = True, timeout: float = 5.0) -> Store:
        """Open the file, and migrate a store of an older version; a copy of the older one stays
        beside it.

        path: the file; by default in the system's folder for a user's data. create: make a new
        store if there is no file. timeout: seconds that a write waits for the writes of others.

        Raises StoreError for a file that cannot be used; then the file is as it was.
        """
        return cls(Database(path or store_file(), create, timeout))

    @property
    def moved(self) -> bool:
        """True if the file was moved or deleted since it was opened, or replaced by another."""
        return self.database.moved

    def close(self) -> None:
        """Close the file. Closing twice does no harm."""
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.database.path

    @property
    def lock_folder(self) -> Path:
        """The folder of the lock files, for `RunLock` and `is_open`."""
        return self.path.with_name(f"{self.path.name}-locks")

    # ------------------------------------------------------------ lists

    def runs(self, query: Query | None = None) -> list[RunRow]:
        """The runs that fit the query and are not deleted. Without a query all of them, newest
        first."""
        query = query or Query()
        left = [row.id for row in self.interrupted()] if query.asks_for_status else []
        where, order, values = query.sql(left)
        with self.database.reading() as db:
            found = db.execute(
                f"SELECT {ROW_COLUMNS} FROM runs WHERE {SEEN} AND {where} {order}", values
            )
            return [row_of(one) for one in found]

    def interrupted(self) -> list[RunRow]:
        """The runs that have an owner but no living process, newest first: the process was
        killed, or the machine stopped. Raises StoreError."""
        with self.database.reading() as db:
            found = db.execute(
                f"SELECT {ROW_COLUMNS} FROM runs WHERE {SEEN} AND owner != '' "
                "ORDER BY touched DESC, id DESC"
            )
            owned = [row_of(one) for one in found]
        return [row for row in owned if not is_open(self.lock_folder, row.uid)]

    def row(self, run: int) -> RunRow:
        """One run. Raises StoreError "missing"."""
        with self.database.reading() as db:
            return _row(db, run)

    def children(self, run: int) -> list[RunRow]:
        """The forks of a run, oldest first."""
        with self.database.reading() as db:
            found = db.execute(
                f"SELECT {ROW_COLUMNS} FROM runs WHERE {SEEN} AND parent = ? ORDER BY id", (run,)
            )
            return [row_of(one) for one in found]

    def find(self, words: str, *, deleted: bool = False) -> RunRow:
        """The run of this number, this name, or this uid, of which four digits are enough.
        deleted: search the deleted runs instead.

        Raises StoreError "missing", which names the runs that there are.
        """
        wanted = clean(words).strip()  # names are kept in this form
        seen = PUT_AWAY if deleted else SEEN
        with self.database.reading() as db:
            if wanted.isdecimal() and wanted.isascii() and len(wanted) < 19:
                found = _where(db, "id = ?", int(wanted), seen=seen)
                if found:
                    return found[0]
            found = _where(db, "name = ?", wanted, seen=seen) if wanted else []
            if not found and len(wanted) >= 4 and wanted.isalnum():
                begins = "substr(uid, 1, ?) = ?"
                found = _where(db, begins, len(wanted), wanted.lower(), seen=seen)
            if len(found) == 1:
                return found[0]
            if found:
                numbers = ", ".join(str(row.id) for row in found[:10])
                raise missing(
                    "More than one run is meant", f"{words!r} fits the runs {numbers}. Say which."
                )
            if deleted:
                raise missing("There is no such run", _what_was_deleted(db, wanted))
            away = _where(db, "CAST(id AS TEXT) = ?", wanted, seen=PUT_AWAY)
            raise (
                _put_away(away[0].id)
                if away
                else missing("There is no such run", _what_there_is(db, words))
            )

    def deleted(self) -> list[tuple[RunRow, float]]:
        """The runs that can be restored, each with the time of its deletion, latest first."""
        with self.database.reading() as db:
            found = db.execute(
                f"SELECT deleted, {ROW_COLUMNS} FROM runs WHERE {PUT_AWAY} "
                "ORDER BY deleted DESC, id DESC"
            )
            return [(row_of(row), number(when, "the time of a deletion")) for when, *row in found]

    def totals(self) -> tuple[int, int]:
        """(number of runs that are not deleted, bytes on the disk)."""
        with self.database.reading() as db:
            count = db.execute(f"SELECT count(*) FROM runs WHERE {SEEN}").fetchone()[0]
        size = 0
        for ending in ("", "-wal"):
            file = self.path.with_name(self.path.name + ending)
            size += file.stat().st_size if file.exists() else 0
        return int(count), size

    # ------------------------------------------------------------ one run

    def record(self, run: int) -> RunRecord:
        """All of a run but its samples and the bytes of its keyframes. Raises StoreError
        "missing"."""
        with self.database.reading() as db:
            row = _row(db, run)
            names = (
                "spec, tokenizer_state, data, text_sha256, plugins, settings, first, earliest, "
                "tokens_seen, seconds"
            )
            found = db.execute(
                f"SELECT {names} FROM runs JOIN details ON run = id WHERE id = ?", (run,)
            ).fetchone()
            if found is None:
                raise ValueError(f"run {run} has no settings")
            spec, tokenizer, data, text, plugins, settings, *numbers = found
            first, earliest, tokens_seen = (whole(one, "a step or a count") for one in numbers[:3])
            losses, rates = _series(db, run, first)
            measured = joined(_of(db, run, "label, pairs", "measurements", "id"), LARGEST)
            evaluations = measured.pop(None, array("d"))
            edits = _of(db, run, "step, field, value", "edits", "step, rowid")
            frames = _of(db, run, "DISTINCT step", "keyframes", "step")
            sections = fields(parsed(spec, "its settings"), "its settings")
            for section in ("dataset", "tokenizer", "model", "optimizer", "schedule"):
                fields(sections.get(section, {}), section)
            return RunRecord(
                row,
                spec,
                text_of(tokenizer, "its tokenizer"),
                text_of(data, "the fingerprint of its documents", 1000),
                text_of(text, "the fingerprint of its text", 1000),
                plugins_of(plugins),
                text_of(settings, "how it is looked at"),
                first,
                earliest,
                losses,
                rates,
                tokens_seen,
                number(numbers[3], "its seconds", 0),
                evaluations_of(evaluations),
                {label: values for label, values in measured.items() if label is not None},
                tuple(edit_of(whole(step, "the step of an edit"), *more) for step, *more in edits),
                tuple(whole(step, "the step of a state") for (step,) in frames),
                _clock(db, run, first),
            )

    def curve(self, run: int) -> tuple[int, array[float], array[float]]:
        """(first, losses, learning rates); the first loss is that of step `first + 1`."""
        with self.database.reading() as db:
            _row(db, run)
            found = db.execute("SELECT first FROM runs WHERE id = ?", (run,)).fetchone()
            first = whole(found[0], "its first step")
            return (first, *_series(db, run, first))

    def keyframe(self, run: int, step: int) -> StoredKeyframe | None:
        """The state after exactly this step; None if it was not kept."""
        with self.database.reading() as db:
            found = db.execute(
                "SELECT state FROM keyframes WHERE run = ? AND step = ?", (run, step)
            ).fetchone()
            return None if found is None else StoredKeyframe(step, found[0])

    def keyframes(self, run: int) -> Iterator[StoredKeyframe]:
        """All keyframes in order, the tip included, one at a time in memory."""
        with self.database.reading() as db:
            steps = list(_of(db, run, "DISTINCT step", "keyframes", "step"))
        for (step,) in steps:
            found = self.keyframe(run, step)
            if found is not None:  # another process may have dropped the keyframe meanwhile
                yield found

    def samples(
        self, run: int, since_step: int = 0, most: int | None = None
    ) -> list[StoredSamples]:
        """The samples of step `since_step` and later, in the order of the steps. most: how many
        at most; the last ones are taken."""
        with self.database.reading() as db:
            found = db.execute(
                "SELECT body FROM samples WHERE run = ? AND step >= ? "
                "ORDER BY step DESC, id DESC LIMIT ?",
                (run, since_step, -1 if most is None else most),
            ).fetchall()
            return [samples_of(body) for (body,) in reversed(found)]

    def probes(self, run: int) -> list[ProbeAnswers]:
        """The answers to probes, in the order of the steps."""
        with self.database.reading() as db:
            return [answers_of(*one) for one in _of(db, run, "step, answers", "probes", "step")]

    def film(self, run: int) -> list[FilmRow]:
        """The rows of the film strip, in the order of the steps."""
        with self.database.reading() as db:
            return [film_row_of(*one) for one in _of(db, run, "step, body", "film", "step")]

    # ------------------------------------------------------------ the file

    def check(self) -> list[str]:
        """What is wrong with the file, in SQLite's words; an empty list for a sound file."""
        try:
            with self.database.reading() as db:
                found = [str(one[0]) for one in db.execute("PRAGMA integrity_check")]
                broken = [
                    f"a row of {table} belongs to no row of {parent}"
                    for table, _, parent, _ in db.execute("PRAGMA foreign_key_check")
                ]
        except StoreError as error:
            return [error.message]
        return [one for one in found if one != "ok"] + broken

    # ------------------------------------------------------------ recording

    def create(self, new: NewRun, owner: str) -> int:
        """Insert a new run; returns its id. owner: a name for whoever has the run open. Raises
        StoreError."""
        with self.database.writing() as db:
            return insert_run(db, new, owner)

    def fork(self, parent: int, step: int, new: NewRun, owner: str) -> int:
        """Insert a new run with the record of `parent` up to and including `step`; returns its id.

        The keyframe of `step` is copied too, but not the edits made at `step`: the first batch of
        the fork says what holds from there on. The parent stays as it is. `new` describes the
        fork; its parent, first and fork step are set here.

        Raises ValueError for a step outside the parent's record, and StoreError.
        """
        return fork(self.database, parent, step, new, owner)

    def append(self, run: int, batch: Batch) -> None:
        """Write a batch, whole or not at all.

        Raises ValueError for a batch that does not begin where the record ends, and StoreError,
        also for a deleted run.
        """
        steps = len(batch.losses)
        if steps != len(batch.learning_rates):
            raise ValueError(f"{steps} losses, but {len(batch.learning_rates)} learning rates")
        with self.database.writing() as db:
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
        """Note who has the run open. Raises StoreError."""
        with self.database.writing() as db:
            _end_of(db, run)
            db.execute("UPDATE runs SET owner = ? WHERE id = ?", (clean(owner), run))

    def close_run(self, run: int, at: int, status: RunStatus) -> None:
        """Note that nobody has the run open any more, and that it stands at step `at`. Raises
        StoreError, but not for a run that was deleted meanwhile."""
        with self.database.writing() as db:
            db.execute(
                "UPDATE runs SET owner = '', at = ?, status = ? WHERE id = ?", (at, status, run)
            )

    # ------------------------------------------------------------ texts

    def keep_text(self, data: bytes) -> str:
        """Keep the text that a run learns from; returns its SHA-256. Equal texts are kept once.

        Raises StoreError, also for a text of more than MAX_TEXT bytes.
        """
        if len(data) > MAX_TEXT:
            raise StoreError(
                "The text is too large to be kept",
                f"It has {len(data):,} bytes; up to {MAX_TEXT:,} are kept with a run. The run can "
                "be opened again for as long as the file stays where it is.",
            )
        sha256 = hashlib.sha256(data).hexdigest()
        # Packed before the transaction begins, so that no other writer waits for the packing.
        packed = b"" if self.has_text(sha256) else zlib.compress(data, 3)
        with self.database.writing() as db:
            now = time.time()
            there = db.execute("UPDATE texts SET kept = ? WHERE sha256 = ?", (now, sha256))
            if not there.rowcount:  # a purge may have removed the text since it was looked for
                packed = packed or zlib.compress(data, 3)
                db.execute(
                    "INSERT INTO texts VALUES (?, ?, ?, ?)", (sha256, now, len(data), packed)
                )
        return sha256

    def has_text(self, sha256: str) -> bool:
        """True if a text of this SHA-256 is kept. Raises StoreError."""
        with self.database.reading() as db:
            found = db.execute("SELECT 1 FROM texts WHERE sha256 = ?", (sha256,))
            return found.fetchone() is not None

    def text(self, sha256: str) -> bytes | None:
        """The text of this SHA-256; None if it is not kept. Raises StoreError if the file holds
        other bytes than were kept."""
        with self.database.reading() as db:
            found = db.execute(
                "SELECT data, size FROM texts WHERE sha256 = ?", (sha256,)
            ).fetchone()
            return None if found is None else unpacked(found[0], found[1], sha256)

    # ------------------------------------------------------------ what a person does with runs

    def rename(self, run: int, name: str) -> None:
        """Name the run. Spaces around the name are removed, for `find` removes them too. Raises
        StoreError, also for a name of more than MAX_NAME characters."""
        name = name.strip()
        if len(name) > MAX_NAME:
            raise StoreError(
                "The name is too long",
                f"It has {len(name):,} characters, and a name has up to {MAX_NAME}. A note may be "
                "longer.",
            )
        self._set(run, "name", name)

    def annotate(self, run: int, note: str) -> None:
        """Write a note to the run. Raises StoreError."""
        self._set(run, "note", note)

    def _set(self, run: int, column: str, text: str) -> None:
        with self.database.writing() as db:
            done = db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (clean(text), run))
            if not done.rowcount:
                raise missing("There is no such run", f"Run {run} is not in the store any more.")

    def delete(self, runs: Iterable[int]) -> None:
        """Take the runs out of all lists; `restore` puts them back until `purge`. Ids that the
        store does not have are ignored. Raises StoreError."""
        now = time.time()
        with self.database.writing() as db:
            db.executemany(
                "UPDATE runs SET deleted = ? WHERE id = ? AND deleted IS NULL",
                [(now, run) for run in runs],
            )

    def restore(self, runs: Iterable[int]) -> None:
        """Take deletions back. Raises StoreError "missing" for a run that was purged; then none
        is restored."""
        with self.database.writing() as db:
            for run in runs:
                undo = "UPDATE runs SET deleted = NULL WHERE id = ? AND ready"
                done = db.execute(undo, (run,))
                if not done.rowcount:
                    raise missing(
                        "The run is gone for good",
                        f"Run {run} was deleted too long ago to be taken back.",
                    )


def _where(
    db: sqlite3.Connection, condition: str, *values: object, seen: str = SEEN
) -> list[RunRow]:
    found = db.execute(
        f"SELECT {ROW_COLUMNS} FROM runs WHERE {seen} AND {condition} ORDER BY id", values
    )
    return [row_of(one) for one in found]


def _row(db: sqlite3.Connection, run: int) -> RunRow:
    found = _where(db, "id = ?", run)
    if not found:
        raise (
            _put_away(run)
            if _where(db, "id = ?", run, seen=PUT_AWAY)
            else missing("There is no such run", _what_there_is(db, str(run)))
        )
    return found[0]


def _put_away(run: int) -> StoreError:
    return missing(
        "The run was deleted", f"To bring run {run} back: microgpt-play runs restore {run}"
    )


def _what_there_is(db: sqlite3.Connection, words: str) -> str:
    newest = db.execute(f"SELECT id, name FROM runs WHERE {SEEN} ORDER BY id DESC LIMIT 5000")
    rows = newest.fetchall()
    if not rows:
        return f"There is no run {words!r}, and no other either. Train something, and there is."
    names = [name for _, name in rows if name]
    close = difflib.get_close_matches(words, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    shown = ", ".join(f"{number} ({name})" if name else str(number) for number, name in rows[:5])
    rest = f" and {len(rows) - 5:,} more" if len(rows) > 5 else ""
    return f"There is no run {words!r}.{hint} There are: {shown}{rest}."


def _what_was_deleted(db: sqlite3.Connection, words: str) -> str:
    there = _where(db, "(CAST(id AS TEXT) = ? OR name = ?)", words, words)
    if there:
        return f"Run {words!r} is not deleted."
    newest = db.execute(f"SELECT id FROM runs WHERE {PUT_AWAY} ORDER BY deleted DESC LIMIT 11")
    numbers = [str(number) for (number,) in newest]
    if not numbers:
        return f"There is no deleted run {words!r}, and no other either."
    rest = " and more" if len(numbers) > 10 else ""
    return f"There is no deleted run {words!r}. There are: {', '.join(numbers[:10])}{rest}."


def _of(
    db: sqlite3.Connection, run: int, columns: str, table: str, order: str
) -> Iterator[tuple[Any, ...]]:
    """The rows of one run in a table."""
    return db.execute(f"SELECT {columns} FROM {table} WHERE run = ? ORDER BY {order}", (run,))


def _series(db: sqlite3.Connection, run: int, first: int) -> tuple[array[float], array[float]]:
    """(losses, learning rates) of a run. Raises ValueError for a gap between chunks."""
    losses, rates = array("d"), array("d")
    rows = _of(db, run, "first, losses, learning_rates", "chunks", "first")
    for begin, some_losses, some_rates in rows:
        some, others = (floats_of(bytes_of(one, "losses")) for one in (some_losses, some_rates))
        if begin != first + len(losses) or len(some) != len(others):
            raise Refusal(f"the losses of run {run} have a gap at step {shown(begin)}")
        losses.extend(some)
        rates.extend(others)
    return losses, rates


def _clock(db: sqlite3.Connection, run: int, first: int) -> array[float]:
    """`RunRecord.clock` of a run. Raises Refusal."""
    clock = array("d", () if first else (0, 0, 0.0))
    rows = _of(db, run, "first + length(losses) / 8, tokens_seen, seconds", "chunks", "first")
    for end, tokens, seconds in rows:
        whole(tokens, "the tokens seen")
        clock.extend((end, tokens, number(seconds, "the seconds of training", 0)))
    return clock


def unpacked(packed: bytes, size: int, sha256: str) -> bytes:
    """The text that was kept. Raises ValueError or zlib.error for bytes that were altered."""
    whole(size, "the size of a text", most=MAX_TEXT)
    if len(bytes_of(packed, "a text")) > MAX_PACKED:
        raise Refusal(f"a text takes {len(packed):,} bytes")
    data = zlib.decompressobj().decompress(packed, size + 1)
    if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("a text is not what was kept")
    return data


def _end_of(db: sqlite3.Connection, run: int) -> int:
    """The last recorded step. Raises StoreError for a run that is missing or deleted."""
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
    return whole(found[0], "its last step")


def _add_what_was_seen(db: sqlite3.Connection, run: int, batch: Batch) -> None:
    db.executemany(
        "INSERT INTO measurements (run, label, first, last, pairs) VALUES (?, ?, ?, ?, ?)",
        [(run, *row) for row in measured_rows(batch.evaluations, batch.measured)],
    )
    if batch.evaluations:
        step, loss = max(batch.evaluations)
        db.execute(
            "UPDATE runs SET heldout = ?, bits_per_nat = ?, heldout_text = ?, heldout_tokens = ? "
            "WHERE id = ? AND step >= ?",
            (loss, batch.bits_per_nat, batch.heldout_text, batch.heldout_tokens, run, step),
        )
    db.executemany(
        "INSERT INTO samples (run, step, body) VALUES (?, ?, ?)",
        [(run, one.batch.step, samples_text(one)) for one in batch.samples],
    )
    db.executemany(  # answers replace earlier answers at the same step
        "INSERT OR REPLACE INTO probes VALUES (?, ?, ?)",
        [(run, one.step, answers_json(one)) for one in batch.probes],
    )
    db.executemany(  # a row that is written again is the same
        "INSERT OR REPLACE INTO film VALUES (?, ?, ?)",
        [(run, one.step, film_row_json(one)) for one in batch.film],
    )
    db.executemany(
        "INSERT OR REPLACE INTO edits VALUES (?, ?, ?, ?)",
        [(run, one.step, one.field, one.value) for one in batch.edits],
    )
    if batch.edits:
        db.execute(f"{IN_FORCE} WHERE id = ?", (run,))


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
