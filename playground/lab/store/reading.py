"""What the store can be asked."""

from __future__ import annotations

import difflib
import sqlite3
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playground.lab.floats import floats_of
from playground.lab.store.database import Database
from playground.lab.store.errors import StoreError, missing
from playground.lab.store.locks import is_open
from playground.lab.store.packing import (
    ROW_COLUMNS,
    answers_of,
    clean,
    evaluations_of,
    joined,
    plugins_of,
    samples_of,
)
from playground.lab.store.query import Query
from playground.lab.store.records import (
    Edit,
    ProbeAnswers,
    RunRecord,
    RunRow,
    StoredKeyframe,
    StoredSamples,
)

SEEN = "runs.deleted IS NULL AND runs.ready"
PUT_AWAY = "runs.deleted IS NOT NULL AND runs.ready"
"""Deleted, and not purged."""


class Reading:
    """Each question is answered from one state of the store, while others write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def lock_folder(self) -> Path:
        """For `RunLock` and `is_open`."""
        return self.path.with_name(f"{self.path.name}-locks")

    # ------------------------------------------------------------ lists

    def runs(self, query: Query | None = None) -> list[RunRow]:
        """The runs that are not deleted, newest first if nothing else is asked for."""
        query = query or Query()
        left = [row.id for row in self.interrupted()] if query.asks_for_status else []
        where, order, values = query.sql(left)
        with self._database.reading() as db:
            found = db.execute(
                f"SELECT {ROW_COLUMNS} FROM runs WHERE {SEEN} AND {where} {order}", values
            )
            return [RunRow(*one) for one in found]

    def interrupted(self) -> list[RunRow]:
        """Runs that somebody opened and that no living process has open, newest first: their
        process was killed, or the machine stopped. Raises StoreError."""
        with self._database.reading() as db:
            found = db.execute(
                f"SELECT {ROW_COLUMNS} FROM runs WHERE {SEEN} AND owner != '' "
                "ORDER BY touched DESC, id DESC"
            )
            owned = [RunRow(*one) for one in found]
        return [row for row in owned if not is_open(self.lock_folder, row.uid)]

    def row(self, run: int) -> RunRow:
        """Raises StoreError "missing"."""
        with self._database.reading() as db:
            return _row(db, run)

    def children(self, run: int) -> list[RunRow]:
        """The runs that were forked from it, oldest first."""
        with self._database.reading() as db:
            found = db.execute(
                f"SELECT {ROW_COLUMNS} FROM runs WHERE {SEEN} AND parent = ? ORDER BY id", (run,)
            )
            return [RunRow(*one) for one in found]

    def find(self, words: str, *, deleted: bool = False) -> RunRow:
        """By number, by name, or by uid or at least four digits of its beginning. deleted: of
        the runs that were deleted, and of those alone.

        Raises StoreError "missing", saying what there is.
        """
        wanted = clean(words).strip()  # as names are kept
        seen = PUT_AWAY if deleted else SEEN
        with self._database.reading() as db:
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
            raise missing("There is no such run", _what_there_is(db, words))

    def deleted(self) -> list[tuple[RunRow, float]]:
        """The runs that can be brought back, and when each was deleted, the latest first."""
        with self._database.reading() as db:
            found = db.execute(
                f"SELECT deleted, {ROW_COLUMNS} FROM runs WHERE {PUT_AWAY} "
                "ORDER BY deleted DESC, id DESC"
            )
            return [(RunRow(*row), when) for when, *row in found]

    def totals(self) -> tuple[int, int]:
        """Runs that are not deleted, and bytes on the disk."""
        with self._database.reading() as db:
            count = db.execute(f"SELECT count(*) FROM runs WHERE {SEEN}").fetchone()[0]
        size = 0
        for ending in ("", "-wal"):
            file = self.path.with_name(self.path.name + ending)
            size += file.stat().st_size if file.exists() else 0
        return int(count), size

    # ------------------------------------------------------------ one run

    def record(self, run: int) -> RunRecord:
        """All of it but the samples and the keyframes' bytes. Raises StoreError "missing"."""
        with self._database.reading() as db:
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
            first, earliest, tokens_seen, seconds = numbers
            losses, rates = _series(db, run, first)
            measured = joined(_of(db, run, "label, pairs", "measurements", "id"))
            evaluations = measured.pop(None, array("d"))
            edits = _of(db, run, "step, field, value", "edits", "step, rowid")
            frames = _of(db, run, "DISTINCT step", "keyframes", "step")
            return RunRecord(
                row,
                spec,
                tokenizer,
                data,
                text,
                plugins_of(plugins),
                settings,
                first,
                earliest,
                losses,
                rates,
                tokens_seen,
                seconds,
                evaluations_of(evaluations),
                {label: values for label, values in measured.items() if label is not None},
                tuple(Edit(*one) for one in edits),
                tuple(step for (step,) in frames),
            )

    def curve(self, run: int) -> tuple[int, array[float], array[float]]:
        """(first, losses, learning rates) of the steps after `first`."""
        with self._database.reading() as db:
            _row(db, run)
            found = db.execute("SELECT first FROM runs WHERE id = ?", (run,)).fetchone()
            return (int(found[0]), *_series(db, run, found[0]))

    def keyframe(self, run: int, step: int) -> StoredKeyframe | None:
        """What was kept of exactly this step."""
        with self._database.reading() as db:
            found = db.execute(
                "SELECT state FROM keyframes WHERE run = ? AND step = ?", (run, step)
            ).fetchone()
            return None if found is None else StoredKeyframe(step, found[0])

    def keyframes(self, run: int) -> Iterator[StoredKeyframe]:
        """All of them in order, one at a time in memory, the tip included."""
        with self._database.reading() as db:
            steps = list(_of(db, run, "DISTINCT step", "keyframes", "step"))
        for (step,) in steps:
            found = self.keyframe(run, step)
            if found is not None:  # it may have been dropped meanwhile
                yield found

    def samples(
        self, run: int, since_step: int = 0, most: int | None = None
    ) -> list[StoredSamples]:
        """Those made after `since_step` steps or more, in the order of the steps. most: only the
        last ones."""
        with self._database.reading() as db:
            found = db.execute(
                "SELECT body FROM samples WHERE run = ? AND step >= ? "
                "ORDER BY step DESC, id DESC LIMIT ?",
                (run, since_step, -1 if most is None else most),
            ).fetchall()
            return [samples_of(body) for (body,) in reversed(found)]

    def probes(self, run: int) -> list[ProbeAnswers]:
        """In the order of the steps."""
        with self._database.reading() as db:
            return [answers_of(*one) for one in _of(db, run, "step, answers", "probes", "step")]

    # ------------------------------------------------------------ the file

    def check(self) -> list[str]:
        """What is wrong with the file, in SQLite's words; empty if nothing is."""
        try:
            with self._database.reading() as db:
                found = [str(one[0]) for one in db.execute("PRAGMA integrity_check")]
                broken = [
                    f"a row of {table} belongs to no row of {parent}"
                    for table, _, parent, _ in db.execute("PRAGMA foreign_key_check")
                ]
        except StoreError as error:
            return [error.message]
        return [one for one in found if one != "ok"] + broken


def _where(
    db: sqlite3.Connection, condition: str, *values: object, seen: str = SEEN
) -> list[RunRow]:
    found = db.execute(
        f"SELECT {ROW_COLUMNS} FROM runs WHERE {seen} AND {condition} ORDER BY id", values
    )
    return [RunRow(*one) for one in found]


def _row(db: sqlite3.Connection, run: int) -> RunRow:
    found = _where(db, "id = ?", run)
    if not found:
        raise missing("There is no such run", _what_there_is(db, str(run)))
    return found[0]


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
    """Rows of one run."""
    return db.execute(f"SELECT {columns} FROM {table} WHERE run = ? ORDER BY {order}", (run,))


def _series(db: sqlite3.Connection, run: int, first: int) -> tuple[array[float], array[float]]:
    """Losses and learning rates. Raises ValueError if pieces are missing."""
    losses, rates = array("d"), array("d")
    rows = _of(db, run, "first, losses, learning_rates", "chunks", "first")
    for begin, some_losses, some_rates in rows:
        if begin != first + len(losses) or len(some_losses) != len(some_rates):
            raise ValueError(f"the losses of run {run} have a gap at step {begin}")
        losses.extend(floats_of(some_losses))
        rates.extend(floats_of(some_rates))
    return losses, rates
