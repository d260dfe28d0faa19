"""A text field in which all keys take effect in the order in which they were pressed."""

from __future__ import annotations

from functools import cache
from typing import Any

from textual import events
from textual.actions import parse
from textual.binding import Binding
from textual.widgets import Input

from playground.tui.widgets.gate import Literal


@cache
def _edits() -> dict[str, tuple[str, tuple[object, ...]]]:
    """By key, the method and arguments that edit a field or move its cursor. Keys that also mean
    something outside of the field are left out, as ctrl+c if nothing is selected."""
    found: dict[str, tuple[str, tuple[object, ...]]] = {}
    for binding in Input.BINDINGS:
        assert isinstance(binding, Binding)
        _, name, arguments = parse(binding.action)
        if name not in ("submit", "copy"):
            found |= dict.fromkeys(binding.key.split(","), (f"action_{name}", arguments))
    return found


class OrderedInput(Input):
    """An Input whose editing keys act at once, as its letters do, and whose value is only shown.

    A value may be of others, as the name of a run from a file: see Literal.

    Textual inserts a letter at once, but sends backspace and the like through the app, as bindings.
    While the screen is busy, a letter typed after a backspace overtakes it, and the backspace then
    takes away the wrong character.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.highlighter = Literal(self)

    def on_key(self, event: events.Key) -> None:
        edit = _edits().get(event.key)
        if edit is not None:
            event.stop()
            event.prevent_default()
            name, arguments = edit
            getattr(self, name)(*arguments)
