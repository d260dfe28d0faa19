"""SIGTERM ends a command as Ctrl+C does: what is done stays, and what to do next is printed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

TERMINATED = 128 + 15
"""The exit code of a command that SIGTERM ended."""


@contextmanager
def termination(interrupted: Event) -> Iterator[Event]:
    """Let SIGTERM set this event, which Ctrl+C sets, too, and the one that is given."""
    terminated = Event()

    def note(_number: int, _frame: object) -> None:
        terminated.set()
        interrupted.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield terminated
    finally:
        signal.signal(signal.SIGTERM, before)
