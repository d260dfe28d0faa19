"""A timeline on one line: `━━◆━━━━●━━┴━━━─────  step 312 of 620`.

The heavy part is recorded, the light part may still come. The scrubber asks for another step by
`Moved` and shows the state that `set_state` gives it: the handle is at the step that the owner
reports, not at the step that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Unpack

from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.line_widget import LineWidget, Run, WidgetOptions, strip_of
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.plot import Frame, Ruler

MarkKind = Literal["edit", "fork", "sample"]

SIGNS: dict[MarkKind, str] = {"edit": "◆", "fork": "┴", "sample": "·"}
"""The sign of each kind of mark; of several marks in one cell, the kind named first is shown."""
_RANK = {kind: rank for rank, kind in enumerate(SIGNS)}

HANDLE, TARGET = "●", "○"
RECORDED, AHEAD = "━", "─"
BEFORE = "‹"
"""The sign of a present step that lies before the first step in sight."""

COARSE = 10
"""Steps that a shifted arrow key moves."""
PART = 20
"""A leap is the recorded steps divided by this number."""
_TRACK, _LONG_TRACK = 6, 24
"""The fewest cells of a track beside a shortened text, and beside the full text."""

TIMELINE = Binding.Group("timeline", compact=True)


class Mark(NamedTuple):
    """Something that happened at a step."""

    step: int
    kind: MarkKind


@dataclass(frozen=True)
class Scale:
    """Steps `first` to `end` spread over `columns` cells; steps up to `last` are recorded."""

    first: int
    last: int
    end: int
    columns: int

    def clamp(self, step: int) -> int:
        """The recorded step nearest to `step`."""
        return min(max(step, self.first), self.last)

    def sees(self, step: int) -> bool:
        """True if `step` has a cell."""
        return self.first <= step <= self.end

    def column(self, step: int) -> int:
        """The cell, from 0, that stands for `step`; the nearest one for a step without a cell."""
        span = self.end - self.first
        if span <= 0 or self.columns <= 1:
            return 0
        at = min(max(step - self.first, 0), span)
        # In whole numbers, since floats could round a large step into the cell beside its own.
        return (2 * at * (self.columns - 1) + span) // (2 * span)

    def step(self, column: int) -> int:
        """The recorded step that a cell stands for; the first or the last for a cell beyond it."""
        if column <= self.column(self.first):
            return self.first
        if column >= self.column(self.last):
            return self.last
        span = self.end - self.first
        return self.clamp(self.first + round(column * span / (self.columns - 1)))


@dataclass(frozen=True)
class RuledScale(Scale):
    """The steps that a chart has in sight, each in the chart's own column."""

    frame: Frame

    @override
    def sees(self, step: int) -> bool:
        return self.frame.x0 <= step <= self.frame.x1

    @override
    def column(self, step: int) -> int:
        within = min(max(float(step), self.frame.x0), self.frame.x1)
        return self.frame.cell(within) or 0

    @override
    def step(self, column: int) -> int:
        if column <= self.column(self.first) and self.sees(self.first):
            return self.first
        if column >= self.column(self.last):
            return self.last
        return self.clamp(round(self.frame.x_at(max(column, 0))))


def marked_columns(marks: Sequence[Mark], scale: Scale) -> dict[int, Mark]:
    """The mark to show in each cell with marks: the most important, of equal ones the earliest."""
    found: dict[int, Mark] = {}
    for mark in marks:
        if not scale.sees(mark.step):
            continue
        column = scale.column(mark.step)
        other = found.get(column)
        if other is None or (_RANK[mark.kind], mark.step) < (_RANK[other.kind], other.step):
            found[column] = mark
    return found


