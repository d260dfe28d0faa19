"""The first minute of somebody who has never been here: what to press, where texts appear, how
to look inside. Three callouts lie over the chart, which is empty then, and point at what they speak
of; a low or narrow screen has one line instead."""

from __future__ import annotations

from typing import NamedTuple

from textual.content import Content
from textual.geometry import Region
from textual.screen import Screen

from playground.tui.model import PlaygroundModel
from playground.tui.styles import MUTED, POINTED
from playground.tui.widgets.static_text import Words

LINES = (
    "Welcome. space trains; what it writes appears in 4 Sampling; i looks inside, . explains each "
    "word; T is a tour of ten lessons; esc ends this.",
    "space trains, texts appear in 4; . explains words; T is a tour; esc ends.",
    "space trains, . explains each word, ? helps; esc ends this.",
)
"""The same as the callouts in one line, the longest first."""


class _Text(NamedTuple):
    first: tuple[tuple[str, str], ...]
    second: str


TEXTS = (
    _Text((("↑ space", POINTED), (" trains, ", ""), ("s", POINTED), (" does one step", "")),
          "  the lines above say how it goes"),
    _Text((("what it writes appears there ", ""), ("→", POINTED)),
          "new: it stands nowhere in the data"),
    _Text((("↓ i", POINTED), (" looks inside, ", ""), (".", POINTED), (" explains words", "")),
          "  T is a tour, ? is help; esc ends"),
)  # fmt: skip
HEIGHT = 4
"""Lines of a callout, with its frame."""
WIDTH = 38
LABELS = 16
"""Columns at the right end of the chart in which its lines may be named."""


class Callout(Words):
    """A note beside what it speaks of."""

    DEFAULT_CSS = f"""
    Callout {{
        layer: above;
        position: absolute;
        display: none;
        width: {WIDTH};
        height: {HEIGHT};
        border: round $primary;
        background: $surface;
        padding: 0 1;
    }}
    """

    def __init__(self, number: int) -> None:
        super().__init__(id=f"callout-{number}")
        first, second = TEXTS[number]
        self.say(Content.assemble(*first, "\n", (second, MUTED)))


def show_callouts(screen: Screen[None], model: PlaygroundModel, chart: Region) -> bool:
    """Show the callouts over the chart, if they are wanted and there is room for them: from the
    left above, in the middle to the right, and on the left below. They cover the name of a line in
    the chart wholly or not at all. Returns True if they are shown.

    chart: where the chart is, in cells of the screen.
    """
    room = chart.width - 6
    shown = room >= WIDTH and chart.height >= 3 * HEIGHT
    shown = shown and model.welcome and not model.panel_shown
    gap = (chart.height - 3 * HEIGHT) // 3
    beside = room >= WIDTH + LABELS
    left = chart.x + 6
    right = chart.right - LABELS - WIDTH if beside else left
    for number, x in enumerate((left, right, left)):
        callout = screen.query_one(f"#callout-{number}", Callout)
        callout.display = shown
        if shown:
            callout.styles.width = WIDTH if beside else room
            callout.styles.text_align = "right" if number == 1 and not beside else "left"
            callout.styles.offset = (x, chart.y + 1 + number * (HEIGHT + gap))
    return shown
