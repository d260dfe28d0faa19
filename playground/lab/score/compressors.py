"""What the compressors of the standard library make of held-out texts, given the training text."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Sequence

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": lambda data: zlib.compress(data, 9),
    "bz2": lambda data: bz2.compress(data, 9),
    "lzma": lambda data: lzma.compress(data, preset=6),
}
"""zlib looks back 32 KB, bz2 sorts blocks of 900 KB, lzma with this preset looks back 8 MB."""
GROUPS = 8
"""Parts of the held-out text, between which the spread of the size is measured."""


def bits_of_groups(
    compress: Callable[[bytes], bytes], training: str, groups: Sequence[str]
) -> list[float]:
    """The bits that each group adds to the compressed training text and the groups before it. The
    bits add up to size(training + groups) - size(training)."""
    data = training.encode("utf-8", "surrogatepass")
    before = len(compress(data))
    found = []
    for group in groups:
        data += group.encode("utf-8", "surrogatepass")
        size = len(compress(data))
        found.append(8.0 * (size - before))
        before = size
    return found
