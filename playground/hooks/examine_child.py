"""One plugin, in a process of its own: `python -m playground.hooks.examine_child FOLDER`.

Plugin code may hang here, print without end or end the process: whoever started it
(playground.hooks.examine) has a deadline, and reads what was written so far. The request is
FOLDER/request.json; the report, FOLDER/report.jsonl, is a line of JSON for each event, because
standard output belongs to the plugin.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

REQUEST, REPORT = "request.json", "report.jsonl"
_GRACE = 5
"""Seconds beyond its deadline after which a process that nobody ended ends itself."""


def main(folder: Path) -> None:
    """Load what is asked for, put it to its contract if that is asked for, and report."""
    faulthandler.enable()
    request = json.loads((folder / REQUEST).read_text(encoding="ascii"))
    # Whoever would end this process may have been killed itself. Needs no Python that runs.
    faulthandler.dump_traceback_later(request["seconds"] + _GRACE, exit=True)
    with (folder / REPORT).open("w", encoding="ascii") as file:

        def tell(event: str, **facts: Any) -> None:
            file.write(json.dumps({"event": event, **facts}) + "\n")
            file.flush()

        # Before the plugin's turn, so that its milliseconds are its own.
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
    os._exit(0)  # a plugin's threads are not waited for


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
        checks = contribution_checks(entry.kind, contribution)
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
    main(Path(sys.argv[1]))
