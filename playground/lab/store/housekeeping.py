"""What the keyframes of all runs together may take: old runs keep few of theirs.

A run can be replayed from any state, so nothing is lost with a keyframe but time: going to a
place in an old run takes a longer replay.

Large work in small transactions, with rests in which others write.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from playground.lab.store.database import Database

AT_A_TIME = 1 << 20
"""Bytes that one transaction copies or removes."""
ROWS = 2000
"""Rows, likewise."""


def in_pieces(database: Database, piece: Callable[[sqlite3.Connection], bool]) -> None:
    """Call `piece` in a transaction each, until it says that nothing is left. It rests for as
    long as a piece took: whoever waits for a lock looks only now and then if it is free."""
    more = True
    while more:
        began = time.perf_counter()
        with database.writing() as db:
            more = piece(db)
        if more:
            time.sleep(time.perf_counter() - began)


def last_of(sizes: list[tuple[int, int]]) -> int:
    """Of (key, bytes) rows in the order of their keys, the last that one piece takes."""
    total = 0
    last = sizes[0][0]
    for number, (key, size) in enumerate(sizes):
        total += size
        if number and (total > AT_A_TIME or number >= ROWS):
            break
        last = key
    return last


BUDGET = 1 << 30
"""Bytes that the keyframes of all runs together take at most, as far as that is possible."""
DAY = 86400.0
"""Seconds for which a run keeps what it has."""
_KEPT = 2
"""The newest keyframes of a run stay, as do its tip and the one that it begins with."""

_TO_GO = (
    "run = :run AND NOT tip AND step != :earliest AND step NOT IN "
    f"(SELECT step FROM keyframes WHERE run = :run AND NOT tip ORDER BY step DESC LIMIT {_KEPT})"
)


def thin(database: Database, budget: int = BUDGET, older_than: float = DAY) -> int:
    """Take keyframes from the runs that were touched longest ago until all fit into `budget`
    bytes; how many bytes went. Runs that are open, or were touched less than `older_than`
    seconds ago, keep theirs. Raises StoreError."""
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
                f"SELECT coalesce(sum(length(state)), 0), count(*) FROM keyframes WHERE {_TO_GO}",
                values,
            ).fetchone()
        if count:
            some = {**values, "some": max(1, AT_A_TIME * count // size)}

            def piece(db: sqlite3.Connection, some: dict[str, int] = some) -> bool:
                done = db.execute(
                    "DELETE FROM keyframes WHERE rowid IN "
                    f"(SELECT rowid FROM keyframes WHERE {_TO_GO} LIMIT :some)",
                    some,
                )
                return done.rowcount > 0

            in_pieces(database, piece)
            gone += size
    return gone
