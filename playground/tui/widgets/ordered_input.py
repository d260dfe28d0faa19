"""A text field in which all keys take effect in the order in which they were pressed."""

from __future__ import annotations

from functools import cache

from textual import events
from textual.actions import parse
from textual.binding import Binding
from textual.widgets import Input


@cache
def _edits() -> dict[str, tuple[str, tuple[object, ...]]]:
    """By key, what it does to the text or the cursor of a field; not what may be somebody
    else's, as ctrl+c where nothing is selected."""
    found: dict[str, tuple[str, tuple[object, ...]]] = {}
    for binding in Input.BINDINGS:
        assert isinstance(binding, Binding)
        _, name, arguments = parse(binding.action)
        if name not in ("submit", "copy"):
            found |= dict.fromkeys(binding.key.split(","), (f"action_{name}", arguments))
    return found


class OrderedInput(Input):
    """Textual inserts what is printable at once, but sends backspace and the like round by the
    app, as bindings: while the screen is busy, what is typed after them overtakes them, and a
    backspace takes away the wrong character. Here they act at once as well."""

    def on_key(self, event: events.Key) -> None:
        edit = _edits().get(event.key)
        if edit is not None:
            event.stop()
            event.prevent_default()
            name, arguments = edit
            getattr(self, name)(*arguments)
