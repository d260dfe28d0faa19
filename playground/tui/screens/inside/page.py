"""What the views draw with: a page of lines, shaded cells, bars, and numbers in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from playground.lab.protocol.inside import Inside, View
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.widgets.bars import bar_cells
from playground.tui.widgets.heatmap import glyph_of
from playground.tui.widgets.matrix import HOLE, levels
from playground.tui.widgets.sheet import SHADES, Hit, Ink, Line
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len, wrap

DENSE = " ░▒▓█"
"""Shades without colour, from none to full."""


class Page:
    """A part of the sheet: `width` columns, and room for `height` lines."""

    def __init__(self, width: int, height: int, mono: bool = False) -> None:
        """mono: True without colours; shades are glyphs then."""
        self.width, self.height, self.mono = max(1, width), height, mono
        self.lines: list[Line] = []
        self.hits: list[Hit] = []

    @property
    def room(self) -> int:
        """Lines that are still free."""
        return max(0, self.height - len(self.lines))

    def part(self, width: int, height: int | None = None) -> Page:
        """An empty page, to be laid into this one."""
        return Page(width, self.room if height is None else height, self.mono)

    def add(self, *pieces: tuple[str, Ink], what: tuple[str, int, int] | None = None) -> None:
        """Add a line; a click on it is `what`."""
        if what is not None:
            self.hits.append(Hit(len(self.lines), 0, self.width, what))
        self.lines.append(list(pieces))

    def say(self, text: str, ink: Ink = "muted", most: int = 99) -> None:
        """Add words, wrapped to the width, in at most `most` lines."""
        lines = wrap(text, self.width)
        if len(lines) > most:
            lines = [*lines[: most - 1], fit(" ".join(lines[most - 1 :]), self.width)]
        for line in lines:
            self.add((line, ink))

    def blank(self) -> None:
        if self.room:
            self.lines.append([])

    def below(self, other: Page) -> None:
        """Lay another page below."""
        top = len(self.lines)
        self.hits += [
            Hit(hit.row + top, hit.start, hit.end, hit.what, hit.each) for hit in other.hits
        ]
        self.lines += other.lines

    def beside(self, parts: Sequence[Page], gap: int = 2) -> None:
        """Lay pages below, side by side."""
        top, left = len(self.lines), 0
        for part in parts:
            self.hits += [
                Hit(hit.row + top, hit.start + left, hit.end + left, hit.what, hit.each)
                for hit in part.hits
            ]
            left += part.width + gap
        for row in range(max((len(part.lines) for part in parts), default=0)):
            line: Line = []
            for number, part in enumerate(parts):
                own = part.lines[row] if row < len(part.lines) else []
                line += own
                if number < len(parts) - 1:
                    line.append((" " * (part.width - width_of(own) + gap), "text"))
            self.lines.append(line)

    def hit(self, start: int, end: int, what: tuple[str, int, int], each: int = 0) -> None:
        """Make cells of the line that comes next a place to click; each: see `Hit`."""
        self.hits.append(Hit(len(self.lines), start, end, what, each))

    # ------------------------------------------------------------ shades and bars

    def shade(
        self, text: str, fraction: float, width: int, chosen: bool = False
    ) -> tuple[str, Ink]:
        """A cell whose ground is tinted from none at 0 to the full accent at 1."""
        bad = fraction != fraction
        level = 0 if bad else round(min(max(fraction, 0.0), 1.0) * SHADES)
        text = "?" if bad and not text.strip() else text
        if self.mono:
            ink: Ink = "cursor" if chosen else ("shade", level)
            return _with_glyph(text, DENSE[-(-level * 4 // SHADES)], width), ink
        if bad:
            return text.center(width), "bad"
        return _middle(text, width), "cursor" if chosen else ("shade", level)

    def sign(
        self, text: str, value: float, scale: float, width: int, chosen: bool = False
    ) -> tuple[str, Ink]:
        """A cell on the scale from -`scale` over 0 to `scale`."""
        (level,) = levels((value,), scale)
        if self.mono:
            ink: Ink = "cursor" if chosen else ("sign", level)
            return _with_glyph(text, glyph_of(level), width), ink
        if level == HOLE and not text.strip():
            text = "?"
        return _middle(text, width), "cursor" if chosen else ("sign", level)

    def strip(self, values: Sequence[float], scale: float, width: int) -> Line:
        """Numbers as a strip of cells, one or two columns each; what has no room is counted."""
        if not values:
            return []
        cell = 2 if 2 * len(values) <= width else 1
        most = width // cell
        shown: Sequence[float] = values
        more = ""
        if len(values) > most:
            more = f" +{len(values) - max(1, width - 6)}"
            shown = values[: max(1, width - 6)]
        line = self.signs(shown, scale, cell)
        if more:
            line.append((more, "muted"))
        return line

    def signs(self, values: Sequence[float], scale: float, cell: int) -> Line:
        """Cells without letters, as `sign` draws them; equal neighbours are one piece."""
        line: Line = []
        for level in levels(values, scale):
            piece = glyph_of(level) if self.mono else "?" if level == HOLE else " "
            ink: Ink = ("sign", level)
            if line and line[-1][1] == ink:
                line[-1] = (line[-1][0] + piece * cell, ink)
            else:
                line.append((piece * cell, ink))
        return line

    def tints(self, fractions: Sequence[float], cell: int) -> Line:
        """Cells without letters, as `shade` draws them; equal neighbours are one piece."""
        line: Line = []
        for fraction in fractions:
            ink: Ink
            if fraction != fraction:
                piece, ink = "?", "bad"
            else:
                level = round(min(max(fraction, 0.0), 1.0) * SHADES)
                piece, ink = DENSE[-(-level * 4 // SHADES)] if self.mono else " ", ("shade", level)
            if line and line[-1][1] == ink and line[-1][0][-1] == piece:
                line[-1] = (line[-1][0] + piece * cell, ink)
            else:
                line.append((piece * cell, ink))
        return line

    def bar(self, fraction: float, width: int, ink: Ink = "plus") -> Line:
        """A bar of exactly `width` cells."""
        bar = bar_cells(fraction, width)
        if self.mono and ink == "minus":  # hollow, as there is no colour to say so
            bar = "▒" * len(bar)
        return [(bar, ink), (" " * (width - len(bar)), "text")]


def _middle(text: str, width: int) -> str:
    length = cell_len(text)
    if length >= width:
        return text if length == width else fit(text, width)
    left = (width - length) // 2
    return " " * left + text + " " * (width - length - left)


def _with_glyph(text: str, glyph: str, width: int) -> str:
    """The text with the glyph for its shade behind it; the glyph alone if there is no text."""
    length = cell_len(text)
    if not length:
        return glyph * width
    return fit(text, width) if length >= width else text + glyph * (width - length)


def width_of(line: Line) -> int:
    """The columns of a line."""
    return sum(cell_len(text) for text, _ in line)


# ---------------------------------------------------------------- numbers and tokens in words


def num(value: float, digits: int = 2) -> str:
    """A number as it stands in a formula: "0.31", "-1.20"."""
    if value != value:
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size >= 10_000 or 0 < size < 0.5 * 10 ** -(digits + 1):
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.{digits}f}"


def plus(value: float, digits: int = 2) -> str:
    """The same with its sign, also where it is positive."""
    text = num(value, digits)
    return text if text.startswith("-") or text == "nan" else f"+{text}"


def tiny(value: float) -> str:
    """A number from 0 to 1 in three cells: ".27", "1.0"; "nan"."""
    if value != value:
        return "nan"
    if not 0 <= value < 9.95:
        return f"{value:.0f}"[:3] if math.isfinite(value) else "∞"
    if value >= 0.995:
        return f"{value:.1f}"
    return f"{value:.2f}"[1:]


def token_text(text: str) -> str:
    """A token as it is shown: visible, ∅ if it is empty."""
    return visible(text, spaces=True) or "∅"


def quoted(text: str) -> str:
    """A token in a sentence."""
    return f"‘{token_text(text)}’"


def part_words(shown: int, first: int, total: int, what: str) -> str:
    """Which part is in sight: "rows 0–15 of 64"; "" if all is."""
    if shown >= total:
        return ""
    return f"{what} {first}–{first + shown - 1} of {total}"


def largest(values: Sequence[float]) -> float:
    """The greatest distance from 0 among the finite numbers; 1 if that is 0."""
    return max((abs(one) for one in values if math.isfinite(one)), default=0.0) or 1.0


class ViewPage:
    """One view of the microscope: how it is drawn, and what its own keys do.

    The keys that all views share are in `screen.py`.
    """

    name: ClassVar[View]
    moves: ClassVar[str] = ""
    """What up and down move in; "" for nothing."""
    layered: ClassVar[bool] = False
    """True if the view shows one layer; `headed` likewise for one head."""
    headed: ClassVar[bool] = False
    enters: ClassVar[str] = ""
    """What Enter does, in a word or two; "" for nothing."""
    turns: ClassVar[str] = ""
    """What `n` does."""
    zooms: ClassVar[bool] = False
    rises: ClassVar[bool] = False
    """True if `u` goes up."""

    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        """Draw the view. The reading of `inside` is of this view."""
        raise NotImplementedError

    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        """Move by lines."""

    def turn(self, inside: Inside, state: InsideState) -> None:
        """Do what `n` does."""

    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        """Open what is chosen; returns a place in the matrices to leave for."""

    def up(self, inside: Inside, state: InsideState) -> None:
        """Go up to what uses the chosen thing."""

    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        """Choose what was clicked; True if a second click on it opens it."""
        raise NotImplementedError

    def number(self, inside: Inside, state: InsideState) -> str | None:
        """The name of the chosen number, for view 7; None if there is none."""
