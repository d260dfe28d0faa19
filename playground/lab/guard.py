"""Around every call into a contribution: who is at work, and what became of it.

A plugin that raises comes out as PluginError (see playground.hooks.errors); one that hangs is
found by the watchdog through `Activity`. Built-ins are trusted and pay for neither.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType

from playground.catalog import BUILTIN, Entry
from playground.hooks.errors import KIND_WORDS, PluginError, plugin_call
from playground.lab.activity import Activity, Doing
from playground.lab.events import LabError
from playground.lab.protocol import ActivityKind, Failure


class Guard:
    """For one contribution: `with guard.at("encode", text): ...`."""

    def __init__(self, entry: Entry, activity: Activity) -> None:
        self.entry = entry
        self.trusted = entry.plugin == BUILTIN
        self.label = label(entry)
        self._activity = activity
        self._doings: dict[tuple[str, str], Doing] = {}

    def at(self, method: str, given: object = None, kind: ActivityKind = "plugin") -> _At:
        """A context manager around one call. given: what it gets, for the message."""
        return _At(self.doing(method, kind), plugin_call(self.entry, f"in {method}", given))

    def doing(self, method: str, kind: ActivityKind = "plugin") -> Doing:
        """Only the part that tells the watchdog."""
        doing = self._doings.get((method, kind))
        if doing is None:
            if self.trusted and kind == "plugin":
                kind = "own"
            doing = self._doings[method, kind] = self._activity.doing(
                kind, self.label, method, f"{self.entry.kind}:{self.entry.qualified}"
            )
        return doing

    def broken(self, method: str, wrong: str) -> PluginError:
        """What to raise if it gave something that its contract rules out."""
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
        self.doing.__exit__(kind, error, trace)
        self.call.__exit__(kind, error, trace)


def label(entry: Entry) -> str:
    """ "tokenizer 'slow' (file /x/slow.py)"."""
    return f"{KIND_WORDS[entry.kind]} {entry.name!r} ({origin(entry.origin)})"


def origin(text: str) -> str:
    """Where a plugin is from, in words."""
    known = ("built in", "package ", "entry point ", "installed ")
    return text if text.startswith(known) else f"file {text}"


def failure_of(error: PluginError) -> Failure:
    """A plugin's error as the screen shows it."""
    return Failure(
        f"The plugin {error.plugin!r} failed",
        f"{error.place[:1].upper()}{error.place[1:]}: {error.reason}",
        kind="plugin",
        detail=error.detail,
        contribution=error.contribution,
    )


@contextlib.contextmanager
def plugin_failures() -> Iterator[None]:
    """A PluginError inside comes out as LabError."""
    try:
        yield
    except PluginError as error:
        raise LabError(failure_of(error)) from error
