"""Parallel coordinates in braille: a line for each run across one axis for each of its values.

A cursor on the axes brushes a stretch of an axis; the runs within all brushes are bright. What the
person has brushed lies in a `ParallelState`, outside the widget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Unpack

from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.line_widget import LineWidget, WidgetOptions
from playground.tui.widgets.message import WidgetMessage

_NEAR = 1e-9
"""By how much a value may lie beyond a brush and still be within it: rounding alone."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: that of a setting whose values are listed, or a continuous one."""

    name: str
    ticks: tuple[tuple[float, str], ...]
    """(position, label), rising. The position is 0 at the low end of the axis and 1 at the high
    one. A continuous axis has its low and its high end here."""
    text_at: Callable[[float], str] | None = field(default=None, compare=False)
    """Writes the value at a position of a continuous axis. None makes an axis of listed values, on
    which the cursor goes from tick to tick."""

    @property
    def listed(self) -> bool:
        """True if the axis has no values but those of its ticks."""
        return self.text_at is None and bool(self.ticks)


@dataclass(frozen=True, slots=True)
class Lines:
    """What is drawn: a line for each run."""

    axes: tuple[Axis, ...]
    values: tuple[tuple[float, ...], ...]
    """For each run its position, 0 to 1, on each axis. NaN: the run has no value there. It is not
    drawn there, and no brush of that axis selects it."""


@dataclass
class Brushes:
    """The stretches of axes that a run must lie in, all of them, to be selected."""

    ranges: dict[int, tuple[float, float]] = field(default_factory=dict)
    """(low, high) by the number of the axis, both ends inclusive."""

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def set(self, axis: int, low: float, high: float) -> None:
        """Brush an axis from one position to another, in either order, instead of what it had."""
        self.ranges[axis] = (min(low, high), max(low, high))

    def clear(self, axis: int | None = None) -> None:
        """Take the brush off one axis, or all brushes."""
        if axis is None:
            self.ranges.clear()
        else:
            self.ranges.pop(axis, None)

    def selected(self, lines: Lines) -> list[bool]:
        """For each run whether it lies in every brush; without brushes every run does."""
        out = [True] * len(lines.values)
        for axis, (low, high) in self.ranges.items():
            low, high = low - _NEAR, high + _NEAR
            out = [
                yes and axis < len(run) and low <= run[axis] <= high
                for yes, run in zip(out, lines.values, strict=True)
            ]
        return out


@dataclass
class ParallelState:
    """What a person has done to the axes."""

    axis: int = 0
    """The axis with the cursor."""
    at: float = 1.0
    """The cursor's place on that axis, 0 to 1."""
    brushes: Brushes = field(default_factory=Brushes)
    anchor: float | None = None
    """Where the brush that is being drawn began; None while none is being drawn."""


class ParallelCoordinates(LineWidget, can_focus=True):
    """Lines across axes, with a cursor and brushes on the axes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"parallel--line"}

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
        self, state: ParallelState | None = None, **widget_options: Unpack[WidgetOptions]
    ) -> None:
        super().__init__(**widget_options)
        self._state = state if state is not None else ParallelState()
        self._lines_shown = Lines((), ())
        self._chosen: int | None = None

    @property
    def state(self) -> ParallelState:
        """Cursor and brushes. After changing them from outside, call `set_data` or `changed`."""
        return self._state

    @property
    def selected(self) -> Sequence[bool]:
        """For each run whether it lies in every brush, as `Brushes.selected` has it; computed once
        for the same lines and brushes."""
        return self._state.brushes.selected(self._lines_shown)

    def set_data(self, lines: Lines, chosen: int | None = None) -> None:
        """Draw `lines`, the run `chosen` brightest."""
        self._lines_shown, self._chosen = lines, chosen
        self.changed()

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        return []
