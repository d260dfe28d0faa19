"""Files that are written whole or not at all: a reader sees the old file or the new one. And files
that are read only if they are files: nobody waits for a pipe, or reads a device without end."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_LETTERS = 50
"""Of a file's name, so many begin the name of its draft: file systems allow 255 bytes."""


class NoFileError(OSError):
    """What stands at a path is a folder, a pipe, a socket or a device."""

    def __init__(self, path: Path, folder: bool) -> None:
        what = "it is a folder" if folder else "it is a pipe, a socket or a device"
        super().__init__(errno.EISDIR if folder else errno.EINVAL, what, str(path))
        self.folder = folder
        """True if it is a folder."""


class TooLargeError(OSError):
    """A file has more bytes than are read."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(errno.EFBIG, f"it has more than {most:,} bytes", str(path))


def open_file(path: Path) -> tuple[BinaryIO, int]:
    """(the file, opened for reading, its bytes). Nothing else than a file is opened: opening a pipe
    would wait for a writer. Raises NoFileError, OSError, and ValueError for a path that cannot
    be."""
    # Opened first and looked at then, so that nobody changes what stands there in between.
    try:
        descriptor = os.open(path, os.O_RDONLY | _AT_ONCE)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, or a device without a machine
            raise NoFileError(path, folder=False) from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NoFileError(path, stat.S_ISDIR(status.st_mode))
        return os.fdopen(descriptor, "rb"), status.st_size
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a file that has no more than `most`. Raises what `open_file` raises, and
    TooLargeError before more than that is read."""
    file, size = open_file(path)
    with file:
        data = file.read(size + 1) if size <= most else b""
        if len(data) > size:  # it has grown, or tells no size, as the files in /proc
            data += file.read(most + 1 - len(data))
    if size > most or len(data) > most:
        raise TooLargeError(path, most)
    return data


def write_whole(
    target: Path, *data: bytes | memoryview, mode: int | None = None, durable: bool = False
) -> None:
    """Write a file of these parts, or replace it in one go. Its folder must exist; a link is
    replaced, not followed.

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
            file.writelines(data)
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
