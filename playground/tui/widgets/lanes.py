"""Lanes: thin plots below a chart, over the same x, each with a scale of its own.

A curve in another unit than the chart's goes into a lane: a headline with its name and value, and
a few lines of curve. A curve without room for both is told by its name and value alone, in a line
with others of its kind: a name over the curve would hide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from playground.tui.widgets import plot
from playground.tui.widgets.canvas import draw
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.series import GLYPHS, Role, Series
from playground.tui.widgets.text import visible
from playground.tui.widgets.ticks import tick_texts, value_text
from playground.widths import cell_len, fit

INK: Role = "accent2"
TALLEST = 5
"""The most lines of a lane, its headline included."""
_CHART = 8
"""The fewest lines of the chart above, its legend and its axis included."""
_SMALL_CHART = 7
"""The fewest lines of a chart above lanes of two lines each."""
_SHARE = 0.45
"""The part of the height that all lanes may take together, unless each has two lines."""


@dataclass(frozen=True)
class Lane:
    """A named curve in a lane of its own. The curve may grow in place, as in a Series."""

    name: str
    curve: Curve


def share(lanes: int, height: int) -> tuple[int, int]:
    """(how many lanes have room below a chart, the lines of each lane, its headline included).

    height: that of chart and lanes together. If not all lanes have room, one line is left for the
    values of the rest.
    """
    for lines in range(TALLEST, 1, -1):
        if lanes * lines <= min(height - _CHART, _SHARE * height):
            return lanes, lines
    spare = max(0, height - _SMALL_CHART)
    return lanes if 2 * lanes <= spare else max(0, (spare - 1) // 2), 2


def value_of(lane: Lane, cursor: float | None) -> str:
    """The lane's value at the cursor, or else its last one, as "0.823"; "–" if it has none."""
    curve = lane.curve
    value = curve.value_at(cursor) if cursor is not None else curve.ys[-1] if curve else None
    return "–" if value is None else value_text(value)


def values_line(lanes: Sequence[Lane], width: int, cursor: float | None) -> str:
    """The names and values of lanes without a line of their own; lanes without room are counted."""
    words = [f"{visible(lane.name)} {value_of(lane, cursor)}" for lane in lanes]
    for count in range(len(words), 0, -1):
        more = [f"+{len(words) - count}"] if count < len(words) else []
        text = "  ".join([*words[:count], *more])
        if cell_len(text) < width:
            return f" {text}"
    return f" +{len(words)}"[:width]


Pieces = list[tuple[str, str]]
"""A line as pieces of text, each with the name of its ink ("" for none)."""


@dataclass(frozen=True)
class LanePlot:
    """A lane, and the scale of its drawing."""

    lane: Lane
    y0: float
    y1: float
    lines: int
    """Lines of the whole lane, its headline included."""
    level: float | None = None
    """The value of a curve that has no other in sight, where the scale says nothing: it is written
    at the curve instead."""

    @classmethod
    def of(cls, lane: Lane, span: tuple[float, float], columns: int, lines: int) -> LanePlot:
        """The lane at the scale that fits its values in sight; `span` is the first and last x."""
        found = plot.robust(lane.curve.envelope(*span, max(1, columns)), False)
        y0, y1 = plot.y_range([found] if found else [], [], False, 2 * lines)
        level = found[0] if found is not None and found[0] == found[1] else None
        return cls(lane, y0, y1, lines, level)

    @property
    def _rows(self) -> int:
        """Lines of curve."""
        return self.lines - 1

    @property
    def texts(self) -> dict[int, str]:
        """What stands at the axis, by line of the curve: both ends of the scale, or the one value
        that the curve has; nothing for a single line, and for a curve without points."""
        if self._rows < 2 or not self.lane.curve:
            return {}
        if self.level is not None:
            row = plot.Frame(0, 1, self.y0, self.y1, 1, self._rows).row(self.level)
            return {} if row is None else {row: value_text(self.level)}
        low, high = tick_texts([self.y0, self.y1])
        return {0: high, self._rows - 1: low}

    def picture(
        self, above: plot.Frame, gutter: int, width: int, cursor: float | None
    ) -> Iterator[Pieces]:
        """The lines of the lane, each column beneath that of `above`, the frame of the chart."""
        frame = plot.Frame(above.x0, above.x1, self.y0, self.y1, above.width, self._rows)
        room = max(1, width - gutter)
        canvas = draw(
            frame, room, [Series(self.lane.name, self.lane.curve, "line", INK)], (), cursor
        )
        head = self._headline(room, cursor)
        yield [(" " * (gutter - 1) + "├", "chart--axis"), *head] if gutter else head
        texts = self.texts
        for row in range(self._rows):
            text = texts.get(row, "")
            pieces = [(text.rjust(gutter - 2), "chart--tick")] if gutter else []
            pieces += [(" ┤" if text else " │", "chart--axis")] if gutter else []
            yield [*pieces, *canvas.runs(row)]

    def _headline(self, width: int, cursor: float | None) -> Pieces:
        """Glyph, name, value, and a thin line to the end."""
        name, value = visible(self.lane.name), value_of(self.lane, cursor)
        words = f" {name} {value} "
        if cell_len(words) + 3 > width:  # the value matters more than the name
            left = width - cell_len(value) - 6
            words = f" {fit(name, left)} {value} " if left > 3 else f" {value} "
        rest = max(0, width - cell_len(words) - 1)
        return [
            (GLYPHS["line"], f"chart--{INK}"),
            (words, "chart--legend"),
            ("╌" * rest, "chart--axis"),
        ]
