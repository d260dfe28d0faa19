"""A program in a pseudo-terminal, for benchmarks: keys in, bytes out, each with its time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping


class PtyProgram:
    """Runs a command on a pty of its own, and answers no query that the program sends to it."""

    def __init__(
        self, command: list[str], *, size: tuple[int, int] = (120, 40), env: Mapping[str, str]
    ) -> None:
        self.started = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, dict(env))
        columns, rows = size
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.output = b""

    def press(self, keys: str) -> float:
        """Send keys; returns the time of sending."""
        now = time.monotonic()
        os.write(self._fd, keys.encode())
        return now

    def wait(
        self, seen: bytes | Callable[[bytes], bool], seconds: float = 30, since: int = 0
    ) -> float:
        """Wait until the output from position `since` on holds `seen`; returns that time."""
        deadline = time.monotonic() + seconds
        while True:
            found = seen(self.output[since:]) if callable(seen) else seen in self.output[since:]
            if found:
                return time.monotonic()
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise TimeoutError(f"{seen!r} did not come within {seconds} s")

    def read(self, seconds: float) -> bool:
        """Read the next output, for at most so many seconds; False at the end of the program."""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if ready:
            try:
                data = os.read(self._fd, 1 << 16)
            except OSError:
                return False
            self.output += data
            return bool(data)
        return True

    def skip(self, seconds: float) -> None:
        """Read the output for so many seconds, and forget all of it so far."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self.read(left):
            self.output = b""

    def wait_end(self, seconds: float = 10) -> None:
        """Wait until the program has ended by itself."""
        deadline = time.monotonic() + seconds
        while self.read(max(0.0, deadline - time.monotonic())):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"it did not end within {seconds} s")

    def close(self) -> None:
        """End the program if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if not self.read(0.1):
                break
            done, _ = os.waitpid(self.pid, os.WNOHANG)
            if done:
                os.close(self._fd)
                return
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)
