"""Signals, and the terminal after them: as it was before, whatever ended the playground."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from playground.tui.quit import FAULTS, ending_signals
from tests.calibrated import PATIENCE

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals here", allow_module_level=True)

import fcntl
import struct
import termios

COMMAND = str(Path(sys.executable).parent / "microgpt-play")


class Terminal:
    """A pseudo-terminal with the playground in it."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.its = os.openpty()  # `its` stays open, as a shell would hold it
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.before = self.modes
        self.written = b""
        self.process = subprocess.Popen(
            [COMMAND, "--no-record"],
            stdin=self.its,
            stdout=self.its,
            stderr=self.its,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "MICROGPT_PLAY_HOME": str(folder)},
        )

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
        return off and self.modes == self.before


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with _open(tmp_path / "home") as terminal:
        terminal.wait(lambda: b"prompt" in terminal.written)
        assert terminal.raw and not terminal.is_as_before()
        yield terminal


@contextmanager
def _open(folder: Path) -> Iterator[Terminal]:
    terminal = Terminal(folder)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.ours)
        os.close(terminal.its)


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["SIGQUIT", "SIGUSR1", "SIGALRM", "SIGXCPU", "SIGRTMIN"])
def test_a_signal_that_ends_the_playground_leaves_the_terminal_as_it_was(
    terminal: Terminal, name: str
) -> None:
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"no {name} here")
    terminal.process.send_signal(number)
    assert terminal.wait_for_end() == 128 + number
    assert terminal.is_as_before()


@pytest.mark.e2e
def test_a_signal_that_comes_as_the_terminal_is_taken(tmp_path: Path) -> None:
    with _open(tmp_path / "home") as terminal:
        terminal.wait(lambda: terminal.raw)
        terminal.process.send_signal(signal.SIGQUIT)
        assert terminal.wait_for_end() == 128 + signal.SIGQUIT
        assert terminal.is_as_before()


@pytest.mark.e2e
@pytest.mark.parametrize(
    "signals", ["CONT", "CONT CONT", "STOP CONT", "TSTP CONT", "TSTP CONT CONT"]
)
def test_after_it_is_continued_it_is_drawn_anew_and_left_in_order(
    terminal: Terminal, signals: str
) -> None:
    for name in signals.split():
        seen = len(terminal.written)
        terminal.process.send_signal(getattr(signal, f"SIG{name}"))
        if name == "CONT":
            terminal.wait(lambda seen=seen: b"prompt" in terminal.written[seen:])
        else:
            state = Path(f"/proc/{terminal.process.pid}/stat")
            if not state.exists():
                pytest.skip("only /proc tells that it has stopped")
            terminal.wait(
                lambda state=state: state.read_text().rpartition(")")[2].split()[0] == "T"
            )
            assert terminal.raw == (name == "STOP")
    os.write(terminal.ours, b"q")
    assert terminal.wait_for_end() == 0
    assert terminal.is_as_before()


def test_every_signal_that_ends_a_process_is_heard() -> None:
    """What ends a process by default is tried, on a process for each signal."""
    script = """
import os, signal
for number in sorted(signal.valid_signals()):
    child = os.fork()
    if not child:
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(0)
    _, status = os.waitpid(child, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    elif os.WIFSIGNALED(status):
        print(int(number))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    ends = {int(word) for word in done.stdout.split()}
    unheard = {int(getattr(signal, name)) for name in (*FAULTS, "SIGKILL")}
    elsewhere = {number for number in ends if signal.getsignal(number) is not signal.SIG_DFL}
    assert {signal.SIGQUIT, signal.SIGUSR2, signal.SIGALRM, signal.SIGTERM} <= ends
    assert set(ending_signals()) | {1, 15} == (ends - unheard - elsewhere) | {1, 15}
