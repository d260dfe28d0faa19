"""Leaving: the run is kept for next time, whatever its worker is at, and however we are asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from playground.lab.paths import last_run

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab

PATIENCE = 1.5
"""Seconds for a worker that is in the middle of a step, or stopped."""
NOTICED = 0.4


async def keep_run(lab: Lab, waiting: Callable[[], None] = lambda: None) -> None:
    """Write the open run where `o` finds it: as it stands, or if the worker does not answer, as
    it stood a moment ago. waiting: called if that takes so long that a person notices."""
    path = last_run()
    task = asyncio.ensure_future(lab.save(str(path)))
    # A full disk must not keep anyone from leaving.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (await asyncio.wait({task}, timeout=NOTICED))[0]:
            waiting()
            await asyncio.wait({task}, timeout=PATIENCE - NOTICED)
    if task.done() and task.exception() is None:
        return
    task.cancel()
    latest = lab.last_checkpoint
    if latest is not None and latest.step:
        from playground.lab.checkpoint import CheckpointError, write_checkpoint

        with contextlib.suppress(OSError, CheckpointError):
            await asyncio.to_thread(write_checkpoint, path, latest)


def on_signals(leave: Callable[[int], None]) -> None:
    """Have the terminal's end, and a polite kill, leave like a key does; with their own exit
    codes. Left alone they would end us with the terminal in disorder and the run lost."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            # Not in every thread, and not on every system.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, leave, 128 + number)


def leave_surely(code: int) -> None:
    """End the process in a moment, even if a terminal that is gone keeps its driver waiting. It
    may go after `q` as well, while the screen is taken down: then nothing else would end us."""
    seconds = 1.0 if code else 3.0
    timer = threading.Timer(seconds, os._exit, [code])
    timer.daemon = True
    timer.start()
