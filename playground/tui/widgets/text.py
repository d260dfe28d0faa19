"""Untrusted text made fit for a terminal cell grid: pure functions, no app needed."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from microgpt.terminal import sign_of
from playground.widths import FILLERS, cell_len, is_variation_selector
from playground.widths import fit as fit

_MARKS = ("Mn", "Me", "Mc")


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _joins(character: str, category: str) -> bool:
    """True for what is drawn in the cell of the character before it, or as a part of it."""
    if category in _MARKS:
        return not is_variation_selector(character)
    return "\u1161" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7fb"


@lru_cache(maxsize=4096)
def visible(text: str, spaces: bool = False) -> str:
    """`text` with stand-ins for all that a terminal would obey, hide or misplace.

    White space becomes its sign, as `sign_of` has it: an ordinary space only with `spaces`, so that
    a token of one space shows. Other control and format characters, lone surrogates, exotic spaces
    and variation selectors become escapes such as `\\x07`; a combining mark, or a vowel of
    decomposed Hangul, with nothing to sit on gets a dotted circle.
    """
    if text.isascii() and text.isprintable():
        return text.replace(" ", sign_of(" ")) if spaces else text
    out: list[str] = []
    base = False  # True after a character that a combining mark can sit on
    for character in text:
        category = unicodedata.category(character)
        if character == " ":
            out.append(sign_of(" ") if spaces else " ")
            base = False
        elif sign_of(character) != character:
            out.append(sign_of(character))
            base = False
        elif _joins(character, category):
            if not base:
                out.append("◌")
            out.append(character)
            base = True
        elif (
            (category[0] in "CZ" and category != "Co")
            or character in FILLERS
            or cell_len(character) == 0
        ):
            out.append(_escape(character))
            base = False
        else:
            out.append(character)
            base = True
    return "".join(out)