class Scrubber(LineWidget, can_focus=True):
    """A timeline that a person moves along with the keys, the mouse or the wheel.

    Keys pressed faster than the owner follows add up: each goes on from `target`, the step last
    asked for. The target stands until `set_state` reports it reached, or `forget_target` is called.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "scrubber--recorded",
        "scrubber--ahead",
        "scrubber--handle",
        "scrubber--edit",
        "scrubber--fork",
        "scrubber--sample",
        "scrubber--text",
    }
    DEFAULT_CSS = """
    Scrubber {
        height: 1;
        & > .scrubber--recorded { color: $text-primary; }
        & > .scrubber--ahead { color: $foreground 25%; }
        & > .scrubber--handle { color: $foreground; text-style: bold; }
        & > .scrubber--edit { color: $text-warning; text-style: bold; }
        & > .scrubber--fork { color: $text-accent; text-style: bold; }
        & > .scrubber--sample { color: $foreground 80%; }
        & > .scrubber--text { color: $foreground 80%; }
        &:hover > .scrubber--text { color: $foreground; }
        &:focus {
            & > .scrubber--recorded { color: $text-accent; }
            & > .scrubber--handle { color: $text-accent; }
            & > .scrubber--text { color: $foreground; text-style: bold; }
        }
        &:disabled {
            & > .scrubber--recorded { color: $foreground 40%; }
            & > .scrubber--handle { color: $foreground 40%; }
            & > .scrubber--edit { color: $foreground 40%; }
            & > .scrubber--fork { color: $foreground 40%; }
            & > .scrubber--sample { color: $foreground 40%; }
            & > .scrubber--text { color: $foreground 40%; }
        }
        &:ansi > .scrubber--ahead { text-style: dim; }
        &:ansi:disabled {
            & > .scrubber--recorded { text-style: dim; }
            & > .scrubber--handle { text-style: dim; }
            & > .scrubber--text { text-style: dim; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "back", id="scrubber.back", group=TIMELINE, show=False,
                tooltip="One step back"),
        Binding("right", "move(1)", "on", id="scrubber.on", group=TIMELINE, show=False,
                tooltip="One step on"),
        Binding("shift+left", f"move(-{COARSE})", "far back", id="scrubber.far-back",
                group=TIMELINE, show=False, tooltip="Ten steps back"),
        Binding("shift+right", f"move({COARSE})", "far on", id="scrubber.far-on",
                group=TIMELINE, show=False, tooltip="Ten steps on"),
        Binding("ctrl+left,pageup", "leap(-1)", "leap back", id="scrubber.leap-back",
                group=TIMELINE, show=False, tooltip="A twentieth of what is recorded back"),
        Binding("ctrl+right,pagedown", "leap(1)", "leap on", id="scrubber.leap-on",
                group=TIMELINE, show=False, tooltip="A twentieth of what is recorded on"),
        Binding("home", "first", "first", id="scrubber.first", group=TIMELINE, show=False,
                tooltip="To the first step recorded"),
        Binding("end", "last", "last", id="scrubber.last", group=TIMELINE, show=False,
                tooltip="To the last step recorded"),
    ]  # fmt: skip

    class Moved(WidgetMessage["Scrubber"]):
        """The person wants to be at step `to`. `final` is False while the person drags."""

        def __init__(self, scrubber: Scrubber, to: int, final: bool) -> None:
            super().__init__(scrubber)
            self.scrubber = scrubber
            self.to = to
            self.final = final

    def __init__(self, **widget_options: Unpack[WidgetOptions]) -> None:
        super().__init__(**widget_options)
        self._ends: tuple[int, int, int] | None = None  # first, last, end; None: nothing to show
        self._at = 0
        self._marks: tuple[Mark, ...] = ()
        self._target: int | None = None
        self._drag: int | None = None  # where the mouse holds the handle
        self._grasped = 0  # where the handle was when the mouse took it
        self._asked: int | None = None  # the place last posted in this drag
        self._left = 0  # first column of the track and its scale, as last painted
        self._scale: Scale | None = None
        self._ruler: Ruler | None = None
        self._placed: tuple[object, dict[int, Mark]] = (None, {})

    # -- state ---------------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """The present step, as the owner reported it."""
        return self._at

    @property
    def target(self) -> int | None:
        """The step last asked for; None once it is reached."""
        return self._target

    @property
    def dragging(self) -> bool:
        """True while the mouse holds the handle."""
        return self._drag is not None

    def set_state(
        self, first: int, last: int, end: int, at: int, marks: Sequence[Mark] = ()
    ) -> None:
        """Show steps `first` to `last` as recorded, those up to `end` as still to come, and the
        handle at step `at`. Numbers out of order are clamped. Redraws only after a change."""
        last = max(first, last)
        ends = (first, last, max(last, end))
        at = min(max(at, first), last)
        marks = tuple(marks)
        target = self._target
        if target is not None and (target == at or not first <= target <= last):
            target = None
        if (ends, at, marks, target) == (self._ends, self._at, self._marks, self._target):
            return
        self._ends, self._at, self._marks, self._target = ends, at, marks, target
        if self._drag is not None:
            self._drag = min(max(self._drag, first), last)
        self.changed()

    def set_ruler(self, ruler: Ruler | None) -> None:
        """Give each step the column that it has in a chart above this widget; None for a timeline
        of its own. The chart must begin in the same column of the screen."""
        if ruler != self._ruler:
            self._ruler = ruler
            self.changed()

    def forget_target(self) -> None:
        """Give the target up, so that the keys go on from the present step."""
        if self._target is not None:
            self._target = None
            self.changed()

    # -- keys and wheel --------------------------------------------------------------------------

    def action_move(self, steps: int) -> None:
        self._go((self._at if self._target is None else self._target) + steps)

    def action_leap(self, parts: int) -> None:
        if self._ends is not None:
            first, last, _ = self._ends
            self.action_move(parts * max(1, round((last - first) / PART)))

    def action_first(self) -> None:
        if self._ends is not None:
            self._go(self._ends[0])

    def action_last(self) -> None:
        if self._ends is not None:
            self._go(self._ends[1])

    def _go(self, step: int) -> None:
        """Ask for `step`, as final, unless it is the target, or the present step without one."""
        if self._ends is None or self.dragging:
            return
        to = min(max(step, self._ends[0]), self._ends[1])
        if to != (self._at if self._target is None else self._target):
            self._aim(to)
            self.post_message(self.Moved(self, to, True))

    def _aim(self, to: int) -> None:
        self._target = None if to == self._at else to
        self.changed()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._roll(event, 1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        self._roll(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._roll(event, -1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        self._roll(event, -1)

    def _roll(self, event: events.MouseEvent, steps: int) -> None:
        event.stop()
        event.prevent_default()
        if not self.is_disabled:
            self.action_move(steps)

    # -- mouse -----------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button != 1 or self.is_disabled or self._scale is None:
            return
        event.stop()
        at = event.get_content_offset(self)
        if at is not None and self._left <= at.x < self._left + self._scale.columns:
            self._drag = self._grasped = self._at
            self._asked = None
            self.capture_mouse()
            self._drag_to(at.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.dragging:
            event.stop()
            self._drag_to(event.get_content_offset_capture(self).x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self.dragging:
            event.stop()
            self.release_mouse()
            self._let_go()

    def on_mouse_release(self) -> None:
        self._let_go()  # another widget took the mouse

    def _drag_to(self, x: int) -> None:
        if self._scale is None:
            return
        self._drag = to = self._step_at(x - self._left, self._scale)
        if to != (self._grasped if self._asked is None else self._asked):
            self._asked = to
            self.changed()
            self.post_message(self.Moved(self, to, False))

    def _step_at(self, column: int, scale: Scale) -> int:
        """The step under the mouse. Of the many steps of a cell, the one where the handle was
        taken comes first, so that it can be put back there; then a step with a mark."""
        grasped = scale.clamp(self._grasped)
        if column == scale.column(grasped):
            return grasped
        mark = self._placed[1].get(column)
        if mark is not None and mark.step <= scale.last:
            return mark.step
        return scale.step(column)

    def _let_go(self) -> None:
        if self._drag is None:
            return
        to, self._drag = self._drag, None
        if self._asked is None:
            return  # the handle was taken and let go where it was
        self._aim(to)
        self.post_message(self.Moved(self, to, True))

    # -- picture ---------------------------------------------------------------------------------

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        fill = self.ink()
        ruler = self._ruler
        left = ruler.left if ruler is not None else 2 if width > 3 else 0
        pointer = ("› " if self.has_focus else "  ")[:left].ljust(left)
        if self._ends is None:
            self._scale = None
            return [strip_of([(pointer, fill), *self._ahead(width - left)], width, fill)]
        first, last, end = self._ends
        place = self._at if self._drag is None else self._drag
        if ruler is None:
            text, room = self._text(place, last, end, width - left)
            scale = Scale(first, last, end, width - left - room)
        else:
            room = max(0, width - left - ruler.frame.width)
            text = self._beside(place, last, room)
            scale = RuledScale(first, last, end, ruler.frame.width, ruler.frame)
        self._left, self._scale = left, scale
        key = (self._marks, self._scale)
        # Most repaints move only the handle, which moves no mark.
        if self._placed[0] != key:
            self._placed = (key, marked_columns(self._marks, self._scale))
        runs: list[Run] = [(pointer, self.ink("scrubber--handle"))]
        runs += self._cells(self._scale, place, self._placed[1])
        runs += [(" " * (room - len(text)), fill), (text, self.ink("scrubber--text"))]
        return [strip_of(runs, width, fill)]

    def _ahead(self, columns: int) -> list[Run]:
        return [(AHEAD * columns, self.ink("scrubber--ahead"))]

    def _text(self, place: int, last: int, end: int, width: int) -> tuple[str, int]:
        """The text at the right, and the cells kept for it: as many as the widest text to come
        needs, so that the track keeps its length while the numbers grow."""
        short = f"{place:,}"
        text = short if place == last else f"{short} of {last:,}"
        digits = len(f"{end:,}")
        brief = f"step {short}" if place == last else text
        for written, most, track in (
            (f"step {text}", 2 * digits + 9, _LONG_TRACK),
            (brief, 2 * digits + 4, _TRACK),
            (short, digits, _TRACK),
        ):
            if width - most - 2 >= track:
                return written, most + 2
        return "", 0

    @staticmethod
    def _beside(place: int, last: int, room: int) -> str:
        """The longest text that fits into `room` cells, with two blanks before it."""
        short = f"{place:,}"
        text = short if place == last else f"{short} of {last:,}"
        fitting = (one for one in (f"step {text}", text, short) if len(one) + 2 <= room)
        return next(fitting, "")

    def _cells(self, scale: Scale, place: int, marks: Mapping[int, Mark]) -> list[Run]:
        """The track as runs: heavy, light, and the signs between."""
        signs = {c: (SIGNS[m.kind], self.ink(f"scrubber--{m.kind}")) for c, m in marks.items()}
        handle = self.ink("scrubber--handle")
        if self._target is not None and not self.dragging:
            signs[scale.column(self._target)] = (TARGET, handle)
        signs[scale.column(place)] = (HANDLE if scale.sees(place) else BEFORE, handle)
        begin, edge = scale.column(scale.first), scale.column(scale.last) + 1
        runs: list[Run] = []
        at = 0
        for column in [*sorted(signs), scale.columns]:
            lost = max(0, min(column, begin) - at)  # steps that the record does not reach back to
            heavy = max(0, min(column, edge) - at - lost)
            light = column - at - lost - heavy
            runs.append((AHEAD * lost, self.ink("scrubber--ahead")))
            runs.append((RECORDED * heavy, self.ink("scrubber--recorded")))
            runs.append((AHEAD * light, self.ink("scrubber--ahead")))
            if column in signs:
                runs.append(signs[column])
            at = column + 1
        return runs
