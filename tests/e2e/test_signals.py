"""Signals, and the terminal after them: as it was before, whatever ended the playground."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.tui.quit import FAULTS, ending_signals
from tests.e2e.raw_terminal import RawTerminal, raw_terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[RawTerminal]:
    with raw_terminal(tmp_path / "home") as terminal:
        terminal.wait(lambda: b"prompt" in terminal.written)
        assert terminal.raw and not terminal.is_as_before()
        yield terminal


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["SIGQUIT", "SIGUSR1", "SIGALRM", "SIGXCPU", "SIGRTMIN"])
def test_a_signal_that_ends_the_playground_leaves_the_terminal_as_it_was(
    terminal: RawTerminal, name: str
) -> None:
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"no {name} here")
    terminal.process.send_signal(number)
    assert terminal.wait_for_end() == 128 + number
    assert terminal.is_as_before()


@pytest.mark.e2e
def test_a_terminal_that_goes_without_a_signal_ends_the_playground(terminal: RawTerminal) -> None:
    os.close(terminal.ours)
    terminal.ours = os.open(os.devnull, os.O_RDWR)  # for whoever closes it again
    assert terminal.process.wait(30) == 128 + signal.SIGHUP


@pytest.mark.e2e
def test_a_signal_that_comes_as_the_terminal_is_taken(tmp_path: Path) -> None:
    with raw_terminal(tmp_path / "home") as terminal:
        terminal.wait(lambda: terminal.raw)
        terminal.process.send_signal(signal.SIGQUIT)
        assert terminal.wait_for_end() == 128 + signal.SIGQUIT
        assert terminal.is_as_before()


def drawn_anew(written: bytes) -> bool:
    """True if the other screen was taken, and the panels were drawn on it."""
    taken = written.rfind(b"\x1b[?1049h")
    return taken >= 0 and b"prompt" in written[taken:]


@pytest.mark.e2e
@pytest.mark.parametrize(
    "signals", ["CONT", "CONT CONT", "STOP CONT", "TSTP CONT", "TSTP CONT CONT"]
)
def test_after_it_is_continued_it_is_drawn_anew_and_left_in_order(
    terminal: RawTerminal, signals: str
) -> None:
    for name in signals.split():
        seen = len(terminal.written)
        terminal.process.send_signal(getattr(signal, f"SIG{name}"))
        if name == "CONT":
            terminal.wait(lambda seen=seen: drawn_anew(terminal.written[seen:]))
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
