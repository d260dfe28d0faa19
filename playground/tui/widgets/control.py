"""Controls of one line: the base that a slider shares with the choice and the toggle here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Unpack

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.line_widget import LineWidget, Run, WidgetOptions, strip_of
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

ADJUST = Binding.Group("adjust", compact=True)


class Control(LineWidget, can_focus=True):
    """A line with a label and a value that a person changes.

    The label's column is `label_width` cells wide, so that controls above one another line up; 0
    makes it as wide as the label.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "control--label",
        "control--value",
        "control--quiet",
        "control--fill",
        "control--track",
        "control--handle",
    }
    DEFAULT_CSS = """
    Control {
        height: 1;
        & > .control--label { color: $foreground 80%; }
        & > .control--value { color: $foreground; }
        & > .control--quiet { color: $foreground 55%; }
        & > .control--fill { color: $text-primary; }
        & > .control--track { color: $foreground 25%; }
        & > .control--handle { color: $text-primary; text-style: bold; }
        &:hover > .control--label { color: $foreground; }
        &:focus {
            & > .control--label { color: $foreground; text-style: bold; }
            & > .control--value { text-style: bold; }
            & > .control--fill { color: $text-accent; }
            & > .control--handle { color: $text-accent; }
        }
        &:disabled {
            & > .control--label { color: $foreground 40%; }
            & > .control--value { color: $foreground 40%; }
            & > .control--fill { color: $foreground 40%; }
            & > .control--handle { color: $foreground 40%; }
        }
        &:ansi > .control--track { text-style: dim; }
        &:ansi > .control--quiet { text-style: dim; }
        &:ansi:disabled {
            & > .control--label { text-style: dim; }
            & > .control--value { text-style: dim; }
            & > .control--fill { text-style: dim; }
            & > .control--handle { text-style: dim; }
        }
    }
    """

    def __init__(
        self,
        label: str,
        *,
        label_width: int = 0,
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**widget_options)
        self._label = visible(label)
        self._label_width = label_width

    @property
    def enter_accepts(self) -> bool:
        """True on a screen that has something to accept, as a dialog has: enter is for that, and
        not for the control."""
        return self.is_attached and hasattr(self.screen, "action_accept")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "enter" and self.enter_accepts:
            return False
        return super().check_action(action, parameters)

    @property
    def label(self) -> str:
        """The label as it is shown."""
        return self._label

    @property
    def label_width(self) -> int:
        """Cells kept for the label; 0 keeps as many as the label needs."""
        return self._label_width

    @label_width.setter
    def label_width(self, width: int) -> None:
        if width != self._label_width:
            self._label_width = width
            self.changed()

    def label_run(self, width: int) -> Run:
        """The label in its column and the gap after it; never more than half of `width`.

        A focused control has a pointer before its label, so that focus shows without colours too.
        """
        room = min(self._label_width or cell_len(self._label), max(0, width // 2 - 3))
        pointer = "›" if self.has_focus else " "
        text = f"{pointer} {fit(self._label, room)}  " if room else pointer
        return text, self.ink("control--label")

    def label_cells(self, width: int) -> int:
        """The width of `label_run` in cells."""
        return cell_len(self.label_run(width)[0])


class Choice(Control):
    """One of several values: `label ◂ value ▸`, changed with left, right, enter or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "previous", id="choice.previous", group=ADJUST, show=False,
                tooltip="Choose the value before"),
        Binding("right,space", "move(1)", "next", id="choice.next", group=ADJUST,
                show=False, tooltip="Choose the value after"),
        Binding("enter", "enter", "next", id="choice.enter", group=ADJUST, show=False,
                tooltip="Choose the value after"),
        Binding("home", "pick(0)", "first", id="choice.first", group=ADJUST, show=False,
                tooltip="Choose the first value"),
        Binding("end", "pick(-1)", "last", id="choice.last", group=ADJUST, show=False,
                tooltip="Choose the last value"),
    ]  # fmt: skip

    class Changed(WidgetMessage["Choice"]):
        """The person chose another value."""

        def __init__(self, choice: Choice, value: str) -> None:
            super().__init__(choice)
            self.choice = choice
            self.value = value

    def __init__(
        self,
        label: str,
        options: Sequence[str],
        value: str | None = None,
        *,
        label_width: int = 0,
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(label, label_width=label_width, **widget_options)
        self._options = tuple(options)
        self._index = self._options.index(value) if value in self._options else 0
        self._left = self._right = 0  # the columns of the two arrows, as last painted

    @property
    def options(self) -> tuple[str, ...]:
        """The values to choose from, in order."""
        return self._options

    @property
    def value(self) -> str | None:
        """The chosen value; None without options."""
        return self._options[self._index] if self._options else None

    def set_value(self, value: str) -> None:
        """Show `value` as chosen, without posting `Changed`; ignore a value that is no option."""
        if value in self._options and value != self.value:
            self._index = self._options.index(value)
            self.changed()

    def set_options(self, options: Sequence[str], value: str | None = None) -> None:
        """Replace the options, and keep the value if it is still among them."""
        value = self.value if value is None else value
        self._options = tuple(options)
        self._index = self._options.index(value) if value in self._options else 0
        self.changed()

    def action_enter(self) -> None:
        self.action_move(1)

    def action_move(self, by: int) -> None:
        if self._options:
            self.action_pick((self._index + by) % len(self._options))

    def action_pick(self, index: int) -> None:
        if not self._options:
            return
        index %= len(self._options)
        if index != self._index:
            self._index = index
            self.changed()
            self.post_message(self.Changed(self, self._options[index]))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = event.get_content_offset(self)
        if at is not None and at.x >= self.label_cells(self.size.width):
            self.action_move(-1 if at.x <= self._left + 1 else 1)

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        label = self.label_run(width)
        self._left = cell_len(label[0])
        room = max(0, width - self._left - 4)
        widest = max((cell_len(visible(option)) for option in self._options), default=0)
        value = fit(visible(self.value or "–"), min(room, max(widest, 1)))
        arrow = self.ink("control--handle" if len(self._options) > 1 else "control--track")
        runs = [label, ("◂ ", arrow), (value, self.ink("control--value")), (" ▸", arrow)]
        if len(self._options) > 1:
            count = f"  {self._index + 1}/{len(self._options)}"
            if self._left + 4 + cell_len(value) + len(count) <= width:
                runs.append((count, self.ink("control--quiet")))
        return [strip_of(runs, width, self.ink())]


class Toggle(Control):
    """On or off: `label  ● on` / `○ off`, flipped with enter, space or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "flip", "on/off", id="toggle.flip", group=ADJUST, show=False,
                tooltip="Switch it on or off"),
        Binding("enter", "enter", "on/off", id="toggle.enter", group=ADJUST, show=False,
                tooltip="Switch it on or off"),
        Binding("right", "turn(True)", "on", id="toggle.on", group=ADJUST, show=False,
                tooltip="Switch it on"),
        Binding("left", "turn(False)", "off", id="toggle.off", group=ADJUST, show=False,
                tooltip="Switch it off"),
    ]  # fmt: skip

    class Changed(WidgetMessage["Toggle"]):
        """The person switched the toggle on or off."""

        def __init__(self, toggle: Toggle, value: bool) -> None:
            super().__init__(toggle)
            self.toggle = toggle
            self.value = value

    def __init__(
        self,
        label: str,
        value: bool = False,
        *,
        label_width: int = 0,
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(label, label_width=label_width, **widget_options)
        self._value = bool(value)

    @property
    def value(self) -> bool:
        """True if the toggle is on."""
        return self._value

    def set_value(self, value: bool) -> None:
        """Show `value`, without posting `Changed`."""
        if value != self._value:
            self._value = value
            self.changed()

    def action_enter(self) -> None:
        self.action_flip()

    def action_flip(self) -> None:
        self.action_turn(not self._value)

    def action_turn(self, value: bool) -> None:
        if value != self._value:
            self.set_value(value)
            self.post_message(self.Changed(self, value))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_flip()

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        on: tuple[str, Style] = ("●", self.ink("control--handle"))
        off: tuple[str, Style] = ("○", self.ink("control--quiet"))
        word = self.ink("control--value" if self._value else "control--quiet")
        runs = [self.label_run(width), on if self._value else off]
        runs.append((" on" if self._value else " off", word))
        return [strip_of(runs, width, self.ink())]
