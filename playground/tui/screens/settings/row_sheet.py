"""The sheet of a form: one widget draws all rows, and one field stands in the row that is edited.

A widget for each row, its label, its field and its range would take a second to open.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input
from typing_extensions import override

from playground.tui.screens.settings.rows import (
    ChipsRow,
    ChoiceRow,
    Fold,
    KnobRow,
    NumberRow,
    Row,
    Title,
)
from playground.tui.widgets.line_widget import LineWidget, Run, strip_of
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.slider_track import Track
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

LABEL = 19
LEFT = LABEL + 4
"""The column in which values begin."""
TRACK = 14
"""Cells of a slider's track."""
ROOMY = 62
"""Cells of a sheet from which on there is room for tracks."""


class RowInput(LiteralInput):
    """The field of the row that is edited. Until something is typed or the caret is moved, the
    whole value is selected, and left and right change it, as in every other row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "cursor_left", "change", key_display="←→", id="settings.change",
                tooltip="The next value down or up; in a text that is typed, move the caret"),
        Binding("shift+up,ctrl+up", "nudge(1)", "nudge", id="settings.more", show=False,
                tooltip="The next value up"),
        Binding("shift+down,ctrl+down", "nudge(-1)", "less", id="settings.less", show=False,
                tooltip="The next value down"),
    ]  # fmt: skip

    class Nudged(Message):
        """The person asks for the next value up (direction 1) or down (-1)."""

        def __init__(self, direction: int) -> None:
            super().__init__()
            self.direction = direction

    of = ""
    """The name of the row that the field stands in."""

    @property
    def untouched(self) -> bool:
        """True while the whole value is selected."""
        start, end = self.selection
        return bool(self.value) and {start, end} == {0, len(self.value)}

    def action_nudge(self, direction: int) -> None:
        self.post_message(self.Nudged(direction))

    @override
    def action_cursor_left(self, select: bool = False) -> None:
        if self.untouched and not select:
            self.action_nudge(-1)
        else:
            super().action_cursor_left(select)

    @override
    def action_cursor_right(self, select: bool = False) -> None:
        if self.untouched and not select:
            self.action_nudge(1)
        else:
            super().action_cursor_right(select)


class RowSheet(LineWidget, can_focus=True):
    """Draws rows and lets a person change them. `groups` makes the rows anew at each drawing."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"rows--{name}"
        for name in (
            "title", "label", "chosen", "box", "value", "aside", "changed", "warn", "bad", "fill",
            "track", "handle", "locked", "chip", "chip-chosen",
        )
    }  # fmt: skip
    DEFAULT_CSS = """
    RowSheet {
        height: auto;
        RowInput { position: absolute; }
        & > .rows--title { text-style: bold; }
        & > .rows--label { color: $foreground 85%; }
        & > .rows--chosen { color: $foreground; text-style: bold; }
        & > .rows--box { background: $foreground 8%; }
        & > .rows--value { color: $foreground; }
        & > .rows--aside { color: $foreground 60%; }
        & > .rows--changed { color: $text-primary; }
        & > .rows--warn { color: $text-warning; }
        & > .rows--bad { color: $text-error; }
        & > .rows--fill { color: $text-primary; }
        & > .rows--track { color: $foreground 25%; }
        & > .rows--handle { color: $text-primary; text-style: bold; }
        & > .rows--locked { color: $foreground 45%; }
        & > .rows--chip { background: $foreground 12%; }
        & > .rows--chip-chosen { background: $primary 45%; text-style: bold underline; }
        &:ansi > .rows--box { background: ansi_default; text-style: underline; }
        &:ansi > .rows--aside { text-style: dim; }
        &:ansi > .rows--track { text-style: dim; }
        &:ansi > .rows--locked { text-style: dim; }
        &:ansi > .rows--chip { background: ansi_default; text-style: underline; }
        &:ansi > .rows--chip-chosen { background: ansi_default; text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "go(-1)", "row above", show=False, id="settings.up"),
        Binding("down", "go(1)", "row below", show=False, id="settings.down"),
        Binding("tab", "leave(1)", "next row", show=False, id="settings.next"),
        Binding("shift+tab", "leave(-1)", "row before", show=False, id="settings.before"),
        Binding("left", "change(-1)", "change", key_display="←→", id="settings.previous"),
        Binding("right", "change(1)", "change", show=False, id="settings.following"),
        Binding("space", "press", "change", show=False, id="settings.press"),
    ]  # fmt: skip

    class Edited(Message):
        """The person changed the value of a row."""

    class Moved(Message):
        """The cursor stands on another row."""

    def __init__(
        self, groups: Callable[[], Iterable[Row]], values: Callable[[], Mapping[str, Any]]
    ) -> None:
        """groups: every row in order, titles and folds too. values: the value of each, by name."""
        super().__init__(id="rows")
        self._groups, self._values = groups, values
        self._at = ""
        self._places: list[tuple[Row, int, int]] = []
        """Each row that is drawn, its first line and how many lines it takes."""
        self._dragging: Row | None = None
        self.field = RowInput(compact=True, id="row-field")
        self.field.display = False

    def compose(self) -> ComposeResult:
        yield self.field

    # ------------------------------------------------------------ rows

    @property
    def rows(self) -> list[Row]:
        """Every row, those of a fold that is closed as well."""
        found: list[Row] = []
        for row in self._groups():
            found.append(row)
            if isinstance(row, Fold):
                found += row.rows
        return found

    @property
    def drawn(self) -> list[Row]:
        """The rows that are not folded up."""
        found: list[Row] = []
        for row in self._groups():
            found.append(row)
            if isinstance(row, Fold) and row.open:
                found += row.rows
        return found

    def row(self, name: str) -> Row:
        """The row of that name. Raises KeyError."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    @property
    def current(self) -> Row | None:
        """The row with the cursor."""
        return next((row for row in self.drawn if row.name == self._at), None)

    def put_cursor(self, name: str, *, focus: bool = True) -> None:
        """Move the cursor to the row of that name, opening the fold that it is in."""
        for one in self._groups():
            if isinstance(one, Fold) and any(row.name == name for row in one.rows):
                one.open = True
        self._at = name
        row = self.current
        if row is None:
            return
        if self._measure():
            self.changed(layout=True)
        self._load(row, focus)
        self._scroll()
        self.post_message(self.Moved())

    def _load(self, row: Row, focus: bool) -> None:
        """Put the field into the row, or hide the field where nothing is typed."""
        field = self.field
        if not row.typed:
            had = field.has_focus
            field.display = False
            if focus or had:
                self.screen.set_focus(self, scroll_visible=False)
            self.changed()
            return
        with field.prevent(Input.Changed):
            field.value = row.text
        field.of = row.name
        field.styles.width = self._box(row)
        field.styles.offset = (LEFT, self._line_of(row))
        field.display = True
        field.select_all()
        if focus:
            self.screen.set_focus(field, scroll_visible=False)
        self.changed()

    def _box(self, row: Row) -> int:
        return max(4, min(row.box, self.size.width - LEFT)) if self.size.width else row.box

    def _line_of(self, row: Row) -> int:
        return next((line for one, line, _ in self._places if one.name == row.name), 0)

    def _scroll(self) -> None:
        """Scroll the row with the cursor into sight, the first one with the title above it."""
        places = [(row, line, lines) for row, line, lines in self._places if row.can_stand]
        for place, (row, line, lines) in enumerate(places):
            if row.name == self._at and self.parent is not None:
                top = 0 if place == 0 else line
                region = Region(0, top, 1, line + lines - top)
                self.call_after_refresh(self._show_region, region)

    def _show_region(self, region: Region) -> None:
        if isinstance(self.parent, Widget):
            self.parent.scroll_to_region(region, animate=False, force=True)

    def again(self) -> None:
        """Draw the rows anew after values, locks or problems changed from outside."""
        row = self.current
        if row is None or not row.can_stand:
            self._at = next((one.name for one in self.drawn if one.can_stand), "")
            row = self.current
        taller = self._measure()
        if row is not None and row.typed:
            if self.field.of != row.name or self.field.value != row.text:
                self._load(row, focus=self.field.has_focus or self.has_focus)
            else:
                self.field.styles.offset = (LEFT, self._line_of(row))
        self.changed(layout=taller)

    # ------------------------------------------------------------ keys

    def action_go(self, by: int) -> None:
        """Go to the row above or below, and around the ends."""
        self._go(by, around=True)

    def action_leave(self, by: int) -> None:
        """Go to the row above or below; beyond the ends, to the buttons."""
        if self._go(by, around=False):
            return
        if by > 0:
            self.screen.set_focus(self.field if self.field.display else self)
            self.screen.focus_next()
        else:
            self.screen.set_focus(self)
            self.screen.focus_previous()

    def _go(self, by: int, *, around: bool) -> bool:
        self.commit()
        rows = [row for row in self.drawn if row.can_stand]
        at = next((place for place, row in enumerate(rows) if row.name == self._at), 0) + by
        if not rows or (not around and not 0 <= at < len(rows)):
            return False
        self.put_cursor(rows[at % len(rows)].name)
        return True

    def action_change(self, direction: int) -> None:
        self._act(lambda row: row.change(direction, self._values()))

    def action_press(self) -> None:
        self._act(lambda row: row.press())

    def _act(self, act: Callable[[Row], None]) -> None:
        row = self.current
        if row is not None and row.can_stand:
            self.commit()
            act(row)
            self._edited()
            if isinstance(row, ChipsRow):
                self.post_message(self.Moved())

    def _edited(self) -> None:
        self.again()
        self.post_message(self.Edited())

    def on_row_input_nudged(self, event: RowInput.Nudged) -> None:
        event.stop()
        self.action_change(event.direction)
        self.field.select_all()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.commit():
            self.again()
            self.post_message(self.Edited())

    def commit(self) -> bool:
        """Take what the field holds into its row; True if that is another text. Keys may come
        faster than the field tells of its changes."""
        row = self.current
        if row is None or not row.typed or self.field.of != row.name or not self.field.display:
            return False
        if row.text == self.field.value:
            return False
        row.type(self.field.value)
        return True

    def on_focus(self) -> None:
        row = self.current
        if row is not None and row.typed and row.can_stand:
            self.screen.set_focus(self.field, scroll_visible=False)
        self.changed()

    def on_descendant_focus(self) -> None:
        self.changed()

    def on_descendant_blur(self) -> None:
        self.changed()

    @override
    def check_consume_key(self, key: str, character: str | None) -> bool:
        return False

    # ------------------------------------------------------------ mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        at = event.get_content_offset(self)
        if event.button != 1 or at is None:
            return
        row = next((row for row, line, _ in self._places if line == at.y), None)
        if row is None or not row.can_stand:
            return
        event.stop()
        self.commit()
        self.put_cursor(row.name)
        start = self._track_left(row)
        if isinstance(row, Fold):
            self.action_press()
        elif isinstance(row, ChipsRow):
            chip = self._chip_at(row, at.x)
            if chip is not None:
                row.at = chip
                self.action_press()
        elif row.track is not None and start is not None and start <= at.x < start + TRACK:
            self._dragging = row
            self.capture_mouse()
            self._drag_to(at.x)
        elif not row.typed and at.x >= LEFT:
            self.action_change(-1 if at.x <= LEFT + 1 else 1)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging is not None:
            event.stop()
            self._drag_to(event.get_content_offset_capture(self).x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._dragging is not None:
            event.stop()
            self._dragging = None
            self.release_mouse()

    def _drag_to(self, x: int) -> None:
        row = self._dragging
        start = self._track_left(row) if row is not None else None
        if row is not None and start is not None:
            row.slide((x - start) / (TRACK - 1), self._values())
            self._edited()

    def _track_left(self, row: Row) -> int | None:
        """The column in which a row's track begins; None if it has none, or there is no room."""
        if row.track is None or self.size.width < ROOMY:
            return None
        return LEFT + row.box + 2

    def _chip_at(self, row: ChipsRow, x: int) -> int | None:
        left = LEFT
        for place, chip in enumerate(self._chips(row, self.size.width)):
            if left <= x < left + len(chip):
                return place
            left += len(chip) + 1
        return None

    # ------------------------------------------------------------ drawing

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return sum(len(self._texts(row, width)) for row in self.drawn)

    def _measure(self) -> bool:
        """Find the lines of each row; True if there are more lines or fewer than before."""
        width, line = self.size.width or 80, 0
        before = sum(lines for _, _, lines in self._places)
        self._places = []
        for row in self.drawn:
            lines = len(self._texts(row, width))
            blank = 1 if isinstance(row, (Title, Fold)) and line else 0
            self._places.append((row, line + blank, lines - blank))
            line += lines
        return bool(before) and before != sum(lines for _, _, lines in self._places)

    def _texts(self, row: Row, width: int) -> list[str]:
        """The row's lines in outline: a blank one above a heading, its own, those of a problem."""
        lines = [""] if isinstance(row, (Title, Fold)) and self.drawn[0] is not row else []
        return [*lines, row.label, *self._problem(row, width)]

    def _problem(self, row: Row, width: int) -> list[str]:
        if not row.problem:
            return []
        return textwrap.wrap(visible(row.problem), max(12, width - LEFT - 2)) or [""]

    def on_resize(self) -> None:
        self._measure()
        row = self.current
        if row is not None and row.typed:
            self.field.styles.width = self._box(row)
            self.field.styles.offset = (LEFT, self._line_of(row))
        self._scroll()

    @property
    def words(self) -> str:
        """What is drawn, as plain text."""
        width, height = self.size
        return "\n".join(strip.text.rstrip() for strip in self.paint(width, height))

    def line(self, name: str) -> str:
        """The drawn line of a row, and those of its problem, as plain text."""
        self._measure()
        strips = self.paint(self.size.width, 10_000)
        for row, line, lines in self._places:
            if row.name == name:
                return "\n".join(strip.text.rstrip() for strip in strips[line : line + lines])
        return ""

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        fill, strips = self.ink(), list[Strip]()
        inside = self.has_focus or self.field.has_focus
        for row in self.drawn:
            if len(self._texts(row, width)) > 1 + len(self._problem(row, width)):
                strips.append(strip_of([], width, fill))
            strips.append(strip_of(self._runs(row, width, inside), width, fill))
            for place, text in enumerate(self._problem(row, width)):
                sign = "✗ " if place == 0 else "  "
                strips.append(
                    strip_of([(" " * LEFT + sign + text, self.ink("rows--bad"))], width, fill)
                )
        return strips[:height]

    def _runs(self, row: Row, width: int, inside: bool) -> list[Run]:
        ink = self.ink
        here = inside and row.name == self._at
        if isinstance(row, Title):
            return [(row.label, ink("rows--title"))]
        pointer = "›" if here else " "
        if isinstance(row, Fold):
            sign = "▾" if row.open else "▸"
            told = some_of(row.told, max(0, width - LEFT))
            return [
                (f"{pointer if here else sign} {fit(row.label, LABEL)}  ", ink("rows--title")),
                (told, ink("rows--aside")),
            ]
        label = ink("rows--locked" if row.locked else "rows--chosen" if here else "rows--label")
        runs: list[Run] = [(f"{pointer} {fit(row.label, LABEL)}  ", label)]
        if isinstance(row, NumberRow):
            runs += self._boxed(row, row.text)
            room = width - LEFT - row.box - 2 - (TRACK + 2 if self._track_left(row) else 0)
            for text, name in row.aside(room):
                style = ink(f"rows--{name}" if name else "rows--aside")
                runs.append((f"{text}  ", style))
        elif isinstance(row, KnobRow) and row.typed:
            runs += self._boxed(row, row.text)
            runs.append((row.unit, ink("rows--aside")))
        elif isinstance(row, KnobRow):
            runs += self._arrows(row.words, width, "", row.locked)
        elif isinstance(row, ChoiceRow):
            at = row.names.index(row.chosen) + 1 if row.chosen in row.names else 0
            count = f"  {at}/{len(row.names)}" if len(row.names) > 1 else ""
            if row.locked:  # the reason stands whole or not at all
                room = width - LEFT - 4 - cell_len(visible(row.chosen))
                fits = cell_len(row.locked) + 2 <= room
                count = f"  {row.locked if fits else row.locked.partition(':')[0]}"
            runs += self._arrows(visible(row.chosen), width, count, row.locked)
        elif isinstance(row, ChipsRow):
            for place, chip in enumerate(self._chips(row, width)):
                chosen = here and place == row.at
                runs += [(chip, ink("rows--chip-chosen" if chosen else "rows--chip")), (" ", ink())]
        return runs

    def _boxed(self, row: Row, text: str) -> list[Run]:
        """A number in its field, and its track where there is room."""
        locked = bool(row.locked)
        box = self._box(row)
        runs: list[Run] = [
            (fit(visible(text), box), self.ink("rows--locked" if locked else "rows--box")),
            ("  ", self.ink()),
        ]
        track, start = row.track, self._track_left(row)
        if track is not None and start is not None and not locked:
            runs += [*self._track(*track), ("  ", self.ink())]
        return runs

    def _track(self, track: Track, value: float) -> list[Run]:
        handle = round(track.fraction(value) * (TRACK - 1))
        return [
            ("━" * handle, self.ink("rows--fill")),
            ("●", self.ink("rows--handle")),
            ("─" * (TRACK - 1 - handle), self.ink("rows--track")),
        ]

    def _arrows(self, words: str, width: int, after: str, locked: str) -> list[Run]:
        arrow = self.ink("rows--locked" if locked else "rows--handle")
        value = self.ink("rows--locked" if locked else "rows--value")
        room = max(1, width - LEFT - 4)
        shown = fit(words, min(room, cell_len(words)))
        return [
            ("◂ ", arrow),
            (shown, value),
            (" ▸", arrow),
            (fit(after, max(0, room - cell_len(shown))).rstrip(), self.ink("rows--aside")),
        ]

    def _chips(self, row: ChipsRow, width: int) -> list[str]:
        """The chips that there is room for; none is cut."""
        shown, left = list[str](), LEFT
        for chip in row.chips:
            words = f" {visible(chip.words)} "
            left += len(words) + 1
            if left > width + 1:
                break
            shown.append(words)
        return shown


def some_of(told: str, room: int) -> str:
    """A list "a, b, c" in at most `room` cells: as many whole parts as fit, and how many more."""
    parts = told.split(", ")
    for count in range(len(parts), 0, -1):
        more = [f"and {len(parts) - count} more"] if count < len(parts) else []
        text = ", ".join([*parts[:count], *more])
        if cell_len(text) <= room:
            return text
    return fit(told, room).rstrip()
