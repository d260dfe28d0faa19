"""Which keys the line of keys names: those of what has the focus, and those of the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input

from playground.tui.bindings import MAIN_BINDINGS, action_name
from playground.tui.panels.architecture import ArchitectureMap
from playground.tui.panels.dataset import Documents
from playground.tui.panels.keybar import ALWAYS, IMPORTANCE
from playground.tui.panels.plugin import PanelLines
from playground.tui.widgets.chart import Chart
from playground.tui.widgets.control import Control
from playground.tui.widgets.heatmap import HeatMap
from playground.tui.widgets.scrubber import Scrubber
from playground.tui.widgets.slider import Slider


class Keys(NamedTuple):
    """The bindings to show, and their ranks by the names of their actions."""

    bindings: list[Binding]
    ranks: Mapping[str, int]


def _hint(keys: str, action: str, words: str) -> Binding:
    return Binding(keys, action, words, key_display=keys)


_MATRIX = (_hint("[ ]", "matrix(1)", "matrix"), _hint("v", "kind", "grads, Δ, m, v"))
_CUT = _hint("C", "dialog('cut')", "cut")
_HINTS: dict[type[Widget], tuple[Binding, ...]] = {
    Documents: (
        _hint("w", "windows", "windows"),
        _hint("d", "dialog('datasets')", "data"),
        _hint("t", "dialog('tokenizers')", "tokenizer"),
    ),
    Chart: (
        _hint("←→", "focused.cursor(-1)", "cursor"),
        _hint("n", "window", "last steps"),
        _hint("l", "log_axis", "log"),
    ),
    Scrubber: (
        _hint("←→", "focused.move(-1)", "go to a step"),
        _hint("pgup/dn", "focused.leap(-1)", "leap"),
    ),
    HeatMap: (
        _hint("←↑→↓", "focused.move(0, 1)", "cell"),
        _CUT,
        *_MATRIX,
    ),
    ArchitectureMap: (
        _hint("↑↓", "focused.choose(1)", "matrix"),
        _MATRIX[1],
        _CUT,
    ),
    Control: (
        _hint("←→", "", "value"),
        _hint("/", "prompt", "prompt"),
        _hint("g", "sample", "sample"),
        _hint("c", "dialog('chain')", "chain"),
    ),
    PanelLines: (_hint("5", "plugin_panel", "another"), _hint("3", "panel(3)", "parameters")),
}
"""What each kind of widget does with keys, the most important first."""
_AT_THE_CURSOR = (
    _hint("←→", "focused.cursor(-1)", "cursor"),
    _hint("enter", "focused.pick", "go there"),
    _hint("esc", "focused.clear_cursor", "no cursor"),
)
_TYPING = (
    _hint("enter", "sample", "sample"),
    _hint("esc", "escape", "leave the field"),
)
_IN_A_FIELD = {"help": "F1", "leave": "^q", "command-palette": "^p"}
"""The keys that are not text, by the names of their actions."""
_A_NUMBER = (_hint("enter", "", "set"), _hint("esc", "", "as before"))


STEPS = ALWAYS + 2
"""The rank after which the keys of a panel come: step and run are before them."""
OFFERS = STEPS + 5
"""The rank after which the other keys of the chart come. The chart has the focus at the start, and
whoever starts is better served by what the playground offers: another text, a look inside, the
settings, the step back, what a word means."""


def keys_for(focused: Widget | None, zoomed: bool, other: str = "") -> Keys:
    """The keys to name while this widget has the focus. zoomed: one panel has the whole screen.
    other: what that panel shows in another way; "" if there is no other way."""
    own = [] if focused is None else list(_own(focused))
    rank = ALWAYS if own and own[-1].key == "esc" else STEPS
    first = 1 if isinstance(focused, Chart) and rank == STEPS else len(own)
    if is_typed_into(focused):
        rest = [
            _hint(_IN_A_FIELD[name], binding.action, binding.description)
            for binding in MAIN_BINDINGS
            if (name := action_name(binding.action)) in _IN_A_FIELD
        ]
    else:
        if zoomed:
            ways = [_hint("j", "other_view", other)] if other else []
            own = [_hint("z", "zoom", "all panels"), *ways, *own]
            rank, first = ALWAYS, len(own)
        taken = {binding.action for binding in own}
        rest = [one for one in MAIN_BINDINGS if one.show and one.action not in taken]
    names = [action_name(one.action) or one.key for one in own]
    main = list(IMPORTANCE)
    ordered = [*main[:rank], *names[:first], *main[rank:OFFERS], *names[first:], *main[OFFERS:]]
    ranks = {name: place for place, name in enumerate(dict.fromkeys(ordered))}
    return Keys([*own, *rest], ranks)


def is_typed_into(focused: Widget | None) -> bool:
    """True if letters are text, or digits a number, where the focus is."""
    return isinstance(focused, Input) or (isinstance(focused, Slider) and focused.editing)


def _own(focused: Widget) -> Sequence[Binding]:
    """The keys of the widget with the focus."""
    if isinstance(focused, Input):
        return _TYPING
    if isinstance(focused, Slider) and focused.editing:
        return _A_NUMBER
    if isinstance(focused, Chart) and focused.cursor is not None:
        return _AT_THE_CURSOR
    for kind, hints in _HINTS.items():
        if isinstance(focused, kind):
            return hints
    shown = [
        binding
        for binding in getattr(focused, "BINDINGS", ())
        if isinstance(binding, Binding) and binding.show and binding.description
    ]
    return [_hint(_display(one), f"focused.{one.action}", one.description) for one in shown]


def _display(binding: Binding) -> str:
    return binding.key_display or binding.key.partition(",")[0]
