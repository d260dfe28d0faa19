"""Starts the process of a worker, and ends it surely.

pydantic, pluggy and asyncio are not imported here: the command line starts the first worker before
it imports the screen, so that both load side by side.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from playground.hooks.sources import PluginSources
from playground.lab.protocol import pipe
from playground.lab.protocol.pipe import Hello

_TAIL_BYTES = 8192


@dataclass(eq=False, slots=True)
class WorkerProcess:
    """One worker process, its two pipes and its log."""

    popen: subprocess.Popen[bytes]
    log: Path
    fresh: bool = field(default=True)
    """True until the worker gets its first command."""
    loading: str | None = None
    """The folder where the worker says which plugin it loads; see playground.hooks.quarantine."""

    @property
    def stdin(self) -> BinaryIO:
        assert self.popen.stdin is not None
        return self.popen.stdin  # type: ignore[return-value]

    @property
    def stdout(self) -> BinaryIO:
        assert self.popen.stdout is not None
        return self.popen.stdout  # type: ignore[return-value]

    @property
    def pid(self) -> int:
        return self.popen.pid

    def kill(self) -> None:
        """End the worker, and whatever it started, at once. Harmless if it has ended."""
        if self.popen.returncode is not None:
            return
        # Leaving while a plugin loads says nothing against the plugin.
        if self.loading and not self.ended():
            from playground.hooks.quarantine import forgive

            forgive(Path(self.loading), self.popen.pid)
        self.end_group()
        with contextlib.suppress(OSError):
            self.popen.kill()

    def ended(self) -> bool:
        """True if the worker has ended. Its number stays taken until `reap`, so that `end_group`
        cannot mean another process."""
        if self.popen.returncode is not None or not hasattr(os, "waitid"):
            return self.popen.poll() is not None
        try:
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.popen.pid, options) is not None
        except ChildProcessError:
            return self.popen.poll() is not None

    def end_group(self) -> None:
        """End what the worker has started, and the worker. A process that a plugin forked is in
        the worker's group, because the worker leads a session of its own."""
        if os.name == "posix" and self.popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.popen.pid, signal.SIGKILL)

    def dump_stack(self) -> None:
        """Have the worker write its stack to its log, even while its code hangs."""
        if hasattr(signal, "SIGUSR1") and not self.ended():
            with contextlib.suppress(OSError):
                self.popen.send_signal(signal.SIGUSR1)

    def reap(self, timeout: float | None = None) -> int | None:
        """The worker's exit code (negative: a signal); None if it has not ended after `timeout`.
        What the worker started ends with it."""
        until = None if timeout is None else time.monotonic() + timeout
        pause = 0.0005
        while not self.ended():
            if until is not None and time.monotonic() > until:
                return None
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        self.end_group()
        return self.popen.wait()

    def log_tail(self, lines: int = 12) -> str:
        """The last lines that the worker wrote to its standard output and error."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.replace("\0", "").splitlines()[-lines:])

    def discard_log(self) -> None:
        """Remove the log. Call this when the process has ended and the log was read."""
        with contextlib.suppress(OSError):
            self.log.unlink()


def spawn_worker(sources: PluginSources | None = None, *, eager: bool = True) -> WorkerProcess:
    """Start a worker; returns at once, while it is still loading.

    Raises OSError if no process can be started.
    """
    descriptor, log = tempfile.mkstemp(prefix="microgpt-play-", suffix=".log")
    os.close(descriptor)
    # Appending, so that a log which grew too long can be cut while others write to it.
    stderr = os.open(log, os.O_WRONLY | os.O_APPEND)
    try:
        popen = subprocess.Popen(
            # -P: imports no random.py, and no folder named microgpt, from where the user stands.
            [sys.executable, "-P", "-m", "playground.lab.worker", log],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            **_own_session(),
        )
    except OSError:
        Path(log).unlink(missing_ok=True)
        raise
    finally:
        os.close(stderr)
    sources = sources or PluginSources()
    process = WorkerProcess(popen, Path(log), loading=sources.loading)
    with contextlib.suppress(OSError):  # it has ended already; the first request tells
        pipe.send(process.stdin, pipe.pack(Hello(sources, eager)))
    return process


def _own_session() -> dict[str, Any]:
    """Options of Popen that keep Ctrl+C in the terminal from the worker: it is for the screen."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}
