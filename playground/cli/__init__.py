"""The command line: each command parses its words, then starts the screen or a run without one.

The top layer: it runs in the process that a person starts, and no other package imports it.
"""

from __future__ import annotations

import sys

PATIENCE = 2.0
"""Seconds that the threads and exit handlers of plugins get after the command has ended."""


allowed = False
"""True in a process of its own, which may fork (see supervisor.py)."""


def main() -> None:
    """Entry point of `microgpt-play`."""
    try:
        from playground.cli.commands import cli
        from playground.cli.exit import run

        global allowed
        allowed = True
        code = run(cli)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        _finished(1)
        raise
    _leave(code)


def _finished(code: int) -> None:
    """Tell the process that watches over this one, if there is one, how the command has ended."""
    if (supervisor := sys.modules.get("playground.cli.supervisor")) is not None:
        supervisor.finished(code)


def _leave(code: int) -> None:
    """End the process, at the latest after PATIENCE: a plugin's threads may never end."""
    _finished(code)
    if "playground.hooks.manager" in sys.modules:  # so plugins may have been loaded
        import os
        import threading

        def end() -> None:
            os._exit(code)

        watch = threading.Timer(PATIENCE, end)
        watch.daemon = True
        watch.start()
    sys.exit(code)
