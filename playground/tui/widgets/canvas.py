"""A grid of glyphs and of the names of their inks, and the drawing of a chart's plot on it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence

from playground.tui.widgets import plot
from playground.tui.widgets.braille import cells
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.series import GLYPHS, MARKER, Baseline, Series, Upright
from playground.tui.widgets.text import visible
from playground.tui.widgets.ticks import value_text
from playground.widths import cell_len

CLIPPED = "▴"
DASH = "┄"
UPRIGHT = "┊"
SINGLE = 1000
"""How much worse it is to cover a marker or a sign, which is seen nowhere else, than a cell of a
line, which is seen beside it."""
LABEL = "chart--baseline-label"
"""The ink of the labels of baselines."""


class Canvas:
    """`height` lines of `width` glyphs, each with the name of its ink ("" for none)."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.glyphs = [[" "] * width for _ in range(height)]
        self.inks = [[""] * width for _ in range(height)]
        self.busy = [[0] * width for _ in range(height)]
        """How much a label should not cover a cell: 1 for a line, SINGLE for a marker or a sign."""

    def copy(self) -> Canvas:
        """A canvas with the same cells, to go on from here more than once."""
        other = Canvas(0, 0)
        other.width, other.height = self.width, self.height
        other.glyphs = [line[:] for line in self.glyphs]
        other.inks = [line[:] for line in self.inks]
        other.busy = [line[:] for line in self.busy]
        return other

    def put(self, row: int, column: int, glyph: str, ink: str, busy: int = 0) -> None:
        """Set one cell."""
        self.glyphs[row][column], self.inks[row][column] = glyph, ink
        self.busy[row][column] = busy

    def dots(self, columns: Sequence[int], ink: str, busy: int) -> None:
        """Lay columns of dots over what is there; see `braille.cells`."""
        self.lay(cells(columns, self.height), ink, busy)

    def lay(self, lines: Sequence[str], ink: str, busy: int) -> None:
        """Lay lines of glyphs of one cell each over what is there; a space covers nothing."""
        for row, text in enumerate(lines):
            if text.isspace():
                continue
            line, inks, taken = self.glyphs[row], self.inks[row], self.busy[row]
            for column, glyph in enumerate(text):
                if glyph != " ":
                    line[column], inks[column], taken[column] = glyph, ink, busy

    def write(self, row: int, start: int, text: str, ink: str) -> None:
        """Write `text`, which must hold no control characters; glyphs outside are left out."""
        column = start
        for glyph in text:
            wide = cell_len(glyph)
            if not column >= 0 or column + wide > self.width or not 0 <= row < self.height:
                column += wide
                continue
            if wide == 0:  # a combining mark shares the cell before it
                if column > 0:
                    self.glyphs[row][column - 1] += glyph
                continue
            self.put(row, column, glyph, ink)
            if wide == 2:
                self.put(row, column + 1, "", ink)
            column += wide

    def label(self, row: int, start: int, text: str) -> None:
        """Write the label of a baseline, with a blank on each side."""
        end = start + cell_len(text)
        for column in (start - 1, end):
            if 0 <= column < self.width:
                self.put(row, column, " ", LABEL)
        self.write(row, start, text, LABEL)

    def labelled(self, row: int, start: int, end: int) -> bool:
        """True if a label, or a blank beside it, is in the columns `start` to `end` - 1."""
        return LABEL in self.inks[row][max(start, 0) : end]

    def runs(self, row: int) -> Iterator[tuple[str, str]]:
        """A line as stretches of one ink: (text, name of the ink). Blanks join the stretch before
        them, so that a line has few stretches."""
        glyphs, inks = self.glyphs[row], self.inks[row]
        start, ink = 0, ""
        for column, here in enumerate(inks):
            if here and here != ink:
                if column > start:
                    yield "".join(glyphs[start:column]), ink
                start, ink = column, here
        if self.width > start:
            yield "".join(glyphs[start:]), ink


ALONE = "●"
"""The first point of a line."""


def labels_of(baseline: Baseline) -> list[str]:
    """The texts that may stand beside a baseline, from the longest to the shortest: its name and
    value, and the first word of the name with a value of fewer digits."""
    name = visible(baseline.name)
    word = name.split(" ")[0] or name
    texts = [f"{name} {value_text(baseline.y)}"]
    texts += [f"{word} {value_text(baseline.y, digits)}" for digits in (4, 3, 2)]
    return list(dict.fromkeys(texts))


def draw(
    frame: plot.Frame,
    width: int,
    series: Sequence[Series],
    baselines: Sequence[Baseline],
    cursor: float | None,
    uprights: Sequence[Upright] = (),
) -> Canvas:
    """The plot of a chart. Curves keep to the frame; labels reach to `width`.

    From the bottom: envelopes, baselines, uprights, the cursor, lines, markers, signs, labels.

    The label of a baseline stands in the line of text in which the baseline lies, and nowhere
    else. Of several baselines in one line the lowest, which is the hardest to reach, keeps its
    label; the others stand beside it if there is room, the lower first. A label that has too
    little room is shorter, and yet a name and a value; no curve is drawn over it.
    """
    canvas = Canvas(width, frame.height)
    for one in series:
        if one.kind == "envelope":
            _curve(canvas, frame, one)
            _clipped(canvas, frame, one.curve)
    shown: dict[int, list[Baseline]] = {}
    for line in reversed(baselines):
        row = frame.row(line.y)
        if row is not None:
            shown.setdefault(row, []).append(line)
    _dashes(canvas, frame.width, shown)
    for upright in uprights:
        at = frame.cell(upright.x)
        for row in range(frame.height if at is not None else 0):
            canvas.put(row, at or 0, UPRIGHT, "chart--tick")
    column_at = None if cursor is None else frame.cell(cursor)
    if column_at is not None:
        for row in range(frame.height):
            canvas.put(row, column_at, "│", "chart--cursor")
    for kind in ("line", "dashed", "points", "hollow"):
        for one in series:
            if one.kind == kind:
                _curve(canvas, frame, one)
    _signs(canvas, frame, series)
    for row, lines in shown.items():
        rising = sorted(lines, key=lambda line: line.y)
        wanted = [labels_of(line) for line in rising]
        margin = frame.width + 2 if width > frame.width else width
        for start, text in plot.place_labels(wanted, canvas.busy[row], margin):
            canvas.label(row, start, text)
    for upright in uprights:
        _name(canvas, frame, upright)
    return canvas


