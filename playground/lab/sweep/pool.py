"""Worker processes on this machine, which end with the process that started them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from playground.lab.sweep import unit as work
from playground.lab.sweep.plan import Unit
from playground.lab.sweep.unit import Outcome

HANDS_OVER = 5.0
"""Seconds for which a worker goes on handing over what it has done, once its lifeline has ended. A
coordinator that was killed reads nothing."""


class LocalPool:
    """Executors of so many worker processes; `executor` makes one more after a worker is lost.

    Each worker holds one end of a pipe, its lifeline, whose other end this process alone holds. A
    worker whose lifeline ends leaves at once, and removes the temporary files: so no worker
    outlives a coordinator, however that ends. A worker that hands over what it has done finishes
    that first: the coordinator would wait for the rest of it for ever.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    @contextlib.contextmanager
    def executor(self) -> Iterator[Executor]:
        """An Executor, whose workers end, at work or not, when the context does."""
        context = multiprocessing.get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        folder = tempfile.mkdtemp(prefix="microgpt-sweep-")
        pool = _Quiet(self.jobs, context, initializer=_begin, initargs=(theirs, folder))
        try:
            yield pool
        finally:
            ours.close()
            pool.shutdown(wait=True, cancel_futures=True)
            theirs.close()
            shutil.rmtree(folder, ignore_errors=True)


class _Quiet(ProcessPoolExecutor):
    """A pool whose workers never hear the terminal's Ctrl+C, which is for the coordinator."""

    def submit(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        """As ProcessPoolExecutor has it; a worker that it starts inherits the blocked signal."""
        with keyboard_blocked():
            return super().submit(_interruptible, *args, **kwargs)


_at_work = threading.Lock()
"""Held in a worker by whoever changes `_working`, or ends the process by it."""
_working = False
"""True in a worker while it works, and so hands nothing over."""


def _interruptible(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Do this in a worker, which may leave meanwhile."""
    _set_working(True)
    try:
        return work(*args, **kwargs)
    finally:
        _set_working(False)


def _set_working(working: bool) -> None:
    global _working
    with _at_work:
        _working = working


@contextlib.contextmanager
def keyboard_blocked() -> Iterator[contextlib.ExitStack]:
    """Block Ctrl+C for this thread, and so for what it starts; until the end, or until the stack is
    closed."""
    with contextlib.ExitStack() as stack:
        if hasattr(signal, "pthread_sigmask"):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        yield stack


def processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def submit(executor: Executor, unit: Unit) -> Future[Outcome]:
    """Hand a unit to any Executor."""
    return executor.submit(work.train_unit, unit)


def _begin(lifeline: Connection, folder: str) -> None:
    """Prepare a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work.home = folder
    threading.Thread(target=_watch, args=(lifeline, folder), name="lifeline", daemon=True).start()


def _watch(lifeline: Connection, folder: str) -> None:
    """Leave when the other end of the lifeline is closed."""
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv_bytes()
    end = time.monotonic() + HANDS_OVER
    while time.monotonic() < end:
        with _at_work:
            if _working:
                _leave(folder)
        time.sleep(0.01)  # what is handed over is read, and a worker at rest is told to end
    _leave(folder)


def _leave(folder: str) -> NoReturn:
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
