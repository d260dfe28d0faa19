"""The alphabets of pairs: characters as they are, or bytes written as characters.

The library merges characters. To let it merge bytes, each of the 256 bytes is written as a visible
character: as its character of Latin-1 if that is visible, else as one of U+0100 and up.
Source: GPT-2 (Radford et al. 2019), `bytes_to_unicode`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Literal

from microgpt.terminal import sign_of

Alphabet = Literal["characters", "bytes"]
ALPHABETS: tuple[Alphabet, ...] = ("characters", "bytes")

_VISIBLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_HIDDEN = sorted(set(range(256)) - set(_VISIBLE))
BYTE_OF = {chr(byte): byte for byte in _VISIBLE} | {
    chr(0x100 + number): byte for number, byte in enumerate(_HIDDEN)
}
"""The byte that each of the 256 characters stands for."""

_LONGEST = 24


def to_bytes(token: str) -> bytes:
    """The bytes that a token stands for. Raises KeyError for a character without a byte."""
    return bytes([BYTE_OF[character] for character in token])


def display(token: str, alphabet: Alphabet) -> str:
    """A token in at most 24 printable characters."""
    if alphabet == "characters":
        shown = _shown(token)
    else:
        data = to_bytes(token)
        try:
            shown = _shown(data.decode("utf-8"))
        except UnicodeDecodeError:  # a part of one character or of several
            shown = "".join(chr(byte) if 0x20 < byte < 0x7F else f"\\x{byte:02x}" for byte in data)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _shown(text: Iterable[str]) -> str:
    parts: list[str] = []
    for character in text:
        if sign_of(character) != character:
            parts.append(sign_of(character))
        elif unicodedata.combining(character) and not parts:
            parts.append("◌" + character)  # a mark needs something to sit on
        else:
            parts.append(character if character.isprintable() else ascii(character)[1:-1])
    return "".join(parts)
