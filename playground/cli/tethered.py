"""The command line, tethered to the process that started it: `python -m playground.cli.tethered`
with the words of a command.

Standard input is a pipe whose other end that process alone holds. When it is closed, or that
process ends, the command is interrupted as by Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

PATIENCE = 8.0
"""Seconds that the command has to end by itself; then it is ended."""


def main() -> None:
    """Run the command until it ends, or is interrupted; exits with its code, 130 if interrupted."""
    threading.Thread(target=_watch, name="tether", daemon=True).start()
    try:
        from playground.cli import main as command

        command()
    except KeyboardInterrupt:  # before the command was there to hear it
        sys.exit(130)


def _watch() -> None:
    # Not by sys.stdin, whose lock a thread that reads would hold when the interpreter ends.
    try:
        while os.read(0, 1024):
            pass
    except OSError:
        pass
    signal.raise_signal(signal.SIGINT)
    time.sleep(PATIENCE)
    os._exit(130)


if __name__ == "__main__":
    main()
