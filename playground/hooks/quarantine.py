"""Remembers which plugin was being loaded, so that a plugin ends a process only once.

While a third-party plugin is imported and its hooks are called, a marker file named after the
process names the plugin. A process that ends meanwhile (a segmentation fault, os._exit, an endless
import ended by the watchdog) leaves its marker behind. The next start finds the marker of a process
that is gone and makes a record of it: the plugin is passed over until it changes, or until a person
switches it on again. A marker whose process lives means nothing.

A process has one file, written over for each plugin and removed at the end: ten plugins cost well
under a millisecond. Where nothing can be written (a full disk, a folder of somebody else) there is
no quarantine, and everything else goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playground.files import read_file
from playground.strict import parsed

FORGIVEN_SECONDS = 3.5
"""Seconds of loading within which a plugin is not blamed for a process that is ended on purpose.
Less than the watchdog's patience."""

MAX_FILES = 200
"""The most files of a package that are looked at for a change."""

_MOST = 100_000
"""Bytes of the largest marker."""

_MARKER, _RECORD = ".loading", ".crashed"


class Quarantine:
    """The marker of this process, and the records of all processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._marker = folder / f"{os.getpid()}{_MARKER}"
        self._file: int | None = None
        self._birth: str | None = None
        self._records: set[str] | None = None
        """The names of all records; None before `look_back`."""

    def crashed(self, key: str, stamp: str) -> bool:
        """True if this plugin, as it is now, ended a process. The record of a plugin that has
        changed is removed, so that it is tried again."""
        path = self._record(key)
        record = _read(path) if self._records is None or path.name in self._records else {}
        if not record:
            return False
        if record.get("stamp") == stamp:
            return True
        self.pardon(key)
        return False

    def pardon(self, key: str) -> bool:
        """Remove a plugin's record, so that the next start tries it; True if there was one."""
        try:
            self._record(key).unlink()
        except OSError:
            return False
        return True

    def pardon_named(self, name: str) -> bool:
        """Remove the records of all plugins of this name; True if there was one."""
        try:
            records = [item for item in self._folder.iterdir() if item.suffix == _RECORD]
        except OSError:
            return False
        keys = [said["key"] for said in map(_read, records) if said.get("name") == name]
        done = [self.pardon(key) for key in keys if isinstance(key, str)]  # all of them
        return any(done)

    def look_back(self) -> None:
        """Turn the markers of processes that are gone into records."""
        try:
            there = list(self._folder.iterdir())
        except OSError:
            self._records = set()
            return  # nothing was ever loaded, or the folder cannot be read
        self._records = {item.name for item in there if item.suffix == _RECORD}
        for path in there:
            if path.suffix != _MARKER:
                continue
            said = _read(path)
            birth = _birth(int(path.stem)) if path.stem.isdecimal() else None
            ours = path == self._marker  # left by an earlier process of the same number
            if birth is not None and not ours and (not said or said.get("birth") == birth):
                continue  # the process lives
            with contextlib.suppress(OSError):
                if isinstance(said.get("key"), str):
                    record = self._record(said["key"])
                    self._records.add(record.name)  # also if another start was quicker
                    path.replace(record)
                else:
                    path.unlink()  # the process ended between two plugins

    @contextlib.contextmanager
    def loading(self, key: str, stamp: str, name: str = "") -> Iterator[None]:
        """Keep the marker while a plugin is loaded inside. name: the plugin's name for a person."""
        pid = os.getpid()
        self._birth = self._birth or _birth(pid)
        said = {"pid": pid, "birth": self._birth, "key": key, "stamp": stamp, "name": name}
        self._say(json.dumps(said).encode())
        try:
            yield
        finally:
            self._say(b"")

    def close(self) -> None:
        """Remove the marker: all plugins are loaded."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            with contextlib.suppress(OSError):
                self._marker.unlink()
            self._file = None

    def _say(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._file is None:
                if not data:
                    return
                self._folder.mkdir(parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
                flags |= getattr(os, "O_NONBLOCK", 0)  # a pipe in its place may have no reader
                self._file = os.open(self._marker, flags, 0o600)
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, data)

    def _record(self, key: str) -> Path:
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{digest[:24]}{_RECORD}"


def crashed(name: str) -> str:
    """Why a plugin was passed over, and how it is tried again."""
    return (
        "it ended the process when it was last loaded, so it is passed over; it is tried again"
        f" once it changes, or after: microgpt-play plugins enable {shlex.quote(name)}"
    )


def died_loading(folder: Path, pid: int) -> bool:
    """True if a process that is gone left a marker that names a plugin."""
    return "key" in _read(folder / f"{pid}{_MARKER}")


def forgive(folder: Path, pid: int) -> None:
    """Remove the marker of a process that is ended on purpose, unless its plugin took long."""
    marker = folder / f"{pid}{_MARKER}"
    with contextlib.suppress(OSError):
        if time.time() - marker.stat().st_mtime < FORGIVEN_SECONDS:
            marker.unlink()


def stamp_of(path: Path) -> str:
    """A text of the times and sizes of a plugin's files, which changes when its code does. "" if
    the files are not there."""
    try:
        if not path.is_dir():
            return _stamp(path)
        files = sorted(path.rglob("*.py"))[:MAX_FILES]
        joined = "\n".join(f"{file} {_stamp(file)}" for file in files)
    except OSError:
        return ""
    return hashlib.sha256(joined.encode("utf-8", "surrogateescape")).hexdigest()


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_mtime_ns}:{status.st_size}"


def _read(path: Path) -> dict[str, Any]:
    """What a marker says; {} for one that is not there, empty or damaged."""
    try:
        said = parsed(read_file(path, _MOST).decode(), "a marker", most=_MOST)
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _birth(pid: int) -> str | None:
    """When a process began, as far as the system tells; None if there is none of that number."""
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if not handle:
            return None
        code = ctypes.c_ulong()
        ctypes.windll.kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
        ctypes.windll.kernel32.CloseHandle(handle)
        return "" if code.value == 259 else None
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = status.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]  # a zombie is over
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except (PermissionError, OverflowError):
        pass
    return ""
