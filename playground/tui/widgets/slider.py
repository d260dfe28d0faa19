"""A slider on one line: `temperature ━━━●────── 0.50`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Unpack

from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.control import ADJUST, Control
from playground.tui.widgets.line_widget import Run, WidgetOptions, strip_of
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.slider_track import Scale, Track
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len
from playground.words import read_number

_SHOWN = 20
"""Cells of a refused entry that are shown."""
_NUMERIC = "0123456789.-+"
COARSE = 10
"""How many stops a shifted arrow key moves."""


class Slider(Control):
    """A number within bounds, changed with the arrow keys, by typing it, or with the mouse.

    `neutral` is the value without effect, shown as `neutral_label` if given; it may lie outside
    the bounds. Delete or backspace returns to `neutral`, or without one to the first value.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"slider--entry", "slider--caret"}
    DEFAULT_CSS = """
    Slider > .slider--entry { color: $foreground; text-style: bold underline; }
    Slider > .slider--caret { color: $text-accent; text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "less", id="slider.less", group=ADJUST, show=False,
                tooltip="One step down"),
        Binding("right", "move(1)", "more", id="slider.more", group=ADJUST, show=False,
                tooltip="One step up"),
        Binding("shift+left", f"move(-{COARSE})", "much less", id="slider.much-less",
                group=ADJUST, show=False, tooltip="Ten steps down"),
        Binding("shift+right", f"move({COARSE})", "much more", id="slider.much-more",
                group=ADJUST, show=False, tooltip="Ten steps up"),
        Binding("home", "low", "lowest", id="slider.lowest", group=ADJUST, show=False,
                tooltip="The lowest value"),
        Binding("end", "high", "highest", id="slider.highest", group=ADJUST, show=False,
                tooltip="The highest value"),
        Binding("delete,backspace", "neutral", "reset", id="slider.neutral", group=ADJUST,
                show=False, tooltip="Back to the value without effect"),
    ]  # fmt: skip

    class Changed(WidgetMessage["Slider"]):
        """The person set another value."""

        def __init__(self, slider: Slider, value: float) -> None:
            super().__init__(slider)
            self.slider = slider
            self.value = value

    class Rejected(WidgetMessage["Slider"]):
        """The person typed no valid value; the slider keeps its own. `reason` is a sentence."""

        def __init__(self, slider: Slider, text: str, reason: str) -> None:
            super().__init__(slider)
            self.slider = slider
            self.text = text
            self.reason = reason

    def __init__(
        self,
        label: str,
        value: float,
        *,
        minimum: float,
        maximum: float,
        step: float | None = None,
        scale: Scale = "linear",
        unit: str = "",
        neutral: float | None = None,
        neutral_label: str = "",
        integer: bool = False,
        below: str = "",
        label_width: int = 0,
        value_width: int = 0,
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        """step: the distance of two stops (default: 1 if `integer`, else a hundredth of the track);
        on a log scale, decades between two stops (default 0.1). below: what to choose instead of
        a number below `minimum`, said where one is typed. value_width: cells kept for the value; 0
        keeps as many as the slider's own values need."""
        super().__init__(label, label_width=label_width, **widget_options)
        if step is None:
            step = 0.1 if scale == "log" else 1.0 if integer else (maximum - minimum) / 100 or 1.0
        self._track = Track(float(minimum), float(maximum), step, scale, integer)
        self._unit = visible(unit)
        self._neutral = neutral
        self._neutral_label = visible(neutral_label)
        self._below = visible(below)
        self._value = self._valid(value)
        self._default = self._value
        self._value_width = value_width
        self._typed: str | None = None
        self._dragging = False
        self._track_at = (0, 0)  # first column of the track and its length, as last painted

    @property
    def value(self) -> float:
        """The value, which is within the bounds, or the neutral one."""
        return self._value

    @property
    def integer(self) -> bool:
        """True if the values are whole numbers."""
        return self._track.integer

    @property
    def editing(self) -> bool:
        """True while a number is being typed."""
        return self._typed is not None

    @property
    def value_text(self) -> str:
        """The value as it is written beside the track."""
        if self._neutral_label and self._value == self._neutral:
            return self._neutral_label
        return self._track.text(self._value) + self._unit

    def natural_value_width(self) -> int:
        """Cells that the widest value needs. The tracks of several sliders end in one column if all
        have the greatest of these as `value_width`."""
        ends = (self._track.minimum, self._track.at(0.37), self._track.maximum)
        texts = [self._track.text(end) + self._unit for end in ends]
        return max(cell_len(text) for text in [*texts, self._neutral_label, self.value_text])

    @property
    def value_width(self) -> int:
        """Cells kept for the value; 0 keeps as many as the slider's own values need."""
        return self._value_width

    @value_width.setter
    def value_width(self, width: int) -> None:
        if width != self._value_width:
            self._value_width = width
            self.changed()

    def set_value(self, value: float) -> None:
        """Show `value`, brought within the bounds, without posting `Changed`."""
        value = self._valid(value)
        if value != self._value:
            self._value = value
            self.changed()

    def _valid(self, value: float) -> float:
        if value == self._neutral or not math.isfinite(value):
            return float(self._neutral if self._neutral is not None else self._track.minimum)
        value = self._track.clamp(float(value))
        return float(round(value)) if self._track.integer else value

    def _choose(self, value: float) -> None:
        if value != self._value:
            self._value = value
            self.changed()
            self.post_message(self.Changed(self, value))

    def action_move(self, steps: int) -> None:
        self._choose(self._track.press(self._value, steps, self._neutral))

    def action_low(self) -> None:
        self._choose(self._track.minimum)

    def action_high(self) -> None:
        self._choose(self._track.maximum)

    def action_neutral(self) -> None:
        self._choose(self._default if self._neutral is None else float(self._neutral))

    @override
    def check_consume_key(self, key: str, character: str | None) -> bool:
        if not self.editing:
            return self._begins(character)
        return character is not None and character.isprintable()

    def _begins(self, character: str | None) -> bool:
        """True for what opens an entry in a dialog, where enter accepts and no digit is a key."""
        return bool(character) and str(character) in _NUMERIC and self.enter_accepts

    def on_key(self, event: events.Key) -> None:
        """Open an entry on enter, or in a dialog on a digit, which means something else elsewhere;
        take the entry's keys while it is open. No character of an entry is dropped: "0,5" without
        its comma would be another number."""
        character = event.character
        if self._typed is None:
            if self._begins(character):
                self._type(character)
            elif event.key == "enter" and not self.enter_accepts:
                self._type("")
            else:
                return
        elif character is not None and character.isprintable():
            self._type(self._typed + character)
        elif event.key == "backspace":
            self._type(self._typed[:-1])
        elif event.key == "escape":
            self._type(None)
        elif event.key in ("enter", "tab", "shift+tab"):
            taken = self._commit()
            if event.key != "enter":
                return  # focus may move on
            if taken and self.enter_accepts:
                self.app.simulate_key("enter")  # heard once the new value is
        elif event.key not in ("delete", "home", "end", "left", "right"):
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Take a pasted text into the entry."""
        if self._typed is not None:
            event.stop()
            self._type(self._typed + event.text.strip())

    def on_blur(self) -> None:
        self._type(None)

    def _type(self, text: str | None) -> None:
        if text != self._typed:
            if (text is None) != (self._typed is None):
                self.refresh_bindings()  # enter and escape are for the number now, or no more
            self._typed = text
            self.changed()

    def _commit(self) -> bool:
        """Take the typed number; False, and the reason is told, if it cannot be taken."""
        text, self._typed = self._typed or "", None
        self.refresh_bindings()
        self.changed()
        if not text:
            return True
        track, shown = self._track, fit(text, min(cell_len(text), _SHOWN)).rstrip()
        try:
            value = read_number(text, whole=track.integer)
            if math.isnan(value):
                raise ValueError
        except ValueError as error:
            return self._reject(text, f"{shown!r} is not a number{error}")
        if value == self._neutral:
            self._choose(float(value))
        elif track.clamp(value) != value:
            low, high = track.text(track.minimum), track.text(track.maximum)
            advice = f"; {self._below}" if self._below and value < track.minimum else ""
            return self._reject(text, f"{shown} is not between {low} and {high}{advice}")
        elif track.integer and value != round(value):
            return self._reject(text, f"{shown} is not a whole number")
        else:
            self._choose(float(value))
        return True

    def _reject(self, text: str, reason: str) -> bool:
        self.post_message(self.Rejected(self, text, f"{self.label}: {reason}"))
        return False

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1 and not self.is_disabled:
            event.stop()
            start, length = self._track_at
            at = event.get_content_offset(self)
            if length and at is not None and start <= at.x < start + length:
                self._dragging = True
                self.capture_mouse()
                self._drag_to(at.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            event.stop()
            self._drag_to(event.get_content_offset_capture(self).x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._dragging:
            event.stop()
            self._dragging = False
            self.release_mouse()

    def _drag_to(self, x: int) -> None:
        start, length = self._track_at
        self._choose(self._track.at((x - start) / max(1, length - 1)))

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        label = self.label_run(width)
        left = cell_len(label[0])
        value_width = min(
            max(self._value_width or self.natural_value_width(), 1), max(1, width - left)
        )
        length = width - left - value_width - 1
        runs: list[Run] = [label]
        if length >= 3:
            handle = round(self._track.fraction(self._value) * (length - 1))
            runs += [
                ("━" * handle, self.ink("control--fill")),
                ("●", self.ink("control--handle")),
                ("─" * (length - 1 - handle) + " ", self.ink("control--track")),
            ]
            self._track_at = (left, length)
        else:
            self._track_at = (0, 0)
            value_width = max(1, width - left)
        if self._typed is not None:
            shown = visible(self._typed)[-(value_width - 1) :] if value_width > 1 else ""
            while cell_len(shown) > value_width - 1:
                shown = shown[1:]
            runs.append((" " * (value_width - 1 - cell_len(shown)), self.ink()))
            runs.append((shown, self.ink("slider--entry")))
            runs.append((" ", self.ink("slider--caret")))
        else:
            off = bool(self._neutral_label) and self._value == self._neutral
            style = self.ink("control--quiet" if off else "control--value")
            runs.append((fit(self.value_text, value_width, right=True), style))
        return [strip_of(runs, width, self.ink())]
