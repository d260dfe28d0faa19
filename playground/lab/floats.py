"""Numbers as little-endian float64 bytes, which files, the store and the pipe hold, and what those
of a run must be."""

from __future__ import annotations

import math
import sys
from array import array

from playground.strict import Refusal


def as_bytes(values: array[float]) -> bytes:
    """Numbers as little-endian float64 bytes."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def buffer_of(values: array[float]) -> bytes | memoryview:
    """Numbers as little-endian float64 bytes; not copied where the machine has them so."""
    return as_bytes(values) if sys.byteorder == "big" else memoryview(values).cast("B")


def floats_of(data: bytes | memoryview) -> array[float]:
    """Little-endian float64 bytes as numbers. Raises ValueError for half a number."""
    values = array("d")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def check_pairs(values: array[float], last: int) -> None:
    """Raise Refusal unless the numbers are step, value, step, value ... with steps up to `last`."""
    if len(values) % 2:
        raise Refusal("what was measured has no steps")
    if not all(step.is_integer() and 0 <= step <= last for step in values[::2]):
        raise Refusal("something was measured at a step that is none")


def check_second_moment(values: array[float]) -> None:
    """Raise Refusal if a number is negative: Adam takes the square root. NaN is taken, as a run
    that diverged may have it."""
    least = min(values, default=0.0)
    if least < 0 or (math.isnan(least) and any(value < 0 for value in values)):
        raise Refusal("a second moment is negative")
