"""Cells as one SVG, which needs no other file and no font of its own.

Each word stands at the column that it has in the terminal, and is fitted to its cells, so that
columns stand whatever font the reader has. A `text` element is one line, blanks and all, and can be
searched and copied; blocks, frames and braille are shapes.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from microgpt.terminal import OBEYED
from playground.tui.picture.cells import Look, Run
from playground.tui.picture.shapes import ARCS, HEIGHT, SHADES, WIDTH, Rect, merged, rects
from playground.tui.widgets.gate import STAND_IN
from playground.widths import clusters

MARGIN = 8
"""Units around the cells."""
SIZE = "13.333px"
"""The size of the letters: a letter of nearly every monospace font is 0.6 of it wide, one cell."""
BASELINE = 12
FONTS = (
    "ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', 'Cascadia Mono', Consolas, "
    "'Liberation Mono', 'Noto Sans Mono', 'Courier New', monospace"
)
_NO_XML = re.compile("[\ufffe\uffff]")
"""What no XML may have, beside what no terminal is sent."""


def fit_for_xml(text: str) -> str:
    """The text with a stand-in for each sign that no terminal is sent, or that no XML may have."""
    return _NO_XML.sub(STAND_IN, OBEYED.sub(STAND_IN, text))


def svg_of(lines: Sequence[Sequence[Run]], title: str, about: str) -> str:
    """The lines as an SVG. title, about: what the picture shows, in a few words and in a
    sentence, for those who cannot see it."""
    picture = _Picture()
    for row, line in enumerate(lines):
        picture.add(row, line)
    wide, high = picture.columns * WIDTH, len(lines) * HEIGHT
    box = (-MARGIN, -MARGIN, wide + 2 * MARGIN, high + 2 * MARGIN)
    view, (left, top, width, height) = " ".join(map(str, box)), box
    ground, ink = picture.ground, picture.ink
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" width="{width}" '
        f'height="{height}" role="img">\n'
        f"<title>{_words(title)}</title>\n<desc>{_words(about)}</desc>\n"
        f"<style>text {{ font: {SIZE} {FONTS}; white-space: pre; "
        f"font-variant-ligatures: none; }}</style>\n"
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="{ground}"/>\n'
        f'<g shape-rendering="crispEdges">\n{"".join(picture.surfaces())}</g>\n'
        f'<g fill="none">\n{"".join(picture.corners())}</g>\n'
        f'<g fill="{ink}">\n{"".join(picture.texts(ink))}</g>\n</svg>\n'
    )


def _words(text: str) -> str:
    return escape(fit_for_xml(text))


class _Picture:
    """What has been put into the picture so far."""

    def __init__(self) -> None:
        self.columns = 0
        self._papers: Counter[str] = Counter()
        self._inks: Counter[str] = Counter()
        self._below: dict[tuple[str, float], list[Rect]] = defaultdict(list)
        """The paper of cells, by its colour."""
        self._above: dict[tuple[str, float], list[Rect]] = defaultdict(list)
        """Shapes, by their colour and how opaque they are."""
        self._arcs: dict[str, list[str]] = defaultdict(list)
        self._lines: list[tuple[int, list[_Word]]] = []

    def add(self, row: int, line: Sequence[Run]) -> None:
        """Put in one line, from its left end."""
        column, words = 0, list[_Word]()
        for text, look in line:
            begins = column
            for sign, wide in clusters(fit_for_xml(text)):
                words.append(_Word(column, wide, self._letters(row, column, sign, look), look))
                column += wide
            self._papers[look.paper] += column - begins
            self._below[look.paper, 1.0].append(_cells(begins, row, column - begins))
            for wanted, down in ((look.underline, 14), (look.strike, 8)):
                if wanted:
                    stroke = (begins * WIDTH, row * HEIGHT + down, (column - begins) * WIDTH, 1)
                    self._above[look.ink, 1.0].append(stroke)
        self.columns = max(self.columns, column)
        self._lines.append((row, words))

    def _letters(self, row: int, column: int, sign: str, look: Look) -> str:
        """What of a sign is text, after its shape was put in; a blank if it is all shape."""
        if sign.isspace():
            return sign
        left, top = column * WIDTH, row * HEIGHT
        if sign in ARCS:
            self._arcs[look.ink].append(f"M{left} {top}{ARCS[sign]}")
            return " "
        found = rects(sign)
        if found is None:
            self._inks[look.ink] += 1
            return sign
        shapes = self._above[look.ink, SHADES.get(sign, 1.0)]
        shapes += [(left + x, top + y, wide, high) for x, y, wide, high in found]
        return " "

    @property
    def ground(self) -> str:
        """The colour of most cells."""
        return self._papers.most_common(1)[0][0] if self._papers else "#ffffff"

    @property
    def ink(self) -> str:
        """The colour of most letters."""
        return self._inks.most_common(1)[0][0] if self._inks else "#000000"

    def surfaces(self) -> Iterator[str]:
        """Paper, and on it shapes."""
        for layer in (self._below, self._above):
            for (colour, opaque), found in layer.items():
                if layer is self._below and colour == self.ground:
                    continue
                path = "".join(f"M{x} {y}h{w}v{h}h-{w}z" for x, y, w, h in merged(found))
                shade = "" if opaque == 1 else f' fill-opacity="{opaque}"'
                if path:
                    yield f'<path fill="{colour}"{shade} d="{path}"/>\n'

    def corners(self) -> Iterator[str]:
        for colour, found in self._arcs.items():
            yield f'<path stroke="{colour}" d="{"".join(found)}"/>\n'

    def texts(self, usual: str) -> Iterator[str]:
        """One element a line that has letters. usual: the ink that needs no mention."""
        for row, words in self._lines:
            joined = _joined(words)
            if joined:
                joined[-1].text = joined[-1].text.rstrip(" ")
            befores = [None, *joined]
            parts = "".join(
                _drawn(word, usual, before is not None and before.alone)
                for before, word in zip(befores, joined, strict=False)
            )
            if parts:
                y = row * HEIGHT + BASELINE
                yield f'<text y="{y}" xml:space="preserve">{parts}</text>\n'


class _Word:
    """Letters that stand side by side and look alike."""

    def __init__(self, column: int, cells: int, text: str, look: Look) -> None:
        self.column, self.cells, self.text, self.look = column, cells, text, look
        self.blank, self.alone = text.isspace(), cells != 1
        """alone: a wide sign, which is centred on its cells."""


def _joined(words: Sequence[_Word]) -> list[_Word]:
    """Signs as words and as blanks between them."""
    made: list[_Word] = []
    for word in words:
        last = made[-1] if made else None
        joins = last is not None and last.blank == word.blank
        if not word.blank and last is not None:
            joins = joins and not last.alone and not word.alone and _alike(last.look, word.look)
        if joins and last is not None:
            made[-1] = _Word(last.column, last.cells + word.cells, last.text + word.text, last.look)
            made[-1].alone = False
        else:
            made.append(word)
    return made


def _alike(one: Look, other: Look) -> bool:
    """True if letters look alike; paper and strokes are drawn apart from them."""
    return (one.ink, one.bold, one.italic) == (other.ink, other.bold, other.italic)


def _drawn(word: _Word, usual: str, centred: bool) -> str:
    """A word, or blanks. centred: what stands before is, and blanks that have no place of their own
    would be centred with it."""
    left, wide = word.column * WIDTH, word.cells * WIDTH
    given = f'x="{left}"'
    if word.blank:
        return f"<tspan {given}>{word.text}</tspan>" if centred and word.text else word.text
    if word.alone:
        given = f'x="{left + wide // 2}" text-anchor="middle"'
    elif word.cells > 1:
        given += f' textLength="{wide}" lengthAdjust="spacingAndGlyphs"'
    if word.look.ink != usual:
        given += f' fill="{word.look.ink}"'
    if word.look.bold:
        given += ' font-weight="bold"'
    if word.look.italic:
        given += ' font-style="italic"'
    return f"<tspan {given}>{escape(word.text)}</tspan>"


def _cells(column: int, row: int, count: int) -> Rect:
    return (column * WIDTH, row * HEIGHT, count * WIDTH, HEIGHT)
