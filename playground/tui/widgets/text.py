"""Untrusted text made fit for a terminal cell grid: pure functions, no app needed."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

SPACE, NEWLINE, TAB = "␠", "↵", "⇥"

_MARKS = ("Mn", "Me", "Mc")


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


@lru_cache(maxsize=4096)
def visible(text: str, spaces: bool = False) -> str:
    """`text` with stand-ins for all that a terminal would obey, hide or misplace.

    Control and format characters, lone surrogates, exotic spaces and variation selectors
    become escapes such as `\\x07`; a combining mark with nothing to sit on gets a dotted
    circle. With `spaces`, an ordinary space becomes ␠, so that a token of one space shows.
    """
    if text.isascii() and text.isprintable():
        return text.replace(" ", SPACE) if spaces else text
    out: list[str] = []
    base = False  # True after a character that a combining mark can sit on
    for character in text:
        category = unicodedata.category(character)
        if character == " ":
            out.append(SPACE if spaces else " ")
            base = False
        elif character in "\n\t":
            out.append(NEWLINE if character == "\n" else TAB)
            base = False
        elif category in _MARKS and not 0xFE00 <= ord(character) <= 0xFE0F:
            if not base:
                out.append("◌")
            out.append(character)
            base = True
        elif (
            (category[0] in "CZ" and category != "Co")
            or category in _MARKS
            or cell_len(character) == 0
        ):
            out.append(_escape(character))
            base = False
        else:
            out.append(character)
            base = True
    return "".join(out)


def fit(text: str, width: int, right: bool = False) -> str:
    """`text` in exactly `width` cells: padded, or cut with an ellipsis where it is too long."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        text = set_cell_size(text, width - 1) + "…"
        length = cell_len(text)
    pad = " " * (width - length)
    return pad + text if right else text + pad
