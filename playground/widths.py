"""How many columns of a terminal a text takes: one count for the screen and the command line.

The count is Rich's, whose tables are those of the library wcwidth, with `_table` in place of its
table: Rich counts a spacing mark (क + ा) as nothing, and xterm, VTE, tmux and the C library give it
a column. Textual measures with Rich, so that all count alike once `agree` is called. The command
line loads Rich, 10 ms, for a text that is not Latin.

Terminals do not agree with each other: kitty gives that mark no column, an old terminal knows no
joined emoji. The count is then the most that one of them takes, and `held` keeps what follows in
its column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.cells import CellTable

FILLERS = "\u115f\u1160\u3164\uffa0"
"""Letters of Hangul that show nothing."""
_FIXED = {
    0x3164: 2,  # a filler of Hangul, which is Lo
    0xFFA0: 1,  # the same, half as wide
    **dict.fromkeys(range(0x3248, 0x3250), 2),  # circled numbers on squares
    **dict.fromkeys(range(0x1F3FB, 0x1F400), 2),  # skin colours, which old terminals do not join
}
_NARROW = re.compile("[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0377\u0384-\u0482\u2010-\u2027]*")
"""Characters of one column, which are counted without Rich."""


@cache
def agree() -> None:
    """Give Rich, with which Textual measures, a width for spacing marks, and `_FIXED`."""
    import rich.cells

    of_rich = rich.cells.load_cell_table  # type: ignore[attr-defined]

    @cache
    def load_cell_table(unicode_version: str = "auto") -> CellTable:
        return _table(of_rich(unicode_version))

    rich.cells.load_cell_table = load_cell_table  # type: ignore[attr-defined]
    rich.cells.get_character_cell_size.cache_clear()
    rich.cells.cached_cell_len.cache_clear()


def _table(known: CellTable) -> CellTable:
    from rich.cells import CellTable

    widths = dict(_FIXED)
    for start, end, width in known.widths:
        if width == 0:
            widths.update(
                (code, 2 if unicodedata.east_asian_width(chr(code)) in "WF" else 1)
                for code in range(start, end + 1)
                if unicodedata.category(chr(code)) == "Mc"
            )
    entries: list[tuple[int, int, int]] = []
    ours = sorted(widths)
    for start, end, width in known.widths:
        for code in (code for code in ours if start <= code <= end):
            if start < code:
                entries.append((start, code - 1, width))
            start = code + 1
        if start <= end:
            entries.append((start, end, width))
    entries += [(code, code, width) for code, width in widths.items()]
    return CellTable(known.unicode_version, tuple(sorted(entries)), known.narrow_to_wide)


def cell_len(text: str) -> int:
    """The columns that a text takes, at most."""
    if _NARROW.fullmatch(text):
        return len(text)
    agree()
    from rich.cells import cell_len

    return cell_len(text)


def set_cell_size(text: str, total: int) -> str:
    """The text cut, or padded with spaces, to exactly so many cells."""
    if _NARROW.fullmatch(text):
        return text[: max(total, 0)].ljust(total)
    agree()
    from rich.cells import set_cell_size

    return set_cell_size(text, total)


def chop_cells(text: str, width: int) -> list[str]:
    """The text in parts of at most so many cells."""
    if _NARROW.fullmatch(text):
        return [text[start : start + width] for start in range(0, len(text), width)]
    agree()
    from rich.cells import chop_cells

    return chop_cells(text, width)


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """The signs of a text with the marks that belong to them, each with its cells. What takes no
    cell goes with the sign before it."""
    if _NARROW.fullmatch(text):
        yield from ((sign, 1) for sign in text)
        return
    agree()
    from rich.cells import split_graphemes

    waiting, cells = "", 0
    for start, end, wide in split_graphemes(text)[0]:
        sign = text[start:end]
        if waiting and wide:
            yield waiting, cells
            waiting, cells = "", 0
        waiting, cells = waiting + sign, cells + wide
    if waiting:
        yield waiting, cells or cell_len(waiting)


def is_variation_selector(character: str) -> bool:
    """True for what makes an emoji of the sign before it, two columns wide on some terminals."""
    return "VARIATION SELECTOR" in unicodedata.name(character, "")


def fit(text: str, width: int, right: bool = False) -> str:
    """`text` in exactly `width` cells: padded, or cut with an ellipsis where it is too long."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        text = set_cell_size(text, width - 1).rstrip(" ") + "…"
        length = cell_len(text)
    pad = " " * (width - length)
    return pad + text if right else text + pad


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, broken at spaces, and within words that are
    wider than a line."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
            continue
        lines += chop_cells(word, max(width, 2))
    return lines if lines[0] or len(lines) == 1 else lines[1:]


# ---------------------------------------------------------------- where terminals differ

_SIMPLE = (
    "\x00-\x7f\xa0-\xac\xae-\u02ff"  # Latin
    "\u0370-\u0482\u048a-\u058f"  # Greek, Cyrillic, Armenian
    "\u05d0-\u05ea\u0621-\u064a"  # the letters of Hebrew and Arabic
    "\u0e01-\u0e30\u0e40-\u0e46"  # the letters of Thai, without its marks
    "\u10a0-\u10ff\u1e00-\u1fff"  # Georgian; Latin and Greek with accents
    "\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2100-\u2319\u2400-\u25fc\u2800-\u28ff"  # signs
    "\u2e80-\u3029\u3030-\u3098\u309b-\u3163\u3165-\u31ba\u31f0-\u3247\u3250-\u4dbf"  # East Asian
    "\u4e00-\ua48c\uac00-\ud7a3\uf900-\ufaff\uff01-\uff9d\uffe0-\uffe6\ufffd"
)
"""Characters that take the same columns on every terminal."""
_OTHER = rf"[^\x00-\x1f\x7f-\x9f{_SIMPLE}]"
_RUNS = re.compile(rf"{_OTHER}(?:[^\W_]|{_OTHER})*")
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]?"  # CSI, whose last byte is no letter of a text
    r"|[\]PX^_][^\x07\x1b]*"  # OSC and other strings
    r"|.?)",
    re.DOTALL,
)
_BEFORE = 64
"""Letters before the first other character that are held with it, at most."""


def held(output: str) -> str:
    """What is written to a terminal, with each word whose width terminals differ about held.

    The word's columns are blanked, the word is written over the blanks, and the cursor goes to the
    column behind the blanks, however far the terminal took the word. Escape sequences in `output`
    stay as they are.
    """
    parts: list[str] = []
    done = string = 0  # up to where `output` is written, and up to where an escape sequence goes
    for match in _RUNS.finditer(output):
        start, end = match.span()
        if start < string:
            continue
        escape = output.rfind("\x1b", max(done, string), start)
        if escape >= 0 and (found := _ESCAPE.match(output, escape)):
            string = found.end()
            if string > start:
                continue
        free = max(done, string, start - _BEFORE)
        while start > free and output[start - 1].isalnum():
            start -= 1
        parts += (output[done:start], _held_word(output[start:end]))
        done = end
    return "".join([*parts, output[done:]]) if parts else output


def _held_word(text: str) -> str:
    width = cell_len(text)
    if not width:  # marks alone, which belong to the letter before them
        return f"\x1b7{text}\x1b8"
    return f"\x1b7{' ' * width}\x1b8\x1b7{text}\x1b8\x1b[{width}C"
