"""A text field in which all keys take effect in the order in which they were pressed."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.widgets import Input


class OrderedInput(Input):
    """Textual inserts what is printable at once, but sends backspace and the like round by the
    app, as bindings: while the screen is busy, what is typed after them overtakes them, and a
    backspace takes away the wrong character. Here they act at once as well."""

    def on_key(self, event: events.Key) -> None:
        acts: dict[str, Callable[[], None]] = {
            "backspace": self.action_delete_left,
            "delete": self.action_delete_right,
            "left": self.action_cursor_left,
            "right": self.action_cursor_right,
            "home": self.action_home,
            "end": self.action_end,
        }
        act = acts.get(event.key)
        if act is not None:
            event.stop()
            event.prevent_default()
            act()
