"""Plugins examined from outside: each is loaded in a process of its own, with a deadline.

`plugins doctor` and `plugins check` run an Examination of a plugin; hot reload runs a Trial of a
version that was just saved. A plugin that hangs, floods the output or kills the process costs its
own report and no more. The process is playground.hooks.examine_child. No plugin code is imported
here, so the screen's process may import this module.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from playground.catalog import BUILTIN, HOOKS, Problem
from playground.hooks.errors import KIND_WORDS, excerpt, one_line
from playground.hooks.sources import BUILT_IN, PluginSources, expanded, found_at

if TYPE_CHECKING:
    from playground.hooks.discovery import Candidate

DEADLINE = 10.0
"""Seconds for the import and the hooks of one plugin."""
CONTRACT_DEADLINE = 120.0
"""Seconds for the contract of one plugin."""
TRIAL_DEADLINE = 2.0
"""Seconds that a saved version may take in its trial: import, hooks and the short contract."""
_START = 30.0
"""Seconds that the process of a trial may take to begin, before the deadline counts."""
FLOOD = 10_000
"""Bytes that a plugin may print while it is loaded before that counts as trouble."""
_HEAD, _TAIL = 65_536, 8_192
"""Bytes of output that are kept from each end."""
_REPORT_LIMIT = 16 * 1024 * 1024
_LOOKS = 0.1
"""Seconds between two looks at whether the process has ended, while the report tells nothing."""


@dataclass(slots=True)
class Examined:
    """What the examination of one plugin found."""

    name: str
    origin: str
    version: str = ""
    """The version of an installed package; "" for a file."""
    api: str = ""
    """The versions of the plugin interface that the plugin declares."""
    state: str = "loaded"
    """loaded, failed, crashed, hung or disabled."""
    seconds: float = 0.0
    """How long its import and hooks took."""
    contributions: list[dict[str, Any]] = field(default_factory=list)
    """The kind, name, summary and missing of each."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Facts worth knowing that are no trouble."""
    findings: list[dict[str, Any]] = field(default_factory=list)
    """Results of the contract: kind, name, check, promise, outcome, message, seconds, detail."""

    @property
    def hooks(self) -> list[str]:
        """The hooks through which the plugin contributes."""
        kinds = {item["kind"] for item in self.contributions}
        return [hook for hook, kind in HOOKS.items() if kind in kinds]

    @property
    def trouble(self) -> bool:
        """True if the plugin has a problem or breaks its contract."""
        return bool(self.problems) or any(f["outcome"] == "failed" for f in self.findings)

    def json(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {
            "name": self.name,
            "origin": self.origin,
            "version": self.version,
            "api": self.api,
            "state": self.state,
            "ms": round(1000 * self.seconds, 2),
            "hooks": self.hooks,
            "contributions": self.contributions,
            "problems": [dataclasses.asdict(problem) for problem in self.problems],
            "notes": self.notes,
            "findings": self.findings,
        }


# ---------------------------------------------------------------- the process


class _Stream:
    """What a process writes to a pipe: counted, and both ends of it kept."""

    def __init__(self, stream: IO[bytes], head: int, tail: int = 0) -> None:
        """head, tail: how many bytes are kept of each end."""
        self.count = 0
        self.head = bytearray()
        self.begun, self.ended = threading.Event(), threading.Event()
        """Set by the first bytes, and when there will be no more; `ended` sets `begun`, too."""
        self._tail = b""
        self._limits = head, tail
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        head, tail = self._limits
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._stream.fileno(), 65_536):
                self.count += len(data)
                self.head += data[: head - len(self.head)]
                if tail:
                    self._tail = (self._tail + data)[-tail:]
                self.begun.set()
        self.begun.set()
        self.ended.set()

    @property
    def beginning(self) -> str:
        return self.head.decode("utf-8", "replace")

    @property
    def end(self) -> str:
        return self._tail.decode("utf-8", "replace").strip()

    def close(self, until: float) -> None:
        """Take in the rest, if it comes until then (time.monotonic())."""
        self._thread.join(max(until - time.monotonic(), 0.0))
        if not self._thread.is_alive():
            self._stream.close()


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a process came to its end, and what it said."""

    code: int
    late: bool
    """True if the process was ended because it took too long."""
    events: list[dict[str, Any]]
    printed: _Stream


class _Process:
    """A process in which one plugin runs, from its start to its end."""

    def __init__(
        self, request: dict[str, Any], seconds: float, *, source: bytes = b"", start: float = 0.0
    ) -> None:
        """seconds: the deadline. start: seconds until the first report, which the deadline does
        not count; 0 if it counts them."""
        self._input = json.dumps(request).encode("ascii") + b"\n" + source
        self._seconds, self._start = seconds, start
        self._popen: subprocess.Popen[bytes] | None = None
        self._killed = False

    def kill(self) -> None:
        """End the process at once, from any thread; one that has not begun ends as it begins."""
        self._killed = True
        if (popen := self._popen) is not None:
            _end(popen)

    def _ended(self) -> _Ended:
        """Run the process; blocks until its end, at most until the deadline. Raises OSError if
        no process can be started."""
        popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "playground.hooks.examine_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
        assert popen.stdin is not None and popen.stdout is not None and popen.stderr is not None
        report = _Stream(popen.stdout, _REPORT_LIMIT)
        printed = _Stream(popen.stderr, _HEAD, _TAIL)
        try:
            self._popen = popen
            if self._killed:
                self.kill()
            # A process that is over already takes no request; its exit code tells.
            with contextlib.suppress(OSError), popen.stdin:
                popen.stdin.write(self._input)
            in_time = self._in_time(popen, report)
        finally:  # also when the keyboard interrupts
            self._popen = None
            _end(popen)
            popen.wait()
        until = time.monotonic() + 1.0
        for stream in (report, printed):
            stream.close(until)
        return _Ended(popen.returncode, not in_time, _events(report.head), printed)

    def _in_time(self, popen: subprocess.Popen[bytes], report: _Stream) -> bool:
        """Wait for the end of the process; True if it comes before the deadline."""
        if self._start and not report.begun.wait(self._start):
            return False
        end = time.monotonic() + self._seconds
        while popen.poll() is None and (left := end - time.monotonic()) > 0:
            # The report ends with the process, unless a plugin has closed it, or has forked a
            # process that holds it open.
            if report.ended.wait(min(_LOOKS, left)):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    popen.wait(min(_LOOKS, left))
        return popen.returncode is not None


def _end(popen: subprocess.Popen[bytes]) -> None:
    """Kill a process, and what the process started, which may outlive it."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            os.killpg(popen.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        popen.kill()


