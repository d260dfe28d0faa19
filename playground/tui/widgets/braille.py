"""Braille: eight dots in a cell, two columns of four. Pure functions.

A column of dots is one int, its lowest bit the lowest dot. A run of dots is then one shift, and
a whole column of cells is read off four bits at a time: as hexadecimal digits.

Many columns packed are one int, too: pictures are laid over each other by `|`, and moved up by a
shift.
"""

from __future__ import annotations

from collections.abc import Sequence

_LEFT = (0x40, 0x04, 0x02, 0x01)  # braille bits of the left dots, lowest dot first
_RIGHT = (0x80, 0x20, 0x10, 0x08)


def _glyph(left: int, right: int) -> str:
    bits = sum(bit for k, bit in enumerate(_LEFT) if left >> k & 1)
    bits |= sum(bit for k, bit in enumerate(_RIGHT) if right >> k & 1)
    return chr(0x2800 + bits) if bits else " "


_GLYPHS = {
    (f"{left:x}", f"{right:x}"): _glyph(left, right) for left in range(16) for right in range(16)
}


def run(low: int, high: int) -> int:
    """The column with the dots `low` to `high` set, counted from the bottom."""
    return ((1 << (high - low + 1)) - 1) << low


def cells(columns: Sequence[int], height: int) -> list[str]:
    """`height` lines of text, top first, from columns of 4 * `height` dots; a cell without dots
    is a space. An odd last column stands alone."""
    if height <= 0:
        return []
    digits = [f"{column:0{height}x}" for column in columns]
    if len(digits) % 2:
        digits.append("0" * height)
    glyphs = _GLYPHS
    stacks = [
        [glyphs[pair] for pair in zip(left, right, strict=True)]
        for left, right in zip(digits[::2], digits[1::2], strict=True)
    ]
    return ["".join(row) for row in zip(*stacks, strict=True)] if stacks else [""] * height


def stride(height: int) -> int:
    """The bits from one packed column to the next: 4 * `height`, in whole bytes."""
    return 8 * (-(-height // 2))


def pack(columns: Sequence[int], height: int) -> int:
    """Columns of 4 * `height` dots as one int, the first column the lowest."""
    size = stride(height) // 8
    return int.from_bytes(b"".join([one.to_bytes(size, "little") for one in columns]), "little")


def unpack(packed: int, count: int, height: int) -> list[int]:
    """The `count` columns that `pack` packed."""
    size = stride(height) // 8
    octets = packed.to_bytes(count * size, "little")
    return [int.from_bytes(octets[at : at + size], "little") for at in range(0, len(octets), size)]
