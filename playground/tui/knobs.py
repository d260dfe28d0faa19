"""Knobs on screen: the control for a declared knob, and the value in a control's message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from playground.catalog import Control, KnobValue
from playground.tui.widgets.control import Choice, Toggle
from playground.tui.widgets.gate import plain
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.slider import Slider
from playground.words import read_number

KnobLine = Slider | Choice | Toggle
"""A knob that fits on one line."""


def knob_line(
    control: Control, value: KnobValue, *, label_width: int, name: str, label: str = ""
) -> KnobLine | None:
    """The control for a knob on one line; None for free text, which needs an input of its own.

    name: the widget's name, which `knob_value` returns. label: instead of the knob's own.
    """
    label = label or control.label
    widget: KnobLine
    if control.kind == "switch":
        widget = Toggle(label, bool(value), label_width=label_width, name=name)
    elif control.kind == "choice":
        widget = Choice(label, control.choices, str(value), label_width=label_width, name=name)
    elif control.kind == "slider":
        assert control.minimum is not None and control.maximum is not None
        neutral = control.neutral
        scale = "log" if control.log and control.minimum > 0 else "linear"
        widget = Slider(
            label,
            float(value) if isinstance(value, (int, float)) else control.minimum,
            minimum=control.minimum,
            maximum=control.maximum,
            step=None if scale == "log" else control.step,
            scale=scale,  # type: ignore[arg-type]
            unit=control.unit,
            neutral=float(neutral) if isinstance(neutral, (int, float)) else None,
            neutral_label=f"= {control.follows}" if control.follows else "off",
            integer=control.integer,
            below=control.below,
            label_width=label_width,
            name=name,
        )
    else:
        return None
    widget.tooltip = plain(control.help) if control.help else None
    return widget


def knob_value(message: Message) -> tuple[str, KnobValue] | None:
    """The control's name and its new value from a Changed message; None for other messages."""
    if isinstance(message, Slider.Changed):
        value: KnobValue = message.value
        if message.slider.integer:
            value = round(message.value)
        return message.slider.name or "", value
    if isinstance(message, Choice.Changed):
        return message.choice.name or "", message.value
    if isinstance(message, Toggle.Changed):
        return message.toggle.name or "", message.value
    return None


def align(lines: Sequence[Widget]) -> None:
    """Give all sliders the same room for their values, so that their tracks end in one column."""
    sliders = [line for line in lines if isinstance(line, Slider)]
    width = max((slider.natural_value_width() for slider in sliders), default=0)
    for slider in sliders:
        slider.value_width = width


def option_widgets(
    controls: Sequence[Control], options: Mapping[str, KnobValue], prefix: str
) -> list[Widget]:
    """The controls for all knobs of a contribution, each named prefix + knob; free text as a label
    and an input."""
    width = max((len(control.label) for control in controls), default=0) + 1
    widgets: list[Widget] = []
    for control in controls:
        value = options.get(control.name, control.default)
        line = knob_line(control, value, label_width=width, name=prefix + control.name)
        if line is not None:
            widgets.append(line)
            continue
        widgets.append(Static(plain(control.label), classes="knob-label"))
        text = "" if value is None else str(value)
        widgets.append(LiteralInput(text, name=prefix + control.name, compact=True))
    align(widgets)
    return widgets


def as_declared(control: Control, value: KnobValue) -> KnobValue:
    """The typed text as a value of the kind that the knob's default is; as text if it is none."""
    if control.kind != "text" or not isinstance(value, str):
        return value
    if value == "" and control.default is None:
        return None
    try:
        if control.integer or isinstance(control.default, float):
            return read_number(value, whole=control.integer)
    except ValueError:
        pass  # the declared model says what is wrong with it
    return value