def _events(report: bytes | bytearray) -> list[dict[str, Any]]:
    """The events that were reported. A line that is no event, perhaps a plugin's, is left out."""
    events = []
    for line in report.splitlines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and "event" in event:
                events.append(event)
    return events


# ---------------------------------------------------------------- a version that was saved


class Trial(_Process):
    """One saved version of a plugin: its import, its hooks, and a short contract."""

    def __init__(self, path: str, source: bytes | None, deadline: float = TRIAL_DEADLINE) -> None:
        """path: as the sources spell it. source: None for a package, read from disk."""
        request = {"path": path, "text": source is not None}
        super().__init__(request, deadline, source=source or b"", start=_START)
        self._path = path

    def run(self) -> tuple[Problem, ...]:
        """What is wrong with the version; nothing if it may be used. Blocks, at most until the
        deadline. Raises OSError if no process can be started."""
        ended = self._ended()
        for event in ended.events:
            if event["event"] == "tried":
                return tuple(Problem(**fields) for fields in event["problems"])
        if ended.late:
            message = (
                f"it had not returned after {self._seconds:g} s; a plugin must be quick to "
                "import, so look for a loop, and import heavy libraries in the factory"
            )
        else:
            message = f"it ended the process that tried it (exit code {ended.code})"
        name = found_at(expanded(self._path)).name
        where = ended.printed.beginning
        return (Problem(name, one_line(self._path), "import", message, where),)


