"""Guards every call into a contribution: says which one is at work, and which one failed.

An exception in a plugin becomes a PluginError (see playground.hooks.errors). `Activity` says what
the worker's main thread is doing, and the watchdog reads it to find a plugin that hangs: a caller
says first which plugin it calls, and work that makes progress says so too, which tells a long but
honest step from a hang. Entering and leaving cost under a microsecond. Built-ins are trusted and
pay for neither.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType, MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from playground.catalog import BUILTIN, Entry, Kind, KnobValue
from playground.hooks.errors import (
    KIND_WORDS,
    KnobError,
    PluginError,
    UnknownNameError,
    plugin_call,
)
from playground.hooks.sources import PRIVATE_PREFIX
from playground.lab.protocol.commands import ActivityKind, Pong
from playground.lab.protocol.failures import Failure, LabError

if TYPE_CHECKING:  # the worker answers its first ping before this is loaded
    from playground.hooks.registry import Registry
    from playground.lab.run.trail import Trail

_NOTHING: Mapping[str, KnobValue] = MappingProxyType({})
_LONG = 1.0  # seconds after which a Pong also has the stack


class Doing:
    """One kind of work, as a context manager that is made once and entered many times."""

    __slots__ = ("_activity", "_outer", "contribution", "kind", "label", "number", "place")

    def __init__(
        self,
        activity: Activity,
        kind: ActivityKind,
        label: str,
        place: str,
        contribution: str = "",
    ) -> None:
        self._activity = activity
        self._outer: Doing | None = None
        self.kind = kind
        self.label = label
        self.place = place
        self.contribution = contribution
        self.number = 0
        """The number of this work in the trail; 0 for our own work, and without a trail."""
        if activity.trail is not None and kind != "own":
            self.number = activity.trail.name(label, place, contribution)

    def alive(self) -> None:
        """Tell the watchdog of progress."""
        self._activity.alive()

    def __enter__(self) -> Doing:
        activity = self._activity
        self._outer = activity.current
        activity.current = self
        activity.since = time.monotonic()
        activity.count += 1
        if activity.trail is not None:
            activity.trail.at(self.number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        activity = self._activity
        activity.current = self._outer
        activity.since = time.monotonic()
        activity.count += 1
        if activity.trail is not None:
            activity.trail.at(self._outer.number if self._outer is not None else 0)


class Activity:
    """The main thread's present work: written there, read by the thread that answers pings."""

    def __init__(self) -> None:
        self.current: Doing | None = None
        self.since = time.monotonic()
        self.count = 0
        self._unasked_since = 0.0
        """Since when a plugin's code has been seen that we did not call; 0 if none was."""
        self.trail: Trail | None = None
        """Tells a supervising process what was under way when this one ended."""

    def doing(
        self, kind: ActivityKind, label: str, place: str = "", contribution: str = ""
    ) -> Doing:
        """A context manager that says what the code inside it does."""
        return Doing(self, kind, label, place, contribution)

    def alive(self) -> None:
        """Tell the watchdog of progress."""
        self.since = time.monotonic()
        self.count += 1

    def imports(self, name: str, place: str) -> None:
        """Tell the watchdog that the plugin of this name and origin is being imported now."""
        self.alive()
        if self.trail is not None:
            label = f"plugin {name!r} ({origin(place)})"
            self.trail.at(self.trail.name(label, "its import", f"plugin:{name}:"))

    def watched(self, documents: Iterable[str], every: int = 256) -> Iterator[str]:
        """The same documents; every `every` of them count as progress."""
        for number, document in enumerate(documents):
            if number % every == 0:
                self.alive()
            yield document

    def pong(self, main_thread: int) -> Pong:
        """The answer to a Ping. main_thread: the threading ident of the main thread."""
        doing, seconds = self.current, time.monotonic() - self.since
        frame = sys._current_frames().get(main_thread) if seconds > _LONG else None
        if doing is None or doing.kind == "own":
            if frame is not None and (who := culprit(frame, _is_plugin)):
                return self._unasked(who, frame)
            self._unasked_since = 0.0
        if doing is None:
            return Pong("idle", "", "", seconds, self.count)
        label, stack = doing.label, ""
        if frame is not None and doing.kind != "own":
            label = label or culprit(frame)
            stack = _stack(frame)
        return Pong(
            doing.kind,
            label or "a plugin",
            doing.place,
            seconds,
            self.count,
            doing.contribution,
            stack,
        )

    def _unasked(self, who: str, frame: FrameType) -> Pong:
        """The answer while a plugin's code runs that we did not call: Python calls a `__del__`
        or an `__eq__` by itself."""
        now = time.monotonic()
        self._unasked_since = self._unasked_since or now
        seconds = now - self._unasked_since
        return Pong("plugin", who, "a call of Python's own", seconds, self.count, "", _stack(frame))


_OURS = ("playground", "click", "microgpt", "importlib", "runpy", "pluggy", "__main__")


_LIBRARY = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - before pathlib is needed


def _is_foreign(module: str) -> bool:
    return module.partition(".")[0] not in _OURS


def _is_plugin(module: str) -> bool:
    return module.startswith(PRIVATE_PREFIX)


