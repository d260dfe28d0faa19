"""The x axis below a plot: a line with ticks, and a line with their numbers."""

from __future__ import annotations

from playground.tui.widgets import plot
from playground.tui.widgets.canvas import Canvas
from playground.tui.widgets.ticks import linear_ticks, place_text, tick_texts
from playground.widths import cell_len


def x_axis(
    frame: plot.Frame,
    gutter: int,
    width: int,
    unit: str = "",
    cursor: float | None = None,
    whole: bool = True,
    scaled: bool = True,
) -> Canvas:
    """Two lines of `width` cells for a plot that begins after `gutter` cells.

    unit: what x counts, written at the right end. cursor: an x that is marked and written in place
    of the numbers that it covers. whole: only whole numbers. scaled: False leaves the numbers out.
    """
    ticks = linear_ticks(frame.x0, frame.x1, max(1, frame.width // 10), whole) if scaled else []
    canvas = Canvas(width, 2)
    corner = [" " * (gutter - 1) + "└"] if gutter else []
    canvas.write(0, 0, "".join([*corner, "─" * frame.width]), "chart--axis")
    free, end = 0, width - (cell_len(unit) + 2 if unit else 0)
    canvas.write(1, end + 2, unit, "chart--tick")
    for tick, text in zip(ticks, tick_texts(ticks), strict=True):
        column = frame.cell(tick)
        if column is None:
            continue
        column += gutter
        start = min(max(column - len(text) // 2, 0), width - len(text))
        if start >= free and start + len(text) <= end:
            canvas.put(0, column, "┬", "chart--axis")
            canvas.write(1, start, text, "chart--tick")
            free = start + len(text) + 1
    at = None if cursor is None else frame.cell(cursor)
    if at is not None and cursor is not None:
        text = f" {place_text(cursor)} "
        start = min(max(gutter + at - len(text) // 2, 0), max(0, width - len(text)))
        _clear(canvas, start, start + len(text))
        canvas.write(1, start, text, "chart--cursor-place")
        canvas.put(0, gutter + at, "┴", "chart--cursor-place")
    return canvas


def _clear(canvas: Canvas, start: int, stop: int) -> None:
    """Blank every number of the axis that reaches into the cells from start to stop."""
    line = canvas.glyphs[1]
    while start > 0 and line[start - 1] != " ":
        start -= 1
    while stop < canvas.width and line[stop] != " ":
        stop += 1
    canvas.write(1, start, " " * (stop - start), "")