# ---------------------------------------------------------------- a plugin as it is


class Examination(_Process):
    """One plugin as it is: loaded and, on request, put to its contract."""

    def __init__(
        self,
        found: Candidate | None,
        *,
        contract: bool = False,
        deadline: float | None = None,
        network: bool = False,
    ) -> None:
        """found: None for the built-ins. contract: put its contributions to their contracts,
        too. deadline: seconds for all of it. network: the contracts may use the network."""
        seconds = deadline or (CONTRACT_DEADLINE if contract else DEADLINE)
        if found is None:
            sources = PluginSources(entry_points=False)
        elif found.path is not None:
            sources = PluginSources(entry_points=False, files=(str(found.path),))
        else:
            sources = PluginSources(only=(found.name,))
        request = {
            "sources": dataclasses.asdict(sources),
            "plugins": found is not None,
            "contract": contract,
            "network": network,
            "budget": 0.8 * seconds,
            "seconds": seconds,
        }
        super().__init__(request, seconds)
        self._found = found

    def run(self) -> Examined:
        """Everything found out about the plugin. Blocks, at most until the deadline. Raises OSError
        if no process can be started."""
        found = self._found
        about = Examined(found.name, found.origin) if found else Examined(BUILTIN, BUILT_IN)
        ended = self._ended()
        _take(about, ended.events)
        if found is not None and found.path is not None and not _is_there(found.path):
            _trouble(about, "hook", "its file is gone since it was loaded: it removes itself")
        if not ended.events or ended.events[-1]["event"] != "done":
            _say_end(about, ended, self._seconds)
        if count := ended.printed.count:
            beginning = excerpt(ended.printed.beginning.strip())
            said = f"it prints while it is loaded: {count:,} bytes, {beginning}"
            if count > FLOOD:
                _trouble(about, "hook", said)
            else:
                about.notes.append(one_line(said))
        return about


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


# ---------------------------------------------------------------- what it means


def _trouble(about: Examined, stage: Any, message: str, detail: str = "") -> None:
    about.problems.append(Problem(about.name, about.origin, stage, one_line(message), detail))


def _take(about: Examined, events: list[dict[str, Any]]) -> None:
    for event in events:
        if event["event"] == "finding":
            about.findings.append({key: event[key] for key in event if key != "event"})
        elif event["event"] == "loaded":
            builtin = about.name == BUILTIN
            for plugin in event["plugins"]:
                if (plugin["name"] == BUILTIN) == builtin:
                    about.seconds += plugin["seconds"]
                    about.state = plugin["state"]
            for entry in event["entries"]:
                if (entry["plugin"] == BUILTIN) == builtin:
                    about.contributions.append(
                        {key: entry[key] for key in ("kind", "name", "summary", "missing")}
                    )
                    if entry["missing"]:
                        words = KIND_WORDS[entry["kind"]]
                        message = f"the {words} {entry['name']!r} {entry['missing']}"
                        _trouble(about, "contribution", message)
            for problem in event["problems"]:
                _trouble(about, problem["stage"], problem["message"], problem["detail"])


def _say_end(about: Examined, ended: _Ended, seconds: float) -> None:
    """Add the problem of a process that ended before its report did."""
    names = [event["event"] for event in ended.events]
    if "loaded" in names:
        checks = [event["check"] for event in ended.events if event["event"] == "check"]
        where = f"during {checks[-1]}" if checks else "after it was loaded"
    else:
        where = "while it was being loaded"
    if ended.late:
        about.state = "hung"
        message = f"it took more than {seconds:g} s {where}, and was ended"
    else:
        about.state = "crashed"
        message = f"it ended the process {where}: {_code(ended.code)}"
    _trouble(about, "crash", message, ended.printed.end)


def _code(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
