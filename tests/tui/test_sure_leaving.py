"""A process that does not end in order ends all the same, and gives its terminal back."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
import time

import pytest

HANGS = """
import sys, time, tty
from playground.tui.quit import sure_leaving
leave = sure_leaving(lambda: {titled}, 0.1)
tty.setraw(0)
sys.stdout.write("\\x1b[?1049h\\x1b[?1000h up")
sys.stdout.flush()
{full}
leave(7)
time.sleep(60)
"""
FULL = "import threading; threading.Thread(target=lambda: sys.stdout.write('x' * 10**6)).start()"


@pytest.mark.parametrize("titled", [True, False])
@pytest.mark.parametrize("full", ["", FULL], ids=["", "terminal that reads nothing"])
def test_it_ends_with_its_code_and_the_terminal_is_as_before(titled: bool, full: str) -> None:
    ours, its = os.openpty()
    before = termios.tcgetattr(its)
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS.format(titled=titled, full=full)],
        stdin=its, stdout=its, stderr=its, env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    try:
        written = os.read(ours, 1000)  # it is up
        assert process.wait(30) == 7
        assert termios.tcgetattr(its) == before
        if full:
            return  # what nobody reads has no room for more
        os.set_blocking(ours, False)
        deadline = time.monotonic() + 5
        while b"\x1b[?25h" not in written and time.monotonic() < deadline:
            try:
                written += os.read(ours, 65536)
            except BlockingIOError:
                break
        assert written.rfind(b"\x1b[?1049l") > written.rfind(b"\x1b[?1049h")
        assert written.rfind(b"\x1b[?1000l") > written.rfind(b"\x1b[?1000h")
        assert (b"\x1b[23;0t" in written) == titled
    finally:
        process.kill()
        os.close(ours)
        os.close(its)
