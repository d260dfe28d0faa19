"""Files that are written whole or not at all: a reader sees the old file or the new one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_LETTERS = 50
"""Of a file's name, so many begin the name of its draft: file systems allow 255 bytes."""


def write_whole(
    target: Path, data: bytes, *, mode: int | None = None, durable: bool = False
) -> None:
    """Write a file, or replace it in one go. Its folder must exist; a link is replaced, not
    followed.

    mode: the permissions, less the umask; None for those of the file that is replaced, or 0o666
    for a new one. durable: the bytes and the name survive a power cut right after the call.

    Raises OSError; then the old file is as it was, and no draft is left.
    """
    kept = _mode_of(target) if mode is None else None
    if mode is None:
        mode = 0o666 if kept is None else kept
    draft = target.with_name(f"{_beginning(target)}{os.urandom(4).hex()}.tmp")
    descriptor = os.open(draft, _NEW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if kept is not None:
            draft.chmod(kept)  # what the umask took away as well
        draft.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    if durable and os.name == "posix":
        with contextlib.suppress(OSError):
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


@contextlib.contextmanager
def draft_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target`, gone afterwards: for what is written under a path of its
    own, and then moved to `target` in one go. Raises OSError."""
    folder = tempfile.mkdtemp(prefix=_beginning(target), suffix=".tmp", dir=target.parent)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _beginning(target: Path) -> str:
    return f".{target.name[:_LETTERS]}-"


def _mode_of(target: Path) -> int | None:
    """The permissions of a file that is there, where the system has such."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            return target.stat().st_mode & 0o777
    return None
