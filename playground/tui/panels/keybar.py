"""The last line: the keys that work here and now, made from the bindings."""

from __future__ import annotations

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.widgets import Static


class KeyBar(Static):
    """As many keys as fit; a click does what the key does."""

    class Pressed(Message):
        """A key was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def show_bindings(self, bindings: list[Binding], running: bool) -> None:
        """Bindings in order; the last one (help) is kept when room runs out."""
        width = self.size.width
        shown: list[tuple[str, str, str]] = []
        for binding in bindings:
            words = "pause" if binding.action == "toggle" and running else binding.description
            shown.append((binding.key_display or binding.key, words, binding.action))

        def length(parts: list[tuple[str, str, str]]) -> int:
            return sum(len(key) + len(words) + 3 for key, words, _ in parts)

        help_at = next((i for i, part in enumerate(shown) if part[2] == "help"), len(shown) - 1)
        kept = shown[help_at : help_at + 1]
        rest = shown[:help_at] + shown[help_at + 1 :]
        fitting: list[tuple[str, str, str]] = []
        for part in rest:
            if length([*fitting, part, *kept]) > width:
                break
            fitting.append(part)
        parts: list[tuple[str, str]] = []
        self._places: list[tuple[int, int, str]] = []
        x = 0
        for key, words, action in [*fitting, *kept]:
            parts += [(f" {key}", "bold $text-accent"), (f" {words} ", "$text-muted")]
            end = x + len(key) + len(words) + 3
            self._places.append((x, end, action))
            x = end
        self.update(Content.assemble(*parts))

    def on_click(self, event: events.Click) -> None:
        for start, end, action in getattr(self, "_places", []):
            if start <= event.x < end:
                self.post_message(self.Pressed(action))
