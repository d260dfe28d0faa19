"""A fence around the files of a process whose person is not the owner of this machine.

`microgpt-play serve` lets visitors drive the playground. Each process of a visitor's session puts
up a fence as it begins (`playground/__init__.py`), and from then on Python itself refuses, as a
missing permission, each opening, listing, moving and removing of a file outside, and the start of
each program but this Python. The environment carries the fence to every process that one starts.

A fence keeps out what a visitor types or presses; it is no sandbox for code of a visitor's. That is
why served sessions load no plugins.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "MICROGPT_PLAY_FENCE"
"""The environment variable that carries a fence, as JSON."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random", "/dev/tty")
_SYSTEM = ("/etc/localtime", "/usr/share/zoneinfo", "/usr/share/locale", "/usr/lib", "/lib",
           "/sys/fs/cgroup", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat")  # fmt: skip
"""What Python and the system's libraries read by themselves."""


@dataclass(frozen=True, slots=True)
class Fence:
    """The folders of one session."""

    files: tuple[str, ...]
    """The folders whose files a person may name, to read them."""
    own: tuple[str, ...]
    """The folders of the session, in which it may read and write; dialogs show the first alone."""

    @classmethod
    def parse(cls, text: str) -> Fence:
        """The fence that `to_json` wrote. Raises ValueError."""
        try:
            given = json.loads(text)
            return cls(tuple(map(str, given["files"])), tuple(map(str, given["own"])))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{VARIABLE} is no fence: {error}") from error

    def to_json(self) -> str:
        return json.dumps({"files": self.files, "own": self.own})

    def shows(self, path: str | os.PathLike[str]) -> bool:
        """True if a person may name this path: it lies in `files` or in the first of `own`,
        wherever links lead."""
        return _within(os.path.realpath(path), _real([*self.files, *self.own[:1]]))


_up: Fence | None = None


def fence() -> Fence | None:
    """The fence of this process; None if there is none."""
    return _up


def shows(path: str | os.PathLike[str]) -> bool:
    """True if a person may name this path here."""
    return _up is None or _up.shows(path)


def put_up_from_environment() -> None:
    """Put up the fence that the environment carries, if it carries one. A fence that cannot be read
    ends the process: without it all files would be open."""
    text = os.environ.get(VARIABLE)
    if text is None:
        return
    try:
        put_up(Fence.parse(text))
    except ValueError as error:
        sys.exit(str(error))


def put_up(fence: Fence) -> None:
    """Keep this process within the fence from now on; a fence cannot be taken down."""
    global _up
    if _up is not None:
        return
    own = _real([*fence.own, *_DEVICES, *_terminal()])
    read = _real([*fence.files, *own, *_python(), *_SYSTEM])
    checks = _checks(read, own, _import_path())

    def hook(event: str, given: tuple[Any, ...]) -> None:
        check = checks.get(event)
        if check is not None:
            check(given)

    _up = fence
    sys.addaudithook(hook)


def _terminal() -> list[str]:
    """The terminal of this process; none if it has none."""
    try:
        return [os.ttyname(0)]
    except OSError:
        return []


def _python() -> list[str]:
    """Where this Python and its packages lie, and this package if it is installed for editing."""
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    places += [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    here = Path(__file__).parent
    packages = [one for one in _import_path() if one != os.path.realpath(here.parent)]
    if os.path.realpath(here.parent) in map(os.path.realpath, places):
        packages.append(str(here.parent))
    return [*filter(None, places), *packages, str(here), str(here.parent / "microgpt")]


def _import_path() -> list[str]:
    """The folders that Python looks for modules in, which it lists."""
    return [os.path.realpath(one) for one in sys.path if os.path.isabs(one)]  # noqa: PTH117


def _real(folders: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(os.path.realpath, folders)))


def _within(path: str, folders: Sequence[str]) -> bool:
    return any(path == one or path.startswith(one.rstrip(os.sep) + os.sep) for one in folders)


def _refuse(path: str) -> None:
    raise PermissionError(errno.EACCES, "it lies outside the folders of this session", path)


def _checks(
    read: Sequence[str], write: Sequence[str], listed: Sequence[str]
) -> dict[str, Callable[[tuple[Any, ...]], None]]:
    """What is checked, by the name of Python's audit event. listed: folders whose names may be
    listed, though not what is in them."""

    def check(path: object, folders: Sequence[str], *, itself: bool = False) -> None:
        if path is None or isinstance(path, int):  # the working folder; a file that is open
            if path is None:
                check(os.getcwd(), folders)  # noqa: PTH109
            return
        text = os.fsdecode(path)  # type: ignore[arg-type]
        if itself:  # a link is moved or removed itself, not what it leads to
            folder, name = os.path.split(os.path.abspath(text))  # noqa: PTH100
            real = os.path.join(os.path.realpath(folder), name)  # noqa: PTH118
        else:
            real = os.path.realpath(text)
        if not _within(real, folders):
            _refuse(text)

    def opened(given: tuple[Any, ...]) -> None:
        path, mode, flags = given
        writes = bool(flags & _WRITES) if isinstance(flags, int) else False
        writes = writes or (isinstance(mode, str) and any(sign in mode for sign in "wax+"))
        check(path, write if writes else read)

    def database(given: tuple[Any, ...]) -> None:
        path = given[0]
        if path not in (":memory:", b":memory:", ""):
            text = os.fsdecode(path)
            check(text.removeprefix("file:").partition("?")[0], write)

    def moved(given: tuple[Any, ...]) -> None:
        for path in given[:2]:
            check(path, write, itself=True)

    def program(given: tuple[Any, ...]) -> None:
        if os.fsdecode(given[0]) != sys.executable:
            raise PermissionError(errno.EACCES, "this session starts no programs", str(given[0]))

    def reads(given: tuple[Any, ...]) -> None:
        folder = given[0] if given else None
        if not (isinstance(folder, str) and os.path.realpath(folder) in listed):
            check(folder, read)

    def changes(given: tuple[Any, ...]) -> None:
        check(given[0], write, itself=True)

    return {
        "open": opened,
        "sqlite3.connect": database,
        **dict.fromkeys(("os.listdir", "os.scandir", "os.walk", "os.chdir"), reads),
        **dict.fromkeys(("os.rename", "os.link"), moved),
        "os.symlink": lambda given: changes((given[1],)),
        **dict.fromkeys(
            ("os.mkdir", "os.rmdir", "os.remove", "os.truncate", "os.chmod", "os.chown",
             "os.utime", "os.chflags", "os.setxattr", "os.removexattr", "shutil.rmtree"),
            changes,
        ),
        **dict.fromkeys(("subprocess.Popen", "os.exec", "os.posix_spawn"), program),
        "os.system": lambda given: program(given),
    }  # fmt: skip
