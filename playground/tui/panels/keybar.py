"""The last line of a screen: its keys, made from its bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.message import Message

from playground.tui.bindings import MAIN_BINDINGS, action_name
from playground.tui.explain.reading import Told
from playground.tui.explain.words import Word
from playground.tui.styles import MUTED, POINTED
from playground.tui.widgets.static_text import Words

IMPORTANCE = {
    name: place
    for place, name in enumerate(
        ("help", "leave", "command-palette", "step", "run", "datasets", "inside", "settings",
         "back", "explain", "fork", "runs", "sample", "speed.1", "zoom", "tokenizers", "plugins",
         "reset")
    )
}  # fmt: skip
"""Which keys are shown when not all fit, by the names of their actions: help and the way out
first."""
PAUSE = "pause"
"""What the key that trains does while the run trains."""
ALWAYS = 3
"""How many of them are shown wherever the focus is."""


_TOOLTIPS = {
    **{binding.action: f"{binding.tooltip}." for binding in MAIN_BINDINGS},
    "focused.cursor(-1)": "Moves the chart's cursor, which reads out the values.",
    "focused.pick": "Goes to the step under the cursor.",
    "focused.clear_cursor": "Takes the cursor away.",
    "focused.move(-1)": "Goes to the step before, or the next.",
    "focused.leap(-1)": "Goes a twentieth of what is recorded, back or on.",
    "focused.move(0, 1)": "Moves the cursor over the numbers.",
    "focused.choose(1)": "Shows the matrix that a token passes next.",
}
"""What the keys do, by their actions."""


class _Key(NamedTuple):
    rank: int
    key: str
    words: str
    action: str
    longest: int
    """The most columns that the words take: with them changes nothing else in the line."""


def _columns(keys: Sequence[_Key]) -> int:
    return sum(len(one.key) + one.longest + 3 for one in keys)


def _fitting(keys: Sequence[_Key], width: int) -> list[_Key]:
    """The keys that fit, in their order: the most important first, and then what fits beside."""
    kept: list[_Key] = []
    for key in sorted(keys):
        if not kept or _columns([*kept, key]) <= width + 1:
            kept.append(key)
    return [key for key in keys if key in kept]


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
        """Show the bindings in their order; of those that do not all fit, the most important.

        ranks: by the name of an action, the smaller the more important.
        """
        self._shown = bindings, running, ranks
        width = self.size.width or self.app.size.width - 2
        keys = [
            _Key(
                ranks.get(action_name(binding.action) or binding.key, len(ranks)),
                binding.key_display or binding.key,
                PAUSE if binding.action == "run" and running else binding.description,
                binding.action,
                max(len(binding.description), len(PAUSE) if binding.action == "run" else 0),
            )
            for binding in bindings
        ]
        if _columns(keys) > width + 1:
            keys = _fitting(_paired(keys), width)
        parts: list[str | tuple[str, str]] = []
        self._places: list[tuple[int, int, str]] = []
        x = 1
        for _, sign, words, action, _ in keys:
            parts += [(sign, POINTED), (f" {words}", MUTED), "  "]
            self._places.append((x, f"{sign} {words}", action))
            x += len(sign) + len(words) + 3
        self.say(Content.assemble(*parts))

    def on_resize(self) -> None:
        """Show as many as the new width has room for: the screen may have drawn before."""
        if self._shown is not None:
            self.show_bindings(*self._shown)

    _shown: tuple[list[Binding], bool, Mapping[str, int]] | None = None
    _places: Sequence[tuple[int, str, str]] = ()
    """Where each key begins, its words, and its action."""

    def told(self) -> list[Told]:
        """Each key, and what it does."""
        return [
            Told(0, start, text, Word(text.partition(" ")[0], _TOOLTIPS.get(action, text)))
            for start, text, action in self._places
        ]

    def on_click(self, event: events.Click) -> None:
        for start, text, action in self._places:
            if start <= event.x < start + len(text) and action:
                self.post_message(self.Pressed(action))
