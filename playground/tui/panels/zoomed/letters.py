"""Texts letter by letter: a shaded tile each, and beneath it the number that the shade shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from playground.tui.widgets.sheet import NAN, SHADES, Ink, Line
from playground.tui.widgets.text import fit
from playground.tui.widgets.tiles import centred, shown_text
from playground.widths import cell_len

NARROWEST = 3
"""Cells of the narrowest tile."""
GAP: tuple[str, Ink] = (" ", "text")


@dataclass(frozen=True, slots=True)
class Letter:
    """One token of a text."""

    text: str
    number: str = ""
    """What stands beneath the token."""
    shade: float | None = None
    """How full the tile's colour is (0..1); None for a token without a tile."""


def tiled(
    lead: tuple[str, Ink], letters: Iterable[Letter], tail: tuple[str, Ink], width: int
) -> list[Line]:
    """Two lines for each row of tiles in at most `width` cells. `lead` stands before the first row,
    and `tail` behind the last letter, or in a row of its own where it has no room there."""
    indent = cell_len(lead[0])
    rows: list[tuple[Line, Line]] = [([lead], [(" " * indent, "text")])]
    at = indent
    for letter in letters:
        text = shown_text(letter.text)
        size = max(NARROWEST, cell_len(text), len(letter.number))
        size = min(size, max(NARROWEST, width - indent))
        if at + size > width and at > indent:
            rows.append(([(" " * indent, "text")], [(" " * indent, "text")]))
            at = indent
        above, below = rows[-1]
        above += [(centred(text, size), _ink(letter.shade)), GAP]
        below += [(centred(letter.number, size), "muted"), GAP]
        at += size + 1
    length = cell_len(tail[0])
    if at + length > width and at > indent:
        rows.append(([(" " * indent, "text")], [(" " * indent, "text")]))
    rows[-1][0].append((fit(tail[0], min(length, max(1, width - indent))), tail[1]))
    return [line for row in rows for line in _bare(row)]


def side_by_side(blocks: Sequence[Sequence[Line]], width: int) -> list[Line]:
    """The lines of blocks that stand beside each other, each in `width` cells."""
    lines: list[Line] = []
    for row in range(max(map(len, blocks), default=0)):
        line: Line = []
        for place, block in enumerate(blocks):
            own = block[row] if row < len(block) else []
            line += own
            if place < len(blocks) - 1:
                line.append((" " * (width - sum(cell_len(text) for text, _ in own)), "text"))
        lines.append(line)
    return lines


def _bare(row: tuple[Line, Line]) -> Sequence[Line]:
    """The row; without its second line if no number stands in it."""
    return row if any(not text.isspace() for text, _ in row[1]) else row[:1]


def _ink(shade: float | None) -> Ink:
    if shade is None:
        return "muted"
    return ("shade", round(min(1.0, max(0.0, shade)) * SHADES) if shade == shade else NAN)
