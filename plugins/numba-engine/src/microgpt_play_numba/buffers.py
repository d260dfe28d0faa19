"""Memory for the compiled functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgpt_play_numba.shape import WIDTHS, Memory, Memory32

Numbers = NDArray[Any]
"""float64 or float32."""
MEMORIES: dict[str, type[Memory]] = {"float64": Memory, "float32": Memory32}


class Buffer:
    """Numbers at a multiple of 64 bytes, which is a cache line; zeros at first."""

    def __init__(self, size: int, precision: str = "float64") -> None:
        whole = np.zeros(size + WIDTHS[precision], dtype=precision)
        first = -whole.ctypes.data % 64 // whole.itemsize
        self.numbers: Numbers = whole[first : first + size]
        self.address = int(self.numbers.ctypes.data)
