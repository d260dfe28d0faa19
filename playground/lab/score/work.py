"""Work that is done piece by piece, so that others may come between, and that can be given up."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from playground.lab.protocol.failures import Progress

T = TypeVar("T")
Work = Generator[Progress, None, T]
"""Yields what is being done before each piece, and returns the result."""


def finished(work: Work[T], tell: Callable[[Progress], None] = lambda _: None) -> T:
    """The result of the work, done in one go. tell: called with what is being done; what it raises
    ends the work."""
    try:
        while True:
            tell(next(work))
    except StopIteration as end:
        found: T = end.value
        return found
