"""Numbers as little-endian float64 bytes, which files, the store and the pipe hold."""

from __future__ import annotations

import sys
from array import array


def as_bytes(values: array[float]) -> bytes:
    """Numbers as little-endian float64 bytes."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def floats_of(data: bytes) -> array[float]:
    """Little-endian float64 bytes as numbers. Raises ValueError for half a number."""
    values = array("d")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values
