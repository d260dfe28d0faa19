"""Large work in small transactions, with rests in which others write."""

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
