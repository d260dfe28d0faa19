"""The last line of a screen: its keys, made from its bindings."""

from __future__ import annotations

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.message import Message

from playground.tui.bindings import action_name
from playground.tui.styles import MUTED, POINTED
from playground.tui.widgets.static_text import Words

IMPORTANCE = {
    name: place
    for place, name in enumerate(
        ("help", "leave", "step", "run", "datasets", "settings", "fork", "runs", "inside",
         "sample", "back", "speed.1", "zoom", "tokenizers", "plugins", "reset")
    )
}  # fmt: skip
"""Which keys are shown when not all fit, by the names of their actions: help and the way out
first."""


class KeyBar(Words):
    """Shows as many keys as fit; a click on a key does what the key does."""

    class Pressed(Message):
        """A key was clicked; `action` is that of its binding."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def show_bindings(self, bindings: list[Binding], running: bool) -> None:
        """Show the bindings in their order, without the least important ones if not all fit."""
        width = self.size.width or self.app.size.width - 2
        keys = [
            (
                IMPORTANCE.get(action_name(binding.action), len(IMPORTANCE)),
                binding.key_display or binding.key,
                "pause" if binding.action == "run" and running else binding.description,
                binding.action,
            )
            for binding in bindings
        ]
        for _, key, words, _ in sorted(keys, reverse=True):
            if sum(len(key) + len(words) + 3 for _, key, words, _ in keys) <= width + 1:
                break
            keys = [item for item in keys if item[1:3] != (key, words)]
        parts: list[str | tuple[str, str]] = []
        self._places: list[tuple[int, int, str]] = []
        x = 1
        for _, key, words, action in keys:
            parts += [(key, POINTED), (f" {words}", MUTED), "  "]
            self._places.append((x, x + len(key) + len(words) + 1, action))
            x += len(key) + len(words) + 3
        self.say(Content.assemble(*parts))

    def on_click(self, event: events.Click) -> None:
        for start, end, action in getattr(self, "_places", []):
            if start <= event.x < end:
                self.post_message(self.Pressed(action))
