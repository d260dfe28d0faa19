"""Up to three ways to train on a text, from what the text looks like; no widgets."""

from __future__ import annotations

from dataclasses import dataclass

from microgpt import documents as texts

LEAST, MOST = 8, 64
"""The usual context lengths."""
NAME = 24
"""Characters of the longest name."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text looks like."""

    kind: str
    """ "names", "lines with spaces", "poems" or "prose"."""
    longest: int
    """Characters of the longest line."""
    most: int
    """Characters that 95 of 100 lines do not exceed."""
    means: tuple[float, float]
    """Mean characters of a line and of a paragraph."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to split a text, and how far the model looks."""

    split: str
    block_size: int
    tokens: float
    """Tokens in a document on the average, as far as the model sees them, one a character."""

    @property
    def words(self) -> str:
        return f"{self.split} of {self.block_size}"


def shape_of(text: str) -> Shape:
    """Look at a text of at least one line."""
    lines, paragraphs = texts.split_lines(text), texts.split_paragraphs(text)
    lengths = sorted(map(len, lines)) or [1]
    longest, most = lengths[-1], lengths[min(len(lengths) - 1, int(0.95 * len(lengths)))]
    spaced = sum(" " in line.strip() for line in lines) / max(1, len(lines))
    if most > MOST:
        kind = "prose"
    elif len(paragraphs) > 1 and len(lines) >= 2 * len(paragraphs):
        kind = "poems"
    elif most <= NAME and spaced < 0.1:
        kind = "names"
    else:
        kind = "lines with spaces"
    means = (
        sum(lengths) / len(lengths),
        sum(map(len, paragraphs)) / max(1, len(paragraphs)),
    )
    return Shape(kind, longest, most, means)


def recipes(shape: Shape) -> list[Recipe]:
    """The ways to train on such a text, the one to try first at the beginning."""
    whole, nearly = _fitting(shape.longest), _fitting(shape.most)
    tried = {
        "names": [("lines", whole), ("lines", nearly), ("lines", 2 * whole)],
        "lines with spaces": [("lines", nearly), ("lines", whole), ("windows", 32)],
        "poems": [("paragraphs", MOST), ("lines", nearly), ("windows", MOST)],
        "prose": [("windows", 32), ("windows", MOST), ("paragraphs", MOST)],
    }[shape.kind]
    found: list[Recipe] = []
    for split, block_size in tried:
        block_size = min(MOST, block_size)
        line, paragraph = shape.means
        mean = {"lines": line, "paragraphs": paragraph}.get(split, float(block_size))
        one = Recipe(split, block_size, min(mean + 1, block_size))
        if one not in found:
            found.append(one)
    return found


def _fitting(characters: int) -> int:
    """A context length that sees so many characters and the end behind them."""
    return min(MOST, max(LEAST, characters + 1))
