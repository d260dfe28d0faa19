"""One plugin, in a process of its own: `python -m playground.hooks.examine_child`.

Plugin code may hang here, print without end or end the process: playground.hooks.examine, which
starts this process, has a deadline and reads what was reported so far. The request is a line of
JSON on standard input, with a source behind it in a trial; the report is a line of JSON for each
event on what was standard output. Before the plugin's turn there is nothing more to read, and what
it prints goes to standard error, or in a trial nowhere.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

_GRACE = 5
"""Seconds beyond its deadline after which an examination that nobody ended ends itself."""
_SUSPICIOUS = 1.5
"""Seconds after which a trial says where the plugin's code stands."""


def main() -> None:
    """Examine or try what is asked for, and report."""
    request = json.loads(sys.stdin.buffer.readline())
    source = sys.stdin.buffer.read()
    report = os.fdopen(os.dup(1), "w", encoding="ascii")

    def tell(event: str, **facts: Any) -> None:
        report.write(json.dumps({"event": event, **facts}) + "\n")
        report.flush()

    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    if "path" in request:
        traces = os.fdopen(os.dup(2), "w")
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)
        _try(request["path"], source if request["text"] else None, traces, tell)
    else:
        os.dup2(2, 1)
        os.close(null)
        _examine(request, tell)
    os._exit(0)  # a plugin's threads are not waited for


def _try(path: str, source: bytes | None, traces: TextIO, tell: Callable[..., None]) -> None:
    """A short look at a version that was saved."""
    # Imported before the plugin's turn, so that the deadline counts the plugin's time alone.
    import playground.testing  # noqa: F401
    from playground.hooks.reload import tried

    tell("loading")
    faulthandler.dump_traceback_later(_SUSPICIOUS, file=traces)
    tell("tried", problems=[dataclasses.asdict(problem) for problem in tried(path, source)])


def _examine(request: dict[str, Any], tell: Callable[..., None]) -> None:
    """Load what is asked for, and put it to its contract if that is asked for."""
    faulthandler.enable()
    # The process that would end this one may have been killed. The timer needs no running Python.
    faulthandler.dump_traceback_later(request["seconds"] + _GRACE, exit=True)
    # Imported before the plugin's turn, so that its milliseconds are its own.
    from playground.hooks.manager import load
    from playground.hooks.sources import PluginSources

    sources: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in request["sources"].items()
    }
    if request["plugins"]:
        load(PluginSources(entry_points=False))
    tell("loading")
    registry = load(PluginSources(**sources), silent=False)  # what it prints is read
    catalog = dataclasses.asdict(registry.catalog())
    tell("loaded", **{name: catalog[name] for name in ("entries", "problems", "plugins")})
    if request["contract"]:
        _contract(registry, request, tell)
    tell("done")
    sys.stdout.flush()


def _contract(registry: Any, request: dict[str, Any], tell: Callable[..., None]) -> None:
    """Put every contribution of the plugin to the contract of its kind."""
    from playground.catalog import BUILTIN
    from playground.testing import contribution_checks, run_checks

    for entry in registry.catalog().entries:
        if (entry.plugin == BUILTIN) == request["plugins"]:
            continue
        subject = {"kind": entry.kind, "name": entry.name}
        if entry.missing:
            tell("finding", **subject, check="", outcome="skipped", message=entry.missing)
            continue
        tell("check", **subject, check="the collecting of its checks")
        contribution = registry.contribution(entry.kind, entry.qualified)
        checks = contribution_checks(entry.kind, contribution, request["network"])
        if not checks:
            message = f"there is no contract yet for a {entry.kind}"
            tell("finding", **subject, check="", outcome="skipped", message=message)

        def progress(name: str, *_: int, subject: dict[str, str] = subject) -> None:
            tell("check", **subject, check=name)

        for finding in run_checks(checks, request["budget"], progress):
            tell(
                "finding",
                **subject,
                check=finding.check.name,
                promise=finding.check.description,
                outcome=finding.outcome,
                message=finding.message,
                seconds=finding.seconds,
                detail=finding.traceback,
            )


if __name__ == "__main__":
    main()
