"""The process that trains a sweep for the screen: the command `microgpt-play sweep --resume`, which
alone writes the sweep into the store.

Its standard input is its lifeline. The process stops, as by Ctrl-C, when the lifeline is closed, or
when the process of the screen ends in any other way: see playground.cli.tethered.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PATIENCE = 10.0
"""Seconds in which the process stops in order; then it is ended."""
_TAIL = 4096


class SweepProcess:
    """One session of a sweep, trained by a process of this one."""

    def __init__(self, sweep: int, jobs: int) -> None:
        """Start it; returns at once. Raises OSError."""
        self.sweep, self.jobs = sweep, jobs
        self.stopping = False
        """True once it was asked to stop."""
        descriptor, log = tempfile.mkstemp(prefix="microgpt-play-", suffix=".log")
        self._log = Path(log)
        try:
            self._popen: subprocess.Popen[bytes] = subprocess.Popen(
                # -P: imports nothing from where the person stands, as the workers do.
                [sys.executable, "-P", "-m", "playground.cli.tethered",
                 "sweep", "--resume", str(sweep), "--jobs", str(jobs)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=descriptor,
                **_apart(),
            )  # fmt: skip
        except OSError:
            self._log.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    @property
    def code(self) -> int | None:
        """The exit code; None while it is at work."""
        return self._popen.poll()

    def stop(self) -> None:
        """Ask it to stop. What is recorded by then is kept."""
        self.stopping = True
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError):
            self._popen.stdin.close()

    def end(self, seconds: float = PATIENCE) -> None:
        """Stop it, and wait until it has ended, by force after so many seconds. Whatever it started
        ends with it, and its log is removed."""
        self.stop()
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            if os.name == "posix":
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.kill()
            self._popen.wait()
        with contextlib.suppress(OSError):
            self._log.unlink()

    @property
    def last_words(self) -> str:
        """The last line that it wrote to standard error; "" if it wrote none."""
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().decode("utf-8", "replace").replace("\0", "").splitlines()
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""


def _apart() -> dict[str, Any]:
    """Options of Popen that keep Ctrl-C in the terminal from the process: it is for the screen."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}
