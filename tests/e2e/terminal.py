"""A real terminal for tests: tmux runs the command, takes keys, and tells what is on the screen.

No test sleeps: tmux copies all that the program prints into a pipe, and `wait_for` looks at the
screen again whenever something arrives in the pipe, until the screen shows what the test waits for
or the deadline passes. Seconds are those of an idle machine.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.calibrated import PATIENCE


class Terminal:
    """One program in a terminal of so many columns and rows."""

    def __init__(
        self,
        command: list[str],
        *,
        size: tuple[int, int],
        folder: Path,
        env: Mapping[str, str],
    ) -> None:
        self.socket = f"e2e-{uuid.uuid4().hex[:12]}"
        self.size = size
        self.exit_file = folder / f"{self.socket}.exit"
        self.error_file = folder / f"{self.socket}.err"
        self._pipe = folder / f"{self.socket}.pipe"
        os.mkfifo(self._pipe)
        self._bytes = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)
        # This process holds the pipe open too, so that a reader never sees its end between writers.
        self._hold = os.open(self._pipe, os.O_WRONLY)
        gate = folder / f"{self.socket}.gate"
        os.mkfifo(gate)
        script = (
            f"read go < {shlex.quote(str(gate))}; {shlex.join(command)} "
            f"2> {shlex.quote(str(self.error_file))}; "
            f"echo $? > {shlex.quote(str(self.exit_file))}; printf '\\nended\\n'; read end"
        )
        settings = [f"{name}={value}" for name, value in env.items()]
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-s", "main", "-x", str(size[0]),
            "-y", str(size[1]), "env", "-u", "COLUMNS", "-u", "LINES", *settings,
            "sh", "-c", script,
        )  # fmt: skip
        self._tmux("set-option", "-g", "status", "off")
        # `status off` gives the last row to the program, so the window takes its size once more.
        self._tmux("resize-window", "-x", str(size[0]), "-y", str(size[1]))
        self._tmux("pipe-pane", "-O", f"exec cat > {shlex.quote(str(self._pipe))}")
        self.started = time.monotonic()
        with gate.open("w") as stream:
            stream.write("go\n")

    def _tmux(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self.socket, *words], check=True, capture_output=True, text=True
        ).stdout

    def press(self, *keys: str) -> None:
        """Send keys by tmux's names: "s", "Space", "Enter", "C-q", "Right"."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Send text as it is."""
        self._tmux("send-keys", "-l", "--", text)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    @property
    def screen(self) -> str:
        """The text on the screen now."""
        return self._tmux("capture-pane", "-p")

    def wait_for(
        self, what: str | re.Pattern[str] | Callable[[str], object], seconds: float = 15
    ) -> str:
        """Wait for `what` (text, pattern or condition); return the first screen that shows it.

        Raises AssertionError with the screen and the standard error after `seconds`.
        """
        seconds *= PATIENCE
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen
            if _holds(what, screen):
                # The screen may be half drawn. It is whole once nothing more arrives.
                for _ in range(5):
                    if not select.select([self._bytes], [], [], 0.02)[0]:
                        break
                    self._drain()
                whole = self.screen
                return whole if _holds(what, whole) else screen
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(
                    f"{what!r} was not seen within {seconds} s. The screen:\n{screen}\n"
                    f"standard error:\n{self.errors[-2000:]}"
                )
            select.select([self._bytes], [], [], min(left, 1))
            self._drain()

    def settle(self, seconds: float = 0.15) -> str:
        """The screen once nothing more arrives for so long: after a key that may change nothing."""
        for _ in range(100):
            if not select.select([self._bytes], [], [], seconds)[0]:
                break
            self._drain()
        return self.screen

    def _drain(self) -> None:
        try:
            while os.read(self._bytes, 65536):
                pass
        except BlockingIOError:
            pass

    def wait_for_exit(self, seconds: float = 10) -> int:
        """Wait for the end of the program; return its exit code."""
        self.wait_for(lambda _: self.exit_file.exists() and self.exit_file.read_text(), seconds)
        return int(self.exit_file.read_text())

    @property
    def errors(self) -> str:
        """What the program wrote to standard error."""
        return self.error_file.read_text() if self.error_file.exists() else ""

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True, check=False)
        os.close(self._bytes)
        os.close(self._hold)


def _holds(what: str | re.Pattern[str] | Callable[[str], object], screen: str) -> bool:
    if isinstance(what, str):
        return what in screen
    return bool(what.search(screen) if isinstance(what, re.Pattern) else what(screen))
