"""The last line of a screen: its keys, made from its bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

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
        ("help", "leave", "step", "run", "datasets", "settings", "inside", "command-palette",
         "back", "fork", "runs", "sample", "speed.1", "zoom", "tokenizers", "plugins", "reset")
    )
}  # fmt: skip
"""Which keys are shown when not all fit, by the names of their actions: help and the way out
first."""


class _Key(NamedTuple):
    rank: int
    key: str
    words: str
    action: str


def _columns(keys: Sequence[_Key]) -> int:
    return sum(len(one.key) + len(one.words) + 3 for one in keys)


def _paired(keys: Sequence[_Key]) -> list[_Key]:
    """The keys with a step and the step back as one, "s/b step"."""
    back = next((one for one in keys if (one.action, one.words) == ("back", "back")), None)
    return [
        one._replace(key=f"{one.key}/{back.key}") if back and one.action == "step" else one
        for one in keys
        if one is not back
    ]


class KeyBar(Words):
    """Shows as many keys as fit; a click on a key does what the key does."""

    class Pressed(Message):
        """A key was clicked; `action` is that of its binding."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def show_bindings(
        self, bindings: list[Binding], running: bool, ranks: Mapping[str, int] = IMPORTANCE
    ) -> None:
        """Show the bindings in their order, without the least important ones if not all fit.

        ranks: by the name of an action, the smaller the more important.
        """
        width = self.size.width or self.app.size.width - 2
        keys = [
            _Key(
                ranks.get(action_name(binding.action), len(ranks)),
                binding.key_display or binding.key,
                "pause" if binding.action == "run" and running else binding.description,
                binding.action,
            )
            for binding in bindings
        ]
        if _columns(keys) > width + 1:
            keys = _paired(keys)
        for key in sorted(keys, reverse=True):
            if _columns(keys) <= width + 1:
                break
            keys.remove(key)
        parts: list[str | tuple[str, str]] = []
        self._places: list[tuple[int, int, str]] = []
        x = 1
        for _, sign, words, action in keys:
            parts += [(sign, POINTED), (f" {words}", MUTED), "  "]
            self._places.append((x, x + len(sign) + len(words) + 1, action))
            x += len(sign) + len(words) + 3
        self.say(Content.assemble(*parts))

    def on_click(self, event: events.Click) -> None:
        for start, end, action in getattr(self, "_places", []):
            if start <= event.x < end:
                self.post_message(self.Pressed(action))
