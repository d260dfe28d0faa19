"""Clearing away: deleted runs, texts that no run learns from, keyframes of old runs.

A run can be replayed from any keyframe, so a keyframe that goes costs time and nothing else: the
replay to a step of an old run gets longer.

Large work is done in small transactions, with rests in which others write.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from playground.lab.store.database import Database
from playground.lab.store.locks import remove_lock
from playground.lab.store.schema import OF_A_RUN

if TYPE_CHECKING:
    from playground.lab.store.store import Store

DAY = 86400.0
"""Seconds for which a run that nobody touches keeps all of its keyframes."""
WEEK = 7 * DAY
"""Seconds for which a deletion can be taken back."""
BUDGET = 1 << 30
"""Bytes that the keyframes of all runs take together; more only where runs must keep theirs."""
AT_A_TIME = 1 << 20
"""Bytes that one transaction copies or removes."""
ROWS = 2000
"""Rows that one transaction copies or removes."""
_UNFINISHED = DAY
"""Seconds after which a fork or an import that is still incomplete was killed."""
_KEPT = 2
"""How many of a run's newest keyframes stay. Its tip and its first keyframe stay as well."""
_PAGES = 256
"""Pages that one transaction gives back to the system."""
_WORTH_IT = 4
"""Pages are given back if more than one in this many is free."""
_SIZES = {
    "chunks": "2 * length(losses)",
    "measurements": "length(pairs)",
    "samples": "length(body)",
    "probes": "length(answers)",
    "film": "length(body)",
    "keyframes": "length(state)",
}
_PURGED = "deleted <= :deleted OR (NOT ready AND created <= :begun)"
_THINNED = (
    "run = :run AND NOT tip AND step != :earliest AND step NOT IN "
    f"(SELECT step FROM keyframes WHERE run = :run AND NOT tip ORDER BY step DESC LIMIT {_KEPT})"
)


# ---------------------------------------------------------------- deleted runs


def purge(store: Store, older_than: float = WEEK) -> int:
    """Remove the runs that were deleted `older_than` seconds ago, and the texts that no run
    learns from; returns how many runs went. Others write meanwhile. Raises StoreError."""
    now = time.time()
    times = {"deleted": now - older_than, "begun": now - max(older_than, _UNFINISHED)}
    with store.database.reading() as db:
        found = db.execute(f"SELECT id FROM runs WHERE {_PURGED}", times).fetchall()
    # This takes a while; a run that is restored before its turn stays.
    gone = sum(remove_run(store, run, _PURGED, times) for (run,) in found)
    _remove_texts(store.database, now - older_than)
    _give_back(store.database)
    return gone


def remove_run(
    store: Store,
    run: int,
    condition: str = "1",
    values: Mapping[str, float] = MappingProxyType({}),
) -> bool:
    """Remove a run in pieces, if the condition holds; returns whether it held. `ready` is set to
    0 first, so that a run which is half removed cannot be restored. Raises StoreError."""
    with store.database.writing() as db:
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
            db.execute(f"DELETE FROM {table} WHERE run = ? AND rowid <= ?", (run, last_of(sizes)))
            return True

        in_pieces(store.database, piece)
    with store.database.writing() as db:
        found = db.execute("SELECT uid FROM runs WHERE id = ?", (run,)).fetchone()
        db.execute("DELETE FROM runs WHERE id = ?", (run,))
    if found is not None:
        remove_lock(store.lock_folder, found[0])
    return True


def _remove_texts(database: Database, before: float) -> None:
    """Remove texts that no run learns from. A text kept after `before` stays, for it may belong
    to a run that is about to begin."""

    def piece(db: sqlite3.Connection) -> bool:
        done = db.execute(
            "DELETE FROM texts WHERE sha256 = (SELECT sha256 FROM texts WHERE kept <= ? AND "
            "sha256 NOT IN (SELECT text_sha256 FROM details) LIMIT 1)",
            (before,),
        )
        return done.rowcount > 0

    in_pieces(database, piece)


def _give_back(database: Database) -> None:
    """Shrink the file if a good part of it is free; a smaller part is left for the next rows."""

    def piece(db: sqlite3.Connection) -> bool:
        db.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        return bool(db.execute("PRAGMA freelist_count").fetchone()[0])

    pages, free = (
        database.execute(f"PRAGMA {name}")[0][0] for name in ("page_count", "freelist_count")
    )
    if int(str(free)) * _WORTH_IT > int(str(pages)):
        in_pieces(database, piece)


# ---------------------------------------------------------------- keyframes of old runs


def thin(store: Store, budget: int = BUDGET, older_than: float = DAY) -> int:
    """Remove keyframes of the runs that were touched longest ago until all fit into `budget`
    bytes; returns how many bytes went. Runs that are open, or were touched less than `older_than`
    seconds ago, keep theirs. Raises StoreError."""
    gone = _thin(store.database, budget, older_than)
    if gone:
        _give_back(store.database)
    return gone


def _thin(database: Database, budget: int, older_than: float) -> int:
    with database.reading() as db:
        (total,) = db.execute("SELECT coalesce(sum(length(state)), 0) FROM keyframes").fetchone()
        if total <= budget:
            return 0
        found = db.execute(
            "SELECT id, earliest FROM runs WHERE owner = '' AND touched < ? ORDER BY touched, id",
            (time.time() - older_than,),
        ).fetchall()
    gone = 0
    for run, earliest in found:
        if total - gone <= budget:
            break
        values = {"run": run, "earliest": earliest or -1}
        with database.reading() as db:
            size, count = db.execute(
                f"SELECT coalesce(sum(length(state)), 0), count(*) FROM keyframes WHERE {_THINNED}",
                values,
            ).fetchone()
        if count:
            some = {**values, "some": max(1, AT_A_TIME * count // size)}

            def piece(db: sqlite3.Connection, some: dict[str, int] = some) -> bool:
                done = db.execute(
                    "DELETE FROM keyframes WHERE rowid IN "
                    f"(SELECT rowid FROM keyframes WHERE {_THINNED} LIMIT :some)",
                    some,
                )
                return done.rowcount > 0

            in_pieces(database, piece)
            gone += size
    return gone


# ---------------------------------------------------------------- in pieces


def in_pieces(database: Database, piece: Callable[[sqlite3.Connection], bool]) -> None:
    """Call `piece`, in a transaction each time, until it returns False. After each piece this
    rests for as long as the piece took, because a writer that waits for the lock looks for it only
    now and then."""
    more = True
    while more:
        began = time.perf_counter()
        with database.writing() as db:
            more = piece(db)
        if more:
            time.sleep(time.perf_counter() - began)


def last_of(sizes: list[tuple[int, int]]) -> int:
    """The last key of one piece, from (key, bytes) rows in the order of their keys."""
    total = 0
    last = sizes[0][0]
    for number, (key, size) in enumerate(sizes):
        total += size
        if number and (total > AT_A_TIME or number >= ROWS):
            break
        last = key
    return last
