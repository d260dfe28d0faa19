"""A program in a pseudo-terminal of its own, in the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CHUNK = 65_536
"""Bytes that are read at once."""
TYPED_AHEAD = 1 << 20
"""Bytes of input that wait for a program which reads none."""
HUNG_UP, KILLED = 2.5, 1.5
"""Seconds that the program gets to end after its terminal is gone, and after SIGKILL."""


class Terminal:
    """A program whose terminal this is. What the program writes goes to `output`, `ended` is called
    once when the program has ended; both in the event loop."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        descriptor: int,
        output: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> None:
        self._process, self._descriptor = process, descriptor
        self._output, self._ended = output, ended
        self._loop = asyncio.get_running_loop()
        self._input = bytearray()
        self._open = True
        self._loop.add_reader(descriptor, self._read)

    @classmethod
    async def start(
        cls,
        words: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        size: tuple[int, int],
        output: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> Terminal:
        """Start a program, without a shell. size: (columns, rows). Raises OSError."""
        ours, theirs = pty.openpty()
        try:
            _resize(ours, size)
            os.set_blocking(ours, False)
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return cls(process, ours, output, ended)

    def write(self, data: bytes) -> None:
        """Type this. What a program does not read for long is dropped."""
        if not self._open or len(self._input) + len(data) > TYPED_AHEAD:
            return
        self._input += data
        self._flush()

    def resize(self, size: tuple[int, int]) -> None:
        """Give the terminal this size, (columns, rows), which its program hears of."""
        if self._open:
            with contextlib.suppress(OSError):
                _resize(self._descriptor, size)

    def draw_anew(self) -> None:
        """Let the program take the terminal anew and draw everything once more."""
        self._signal(signal.SIGCONT)

    async def end(self) -> None:
        """Hang up, and wait until the program has ended, which it does after HUNG_UP + KILLED
        seconds at the latest."""
        self._close()
        for number, patience in ((signal.SIGHUP, HUNG_UP), (signal.SIGKILL, KILLED)):
            self._signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._process.wait()
                return

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return
        except OSError:  # no process has the terminal open any more
            data = b""
        if data:
            self._output(data)
        else:
            self._close()
            self._ended()

    def _flush(self) -> None:
        self._loop.remove_writer(self._descriptor)
        try:
            while self._input:
                del self._input[: os.write(self._descriptor, self._input[:CHUNK])]
        except BlockingIOError:
            self._loop.add_writer(self._descriptor, self._flush)
        except OSError:
            self._input.clear()

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            os.close(self._descriptor)


def _resize(descriptor: int, size: tuple[int, int]) -> None:
    columns, rows = size
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def end_all_that_have(variable: str, value: str) -> None:
    """Kill every process whose environment has this value: what a session has left behind. Only
    Linux tells the environment of a process; elsewhere nothing is done."""
    if sys.platform != "linux":
        return
    wanted = f"{variable}={value}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
