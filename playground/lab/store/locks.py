"""Lock files that tell which runs are open: the system frees a lock when its process ends, even
when the process is killed.

A run with an owner in the store and a free lock was interrupted.
"""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playground.files import open_file
from playground.lab.store.errors import of_system

if TYPE_CHECKING:
    from filelock import BaseFileLock

_UID = re.compile(r"[0-9a-f]{32}")
_PROBE = 0.25
"""Seconds that every `acquire` waits, because `is_open` elsewhere holds a lock for a moment."""
_GLANCE = 0.03
"""Seconds that `is_open` waits where locks cannot be shared, and one look blocks another."""


class RunLock:
    """The lock on a run that is recorded. A thread may release what another thread acquired."""

    def __init__(self, folder: Path, uid: str) -> None:
        """folder: where the lock files are; `acquire` makes it."""
        self.path = _place(folder, uid)
        self._lock: BaseFileLock | None = None

    @property
    def held(self) -> bool:
        """True if this object holds the lock."""
        return self._lock is not None

    def acquire(self, timeout: float = 0) -> bool:
        """Take the lock; False if another process, or another RunLock of this process, holds it.
        Raises StoreError if the lock file cannot be made."""
        if self._lock is None:
            self._lock = _acquired(self.path, max(timeout, _PROBE))
        return self._lock is not None

    def release(self) -> None:
        """Free the lock. Releasing twice does no harm."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release(force=True)


def is_open(folder: Path, uid: str) -> bool:
    """True if a living process has the run open. Raises StoreError."""
    path = _place(folder, uid)
    if not path.exists():
        return False
    if sys.platform != "win32":
        import fcntl

        # Two processes that look at once share the lock, so that neither takes the other for the
        # owner. Where the file system has no such locks, filelock below uses others.
        with contextlib.suppress(OSError), open_file(path)[0] as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
    lock = _acquired(path, _GLANCE)
    if lock is None:
        return True
    lock.release(force=True)
    return False


def remove_lock(folder: Path, uid: str) -> None:
    """Remove the lock file of a run that is gone."""
    with contextlib.suppress(OSError):
        _place(folder, uid).unlink(missing_ok=True)


def _place(folder: Path, uid: str) -> Path:
    if not _UID.fullmatch(uid):
        raise ValueError(f"not the uid of a run: {uid!r}")
    return folder / f"{uid}.lock"


def _acquired(path: Path, timeout: float) -> BaseFileLock | None:
    """The lock; None if it is held elsewhere. Raises StoreError."""
    from filelock import FileLock, Timeout  # 50 ms: only where a run is opened or looked for

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=timeout, thread_local=False)
        lock.acquire(poll_interval=0.01)
    except Timeout:
        return None
    except OSError as error:
        raise of_system(error, path) from error
    return lock
