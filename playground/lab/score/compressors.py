"""What the compressors of the standard library make of held-out texts, given the training text."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

from playground.lab.protocol.failures import Progress
from playground.lab.score.work import Work


class Compressor(Protocol):
    """A compressor of the standard library, fresh."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "zlib": lambda: zlib.compressobj(9),
    "bz2": lambda: bz2.BZ2Compressor(9),
    "lzma": lambda: lzma.LZMACompressor(preset=6),
}
"""zlib looks back 32 KB, bz2 sorts blocks of 900 KB, lzma with this preset looks back 8 MB."""
GROUPS = 8
"""Parts of the held-out text, between which the spread of the size is measured."""
_AT_ONCE = 2**16
"""Bytes that are compressed at once."""


def bits_of_groups(name: str, training: str, groups: Sequence[str]) -> Work[list[float]]:
    """The bits that each group adds to the compressed training text and the groups before it. The
    bits add up to size(training + groups) - size(training). name: one of COMPRESSORS."""
    data = training.encode("utf-8", "surrogatepass")
    before = 0
    found = []
    for number, group in enumerate(["", *groups]):
        data += group.encode("utf-8", "surrogatepass")
        compressor, size = COMPRESSORS[name](), 0
        for first in range(0, len(data), _AT_ONCE):
            yield Progress(f"compressing with {name}", number, len(groups) + 1)
            size += len(compressor.compress(data[first : first + _AT_ONCE]))
        size += len(compressor.flush())
        found.append(8.0 * (size - before))
        before = size
    return found[1:]
