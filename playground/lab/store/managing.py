"""What a person does with their runs: name, note, delete, take back, and clear away."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from playground.lab.store.errors import StoreError, missing
from playground.lab.store.locks import remove_lock
from playground.lab.store.packing import clean
from playground.lab.store.pieces import ROWS, in_pieces, last_of
from playground.lab.store.reading import Reading
from playground.lab.store.schema import OF_A_RUN
from playground.lab.store.thinning import BUDGET, thin

WEEK = 7 * 86400.0
MAX_NAME = 200
"""Characters of a run's name."""
_UNFINISHED = 86400.0
"""Seconds after which a copy that did not become whole never will."""
_TO_GO = "deleted <= :deleted OR (NOT ready AND created <= :begun)"
_SIZES = {
    "chunks": "2 * length(losses)",
    "measurements": "length(pairs)",
    "samples": "length(body)",
    "probes": "length(answers)",
    "keyframes": "length(state)",
}
_PAGES = 256
"""Pages that are given back to the system at once."""
_WORTH_IT = 4
"""Room is given back if more than one page in so many is free."""


class Managing(Reading):
    """Changes of what is shown, never of what was recorded."""

    def rename(self, run: int, name: str) -> None:
        """Without the spaces around it: with them nobody could find the run by it. Raises
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
        """Raises StoreError."""
        self._set(run, "note", note)

    def _set(self, run: int, column: str, text: str) -> None:
        with self._database.writing() as db:
            done = db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (clean(text), run))
            if not done.rowcount:
                raise missing("There is no such run", f"Run {run} is not in the store any more.")

    def delete(self, runs: Iterable[int]) -> None:
        """They are in no list from now on. `restore` takes that back until `purge`. Runs that
        are not there are left out. Raises StoreError."""
        now = time.time()
        with self._database.writing() as db:
            db.executemany(
                "UPDATE runs SET deleted = ? WHERE id = ? AND deleted IS NULL",
                [(now, run) for run in runs],
            )

    def restore(self, runs: Iterable[int]) -> None:
        """Take a deletion back. Raises StoreError "missing" for runs that were purged; then
        none is restored."""
        with self._database.writing() as db:
            for run in runs:
                undo = "UPDATE runs SET deleted = NULL WHERE id = ? AND ready"
                done = db.execute(undo, (run,))
                if not done.rowcount:
                    raise missing(
                        "The run is gone for good",
                        f"Run {run} was deleted too long ago to be taken back.",
                    )

    def purge(self, older_than: float = WEEK) -> int:
        """Remove for good what was deleted so many seconds ago, and texts that no run learns
        from any more; how many runs went. Others write meanwhile. Raises StoreError."""
        now = time.time()
        times = {"deleted": now - older_than, "begun": now - max(older_than, _UNFINISHED)}
        with self._database.reading() as db:
            found = db.execute(f"SELECT id FROM runs WHERE {_TO_GO}", times).fetchall()
        # It takes its time: what is restored before it is its turn stays.
        gone = sum(self._remove(run, _TO_GO, times) for (run,) in found)
        self._remove_texts(now - older_than)
        self._give_back()
        return gone

    def thin(self, budget: int = BUDGET) -> int:
        """Keep the keyframes of all runs together within `budget` bytes; how many bytes went.
        See thinning.py."""
        gone = thin(self._database, budget)
        if gone:
            self._give_back()
        return gone

    def _remove(
        self, run: int, condition: str = "1", values: Mapping[str, float] = MappingProxyType({})
    ) -> bool:
        """In pieces, if the condition holds; whether it did. From the first piece on it cannot be
        restored: its mark says ready = 0."""
        with self._database.writing() as db:
            mark = f"UPDATE runs SET ready = 0 WHERE id = :run AND ({condition})"
            if not db.execute(mark, {**values, "run": run}).rowcount:
                return False
        for table in OF_A_RUN:
            size = _SIZES.get(table, "100")

            def piece(db: sqlite3.Connection, table: str = table, size: str = size) -> bool:
                sizes = db.execute(
                    f"SELECT rowid, {size} FROM {table} WHERE run = ? ORDER BY rowid LIMIT {ROWS}",
                    (run,),
                ).fetchall()
                if not sizes:
                    return False
                db.execute(
                    f"DELETE FROM {table} WHERE run = ? AND rowid <= ?", (run, last_of(sizes))
                )
                return True

            in_pieces(self._database, piece)
        with self._database.writing() as db:
            found = db.execute("SELECT uid FROM runs WHERE id = ?", (run,)).fetchone()
            db.execute("DELETE FROM runs WHERE id = ?", (run,))
        if found is not None:
            remove_lock(self.lock_folder, found[0])
        return True

    def _remove_texts(self, before: float) -> None:
        """One that was kept lately may be that of a run which is about to begin."""

        def piece(db: sqlite3.Connection) -> bool:
            done = db.execute(
                "DELETE FROM texts WHERE sha256 = (SELECT sha256 FROM texts WHERE kept <= ? AND "
                "sha256 NOT IN (SELECT text_sha256 FROM details) LIMIT 1)",
                (before,),
            )
            return done.rowcount > 0

        in_pieces(self._database, piece)

    def _give_back(self) -> None:
        """Room in the file that nothing is in any more, if it is a good part of it: what comes
        next goes there otherwise."""

        def piece(db: sqlite3.Connection) -> bool:
            db.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
            return bool(db.execute("PRAGMA freelist_count").fetchone()[0])

        pages, free = (
            self._database.execute(f"PRAGMA {name}")[0][0]
            for name in ("page_count", "freelist_count")
        )
        if int(str(free)) * _WORTH_IT > int(str(pages)):
            in_pieces(self._database, piece)