def _dashes(canvas: Canvas, width: int, rows: Collection[int]) -> None:
    """Draw the baselines of these lines of text over the envelopes, which stay in sight: a baseline
    covers what goes on straight above and below it, and makes no hole in a thin curve."""
    drawn = [[glyph != " " for glyph in line] for line in canvas.glyphs]
    for row in rows:
        around = drawn[max(row - 1, 0) : row + 2]
        for column in range(width):
            if not drawn[row][column] or (len(around) == 3 and all(one[column] for one in around)):
                canvas.put(row, column, DASH, "chart--baseline")


def _name(canvas: Canvas, frame: plot.Frame, upright: Upright) -> None:
    """Write the name of an upright beside it, in the highest line where it covers nothing."""
    at, text = frame.cell(upright.x), visible(upright.name)
    if at is None:
        return
    length = cell_len(text)
    for row in range(frame.height):
        for start in (at + 2, at - 1 - length):
            stop = start + length
            inside = start >= 0 and stop <= frame.width
            if inside and not any(canvas.inks[row][max(start - 1, 0) : stop + 1]):
                canvas.write(row, start, text, "chart--tick")
                return


def _curve(canvas: Canvas, frame: plot.Frame, one: Series) -> None:
    ink = f"chart--{one.role}"
    alone = len(one.curve) == 1 and one.kind != "envelope"  # no line yet, and a dot is overlooked
    if alone or one.kind in ("points", "hollow"):
        glyph = GLYPHS[one.kind] if one.kind in ("points", "hollow") else ALONE
        for column, row in plot.markers(one.curve, frame):
            if one.kind == "hollow":
                column = _beside(canvas, row, column, frame.width)
            canvas.put(row, column, glyph, ink, SINGLE)
        return
    columns = plot.trace(one.curve, frame, one.kind != "envelope")
    if one.kind == "dashed":  # two cells drawn, one left out
        columns = [0 if at // 2 % 3 == 2 else column for at, column in enumerate(columns)]
    canvas.dots(columns, ink, busy=int(one.kind != "envelope"))


def _signs(canvas: Canvas, frame: plot.Frame, series: Sequence[Series]) -> None:
    """Write the sign of each curve at its end, and once on the way, each at another place of the
    way. Where two signs meet, the later one stands a cell further left."""
    signed = [one for one in series if one.sign and one.curve]
    taken: set[tuple[int, int]] = set()
    for place, one in enumerate(signed, 1):
        start, stop = one.curve.index_range(frame.x0, frame.x1)
        if start == stop:
            continue
        first, last = (frame.cell(one.curve.xs[index]) or 0 for index in (start, stop - 1))
        way = frame.width * place // (len(signed) + 1)
        for column in dict.fromkeys((last, way)):  # the two may be one
            inside = column == last or first < column < last - _APART
            row = frame.row(_height(one.curve, min(frame.x_at(column), one.curve.xs[stop - 1])))
            if row is None or not inside:
                continue
            while (row, column) in taken and column > first:
                column -= 1
            taken.add((row, column))
            canvas.put(row, column, one.sign, f"chart--{one.role}", SINGLE)


def _height(curve: Curve, x: float) -> float:
    """The y of the line through the curve's points at `x`; NaN where there is no line."""
    after = bisect_right(curve.xs, x)
    if not 0 < after < len(curve):
        return curve.ys[after - 1] if after else math.nan
    x0, x1, y0, y1 = *curve.xs[after - 1 : after + 1], *curve.ys[after - 1 : after + 1]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0) if x1 > x0 else y0


_APART = 12
"""The fewest cells between the sign on a curve's way and the one at its end."""


def _beside(canvas: Canvas, row: int, column: int, width: int) -> int:
    """The column for a hollow marker: its own, or a column beside it where its own has a full
    marker, so that both are seen."""
    if canvas.glyphs[row][column] != MARKER:
        return column
    free = [at for at in (column + 1, column - 1) if 0 <= at < width]
    return next((at for at in free if canvas.glyphs[row][at] != MARKER), column)


def _clipped(canvas: Canvas, frame: plot.Frame, curve: Curve) -> None:
    """Mark the columns whose extremes lie above the frame."""
    whole = curve.extent(*curve.index_range(frame.x0, frame.x1))
    top = plot.scale(whole[1], frame.log) if whole else None
    if top is None or top <= frame.y1 or frame.height < 2:
        return
    for column, extent in enumerate(curve.envelope(frame.x0, frame.x1, frame.width)):
        high = plot.scale(extent[1], frame.log) if extent else None
        if high is not None and high > frame.y1:
            canvas.put(0, column, CLIPPED, "chart--tick")
