"""The command line: it parses words and starts one of the layers below."""

from __future__ import annotations

import sys

PATIENCE = 2.0
"""Seconds that plugins have to come to an end when the command has."""


def main() -> None:
    """Entry point of `microgpt-play`."""
    try:
        from playground.cli.commands import cli
        from playground.cli.exit import run

        code = run(cli)
    except KeyboardInterrupt:
        code = 130
    _leave(code)


def _leave(code: int) -> None:
    """End the process; a plugin's threads, and what it does at exit, are not waited for long."""
    if "playground.hooks.manager" in sys.modules:  # so plugins may have been loaded
        import os
        import threading

        def end() -> None:
            os._exit(code)

        watch = threading.Timer(PATIENCE, end)
        watch.daemon = True
        watch.start()
    sys.exit(code)
