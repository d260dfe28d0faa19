"""Who has a run open: a lock file that the system frees when its process ends, however it does.

A run whose owner is written down, and whose lock is free, was interrupted.
"""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playground.lab.store.errors import of_system

if TYPE_CHECKING:
    from filelock import BaseFileLock

_UID = re.compile(r"[0-9a-f]{32}")
_PROBE = 0.25
"""Seconds that a lock is waited for in any case: whoever only looks holds it for a moment."""
_GLANCE = 0.03
"""Seconds that a look takes at most where looks get in each other's way."""


class RunLock:
    """Held by the process that records a run. Any thread may release what another acquired."""

    def __init__(self, folder: Path, uid: str) -> None:
        """folder: for the lock files; made when it is needed."""
        self.path = _place(folder, uid)
        self._lock: BaseFileLock | None = None

    @property
    def held(self) -> bool:
        """By this object."""
        return self._lock is not None

    def acquire(self, timeout: float = 0) -> bool:
        """False if another process, or another RunLock of this one, holds it. Raises StoreError
        if there can be no lock file."""
        if self._lock is None:
            self._lock = _acquired(self.path, max(timeout, _PROBE))
        return self._lock is not None

    def release(self) -> None:
        """Releasing twice does no harm."""
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

        # Two that look at once must not take each other for the one that has it open: they
        # share the lock. Where there are no such locks, filelock makes do with other ones.
        with contextlib.suppress(OSError), path.open("rb") as file:
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
    """The lock file of a run that nobody can open any more."""
    with contextlib.suppress(OSError):
        _place(folder, uid).unlink(missing_ok=True)


def _place(folder: Path, uid: str) -> Path:
    if not _UID.fullmatch(uid):
        raise ValueError(f"not the uid of a run: {uid!r}")
    return folder / f"{uid}.lock"


def _acquired(path: Path, timeout: float) -> BaseFileLock | None:
    """The lock, or None if it is held elsewhere."""
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
