"""What the views draw with: a page of lines, shaded cells, bars, and numbers in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import ClassVar

from microgpt.surgery import Component
from playground.lab.protocol.inside import Inside, Position, View
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.widgets.bars import bar_cells
from playground.tui.widgets.heatmap import glyph_of
from playground.tui.widgets.matrix import HOLE, LEVELS, levels
from playground.tui.widgets.sheet import NAN, NONE, SHADES, Hit, Ink, Line
from playground.tui.widgets.text import fit, visible
from playground.tui.widgets.tiles import centred
from playground.widths import cell_len, wrap

DENSE = " ░▒▓█"
"""Shades without colour, from none to full."""
EASE = 0.6
"""The power that raises small fractions: see `eased`."""
_DENSE = {level: DENSE[-(-level * 4 // SHADES)] for level in range(SHADES + 1)} | {NAN: "?"}
_BLANK = dict.fromkeys(range(SHADES + 1), " ") | {NAN: "?"}
WIDEST_CELL = 4
"""The most columns of a number in a strip."""
_SIGNS = [("?" if level == HOLE else " ", glyph_of(level)) for level in range(LEVELS)]
"""By level: what stands in a cell with colours, and without."""


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

    def shrink(self) -> None:
        """Be as wide as the widest line, so that what is laid beside the page stands near it."""
        self.width = max(map(width_of, self.lines), default=1)

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

    def strip_plan(self, count: int, width: int) -> tuple[int, int]:
        """The columns of a cell of a strip, and how many of so many numbers have room."""
        cell = max(1, min(WIDEST_CELL, width // max(1, count)))
        return cell, count if cell * count <= width else max(1, width - 6)

    def strip(self, values: Sequence[float], scale: float, width: int, chosen: int = -1) -> Line:
        """Numbers as a strip of cells, up to WIDEST_CELL columns each; what has no room is counted.

        chosen: the number that is marked; -1 for none.
        """
        if not values:
            return []
        cell, count = self.strip_plan(len(values), width)
        if 0 <= chosen < count:
            line = self.signs(values[:chosen], scale, cell)
            line.append(self.sign("▪" if not self.mono else "", values[chosen], scale, cell, True))
            line += self.signs(values[chosen + 1 : count], scale, cell)
        else:
            line = self.signs(values[:count], scale, cell)
        if count < len(values):
            line.append((f" +{len(values) - count}", "muted"))
        return line

    def signs(self, values: Sequence[float], scale: float, cell: int) -> Line:
        """Cells without letters, as `sign` draws them, as one piece."""
        if not values:
            return []
        found = bytes(levels(values, scale))
        if self.mono or HOLE in found:
            text = "".join([_SIGNS[level][self.mono] * cell for level in found])
        else:
            text = " " * (cell * len(found))
        return [(text, ("sign", found))]

    def tints(self, values: Sequence[float], scale: float, cell: int, none: str = "") -> Line:
        """Cells without letters, as `shade` draws them from 0 to `scale`, as one piece.

        none: what stands in a cell whose value is 0; "" for a tint like others.
        """
        if not values:
            return []
        found = _tint_levels(values, scale, NONE if none else 0)
        if self.mono or none or NAN in found:
            text = found.decode("latin-1").translate(_glyphs(self.mono, cell, none))
        else:
            text = " " * (cell * len(found))
        return [(text, ("shade", found))]

    def bar(self, fraction: float, width: int, ink: Ink = "plus") -> Line:
        """A bar of exactly `width` cells."""
        bar = bar_cells(fraction, width)
        if self.mono and ink == "minus":  # hollow, as there is no colour to say so
            bar = "▒" * len(bar)
        return [(bar, ink), (" " * (width - len(bar)), "text")]


def eased(fraction: float) -> float:
    """A fraction raised, so that small ones can be told apart."""
    return float(fraction**EASE) if fraction > 0 else fraction


def _tint_levels(values: Sequence[float], scale: float, nothing: int) -> bytes:
    """The level of each value between 0 and `scale`, eased; nothing: that of a value that is 0."""
    factor = SHADES / scale**EASE
    try:
        if max(values) <= scale:
            return bytes(
                [int(value**EASE * factor + 0.5) if value else nothing for value in values]
            )
    except (ValueError, TypeError):  # one that is no number, or below 0
        pass
    return bytes([_tint_level(value, scale, nothing) for value in values])


@lru_cache(64)
def _glyphs(mono: bool, cell: int, none: str) -> dict[int, str]:
    """By level: what stands in a cell of so many columns; none: in one that holds nothing."""
    glyphs = _DENSE if mono else _BLANK
    return {level: glyph * cell for level, glyph in glyphs.items()} | {NONE: none.ljust(cell)}


def _tint_level(value: float, scale: float, nothing: int) -> int:
    if value != value:
        return NAN
    if not value:
        return nothing
    return round(eased(min(max(value / scale, 0.0), 1.0)) * SHADES)


@lru_cache(4096)
def _middle(text: str, width: int) -> str:
    length = cell_len(text)
    if length >= width:
        return text if length == width else fit(text, width)
    left = (width - length) // 2
    return " " * left + text + " " * (width - length - left)


@lru_cache(4096)
def _with_glyph(text: str, glyph: str, width: int) -> str:
    """The text with the glyph for its shade behind it; the glyph alone if there is no text."""
    length = cell_len(text)
    if not length:
        return glyph * width
    return fit(text, width) if length >= width else text + glyph * (width - length)


def width_of(line: Line) -> int:
    """The columns of a line."""
    return sum([len(text) if text.isascii() else cell_len(text) for text, _ in line])


def joined(line: Line) -> Line:
    """The line with neighbours of one ink as one piece."""
    found: Line = []
    for text, ink in line:
        if found and found[-1][1] == ink:
            found[-1] = (found[-1][0] + text, ink)
        else:
            found.append((text, ink))
    return found


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


@lru_cache(4096)
def cell_text(token: str, width: int, left: bool = False) -> str:
    """A token in a cell of so many columns, with a gap behind it from 3 columns on."""
    text = fit(token_text(token), width if width < 3 or left else width - 1)
    return text if left else centred(text.strip(), width)


def quoted(text: str) -> str:
    """A token in a sentence."""
    return f"‘{token_text(text)}’"


def shown_name(name: str, position: Position) -> str:
    """A number's name with the token that the position reads in the place of the token's id."""
    start = f"wte[{position.id}]"
    return (
        f"wte['{token_text(position.token)}']{name[len(start) :]}"
        if (name.startswith(start))
        else name
    )


def part_words(shown: int, first: int, total: int, what: str) -> str:
    """Which part is in sight of things that are numbered from 0: "neurons 0–15 of 64"; "" if all
    is."""
    if shown >= total:
        return ""
    return f"{what} {first}–{first + shown - 1} of {total}"


def lines_words(shown: int, first: int, total: int, what: str) -> str:
    """As `part_words` of things that have no numbers, of which the first is 1. first: from 0."""
    return part_words(shown, first + 1, total, what)


def largest(*rows: Iterable[float]) -> float:
    """The greatest distance from 0 among the finite numbers; 1 if that is 0."""
    top = 0.0
    for row in rows:
        values = row if isinstance(row, Sequence) else tuple(row)
        if not values:
            continue
        if math.isfinite(sum(values)):  # then all of them are
            top = max(top, max(values), -min(values))
        else:
            top = max(top, *(abs(one) for one in values if math.isfinite(one)), 0.0)
    return top or 1.0


class ViewPage:
    """One view of the microscope: how it is drawn, and what its own keys do.

    The keys that all views share are in `screen.py`.
    """

    name: ClassVar[View]
    moves: ClassVar[str] = ""
    """What up and down move in; "" for nothing."""
    layered: ClassVar[bool] = False
    """True if the view shows one layer."""
    beside: ClassVar[str] = ""
    """What `,` and `.` choose; "" for nothing."""
    enters: ClassVar[str] = ""
    """What Enter does, in a word or two; "" for nothing."""
    leads: ClassVar[str] = ""
    """What Enter leads to from what it opened; "" for nothing else."""
    turns: ClassVar[str] = ""
    """What `n` does."""
    backs: ClassVar[str] = ""
    """What `b` does, where that is not to go back a training step."""
    zooms: ClassVar[bool] = False
    rises: ClassVar[bool] = False
    """True if `u` goes up."""

    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        """Draw the view. The reading of `inside` is of this view."""
        raise NotImplementedError

    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        """Move by lines."""

    def sideways(self, inside: Inside, state: InsideState, by: int) -> None:
        """Choose what is beside the chosen thing: another head, in most views."""
        state.next_head(by, inside)

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

    def parts(self, inside: Inside, state: InsideState) -> Sequence[Component]:  # noqa: ARG002
        """The parts of the model that the chosen thing is about, the nearest first. Some models
        have not all of them."""
        return ()

    def value_of(self, part: Component, inside: Inside, state: InsideState) -> float | None:
        """What a weight among `parts` is now; None if the view does not show it."""
