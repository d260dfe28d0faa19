"""Plugins examined from outside: each is loaded in a process of its own, with a deadline.

A plugin that hangs, floods the output or kills the process costs its own report and no more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from playground.catalog import BUILTIN, HOOKS, Problem
from playground.hooks.discovery import BUILT_IN, Candidate
from playground.hooks.errors import KIND_WORDS, excerpt, one_line
from playground.hooks.examine_child import REPORT, REQUEST
from playground.hooks.sources import PluginSources

DEADLINE = 10.0
"""Seconds for an import and its hooks."""
CONTRACT_DEADLINE = 120.0
"""Seconds for the contract of one plugin."""
FLOOD = 10_000
"""Bytes that a plugin may print while it is loaded before that counts as trouble."""
_KEPT = 8_192
"""Bytes of output that are kept from each end."""
_REPORT_LIMIT = 16 * 1024 * 1024
_LOOKS = 0.1
"""Seconds between two looks at whether anybody still waits."""


@dataclass(slots=True)
class Examined:
    """What became of one plugin."""

    name: str
    origin: str
    version: str = ""
    """Of an installed package."""
    api: str = ""
    """The versions of the plugin interface it declares."""
    state: str = "loaded"
    """loaded, failed, crashed, hung or disabled."""
    seconds: float = 0.0
    """For its import and hooks."""
    contributions: list[dict[str, Any]] = field(default_factory=list)
    """kind, name, summary and missing of each."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Worth knowing, and no trouble."""
    findings: list[dict[str, Any]] = field(default_factory=list)
    """Of the contract: kind, name, check, promise, outcome, message, seconds, detail."""

    @property
    def hooks(self) -> list[str]:
        """The hooks through which it contributes."""
        kinds = {item["kind"] for item in self.contributions}
        return [hook for hook, kind in HOOKS.items() if kind in kinds]

    @property
    def trouble(self) -> bool:
        """Whether something is wrong with it."""
        return bool(self.problems) or any(f["outcome"] == "failed" for f in self.findings)

    def json(self) -> dict[str, Any]:
        """All of it as plain values."""
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


def examine(
    found: Candidate | None,
    *,
    contract: bool = False,
    deadline: float | None = None,
    given_up: threading.Event | None = None,
) -> Examined:
    """Load one plugin (None: the built-ins) elsewhere, and say what came of it.

    contract: put its contributions to their contracts, too. deadline: seconds for all of it.
    given_up: set when nobody waits for the answer any more; the process is ended then.
    """
    about = Examined(found.name, found.origin) if found else Examined(BUILTIN, BUILT_IN)
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
        "budget": 0.8 * seconds,
        "seconds": seconds,
    }
    with tempfile.TemporaryDirectory(prefix="microgpt-play-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / REQUEST).write_text(json.dumps(request), encoding="ascii")
        code, output = _run(folder, seconds, given_up or threading.Event())
        events = _events(folder / REPORT)
    _take(about, events)
    if found is not None and found.path is not None and not _is_there(found.path):
        _trouble(about, "hook", "its file is gone since it was loaded: it removes itself")
    if not events or events[-1]["event"] != "done":
        _say_end(about, events, code, seconds, output)
    if output.count:
        said = f"it prints while it is loaded: {output.count:,} bytes, {excerpt(output.head)}"
        if output.count > FLOOD:
            _trouble(about, "hook", said)
        else:
            about.notes.append(one_line(said))
    return about


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


# ---------------------------------------------------------------- the process


class _Output:
    """What a process prints: counted, and both ends of it kept."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.count = 0
        self._head, self._tail = b"", b""
        self._stream = stream
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._stream.fileno(), 65_536):
                self.count += len(data)
                self._head += data[: _KEPT - len(self._head)]
                self._tail = (self._tail + data)[-_KEPT:]

    @property
    def head(self) -> str:
        return self._head.decode("utf-8", "replace").strip()

    @property
    def tail(self) -> str:
        return self._tail.decode("utf-8", "replace").strip()


def _run(folder: Path, seconds: float, given_up: threading.Event) -> tuple[int | None, _Output]:
    """Its exit code, None if it had to be ended; and what it printed."""
    options: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "playground.hooks.examine_child", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )
    assert process.stdout is not None
    output = _Output(process.stdout)
    code: int | None = None
    end = time.monotonic() + seconds
    try:
        while code is None and time.monotonic() < end and not given_up.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(min(_LOOKS, max(end - time.monotonic(), 0.0)))
    finally:  # and whatever it started; also when the keyboard interrupts
        if os.name == "posix":
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        if code is None:
            process.kill()
            process.wait()
    output.thread.join(1.0)
    if not output.thread.is_alive():
        process.stdout.close()
    return code, output


def _events(path: Path) -> list[dict[str, Any]]:
    """What was reported, as far as it came. A plugin may have written there, too."""
    try:
        with path.open("rb") as file:
            lines = file.read(_REPORT_LIMIT).splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and "event" in event:
                events.append(event)
    return events


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


def _say_end(
    about: Examined,
    events: list[dict[str, Any]],
    code: int | None,
    seconds: float,
    output: _Output,
) -> None:
    """It did not come to the end of its report."""
    names = [event["event"] for event in events]
    if "loaded" in names:
        last = next((event for event in reversed(events) if event["event"] == "check"), None)
        where = f"during {last['check']}" if last else "after it was loaded"
    else:
        where = "while it was being loaded"
    if code is None:
        about.state = "hung"
        message = f"it took more than {seconds:g} s {where}, and was ended"
    else:
        about.state = "crashed"
        message = f"it ended the process {where}: {_code(code)}"
    _trouble(about, "crash", message, output.tail)


def _code(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
