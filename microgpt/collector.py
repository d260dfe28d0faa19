"""Python's garbage collector, kept away while many numbers are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (200_000, 20, 100)
"""Thresholds of the collector for a process that trains, between the steps; see
`collector_paused`."""


@contextmanager
def collector_paused() -> Iterator[None]:
    """Run the block without garbage collection, which would visit every Value again and again,
    though none of them is garbage: what a step makes dies young and without it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
