"""What goes wrong with the store's file, in words."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from playground.lab.paths import CHOOSE
from playground.lab.protocol.failures import Failure, LabError

Kind = Literal["newer", "damaged", "locked", "full", "read-only", "missing", "other"]


class StoreError(LabError):
    """The store cannot do what it was asked: what happened, why, and what to do."""

    def __init__(self, title: str, message: str, kind: Kind = "other") -> None:
        super().__init__(Failure(title, message))
        self.kind: Kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return StoreError, (self.title, self.message, self.kind)


def damaged(path: Path, what: str) -> StoreError:
    """The error of a file whose contents are not what was written."""
    return StoreError(
        "The store of runs is damaged",
        f"{path}: {what}. Move that file away, together with those of its name that end in -wal "
        "and -shm, and a new store is made; or put a copy in its place.",
        "damaged",
    )


def full(path: Path) -> StoreError:
    """The error of a disk without room."""
    return StoreError(
        "The disk is full",
        f"There is no room left to write {path}. Free some on that disk.",
        "full",
    )


def read_only(path: Path) -> StoreError:
    """The error of a file or folder that may not be written."""
    return StoreError(
        "The store of runs may not be written",
        f"You have no permission to write {path} or into its folder. {CHOOSE}, or change that.",
        "read-only",
    )


def make_folder_of(path: Path) -> None:
    """Make the folder of the store. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = of_system(error, path)
        if told.kind in ("full", "read-only"):
            raise told from error
        reason = f"{path}: {error.strerror or error}. {CHOOSE}."
        raise StoreError("The store of runs cannot be used", reason) from error


def locked(path: Path) -> StoreError:
    """The error of a write that waited too long for another program's."""
    return StoreError(
        "The store of runs is locked",
        f"Another program has been writing {path} for long. Close other playgrounds and database "
        "tools, then try again.",
        "locked",
    )


def missing(title: str, message: str) -> StoreError:
    """The error of something that is not in the store."""
    return StoreError(title, message, "missing")


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the system into StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(error, path) from error
    except OSError as error:
        raise of_system(error, path) from error


def of_system(error: OSError, path: Path) -> StoreError:
    """The StoreError for an OSError at this path."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return read_only(path)
    if error.errno == errno.ENOENT:
        return missing("There is no such file", f"{path} does not exist. Check the path.")
    reason = error.strerror or str(error)
    return StoreError(
        "The store of runs cannot be used", f"{path}: {reason}. Check the path and its folder."
    )


def _of_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return full(path)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return locked(path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, str(error))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return read_only(path)
    if code == sqlite3.SQLITE_CANTOPEN and not _writable(path):
        return read_only(path)
    if code == sqlite3.SQLITE_IOERR and _is_full(path):
        return full(path)
    if str(error).startswith(("Could not decode", "no such table", "no such column")):
        return damaged(path, str(error))
    return StoreError(
        "The store of runs cannot be used",
        f"{path}: {error}. Is the disk still there? If so, close other programs that use it.",
    )


def _writable(path: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    return all(
        os.access(place, os.W_OK, effective_ids=effective)
        for place in (path.parent, path)
        if place.exists()
    )


def _is_full(path: Path) -> bool:
    """True if the disk has less than 1 MiB left: SQLite reports some full disks as an error of
    input and output."""
    try:
        return shutil.disk_usage(path.parent).free < 1 << 20
    except OSError:
        return False
