"""A family of curves in braille: all thin, a selection brighter, one bright, and a mean with its
spread."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Sequence
from functools import reduce
from itertools import compress
from operator import or_
from typing import ClassVar, Unpack

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.braille import cells, unpack
from playground.tui.widgets.canvas import CLIPPED, Canvas
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.family import Drawn, Family, FamilyState, Mean, Pen, framed, mean_of
from playground.tui.widgets.line_widget import LineWidget, Run, WidgetOptions, strip_of
from playground.tui.widgets.plot import Frame
from playground.tui.widgets.text import fit, visible
from playground.tui.widgets.ticks import linear_ticks, place_text, tick_texts, value_text
from playground.tui.widgets.x_axis import x_axis
from playground.widths import cell_len

__all__ = ["CurveFamily", "Family", "FamilyState"]

LEGEND_FROM = 7
"""The height, in lines, from which there is a legend."""
AXIS_FROM = 5
"""The height, in lines, from which there is an x axis."""
CHOSEN, MEAN = "━", "╍"
"""The signs of the chosen curve and of the mean in the legend."""
AT_ONCE = 0.06
"""CPU seconds of drawing new curves before the screen is shown and keys are heard; the other curves
follow."""
_NOTHING = Drawn(0)
CURSOR = Binding.Group("cursor", compact=True)


class CurveFamily(LineWidget, can_focus=True):
    """A family of curves: x in steps, y in nats unless `y_unit` says otherwise. Left and right move
    a cursor, at which the legend reads out the chosen curve and the mean."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "curves--rest",
        "curves--line",
        "curves--selected",
        "curves--chosen",
        "curves--mean",
        "curves--band",
        "curves--legend",
        "curves--empty",
        "chart--axis",
        "chart--tick",
        "chart--cursor",
        "chart--cursor-place",
    }
    DEFAULT_CSS = """
    CurveFamily {
        min-height: 1;
        & > .curves--rest { color: $foreground 20%; }
        & > .curves--line { color: $foreground 38%; }
        & > .curves--selected { color: $text-accent 60%; }
        & > .curves--chosen { color: $foreground; text-style: bold; }
        & > .curves--mean { color: $text-secondary; text-style: bold; }
        & > .curves--band { color: $text-secondary 70%; }
        & > .curves--legend { color: $foreground 75%; }
        & > .curves--empty { color: $foreground 50%; }
        & > .chart--axis { color: $foreground 30%; }
        & > .chart--tick { color: $foreground 60%; }
        & > .chart--cursor { color: $foreground 60%; }
        & > .chart--cursor-place { color: $text-accent; text-style: bold; }
        &:ansi > .curves--rest { text-style: dim; }
        &:ansi > .chart--axis { text-style: dim; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "cursor(-1)", "earlier", id="curves.earlier", group=CURSOR, show=False,
                tooltip="Move the cursor one column back"),
        Binding("right", "cursor(1)", "later", id="curves.later", group=CURSOR, show=False,
                tooltip="Move the cursor one column on"),
        Binding("shift+left", "cursor(-10)", "much earlier", id="curves.much-earlier",
                group=CURSOR, show=False, tooltip="Move the cursor ten columns back"),
        Binding("shift+right", "cursor(10)", "much later", id="curves.much-later",
                group=CURSOR, show=False, tooltip="Move the cursor ten columns on"),
        Binding("backspace", "clear_cursor", "no cursor", id="curves.clear", group=CURSOR,
                show=False, tooltip="Take the cursor away"),
    ]  # fmt: skip

    def __init__(
        self,
        state: FamilyState | None = None,
        *,
        y_unit: str = "nats",
        x_unit: str = "steps",
        placeholder: str = "no losses yet",
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**widget_options)
        self._state = state if state is not None else FamilyState()
        self._y_unit, self._x_unit = visible(y_unit), visible(x_unit)
        self._placeholder = visible(placeholder)
        self._family = Family(())
        self._revisions: tuple[int, ...] = ()
        self._framed: tuple[object, Frame | None] | None = None
        self._pen: Pen | None = None
        self._pen_frame: Frame | None = None
        self._drawn: dict[int, tuple[Curve, int, Drawn]] = {}
        """By the identity of a curve: the curve, its revision, and its dots in the frame."""
        self._waiting = 0  # curves that are drawn next time
        self._above = 0  # curves that go above the frame
        self._base: tuple[object, Canvas, Sequence[Drawn]] | None = None
        self._mean: tuple[object, Mean | None] | None = None
        self._frame: Frame | None = None  # as last painted
        self._gutter = 0

    # -- data ----------------------------------------------------------------------------------

    @property
    def state(self) -> FamilyState:
        """The cursor. After changing it from outside, call `changed`."""
        return self._state

    @property
    def family(self) -> Family:
        """What is drawn."""
        return self._family

    @property
    def drawing(self) -> bool:
        """True while some curves wait to be drawn, so that a key is heard in between."""
        return self._waiting > 0

    def set_data(self, family: Family) -> None:
        """Draw `family`; what has not changed since the last call is not computed again."""
        revisions = tuple(curve.revision for curve in family.curves)
        if family != self._family or revisions != self._revisions:
            self._family, self._revisions = family, revisions
            self.changed()

    # -- cursor --------------------------------------------------------------------------------

    def action_cursor(self, columns: int) -> None:
        frame, xs = self._frame, self._places
        if frame is None or not xs:
            return
        here = self._state.cursor
        if here is None:
            self._point(xs[-1] if columns < 0 else xs[0])
            return
        there = self._snap(here + columns * (frame.x1 - frame.x0) / frame.width)
        if there == here:  # points further apart than columns: go to the next one
            index = bisect_left(xs, here) + (1 if columns > 0 else -1)
            there = xs[min(max(index, 0), len(xs) - 1)]
        self._point(there)

    def action_clear_cursor(self) -> None:
        self._point(None)

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "clear_cursor":  # without a cursor, the key is for the screen
            return self._state.cursor is not None
        return super().check_action(action, parameters)

    def on_click(self, event: events.Click) -> None:
        at, frame = event.get_content_offset(self), self._frame
        if at is not None and frame is not None and 0 <= at.x - self._gutter < frame.width:
            self._point(self._snap(frame.x_at(at.x - self._gutter)))

    def _point(self, cursor: float | None) -> None:
        if cursor != self._state.cursor:
            if (cursor is None) != (self._state.cursor is None):
                self.refresh_bindings()
            self._state.cursor = cursor
            self.changed()

    @property
    def _places(self) -> Sequence[float]:
        """The xs at which the cursor stops: those of the chosen curve, or else of the longest."""
        curves, chosen = self._family.curves, self._family.chosen
        if chosen is not None and 0 <= chosen < len(curves) and curves[chosen]:
            return curves[chosen].xs
        return max((curve.xs for curve in curves), key=len, default=())

    def _snap(self, x: float) -> float:
        xs = self._places
        index = bisect_left(xs, x)
        return min(xs[max(0, index - 1) : index + 1], key=lambda at: abs(at - x), default=x)

    # -- picture -------------------------------------------------------------------------------

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        legend, axis = height >= LEGEND_FROM, height >= AXIS_FROM and width >= 12
        rows = height - legend - 2 * axis
        whole = self._frame_of(max(1, width), rows)
        if whole is None:
            self._frame, self._drawn = None, {}
            return self._empty(width, height)
        ticks = linear_ticks(whole.y0, whole.y1, max(3, rows // 3) if rows >= 6 else 2)
        texts = tick_texts(ticks)
        gutter = max(map(len, texts), default=0) + 2 if width >= 20 else 0
        self._gutter = gutter
        frame = Frame(whole.x0, whole.x1, whole.y0, whole.y1, max(1, width - gutter), whole.height)
        self._frame = frame
        canvas = self._picture(frame)
        marks = {frame.row(tick): text for tick, text in zip(ticks, texts, strict=True)}
        out: list[Strip] = []
        if legend:
            out.append(strip_of(self._legend(width, frame), width, self.ink()))
        for row in range(rows):
            runs: list[Run] = []
            if gutter:
                text = marks.get(row, "")
                runs.append((text.rjust(gutter - 2), self.ink("chart--tick")))
                runs.append((" ┤" if text else " │", self.ink("chart--axis")))
            out.append(strip_of([*runs, *self._inked(canvas, row)], width, self.ink()))
        if axis:
            below = x_axis(frame, gutter, width, self._x_unit, self._state.cursor)
            out += [strip_of(self._inked(below, row), width, self.ink()) for row in range(2)]
        return out

    def _inked(self, canvas: Canvas, row: int) -> list[Run]:
        """A line of the canvas, with a style in place of each name of an ink."""
        return [(text, self._ink(ink)) for text, ink in canvas.runs(row)]

    def _ink(self, name: str) -> Style:
        return self.ink(name) if name else self.ink()

    def _empty(self, width: int, height: int) -> list[Strip]:
        text = fit(self._placeholder, min(width, cell_len(self._placeholder)))
        before = " " * ((width - cell_len(text)) // 2)
        line = strip_of([(before + text, self.ink("curves--empty"))], width, self.ink())
        blank = Strip.blank(width, self.ink())
        return [line if row == height // 2 else blank for row in range(height)]

    def _frame_of(self, width: int, rows: int) -> Frame | None:
        """The frame for the curves; found once for the same points and room."""
        key = (self._family.curves, self._revisions, width, rows)
        if self._framed is None or self._framed[0] != key:
            self._framed = (key, framed(self._family.curves, width, rows))
        return self._framed[1]

    def _picture(self, frame: Frame) -> Canvas:
        """From the bottom: the curves, the selected ones, the band, the cursor, the chosen curve,
        the mean, and the marks of what goes above the frame."""
        drawn = self._drawn_in(frame)
        canvas = self._base_of(frame, drawn).copy()

        def lines(dots: int, broken: bool = False) -> list[str]:
            return cells(_columns(dots, frame, broken), frame.height)

        assert self._pen is not None
        mean = self.mean
        if mean is not None:
            canvas.lay(lines(self._pen.band(mean)), "curves--band", 0)
        at = None if self._state.cursor is None else frame.cell(self._state.cursor)
        if at is not None:
            for row in range(frame.height):
                canvas.put(row, at, "│", "chart--cursor")
        chosen = self._chosen
        bright = lines(drawn[chosen].dots if chosen is not None else 0)
        canvas.lay(bright, "curves--chosen", 0)
        if mean is not None:
            dashed = lines(self._pen.draw(mean.mean).dots, broken=True)
            canvas.lay(dashed, "curves--mean", 0)
            _merge(canvas, dashed, bright)
        for ink, columns in (
            ("chart--tick", {column for one in drawn for column in one.above}),
            ("curves--chosen", drawn[chosen].above if chosen is not None else ()),
        ):
            for column in columns:
                if column < frame.width:
                    canvas.put(0, column, CLIPPED, ink)
        return canvas

    def _base_of(self, frame: Frame, drawn: Sequence[Drawn]) -> Canvas:
        """The curves and the selected ones; drawn once as long as they are the same."""
        selected = self._family.selected
        key = (frame, selected, self.monochrome, *map(id, drawn))
        if self._base is not None and self._base[0] == key:
            return self._base[1]
        canvas = Canvas(frame.width, frame.height)
        every = [one.dots for one in drawn]
        if selected is None:
            canvas.dots(_columns(reduce(or_, every, 0), frame), "curves--line", 0)
        else:
            others = reduce(or_, compress(every, [not one for one in selected]), 0)
            # Without colour, curves that are not selected are broken.
            canvas.dots(_columns(others, frame, self.monochrome), "curves--rest", 0)
            chosen = reduce(or_, compress(every, selected), 0)
            canvas.dots(_columns(chosen, frame), "curves--selected", 0)
        self._base = (key, canvas, drawn)
        return canvas

    @property
    def _chosen(self) -> int | None:
        """The number of the chosen curve, if there is such a curve."""
        chosen = self._family.chosen
        return chosen if chosen is not None and 0 <= chosen < len(self._family.curves) else None

    def _drawn_in(self, frame: Frame) -> list[Drawn]:
        """The dots of all curves; of a curve that has not grown, those of the last time."""
        if self._pen is None or self._pen_frame != frame:
            self._pen, self._pen_frame, self._drawn = Pen(frame), frame, {}
        family, before = self._family, self._drawn
        self._drawn, fresh = {}, False
        until = time.thread_time() + AT_ONCE
        curves: Sequence[Curve] = family.curves
        chosen = self._chosen
        if chosen is not None:  # the chosen curve is never among those that wait
            curves = [curves[chosen], *curves]
        for curve in curves:
            known = before.get(id(curve))
            if known is None or known[1] != curve.revision:
                if fresh and time.thread_time() > until:
                    continue
                fresh = True
                known = (curve, curve.revision, self._pen.draw(curve))
            self._drawn[id(curve)] = known
        out = [self._drawn.get(id(curve), (None, 0, _NOTHING))[2] for curve in family.curves]
        self._waiting = sum(one is _NOTHING for one in out)
        self._above = sum(bool(one.above) for one in out)
        if self._waiting:
            self.call_later(self.changed)
        return out

    @property
    def mean(self) -> Mean | None:
        """The mean of the group and its spread; None of fewer than two curves."""
        curves = self._family.curves
        group = [curves[index] for index in self._family.group if 0 <= index < len(curves)]
        key = (*map(id, group), *(curve.revision for curve in group))
        if self._mean is None or self._mean[0] != key:
            self._mean = (key, mean_of(group))
        return self._mean[1]

    # -- legend --------------------------------------------------------------------------------

    def _legend(self, width: int, frame: Frame) -> list[Run]:
        """The unit above the axis; at the right what the signs are, with their values at the
        cursor, or else their last ones. With little room the longest text is shortened first, and
        the last entry goes if all are short."""
        quiet = self.ink("curves--legend")
        unit = self._y_unit
        entries = self._entries(frame)
        room = width - cell_len(unit) - 2
        while sum(4 + cell_len(words[0]) for _, _, words in entries) - 2 > room:
            long = [words for _, _, words in entries if len(words) > 1]
            if long:
                del max(long, key=lambda words: cell_len(words[0]))[0]
            else:
                entries.pop()
        runs: list[Run] = []
        for glyph, ink, words in entries:
            runs += [("  " if runs else "", quiet), (glyph, self.ink(ink)), (f" {words[0]}", quiet)]
        length = sum(cell_len(text) for text, _ in runs)
        return [(unit + " " * max(0, width - cell_len(unit) - length), quiet), *runs]

    def _entries(self, frame: Frame) -> list[tuple[str, str, list[str]]]:
        """(sign, ink, texts from the longest to the shortest) of each entry of the legend."""
        family, at = self._family, self._state.cursor
        out: list[tuple[str, str, list[str]]] = []
        chosen = self._chosen
        if chosen is not None:
            value, name = _value(family.curves[chosen], at, frame.x1), visible(family.chosen_name)
            out.append((CHOSEN, "curves--chosen", [f"{name} {value}".strip(), value]))
        mean = self.mean
        if mean is not None:
            value = _value(mean.mean, at, frame.x1, mean.high)
            name = visible(family.group_name) or str(mean.count)
            out.append((MEAN, "curves--mean", [
                f"mean ± 1 sd of {name} {value}", f"mean of {mean.count} {value}", value,
            ]))  # fmt: skip
        if self._waiting:
            count = len(family.curves)
            drawn = f"{count - self._waiting:,} of {count:,} drawn"
            out.append(("…", "chart--tick", [drawn, f"{self._waiting:,}"]))
        above = self._above
        if above:
            top, count = tick_texts([frame.y1])[0], len(family.curves)
            out.append((CLIPPED, "chart--tick", [
                f"{above:,} of {count:,} above {top}", f"{above:,} above {top}", f"{above:,}",
            ]))  # fmt: skip
        return out


def _value(curve: Curve, at: float | None, end: float, high: Curve | None = None) -> str:
    """The value of a curve at an x, or its last one, in writing: a last one before the right end
    with its place, as "2.345 at 199". high: a curve as far above as the spread that is told."""
    last = curve.xs[-1] if curve else -math.inf
    x = last if at is None else at
    value = curve.value_at(x) if x <= last else None
    if value is None:
        return "–"
    text = value_text(value)
    above = None if high is None else high.value_at(x)
    if above is not None:
        text += f" ± {value_text(above - value)}"
    return f"{text} at {place_text(last)}" if at is None and last < end else text


def _columns(dots: int, frame: Frame, broken: bool = False) -> list[int]:
    """The columns of packed dots. broken: two cells are drawn, and one is left out."""
    columns = unpack(dots, frame.columns, frame.height)
    return [0 if at // 2 % 3 == 2 else c for at, c in enumerate(columns)] if broken else columns


def _merge(canvas: Canvas, above: Sequence[str], below: Sequence[str]) -> None:
    """Where both pictures have dots in a cell, show the dots of both, in the ink that is there."""
    for row, (top, bottom) in enumerate(zip(above, below, strict=True)):
        if top.isspace() or bottom.isspace():
            continue
        for column, (one, other) in enumerate(zip(top, bottom, strict=True)):
            if one != " " and other != " ":
                canvas.glyphs[row][column] = chr(ord(one) | ord(other))
