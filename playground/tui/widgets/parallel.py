"""Parallel coordinates in braille: a line for each run across one axis for each of its values.

A cursor on the axes brushes a stretch of an axis; the runs within all brushes are bright. What the
person has brushed lies in a `ParallelState`, outside the widget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Unpack

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.canvas import Canvas
from playground.tui.widgets.line_widget import LineWidget, Run, WidgetOptions, strip_of
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.parallel_plot import (
    Axis,
    Brushes,
    Lines,
    ParallelState,
    Places,
    Scale,
    Strands,
    place,
    positions,
    thick,
    tick_rows,
)
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

__all__ = [
    "Axis", "Brushes", "Lines", "ParallelCoordinates", "ParallelState", "positions",
]  # fmt: skip

LEAP = 5
"""How many places a shifted arrow key moves."""
_WORD = 4
"""The fewest cells in which the start of a name says something."""
CURSOR = Binding.Group("cursor", compact=True)
BRUSH = Binding.Group("brush", compact=True)


class ParallelCoordinates(LineWidget, can_focus=True):
    """Lines across axes, with a cursor and brushes on the axes.

    The first line has the names of the axes; the last tells where the cursor is, what is brushed
    there, and how many runs are selected.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"parallel--{part}"
        for part in (
            "rest", "line", "selected", "chosen", "axis", "brush", "cursor", "name", "pointed",
            "tick", "faded", "status",
        )
    }  # fmt: skip
    DEFAULT_CSS = """
    ParallelCoordinates {
        min-height: 1;
        & > .parallel--rest { color: $foreground 20%; }
        & > .parallel--line { color: $foreground 45%; }
        & > .parallel--selected { color: $text-accent 75%; }
        & > .parallel--chosen { color: $foreground; text-style: bold; }
        & > .parallel--axis { color: $foreground 50%; }
        & > .parallel--brush { color: $text-accent; text-style: bold; }
        & > .parallel--cursor { color: $text-accent; text-style: bold reverse; }
        & > .parallel--name { color: $foreground 75%; }
        & > .parallel--pointed { color: $text-accent; text-style: bold; }
        & > .parallel--tick { color: $foreground 85%; }
        & > .parallel--faded { color: $foreground 45%; }
        & > .parallel--status { color: $foreground 75%; }
        &:ansi > .parallel--rest { text-style: dim; }
        &:ansi > .parallel--faded { text-style: dim; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "axis(-1)", "axis before", id="parallel.before", group=CURSOR, show=False,
                tooltip="Go to the axis before"),
        Binding("right", "axis(1)", "next axis", id="parallel.next", group=CURSOR, show=False,
                tooltip="Go to the next axis"),
        Binding("up", "along(1)", "up", id="parallel.up", group=CURSOR, show=False,
                tooltip="Go up this axis"),
        Binding("down", "along(-1)", "down", id="parallel.down", group=CURSOR, show=False,
                tooltip="Go down this axis"),
        Binding("shift+up", f"along({LEAP})", "far up", id="parallel.far-up", group=CURSOR,
                show=False, tooltip="Go five places up this axis"),
        Binding("shift+down", f"along(-{LEAP})", "far down", id="parallel.far-down",
                group=CURSOR, show=False, tooltip="Go five places down this axis"),
        Binding("home", "end(-1)", "first axis", id="parallel.first", group=CURSOR, show=False,
                tooltip="Go to the first axis"),
        Binding("end", "end(1)", "last axis", id="parallel.last", group=CURSOR, show=False,
                tooltip="Go to the last axis"),
        Binding("space", "brush", "brush", id="parallel.brush", group=BRUSH, show=False,
                tooltip="Begin a brush here, or end the brush that is being drawn"),
        Binding("enter", "finish", "end the brush", id="parallel.finish", group=BRUSH, show=False,
                tooltip="End the brush that is being drawn"),
        Binding("backspace", "clear", "no brush", id="parallel.clear", group=BRUSH, show=False,
                tooltip="Take the brush off this axis"),
        Binding("delete", "clear_all", "no brushes", id="parallel.clear-all", group=BRUSH,
                show=False, tooltip="Take the brushes off all axes"),
    ]  # fmt: skip

    class Brushed(WidgetMessage["ParallelCoordinates"]):
        """The brushes changed; sent at every step of a brush that is being drawn."""

        def __init__(self, parallel: ParallelCoordinates) -> None:
            super().__init__(parallel)
            self.parallel = parallel
            self.ranges: Mapping[int, tuple[float, float]] = dict(parallel.state.brushes.ranges)

    class AxisMoved(WidgetMessage["ParallelCoordinates"]):
        """The cursor moved, to another axis or along its axis."""

        def __init__(self, parallel: ParallelCoordinates) -> None:
            super().__init__(parallel)
            self.parallel = parallel
            self.axis = parallel.state.axis
            self.at = parallel.state.at

    def __init__(
        self,
        state: ParallelState | None = None,
        *,
        placeholder: str = "no runs yet",
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**widget_options)
        self._state = state if state is not None else ParallelState()
        self._placeholder = visible(placeholder)
        self._data = Lines((), ())
        self._chosen: int | None = None
        self._kept: tuple[object, list[bool]] | None = None  # `selected`, and what it is made of
        self._strands: tuple[object, Strands, list[int]] | None = None
        self._places: Places | None = None  # as last painted
        self._scale = Scale(1)
        self._drag: float | None = None  # where the mouse went down
        self._dragged = False

    # -- data ----------------------------------------------------------------------------------

    @property
    def state(self) -> ParallelState:
        """Cursor and brushes. After changing them from outside, call `changed`."""
        return self._state

    @property
    def lines(self) -> Lines:
        """What is drawn."""
        return self._data

    @property
    def selected(self) -> Sequence[bool]:
        """For each run whether it lies in every brush, as `Brushes.selected` has it; computed once
        for the same lines and brushes."""
        key = (self._data, tuple(sorted(self._state.brushes.ranges.items())))
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, self._state.brushes.selected(self._data))
        return self._kept[1]

    def set_data(self, lines: Lines, chosen: int | None = None) -> None:
        """Draw `lines`, the run with the number `chosen` brightest; redraws only if one changed.
        Brushes of axes that there are no more are dropped."""
        if lines == self._data:
            lines = self._data  # what is kept of them stays
        elif lines is not self._data:
            state = self._state
            state.axis = min(state.axis, max(0, len(lines.axes) - 1))
            for axis in [axis for axis in state.brushes.ranges if axis >= len(lines.axes)]:
                state.brushes.clear(axis)
        if lines is not self._data or chosen != self._chosen:
            self._data, self._chosen = lines, chosen
            self.changed()

    # -- cursor and brushes --------------------------------------------------------------------

    @property
    def _axis(self) -> Axis | None:
        """The axis with the cursor."""
        axes = self._data.axes
        return axes[min(self._state.axis, len(axes) - 1)] if axes else None

    def action_axis(self, by: int) -> None:
        self._go(self._state.axis + by, self._state.at)

    def action_end(self, sign: int) -> None:
        self._go(len(self._data.axes) - 1 if sign > 0 else 0, self._state.at)

    def action_along(self, by: int) -> None:
        axis = self._axis
        if axis is None:
            return
        if axis.listed:
            index = min(max(axis.tick(self._state.at) + by, 0), len(axis.ticks) - 1)
            at = axis.ticks[index][0]
        else:
            row = min(max(self._scale.row(self._state.at) - by, 0), self._scale.rows - 1)
            at = self._scale.middle(row)
        self._go(self._state.axis, at)
        if self._state.anchor is not None:
            self._extend()

    def action_brush(self) -> None:
        if self._axis is None:
            return
        if self._state.anchor is not None:
            self.action_finish()
            return
        self._state.anchor = self._state.at
        self.refresh_bindings()
        self._extend()

    def action_finish(self) -> None:
        self._state.anchor = None
        self.refresh_bindings()
        self.changed()

    def action_clear(self) -> None:
        self._clear(self._state.axis)

    def action_clear_all(self) -> None:
        self._clear(None)

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "finish":  # without a brush that is being drawn, the key is for the screen
            return self._state.anchor is not None
        return super().check_action(action, parameters)

    def _go(self, axis: int, at: float) -> None:
        """Move the cursor, to a tick if the axis is a listed one. On another axis a brush that was
        being drawn stays as it is."""
        state = self._state
        if not self._data.axes:
            return
        axis = min(max(axis, 0), len(self._data.axes) - 1)
        there = self._data.axes[axis]
        if there.listed:
            at = there.ticks[there.tick(at)][0]
        if axis != state.axis and state.anchor is not None:
            self.action_finish()
        if (axis, at) != (state.axis, state.at):
            state.axis, state.at = axis, at
            self.changed()
            self.post_message(self.AxisMoved(self))

    def _extend(self) -> None:
        """Brush from the anchor to the cursor: from tick to tick, or else whole lines of text, so
        that a run is selected where its line meets what is brushed."""
        state, axis = self._state, self._axis
        if axis is None or state.anchor is None:
            return
        ends = (state.anchor, state.at)
        if axis.listed:
            ends = (axis.ticks[axis.tick(min(ends))][0], axis.ticks[axis.tick(max(ends))][0])
        else:
            low, high = (self._scale.reach(self._scale.row(end)) for end in sorted(ends))
            ends = (low[0], high[1])
        before = state.brushes.ranges.get(state.axis)
        state.brushes.set(state.axis, *ends)
        if state.brushes.ranges[state.axis] != before:
            self.changed()
            self.post_message(self.Brushed(self))

    def _clear(self, axis: int | None) -> None:
        state = self._state
        if state.anchor is not None:
            self.action_finish()
        before = len(state.brushes.ranges)
        state.brushes.clear(axis)
        if len(state.brushes.ranges) != before:
            self.changed()
            self.post_message(self.Brushed(self))

    # -- mouse ---------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        at = event.get_content_offset(self)
        if event.button != 1 or at is None or self._places is None:
            return
        event.stop()
        if self._state.anchor is not None:
            self.action_finish()
        self._go(self._places.nearest(at.x), self._position(at.y))
        self._drag, self._dragged = self._position(at.y), False
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._drag is None:
            return
        event.stop()
        here = self._position(event.get_content_offset_capture(self).y)
        if here != self._drag:
            self._dragged = True
        if self._dragged:
            self._go(self._state.axis, here)
            self._state.anchor = self._drag
            self._extend()
            self._state.anchor = None

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._drag is None:
            return
        event.stop()
        self._drag = None
        self.release_mouse()
        if not self._dragged:
            self._clear(self._state.axis)

    def on_mouse_release(self) -> None:
        self._drag = None  # another widget took the mouse

    def _position(self, y: int) -> float:
        """The position of a line of the widget on an axis; beyond an end, that end's."""
        return self._scale.middle(min(max(y - self._heading, 0), self._scale.rows - 1))

    # -- picture -------------------------------------------------------------------------------

    @property
    def _heading(self) -> int:
        """Lines above the axes."""
        return int(self.size.height >= 2)

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        heading, status = height >= 2, height >= 3
        scale = self._scale = Scale(max(1, height - heading - status))
        data, state = self._data, self._state
        places = place(data.axes, width, state.axis, state.first)
        self._places = places
        if places is None or not data.values:
            return self._empty(width, height)
        state.first = places.first
        canvas = Canvas(width, scale.rows)
        self._draw_lines(canvas, places, scale)
        for number, column in zip(places.shown, places.columns, strict=True):
            self._draw_axis(canvas, number, column, places.room, scale)
        out: list[Strip] = []
        if heading:
            out.append(self._names(places, width))
        for row in range(scale.rows):
            runs = [(text, self._ink(ink)) for text, ink in canvas.runs(row)]
            out.append(strip_of(runs, width, self.ink(), known=width))
        if status:
            out.append(self._status(places, width))
        return out

    def _ink(self, name: str) -> Style:
        return self.ink(f"parallel--{name}") if name else self.ink()

    def _empty(self, width: int, height: int) -> list[Strip]:
        text = fit(self._placeholder, min(width, cell_len(self._placeholder)))
        before = " " * ((width - cell_len(text)) // 2)
        line = strip_of([(before + text, self._ink("faded"))], width, self.ink())
        blank = Strip.blank(width, self.ink())
        return [line if row == height // 2 else blank for row in range(height)]

    def _draw_lines(self, canvas: Canvas, places: Places, scale: Scale) -> None:
        """From the bottom: lines that are not selected, selected ones, the chosen one."""
        key = (places, scale)
        kept = self._strands
        if kept is None or kept[0] != key or kept[1].lines is not self._data:
            strands = Strands(self._data, places, scale)
            self._strands = kept = (key, strands, strands.columns())
        _, strands, every = kept
        if self._state.brushes:
            # Without colour, lines that are not selected are broken, so that the others stand out.
            rest = [0 if at % 4 > 1 else c for at, c in enumerate(every)]
            canvas.dots(rest if self.monochrome else every, "rest", 0)
            canvas.dots(strands.columns(self.selected), "selected", 0)
        else:
            canvas.dots(every, "line", 0)
        if self._chosen is not None and 0 <= self._chosen < len(self._data.values):
            which = [False] * len(self._data.values)
            which[self._chosen] = True
            canvas.dots(thick(strands.columns(which), scale.dots), "chosen", 0)

    def _draw_axis(self, canvas: Canvas, number: int, column: int, room: int, scale: Scale) -> None:
        axis, state = self._data.axes[number], self._state
        pointed = number == state.axis
        brush = state.brushes.ranges.get(number)
        for row in range(scale.rows):
            canvas.put(row, column, "┃" if pointed else "│", "pointed" if pointed else "axis")
        for row, index in tick_rows(axis, scale, room, state.at if pointed else None).items():
            at, label = axis.ticks[index]
            text = fit(visible(label), min(room, cell_len(visible(label))))
            within = brush is None or brush[0] <= at <= brush[1]
            canvas.put(row, column, "┣" if pointed else "├", "pointed" if pointed else "axis")
            canvas.write(row, column + 1, f" {text} ", "tick" if within else "faded")
        if brush is not None:
            for row in range(scale.row(brush[1]), scale.row(brush[0]) + 1):
                canvas.put(row, column, "█", "brush")
        if self._chosen is not None and 0 <= self._chosen < len(self._data.values):
            at = self._data.values[self._chosen][number]
            if at == at:
                canvas.put(scale.row(at), column, "●", "chosen")
        if pointed:
            row = scale.row(state.at)
            canvas.put(row, column, "◆", "cursor" if self.has_focus else "pointed")
            if column + 1 < canvas.width and not canvas.inks[row][column + 1]:
                canvas.inks[row][column + 1] = "axis"  # blanks would have the ink of the cursor

    def _names(self, places: Places, width: int) -> Strip:
        canvas = Canvas(width, 1)
        for number, (start, text) in zip(places.shown, places.names, strict=True):
            canvas.write(0, start, text, "pointed" if number == self._state.axis else "name")
        return strip_of([(text, self._ink(ink)) for text, ink in canvas.runs(0)], width, self.ink())

    def _status(self, places: Places, width: int) -> Strip:
        """The cursor's axis and value, or what is brushed there; at the right how many runs are
        selected, and which axes are in sight."""
        state, axis = self._state, self._axis
        assert axis is not None
        brush = state.brushes.ranges.get(state.axis)
        value = axis.text(state.at) if brush is None else axis.range_text(*brush)
        texts = self._counts(places)
        runs = next((t for t in texts if cell_len(t) + 2 + cell_len(value) <= width), texts[-1])
        room = width - cell_len(runs) - 2
        name = visible(axis.name)
        if cell_len(name) + 1 + cell_len(value) > room:  # the value matters more than the name
            left = room - cell_len(value) - 1
            name = fit(name, left).rstrip(" ") if left >= _WORD else ""
        words: list[Run] = []
        used = 0
        if room >= cell_len(value):
            words = [(f"{name} " if name else "", self._ink("status")),
                     (value, self._ink("pointed" if brush else "tick"))]  # fmt: skip
            used = sum(cell_len(text) for text, _ in words)
        runs = fit(runs, width - used, right=True)
        return strip_of([*words, (runs, self._ink("status"))], width, self.ink())

    def _counts(self, places: Places) -> list[str]:
        """How many runs are selected, and which axes are in sight: in full, then shorter."""
        count, axes = len(self._data.values), len(self._data.axes)
        runs = few = f"{count:,} run" + "s" * (count != 1)
        if self._state.brushes:
            runs = f"{sum(self.selected):,} of {runs}"
            few = f"{sum(self.selected):,}/{few}"
        if len(places.columns) == axes:
            return [runs, few]
        first, last = places.first + 1, places.first + len(places.columns)
        return [
            f"axes {first}–{last} of {axes} · {runs}",
            f"axes {first}–{last}/{axes} · {few}",
            few,
        ]
