"""The playground in a pseudo-terminal whose modes can be read: what it wrote, and how it leaves the
terminal."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.calibrated import PATIENCE

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals here", allow_module_level=True)

import fcntl
import struct
import termios

COMMAND = str(Path(sys.executable).parent / "microgpt-play")


class RawTerminal:
    """A pseudo-terminal with the playground in it."""

    def __init__(
        self,
        folder: Path,
        words: Sequence[str] = ("--no-record",),
        size: tuple[int, int] = (100, 30),
        cwd: Path | None = None,
        session: bool = True,
    ) -> None:
        self.ours, self.its = os.openpty()  # `its` stays open, as a shell would hold it
        self.resize(*size)
        self.before = self.modes
        self.written = b""
        self.process = subprocess.Popen(
            [COMMAND, *words],
            stdin=self.its,
            stdout=self.its,
            stderr=self.its,
            start_new_session=session,
            process_group=None if session else 0,  # as a shell starts it, which may stop it
            cwd=cwd,
            env={
                **os.environ,
                "TERM": "xterm-256color",
                "MICROGPT_PLAY_HOME": str(folder),
                "MICROGPT_PLAY_PROGRESS": "1",
            },
        )

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the kernel tells the playground."""
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        """Send keys, and read what the playground writes meanwhile, so that neither waits."""
        while keys:
            reads, writes, _ = select.select([self.ours], [self.ours], [], 5)
            if reads:
                self.written += os.read(self.ours, 65536)
            if writes:
                keys = keys[os.write(self.ours, keys[:256]) :]

    def settle(self, seconds: float) -> None:
        """Read for so many seconds."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.ours], [], [], left)[0]:
                self.written += os.read(self.ours, 65536)

    @property
    def modes(self) -> list[object]:
        """How the terminal reads and echoes."""
        return termios.tcgetattr(self.its)

    @property
    def raw(self) -> bool:
        return not int(self.modes[3]) & termios.ICANON  # type: ignore[call-overload]

    def wait(self, for_: Callable[[], object], seconds: float = 20) -> None:
        """Read what the playground writes until the condition holds."""
        deadline = time.monotonic() + seconds * PATIENCE
        while not for_():
            assert time.monotonic() < deadline, self.written[-2000:]
            if select.select([self.ours], [], [], 0.05)[0]:
                self.written += os.read(self.ours, 65536)

    def stopped(self) -> bool:
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def wait_for_end(self) -> int:
        self.wait(lambda: self.process.poll() is not None)
        while select.select([self.ours], [], [], 0)[0]:
            self.written += os.read(self.ours, 65536)
        return self.process.returncode

    def is_as_before(self) -> bool:
        """True if it reads, echoes, shows and reports the mouse as before."""
        modes = ("?1049", "?1000", "?1003", "?1006", "?2004", "?1004")
        ends = [self.written.rfind(f"\x1b[{mode}l".encode()) for mode in modes]
        begins = [self.written.rfind(f"\x1b[{mode}h".encode()) for mode in modes]
        off = all(end > begin for end, begin in zip(ends, begins, strict=True))
        return off and self.modes == self.before and self.window_is_as_before()

    def window_is_as_before(self) -> bool:
        """True if the window has its old title, and no progress: each title that was pushed is
        popped, and nothing is set after that."""
        pushed, popped = self.written.count(b"\x1b[22;0t"), self.written.rfind(b"\x1b[23;0t")
        titles = self.written.rfind(b"microgpt-play\x1b\\")
        progress = re.findall(rb"\x1b]9;4;(\d);\d+\x1b", self.written)
        return (
            self.written.count(b"\x1b[23;0t") == pushed
            and popped >= titles
            and progress[-1:] in ([], [b"0"])
        )


@contextmanager
def raw_terminal(
    folder: Path,
    words: Sequence[str] = ("--no-record",),
    size: tuple[int, int] = (100, 30),
    cwd: Path | None = None,
    session: bool = True,
) -> Iterator[RawTerminal]:
    """The playground, launched with these words in a terminal of that size, home in `folder`."""
    terminal = RawTerminal(folder, words, size, cwd, session)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.ours)
        os.close(terminal.its)
