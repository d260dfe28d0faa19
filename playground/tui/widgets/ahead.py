"""A curve that is drawn ahead, point by point, and the one that came, in a few lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from playground.tui.widgets.sheet import Line

MINE, CAME, BOTH = "●", "◇", "◆"
"""What was drawn, what came, and both in one place."""


def ahead(
    xs: Sequence[float],
    mine: Sequence[float | None],
    came: Sequence[float],
    low: float,
    high: float,
    cursor: int,
    width: int,
    height: int,
) -> list[Line]:
    """A chart of `height` lines, of which the last names the places.

    mine: the values that are drawn, None where none is. came: the values that came, or none.
    cursor: the place that is drawn at; -1 for none.
    """
    labels = _labels((high, (low + high) / 2, low))
    margin = max(map(len, labels)) + 2
    each = max(2, min(10, (width - margin) // max(1, len(xs))))
    rows = max(2, height - 1)

    def row_of(value: float) -> int:
        share = (value - low) / (high - low)
        return rows - 1 - round(min(max(share, 0.0), 1.0) * (rows - 1))

    lines: list[Line] = []
    for row in range(rows):
        label = {0: labels[0], rows // 2: labels[1], rows - 1: labels[2]}.get(row, "")
        line: Line = [(f"{label:>{margin - 2}} ┤" if label else " " * (margin - 1) + "│", "muted")]
        for place in range(len(xs)):
            value = mine[place] if place < len(mine) else None
            here = value is not None and row_of(value) == row
            there = place < len(came) and row_of(came[place]) == row
            sign = BOTH if here and there else MINE if here else CAME if there else ""
            ink = "good" if there else "pointed"
            if not sign:
                sign, ink = ("┊", "faint") if place == cursor else ("·", "faint")
            left = (each - 1) // 2
            line += [(" " * left, "text"), (sign, ink), (" " * (each - 1 - left), "text")]
        lines.append(line)
    return [*lines, _foot([f"{x:,.6g}" for x in xs], cursor, margin, each, width)]


def _foot(names: Sequence[str], cursor: int, margin: int, each: int, width: int) -> Line:
    """The names of the places, below them; where not all have room, those of both ends and of the
    place that is drawn at."""
    shown = set(range(len(names)))
    if max(map(len, names)) >= each:
        shown = {cursor} if cursor >= 0 else {0, len(names) - 1}
    foot: Line = []
    end = 0
    for place in sorted(shown):
        name = names[place]
        middle = margin + place * each + (each - 1) // 2
        start = max(margin, min(middle - (len(name) - 1) // 2, width - len(name)))
        foot += [(" " * (start - end), "text"), (name, "cursor" if place == cursor else "muted")]
        end = start + len(name)
    return foot


def _labels(values: Sequence[float]) -> list[str]:
    """The values in four digits at most, with as many places after the point each."""
    texts = [f"{value:.4g}" for value in values]
    if any("e" in text for text in texts):
        return texts
    places = max(len(text.partition(".")[2]) for text in texts)
    return [f"{value:.{places}f}" for value in values]
