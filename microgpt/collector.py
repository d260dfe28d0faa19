"""Python's garbage collector, kept away while many numbers are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (200_000, 20, 100)
"""Thresholds of the collector for a process that trains. What a step makes dies young and without
it, and looking for cycles among that takes half the time of the scalar engine."""


@contextmanager
def collector_paused() -> Iterator[None]:
    """Run the block without garbage collection, which would visit every Value again and again,
    though none of them is garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
