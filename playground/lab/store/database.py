"""One open database: transactions that threads take turns with, and SQLite's errors in words."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from playground.hooks.errors import one_line
from playground.lab.store.errors import damaged, explained
from playground.lab.store.rows import by_hand, left_out, optimizer
from playground.lab.store.schema import (
    application_id_of,
    check_header,
    check_ours,
    check_place,
    create_tables,
    has_tables,
    migrate,
    version_of,
)
from playground.strict import Refusal

WAL_LIMIT = 16 * 1024 * 1024
"""Bytes that the write-ahead log keeps on the disk when it is empty."""


NONSENSE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    zlib.error,
)
"""What reading raises where the bytes were not written by this program."""


@contextlib.contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn what reading raises for nonsense into StoreError "damaged"."""
    try:
        yield
    except NONSENSE as error:
        kind = "" if isinstance(error, Refusal) else f"{type(error).__name__}: "
        what = one_line(f"what it holds makes no sense ({kind}{error})")
        raise damaged(path, what) from error


class Database:
    """A connection that threads take turns with. Transactions are `reading()` and `writing()`."""

    def __init__(self, path: Path, create: bool, timeout: float) -> None:
        """Raises StoreError."""
        self.path = path
        self._lock = threading.RLock()
        with explained(path):
            check_place(path, create)
            if path.exists():
                check_header(path)
            self._connection = _connected(path, create, timeout)
        self._identity = _identity(path)

    @property
    def moved(self) -> bool:
        """True if the file was moved or deleted since it was opened, or replaced by another."""
        return _identity(self.path) != self._identity

    def close(self) -> None:
        """Close the connection. Closing twice does no harm."""
        with self._lock, explained(self.path):
            self._connection.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that reads one state of the store and holds up no writer. Raises
        StoreError, also for bytes that make no sense."""
        with (
            self._lock,
            understood(self.path),
            explained(self.path),
            self._transaction("BEGIN") as connection,
        ):
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes all or nothing. Raises StoreError; after another error of the
        caller, which goes through, nothing is written."""
        with (
            self._lock,
            explained(self.path),
            self._transaction("BEGIN IMMEDIATE") as connection,
        ):
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        if connection.in_transaction:  # the same thread is within a transaction already
            yield connection
            return
        connection.execute(begin)
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite itself rolls back when the disk is full
                connection.execute("ROLLBACK")
            raise

    def execute(self, pragma: str) -> list[tuple[object, ...]]:
        """Run one statement outside of any transaction; returns its rows. Raises StoreError."""
        with self._lock, explained(self.path):
            return list(self._connection.execute(pragma))


def _connected(path: Path, create: bool, timeout: float) -> sqlite3.Connection:
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        for name, count, function in (
            ("has", 2, has), ("left_out", 1, left_out), ("optimizer", 1, optimizer),
            ("by_hand", 1, by_hand),
        ):  # fmt: skip
            connection.create_function(name, count, function, deterministic=True)
        if version_of(connection) == 0:
            _create(connection, path)
        check_ours(path, application_id_of(connection), version_of(connection))
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        _use_wal(connection, timeout)
        migrate(connection, path)
        connection.execute("SELECT max(id), max(touched) FROM runs").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, unless another process was quicker. This comes before the write-ahead log
    is switched on, so that the version is in the file itself from the first moment on."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("BEGIN EXCLUSIVE")
    try:
        if version_of(connection) == 0:
            if has_tables(connection):
                check_ours(path, 0, 0)
            create_tables(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch the write-ahead log on, which lets readers and a writer work at once. Of two
    processes that open a new store only one can switch; the other tries again."""
    until = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > until:
                raise
            time.sleep(0.005)


def _identity(path: Path) -> tuple[int, int] | None:
    """(device, inode) of the file, which tell it from another of the same name; None if there is
    no file."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def has(text: str | None, part: str) -> bool:
    """True if `text` contains `part`, in upper or lower case. SQLite's own LIKE knows the case of
    English letters only."""
    return text is not None and part.casefold() in text.casefold()