def culprit(frame: FrameType, who: Callable[[str], bool] = _is_foreign) -> str:
    """Names the outermost code that is neither ours nor Python's import machinery; "" if there is
    none. who: decides by the name of a module."""
    found = ""
    for current in _outwards(frame):
        if not _is_pythons(current) and who(str(current.f_globals.get("__name__", ""))):
            found = current.f_code.co_filename
    return f"plugin {Path(found).stem!r} (file {found})" if found else ""


def _stack(frame: FrameType) -> str:
    """The innermost frames as text, from where a plugin's own code begins."""
    frames = list(_outwards(frame))
    plugins = [
        at
        for at, one in enumerate(frames)
        if _is_foreign(str(one.f_globals.get("__name__", ""))) and not _is_pythons(one)
    ]
    depth = min(12, plugins[-1] + 1) if plugins else 12
    return "".join(traceback.format_stack(frame, depth))


def _is_pythons(frame: FrameType) -> bool:
    """True for code of Python's own library."""
    path = frame.f_code.co_filename
    library = path.startswith(_LIBRARY) and "site-packages" not in path
    return library or path.startswith("<frozen")


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


class Guard:
    """Guards the calls into one contribution: `with guard.at("encode", text): ...`."""

    def __init__(self, entry: Entry, activity: Activity) -> None:
        self.entry = entry
        self.trusted = entry.plugin == BUILTIN
        self.label = label(entry)
        self._activity = activity
        self._doings: dict[tuple[str, str], Doing] = {}

    def at(self, method: str, given: object = None, kind: ActivityKind = "plugin") -> _At:
        """A context manager around one call: it tells the watchdog, and turns an exception into
        PluginError (see plugin_call). given: the call's argument, for the message."""
        return _At(self.doing(method, kind), plugin_call(self.entry, f"in {method}", given))

    def doing(self, method: str, kind: ActivityKind = "plugin") -> Doing:
        """A context manager that only tells the watchdog."""
        doing = self._doings.get((method, kind))
        if doing is None:
            if self.trusted and kind == "plugin":
                kind = "own"
            doing = self._doings[method, kind] = self._activity.doing(
                kind, self.label, method, f"{self.entry.kind}:{self.entry.qualified}"
            )
        return doing

    def broken(self, method: str, wrong: str) -> PluginError:
        """The error to raise when the contribution breaks its contract. wrong: how, in words."""
        error = PluginError(self.entry.plugin, f"in {method} ({self.label})", wrong)
        error.contribution = f"{self.entry.kind}:{self.entry.qualified}"
        return error


class _At:
    __slots__ = ("call", "doing")

    def __init__(self, doing: Doing, call: plugin_call) -> None:
        self.doing = doing
        self.call = call

    def __enter__(self) -> None:
        self.doing.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:  # the watchdog looks on while the error is put into words: `__str__` may hang
            self.call.__exit__(kind, error, trace)
        finally:
            self.doing.__exit__(kind, error, trace)


def label(entry: Entry) -> str:
    """ "tokenizer 'slow' (file /x/slow.py)"."""
    return f"{KIND_WORDS[entry.kind]} {entry.name!r} ({origin(entry.origin)})"


def origin(text: str) -> str:
    """Where a plugin comes from, in words."""
    known = ("built in", "package ", "entry point ", "installed ")
    return text if text.startswith(known) else f"file {text}"


def make(
    registry: Registry,
    kind: Kind,
    name: str,
    options: Mapping[str, object],
    activity: Activity,
    follows: Mapping[str, KnobValue] = _NOTHING,
) -> tuple[Any, Guard]:
    """(the contribution, made with `options` as its knobs, and its guard). follows: settings of the
    run that knobs may follow. Raises KnobError, UnknownNameError, PluginError."""
    guard = Guard(registry.entry(kind, name), activity)
    with guard.doing("its factory" if kind == "lesson" else "__init__"):
        return registry.make(kind, name, options, follows), guard


@contextlib.contextmanager
def naming_the_knob(title: str, name: str) -> Iterator[None]:
    """Turns KnobError, UnknownNameError and PluginError of the contribution `name` into LabError.
    For the first two its `problems` name the knob: "top-k.top_k"."""
    try:
        yield
    except KnobError as error:
        field = f"{name}.{error.field}" if error.field else name
        raise LabError(Failure(title, str(error), problems={field: error.message})) from error
    except UnknownNameError as error:
        problems = {name: error.message}
        raise LabError(Failure(title, error.message, problems=problems)) from error
    except PluginError as error:
        raise LabError(failure_of(error)) from error


def failure_of(error: PluginError | UnknownNameError) -> Failure:
    """The error in words for the screen: a plugin failed, or no contribution has the name."""
    if isinstance(error, UnknownNameError):
        return Failure(error.title, error.message)
    return Failure(
        f"The plugin {error.plugin!r} failed",
        f"{error.place[:1].upper()}{error.place[1:]}: {error.reason}",
        kind="plugin",
        detail=error.detail,
        contribution=error.contribution,
    )


@contextlib.contextmanager
def plugin_failures() -> Iterator[None]:
    """Turns a PluginError or UnknownNameError into a LabError."""
    try:
        yield
    except (PluginError, UnknownNameError) as error:
        raise LabError(failure_of(error)) from error
