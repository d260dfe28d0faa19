"""Restores what a plugin shares with the rest of its process, after the plugin was loaded.

    with undisturbed(silent=True) as changed:
        import_path(path)
    if changed:
        say(put_back(changed))

A plugin may add a variable of the environment or a folder in sys.path; what was there before is put
back. The restoring helps against mistakes, not against malice: a plugin can change everything again
later.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from playground.hooks.forks import leave_if_forked

_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGCHLD", "SIGWINCH")
    if hasattr(signal, name)
)
"""SIGUSR1 is left out, because Python does not know its handler: faulthandler's, by which the
worker says where its code stands."""
_STREAMS = ("stdin", "stdout", "stderr")


class Interrupted(KeyboardInterrupt):
    """A KeyboardInterrupt that the keyboard caused, and no plugin raised."""


def by_keyboard(kind: type[BaseException]) -> bool:
    """True if an exception of this type is ctrl+c. A worker ignores SIGINT, and a command makes
    ctrl+c raise Interrupted (see `interrupts_by_keyboard`), so there a plugin raised any other
    KeyboardInterrupt; a program that uses the lab as a library has Python's own handler."""
    if not issubclass(kind, KeyboardInterrupt):
        return False
    return kind is Interrupted or signal.getsignal(signal.SIGINT) is signal.default_int_handler


def interrupts_by_keyboard() -> None:
    """Make ctrl+c raise Interrupted from now on, which tells it from a KeyboardInterrupt that a
    plugin raises. Does nothing where SIGINT is ignored, or handled already."""
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _listener(signal.default_int_handler))


@contextlib.contextmanager
def undisturbed(*, silent: bool) -> Iterator[list[str]]:
    """Put back what is changed inside; the list then names what a plugin should not have changed.

    Ctrl+C inside raises Interrupted. silent: what is printed inside, by a child process too, goes
    nowhere.
    """
    changed: list[str] = []
    before = _Before(silent)
    try:
        with warnings.catch_warnings():
            yield changed
    finally:
        leave_if_forked()
        before.put_back(changed)


def put_back(changed: list[str]) -> str:
    """The problem to report, made of what was changed."""
    *most, last = changed
    words = f"{', '.join(most)} and {last}" if most else last
    return (
        f"while it was loaded it changed {words}; that was put back. Leave it alone when"
        " imported: it belongs to the whole process"
    )


