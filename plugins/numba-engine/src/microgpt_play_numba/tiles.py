"""How large a tile of a product may be, so that its sums stay in the processor's registers."""

from __future__ import annotations

import platform
from typing import Any, NamedTuple

from llvmlite.binding import get_host_cpu_features
from numba import config


class Tiles(NamedTuple):
    """Rows of a tile, and its columns in vectors of eight numbers. No sum depends on them."""

    rows: int
    vectors: int
    few: int
    """With so few rows or fewer, tiles are wider: a processor begins the next multiply-add before
    the last one is done, so it wants at least eight sums to be at work on."""
    few_vectors: int


WIDE = Tiles(rows=8, vectors=2, few=1, few_vectors=4)
"""32 registers of eight float64 (AVX-512): 16 sums."""
MIDDLE = Tiles(rows=6, vectors=1, few=1, few_vectors=4)
"""16 registers of four float64 (AVX2), or 32 of two (NEON): 12 or 24 registers of sums. One row
more, and sums are kept in memory, at half the speed."""
NARROW = Tiles(rows=2, vectors=1, few=1, few_vectors=2)
"""16 registers of two float64 (SSE2)."""


def tiles_for(features: str, machine: str) -> Tiles:
    """The tiles for a processor.

    features: the instructions that code is compiled for, as LLVM writes them ("+avx2,-avx512f").
    machine: its kind, as `platform.machine` says.
    """
    has = {name[1:] for name in features.split(",") if name.startswith("+")}
    if "avx512f" in has:
        return WIDE
    if "avx2" in has or machine.lower() in ("aarch64", "arm64"):
        return MIDDLE
    return NARROW


def _features() -> str:
    """What Numba compiles for: what it is told by NUMBA_CPU_FEATURES, or this processor."""
    known: Any = config  # typed Any, since config gets its names only on import
    told: str | None = known.CPU_FEATURES
    return get_host_cpu_features().flatten() if told is None else told


TILES = tiles_for(_features(), platform.machine())
