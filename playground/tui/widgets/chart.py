"""A line chart in braille: envelopes, lines, markers, dashed baselines, and a cursor."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Unpack

from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets import plot
from playground.tui.widgets.canvas import Canvas, draw, labels_of
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.lanes import Lane, LanePlot, share, values_line
from playground.tui.widgets.line_widget import LineWidget, Run, WidgetOptions, strip_of
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.series import GLYPHS, ONES, Baseline, Kind, Role, Series, Upright
from playground.tui.widgets.text import visible
from playground.tui.widgets.ticks import linear_ticks, log_ticks, tick_texts, value_text
from playground.tui.widgets.x_axis import x_axis
from playground.widths import cell_len

LEGEND_FROM = 8
"""The height, in lines, from which a chart has a legend."""
EARLY = 24
"""With fewer points than this, baselines are in sight that leave the curve little room."""

__all__ = ["Baseline", "Chart", "Kind", "Lane", "Role", "Series"]

CURSOR = Binding.Group("cursor", compact=True)


class _Layout(NamedTuple):
    """Where the parts of a chart stand."""

    frame: plot.Frame
    gutter: int
    """Cells left of the plot."""
    legend: bool
    axis: bool
    marks: Mapping[int, str]
    """The numbers at the y axis, by line."""
    lanes: Sequence[LanePlot]
    rest: Sequence[Lane]
    """The lanes without room for a plot."""


class Chart(LineWidget, can_focus=True):
    """Curves over a common x. Left and right move a cursor, which the legend reads out."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--raw",
        "chart--ema",
        "chart--val",
        "chart--accent2",
        *(f"chart--one-{number}" for number in range(1, len(ONES) + 1)),
        "chart--axis",
        "chart--tick",
        "chart--baseline",
        "chart--baseline-label",
        "chart--cursor",
        "chart--cursor-place",
        "chart--legend",
        "chart--empty",
    }
    DEFAULT_CSS = """
    Chart {
        min-height: 1;
        & > .chart--raw { color: $foreground 38%; }
        & > .chart--ema { color: $text-accent; text-style: bold; }
        & > .chart--val { color: $foreground; text-style: bold; }
        & > .chart--accent2 { color: $text-primary; text-style: bold; }
        & > .chart--axis { color: $foreground 30%; }
        & > .chart--tick { color: $foreground 60%; }
        & > .chart--baseline { color: $foreground 50%; }
        & > .chart--baseline-label { color: $foreground 75%; }
        & > .chart--cursor { color: $foreground 60%; }
        & > .chart--cursor-place { color: $text-accent; text-style: bold; }
        & > .chart--legend { color: $foreground 75%; }
        & > .chart--empty { color: $foreground 50%; }
        &:ansi > .chart--raw { text-style: dim; }
        &:ansi > .chart--axis { text-style: dim; }
        &:ansi > .chart--baseline { text-style: dim; }
    }
    """ + "".join(
        f"Chart > .chart--one-{number} {{ color: {colour}; text-style: bold; }}\n"
        for number, colour in enumerate(ONES, 1)
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "cursor(-1)", "earlier", id="chart.earlier", group=CURSOR, show=False,
                tooltip="Move the cursor one column back"),
        Binding("right", "cursor(1)", "later", id="chart.later", group=CURSOR, show=False,
                tooltip="Move the cursor one column on"),
        Binding("shift+left", "cursor(-10)", "much earlier", id="chart.much-earlier",
                group=CURSOR, show=False, tooltip="Move the cursor ten columns back"),
        Binding("shift+right", "cursor(10)", "much later", id="chart.much-later",
                group=CURSOR, show=False, tooltip="Move the cursor ten columns on"),
        Binding("enter", "pick", "go there", id="chart.pick", group=CURSOR, show=False,
                tooltip="Go to the step under the cursor"),
        Binding("escape", "clear_cursor", "no cursor", id="chart.clear", group=CURSOR,
                show=False, tooltip="Take the cursor away"),
    ]  # fmt: skip

    class CursorMoved(WidgetMessage["Chart"]):
        """The cursor moved to `x`, or went away (None)."""

        def __init__(self, chart: Chart, x: float | None) -> None:
            super().__init__(chart)
            self.chart = chart
            self.x = x

    class RulerMoved(WidgetMessage["Chart"]):
        """The columns stand for other x's than `Chart.ruler` told last."""

        def __init__(self, chart: Chart) -> None:
            super().__init__(chart)
            self.chart = chart

    class Picked(WidgetMessage["Chart"]):
        """The person chose the place under the cursor."""

        def __init__(self, chart: Chart, x: float) -> None:
            super().__init__(chart)
            self.chart = chart
            self.x = x

    def __init__(
        self,
        *,
        log_y: bool = False,
        last_n: float | None = None,
        placeholder: str = "no data yet",
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**widget_options)
        self._log_y = log_y
        self._last_n = last_n
        self._placeholder = visible(placeholder)
        self._series: tuple[Series, ...] = ()
        self._baselines: tuple[Baseline, ...] = ()
        self._lanes: tuple[Lane, ...] = ()
        self._uprights: tuple[Upright, ...] = ()
        self._unit = ""
        self._seen: object = None  # what set_data was given last, curves by their revision
        self._pinned: float | None = None
        self._hover: float | None = None
        self._frame: plot.Frame | None = None  # as last painted
        self._plot_left = 0
        self._reach: tuple[float, float] | None = None
        self._laid: tuple[object, _Layout] | None = None
        self._told: plot.Ruler | None = None  # what `ruler` returned last

    # -- data ----------------------------------------------------------------------------------

    def set_data(
        self,
        series: Sequence[Series],
        baselines: Sequence[Baseline] = (),
        lanes: Sequence[Lane] = (),
        uprights: Sequence[Upright] = (),
    ) -> None:
        """Draw `series` over `baselines` and `uprights`, and `lanes` below; redraws only if one
        changed."""
        self._series = tuple(series)
        self._baselines, self._lanes = tuple(baselines), tuple(lanes)
        self._uprights = tuple(uprights)
        seen = (
            self._series, self._baselines, self._lanes, self._uprights, self._revisions()
        )  # fmt: skip
        if seen == self._seen:
            return
        self._seen = seen
        self.changed()

    def _revisions(self) -> tuple[int, ...]:
        curves = [*(one.curve for one in self._series), *(lane.curve for lane in self._lanes)]
        return tuple(curve.revision for curve in curves)

    @property
    def log_y(self) -> bool:
        """True if the y axis is logarithmic; values at or below 0 are then not drawn."""
        return self._log_y

    @log_y.setter
    def log_y(self, log_y: bool) -> None:
        if log_y != self._log_y:
            self._log_y = log_y
            self.changed()

    @property
    def last_n(self) -> float | None:
        """How far back from the last x is shown, in units of x; None shows all."""
        return self._last_n

    @last_n.setter
    def last_n(self, last_n: float | None) -> None:
        if last_n != self._last_n:
            self._last_n = last_n
            self.changed()

    @property
    def reach(self) -> tuple[float, float] | None:
        """The first and the last x that are in sight though no curve reaches so far, unless only
        the last x's are shown; None for none."""
        return self._reach

    @reach.setter
    def reach(self, reach: tuple[float, float] | None) -> None:
        if reach != self._reach:
            self._reach = reach
            self.changed()

    @property
    def ruler(self) -> plot.Ruler | None:
        """Which x each column stands for, for what is drawn in line with the plot; None without
        room for a plot. `RulerMoved` tells that this has changed."""
        width, height = self.size
        if width <= 0 or height <= 0:
            return None
        laid = self._lay_out(width, height)
        self._told = plot.Ruler(laid.gutter, laid.frame)
        return self._told

    @property
    def unit(self) -> str:
        """What x counts, written at the end of the axis; "" for steps, which need no word."""
        return self._unit

    @unit.setter
    def unit(self, unit: str) -> None:
        if unit != self._unit:
            self._unit = unit
            self._pinned = self._hover = None  # a place on another axis
            self.changed()

    # -- cursor --------------------------------------------------------------------------------

    @property
    def cursor(self) -> float | None:
        """The x under the mouse, or else the x where the keys or a click left the cursor."""
        return self._pinned if self._hover is None else self._hover

    @cursor.setter
    def cursor(self, x: float | None) -> None:
        self._point(x, None)

    def values_at(self, x: float) -> dict[str, float | None]:
        """By name, the value of each series at `x`: that of its last point at or before `x`."""
        named = [(one.name, one.curve) for one in self._series]
        named += [(lane.name, lane.curve) for lane in self._lanes]
        return {name: curve.value_at(x) for name, curve in named}

    def action_cursor(self, columns: int) -> None:
        x0, x1 = self._span()
        track = self._reference()
        if track is None:
            return
        here = self.cursor
        if here is None:
            self._point(x1 if columns < 0 else self._snap(x0), None)
            return
        width = self._frame.width if self._frame else 1
        there = self._snap(min(max(here + columns * (x1 - x0) / max(1, width), x0), x1))
        if there == here:  # points further apart than columns: go to the next one
            index = bisect_left(track.xs, here) + (1 if columns > 0 else -1)
            there = track.xs[min(max(index, 0), len(track) - 1)]
        self._point(there, None)

    def action_pick(self) -> None:
        if self.cursor is not None:
            self.post_message(self.Picked(self, self.cursor))

    def action_clear_cursor(self) -> None:
        self._point(None, None)

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("clear_cursor", "pick"):  # without a cursor, the key is for the screen
            return self.cursor is not None
        return super().check_action(action, parameters)

    def _point(self, pinned: float | None, hover: float | None) -> None:
        before = self.cursor
        self._pinned, self._hover = pinned, hover
        if self.cursor != before:
            if (self.cursor is None) != (before is None):
                self.refresh_bindings()
            self.changed()
            self.post_message(self.CursorMoved(self, self.cursor))

    def _under(self, event: events.MouseEvent) -> float | None:
        at, frame = event.get_content_offset(self), self._frame
        if at is None or frame is None or not 0 <= at.x - self._plot_left < frame.width:
            return None
        return self._snap(frame.x_at(at.x - self._plot_left)) if self._reference() else None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._point(self._pinned, self._under(event))

    def on_leave(self) -> None:
        self._point(self._pinned, None)

    def on_click(self, event: events.Click) -> None:
        x = self._under(event)
        if x is not None:
            self._point(x, x)

    @property
    def _drawn(self) -> bool:
        """True if a curve has a point."""
        return any(series.curve for series in self._series)

    @property
    def _empty(self) -> bool:
        """True if there is nothing at all to measure by."""
        return not self._drawn and not self._baselines and self._reach is None

    def _reference(self) -> Curve | None:
        """The curve whose points the cursor stops at: the longest."""
        curve = max((s.curve for s in self._series), key=len, default=None)
        return curve if curve else None

    def _snap(self, x: float) -> float:
        track = self._reference()
        if track is None:
            return x
        index = bisect_left(track.xs, x)
        near = track.xs[max(0, index - 1) : index + 1]
        return min(near, key=lambda at: abs(at - x))

    # -- picture -------------------------------------------------------------------------------

    def _span(self) -> tuple[float, float]:
        """The first and the last x in sight."""
        curves = [series.curve for series in self._series if series.curve]
        if not curves:
            return 0.0, 1.0
        x0, x1 = min(c.xs[0] for c in curves), max(c.xs[-1] for c in curves)
        if self._last_n is not None:
            x0 = max(x0, x1 - self._last_n)
        elif self._reach is not None:
            x0, x1 = min(x0, self._reach[0]), max(x1, self._reach[1])
        return x0, x1

    def _range(self, x0: float, x1: float, columns: int, rows: int) -> tuple[float, float]:
        ranges, points = [], 0
        for series in self._series:
            curve = series.curve
            start, stop = curve.index_range(x0, x1)
            points = max(points, stop - start)
            if series.kind == "envelope" or series.sign:
                found = plot.robust(curve.envelope(x0, x1, columns), self._log_y)
            else:
                found = plot.robust([curve.extent(start, stop)], self._log_y)
            if found is not None:
                ranges.append(found)
        lines = [plot.scale(line.y, self._log_y) for line in self._baselines]
        return plot.y_range(ranges, [y for y in lines if y is not None], points < EARLY, rows)

    def _lay_out(self, width: int, height: int) -> _Layout:
        """The layout for this size, made once for the same data and axes."""
        key = (width, height, self._seen, self._revisions(), self._log_y, self._last_n, self._reach)
        if self._laid is None or self._laid[0] != key:
            self._laid = (key, self._layout(width, height))
        return self._laid[1]

    def _layout(self, width: int, height: int) -> _Layout:
        # Curves with signs need no legend, unless they stand among curves without.
        named = not all(one.sign for one in self._series)
        legend = height >= LEGEND_FROM and width >= 16 and named
        axis = height >= 6 and width >= 12
        x0, x1 = self._span()
        count, each = share(len(self._lanes), height)
        lanes = [LanePlot.of(one, (x0, x1), width, each) for one in self._lanes[:count]]
        rest = self._lanes[count:] if height >= 6 else ()
        rows = height - legend - 2 * axis - count * each - bool(rest)
        y0, y1 = self._range(x0, x1, max(1, width), rows)
        parts = max(3, rows // 3) if rows >= 6 else 2
        ticks: list[float] = []
        if self._empty:
            pass  # nothing is measured, and so there is no scale
        elif self._log_y:
            ticks = log_ticks(10 ** max(y0, -307.0), 10 ** min(y1, 307.0), parts)
        else:
            ticks = linear_ticks(y0, y1, parts)
        texts = tick_texts(ticks)
        written = [*texts, *(text for lane in lanes for text in lane.texts.values())]
        gutter = max(map(len, written), default=0) + 2 if width >= 20 else 0
        labels = [labels_of(line)[0] for line in self._baselines]
        room = width - gutter
        margin = max(map(cell_len, labels), default=0) + 2 if room >= 72 and labels else 0
        end = x1 if x1 > x0 else x0 + max(1.0, abs(x0) * 1e-6)
        frame = plot.Frame(x0, end, y0, y1, max(1, room - margin), rows, self._log_y)
        marks = {
            row: text
            for tick, text in zip(ticks, texts, strict=True)
            if (row := frame.row(tick)) is not None
        }
        return _Layout(frame, gutter, legend, axis, marks, lanes, rest)

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        frame, gutter, legend, axis, marks, lanes, rest = self._lay_out(width, height)
        self._frame, self._plot_left = frame, gutter
        if self._told is not None and self._told != plot.Ruler(gutter, frame):
            self.post_message(self.RulerMoved(self))
        room, rows = width - gutter, frame.height

        canvas = draw(
            frame, max(1, room), self._series, self._baselines, self.cursor, self._uprights
        )
        if not self._drawn:
            length = cell_len(self._placeholder)
            start = max(0, (frame.width - length) // 2)
            fits = length <= canvas.width
            free = self._free_row(canvas, start, start + length) if fits else None
            if free is not None:
                canvas.write(free, start, self._placeholder, "chart--empty")
        lines: list[Strip] = []
        if legend:
            lines.append(strip_of(self._legend(width), width, self.ink()))
        for row in range(rows):
            runs: list[Run] = []
            if gutter:
                text = marks.get(row, "")
                runs.append((text.rjust(gutter - 2), self.ink("chart--tick")))
                runs.append((" ┤" if text else " │", self.ink("chart--axis")))
            runs += self._inked(canvas, row)
            lines.append(strip_of(runs, width, self.ink(), known=gutter + canvas.width))
        for lane in lanes:
            for pieces in lane.picture(frame, gutter, width, self.cursor):
                inked = [(text, self.ink(ink) if ink else self.ink()) for text, ink in pieces]
                lines.append(strip_of(inked, width, self.ink()))
        if rest:
            values = values_line(rest, width, self.cursor)
            lines.append(strip_of([(values, self.ink("chart--legend"))], width, self.ink()))
        if axis:
            lines += self._x_axis(frame, gutter, width)
        return lines

    @staticmethod
    def _free_row(canvas: Canvas, start: int, end: int) -> int | None:
        """The line nearest to the middle for a text from column `start` to `end` - 1: an empty
        one, or else one where the text covers no label; None if there is no such line."""
        middle = canvas.height // 2
        rows = sorted(range(canvas.height), key=lambda row: abs(row - middle))
        apart = [row for row in rows if not canvas.labelled(row, start, end)]
        return next((row for row in apart if not any(canvas.inks[row])), next(iter(apart), None))

    def _x_axis(self, frame: plot.Frame, gutter: int, width: int) -> list[Strip]:
        """The axis with its ticks, and beneath them their numbers and the cursor's place."""
        # There is no half a step; and without data there is no scale.
        whole = not self._unit or frame.x1 - frame.x0 >= 5
        canvas = x_axis(frame, gutter, width, self._unit, self.cursor, whole, not self._empty)
        return [strip_of(self._inked(canvas, row), width, self.ink()) for row in range(2)]

    def _inked(self, canvas: Canvas, row: int) -> list[Run]:
        """A line of the canvas, with a style in place of each name of an ink."""
        return [(text, self.ink(ink) if ink else self.ink()) for text, ink in canvas.runs(row)]

    def _legend(self, width: int) -> list[Run]:
        """The series' glyphs and names, with their values at the cursor, right-aligned. If not all
        fit, the names are left out first, then series from the last on."""
        at = self.cursor
        quiet = self.ink("chart--legend")
        for named in (True, False):
            items: list[tuple[Run, Run]] = []
            for one in self._series:
                words = [visible(one.name)] if named else []
                value = None if at is None else one.curve.value_at(at)
                if at is not None:
                    words.append("–" if value is None else value_text(value))
                told = not one.sign or one.name.split(" ")[0] == one.sign  # the name has the sign
                glyph = (GLYPHS[one.kind] if told else one.sign, self.ink(f"chart--{one.role}"))
                items.append((glyph, (" " + " ".join(words) if words else "", quiet)))
            length = sum(1 + cell_len(text) + 2 for _, (text, _) in items) - 2
            if length <= width - 1:
                break
        while items and length > width - 1:
            _, (text, _) = items.pop()
            length -= 1 + cell_len(text) + 2
        runs: list[Run] = [(" " * max(0, width - length), self.ink())]
        for index, (glyph, words_run) in enumerate(items):
            runs += [("  " if index else "", quiet), glyph, words_run]
        return runs