class _Before:
    def __init__(self, silent: bool) -> None:
        self.folder: str | None = None
        with contextlib.suppress(OSError):
            self.folder = os.getcwd()  # noqa: PTH109 - half the time, for every plugin
        self.environ = dict(os.environ)
        self.lists = {name: (getattr(sys, name), list(getattr(sys, name))) for name in _LISTS}
        self.streams = {name: getattr(sys, name) for name in _STREAMS}
        self.hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook)
        self.tracing = (sys.gettrace(), sys.getprofile())
        self.depth = sys.getrecursionlimit()
        self.random = random.getstate()
        self.descriptors = _Descriptors(self.streams, silent)
        # Only the main thread may set a handler of signals.
        self.main = threading.current_thread() is threading.main_thread()
        self.handlers: dict[Any, Any] = {}
        self.listening: Any = None
        if self.main:
            self.handlers = {number: signal.getsignal(number) for number in _SIGNALS}
            keyboard = self.handlers[signal.SIGINT]
            if callable(keyboard):
                self.listening = _listener(keyboard)
                signal.signal(signal.SIGINT, self.listening)

    def put_back(self, changed: list[str]) -> None:
        """Put back each thing on its own, so that a failure of one does not stop the next."""
        for what, undo in (
            ("the handling of signals", self._signals),
            ("the limit of recursion", self._depth),
            ("how errors are reported", self._hooks),
            ("the standard streams", self._streams),
            ("the working directory", self._folder),
            ("the environment", self._environ),
            ("sys.path or sys.argv", self._lists),
            ("", self._random),
        ):
            try:
                if undo() and what:
                    changed.append(what)
            except Exception:
                changed.append(what)

    def _signals(self) -> bool:
        if not self.main:
            return False
        different = False
        for number, handler in self.handlers.items():
            ours = number == signal.SIGINT and self.listening is not None
            if signal.getsignal(number) != (self.listening if ours else handler):
                different = True
            elif not ours:
                continue
            if handler is not None:  # None: a handler that is not Python's
                signal.signal(number, handler)
        if hasattr(signal, "setitimer") and signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, 0)
            different = True
        return different

    def _depth(self) -> bool:
        if sys.getrecursionlimit() == self.depth:
            return False
        lower = sys.getrecursionlimit() < self.depth
        sys.setrecursionlimit(self.depth)
        return lower

    def _hooks(self) -> bool:
        if self.tracing != (sys.gettrace(), sys.getprofile()):
            sys.settrace(self.tracing[0])
            sys.setprofile(self.tracing[1])
        if self.hooks == (sys.excepthook, sys.unraisablehook, threading.excepthook):
            return False
        sys.excepthook, sys.unraisablehook, threading.excepthook = self.hooks
        return True

    def _streams(self) -> bool:
        different = False
        for name, stream in self.streams.items():
            if getattr(sys, name) is not stream:
                setattr(sys, name, stream)
                different = True
        return self.descriptors.put_back() or different

    def _folder(self) -> bool:
        now = None
        with contextlib.suppress(OSError):
            now = os.getcwd()  # noqa: PTH109
        if self.folder is None or now == self.folder:
            return False
        os.chdir(self.folder)
        return True

    def _environ(self) -> bool:
        different = False
        for name, value in self.environ.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
                different = True
        return different

    def _lists(self) -> bool:
        different = False
        for name, (known, items) in self.lists.items():
            now = getattr(sys, name)
            if now is known and now == items:
                continue
            more = [item for item in now if item not in items]
            # In front of the others a folder could take the place of a library.
            known[:] = items + more if name == "path" else items
            setattr(sys, name, known)
            different = different or name != "path" or not set(items) <= set(now)
        return different

    def _random(self) -> bool:
        if random.getstate() != self.random:
            random.setstate(self.random)
        return False  # a plugin may draw from it


_LISTS = ("path", "argv")


class _Descriptors:
    """The descriptors of the three standard streams, and the objects that write to them."""

    def __init__(self, streams: dict[str, Any], silent: bool) -> None:
        self.streams = streams
        self.kept: dict[int, int] = {}
        self.identity: dict[int, tuple[int, int]] = {}
        self._flush()
        for number in range(3):
            with contextlib.suppress(OSError):  # closed by whoever started the process
                self.kept[number] = os.dup(number)
        if silent:
            null = os.open(os.devnull, os.O_WRONLY)
            for number in (1, 2):
                if number in self.kept:
                    os.dup2(null, number)
            os.close(null)
        for number in self.kept:
            self.identity[number] = _identity(number)

    def put_back(self) -> bool:
        """Put back the streams; True if a plugin had changed them."""
        self._flush()
        different = False
        for number, kept in self.kept.items():
            try:
                different = different or _identity(number) != self.identity[number]
            except OSError:
                different = True
            os.dup2(kept, number, inheritable=True)
            os.close(kept)
        for number, (name, stream) in enumerate(self.streams.items()):
            if getattr(stream, "closed", False) is True and number in self.kept:
                mode = "r" if number == 0 else "w"
                fresh = open(number, mode, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
                setattr(sys, name, fresh)
                different = True
        return different

    def _flush(self) -> None:
        for name in ("stdout", "stderr"):
            with contextlib.suppress(Exception):
                self.streams[name].flush()


def _identity(number: int) -> tuple[int, int]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino


def _listener(handler: Callable[..., Any]) -> Callable[[int, Any], None]:
    """The handler, with KeyboardInterrupt turned into Interrupted."""

    def listen(number: int, frame: Any) -> None:
        try:
            handler(number, frame)
        except KeyboardInterrupt:
            raise Interrupted from None

    return listen
