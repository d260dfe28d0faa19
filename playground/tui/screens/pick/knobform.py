"""The knobs of one contribution, as controls in a dialog."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from playground.catalog import Control, KnobValue
from playground.tui.knobs import as_declared, knob_value, option_widgets
from playground.tui.screens.dialog import Line
from playground.tui.widgets.control import Choice, Toggle
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.slider import Slider
from playground.tui.widgets.text import visible


class KnobForm(Vertical):
    """A control for each knob; `options` holds the value of each knob by its name."""

    DEFAULT_CSS = """
    KnobForm {
        height: auto;
        Input { margin: 0 0 0 2; }
        .knob-help { color: $text-muted; }
    }
    """

    class Changed(WidgetMessage["KnobForm"]):
        """The person moved a knob."""

        def __init__(self, form: KnobForm) -> None:
            super().__init__(form)
            self.form = form

    def __init__(self, *, notes: bool = True, id: str | None = None) -> None:
        """notes: True to explain all the knobs, False for only the one with the focus."""
        super().__init__(id=id)
        self._notes = notes
        self.options: dict[str, KnobValue] = {}
        self._controls: dict[str, Control] = {}
        self._round = 0
        """Counts `show`, and is part of every control's name: a message from a control that is gone
        already is known by its older number."""

    async def show(self, controls: tuple[Control, ...], options: Mapping[str, KnobValue]) -> None:
        """Draw these knobs in the place of those before."""
        self._round += 1
        self._controls = {control.name: control for control in controls}
        self.options = {
            control.name: options.get(control.name, control.default) for control in controls
        }
        await self.remove_children()
        self.display = bool(controls)
        widgets = option_widgets(controls, self.options, f"{self._round}:")
        widgets.append(Line(classes="knob-help"))
        await self.mount_all(widgets)
        self._explain()

    def _explain(self) -> None:
        focused = self.screen.focused
        name = (focused.name or "") if focused is not None and self in focused.ancestors else ""
        knob = name.partition(":")[2]
        text = "\n".join(
            f"{visible(control.label)}: {visible(control.help)}"
            for control in self._controls.values()
            if control.help and (self._notes or control.name == knob)
        )
        for line in self.query(".knob-help").results(Line):  # none while the knobs are changing
            line.say(text)

    def on_descendant_focus(self) -> None:
        self._explain()

    def on_descendant_blur(self) -> None:
        self.call_later(self._explain)

    def changed(self) -> dict[str, KnobValue]:
        """The values of the knobs that are not at their defaults, by name."""
        return {
            name: value
            for name, value in self.options.items()
            if value != self._controls[name].default
        }

    @on(Slider.Changed)
    @on(Choice.Changed)
    @on(Toggle.Changed)
    def _moved(self, event: Message) -> None:
        event.stop()
        moved = knob_value(event)
        if moved is not None:
            self._set(*moved)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._set(event.input.name or "", event.value)

    def _set(self, name: str, value: KnobValue) -> None:
        number, _, knob = name.partition(":")
        control = self._controls.get(knob)
        if control is None or number != str(self._round):
            return
        value = as_declared(control, value)
        if value != self.options[knob]:
            self.options[knob] = value
            self.post_message(self.Changed(self))
