"""Finds the words and signs on the main screen: what stands where, and what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from textual.errors import NoWidget
from textual.geometry import Offset, Region
from textual.screen import Screen
from textual.scrollbar import ScrollBar
from textual.widget import Widget

from playground.tui.explain.places import (
    CONTROL,
    FRAMES,
    LABELS,
    RULES,
    SILENT,
    Rule,
    rules_for_labels,
    spans,
)
from playground.tui.explain.words import KEYS, TOP, WIDEST, Word, panel_word, word_of
from playground.tui.widgets.control import Control
from playground.widths import cell_len

HEADING = "heading"
LONG = 16
"""Cells beyond which a text is not repeated where it is explained."""
SCROLL = Word("▐", "The scroll bar: there is more; the wheel or the arrows show it.")


class Told(NamedTuple):
    """A piece of a widget's line, where it begins, in cells from the left, and what it means."""

    row: int
    start: int
    text: str
    word: Word | None
    """None for what only separates, as a frame does."""


class Found(NamedTuple):
    """A word or sign where it stands on the screen."""

    part: int
    """The part of the screen, as words.TOP."""
    region: Region
    text: str
    word: Word | None

    @property
    def shown(self) -> str:
        """The text as it stands, or the word that stands for it where the text is long."""
        if self.word is None:
            return ""
        room = max(cell_len(self.word.name), WIDEST - 2 - cell_len(self.word.brief))
        text = self.text.strip()
        return text if 0 < cell_len(text) <= min(room, LONG) else self.word.name


@runtime_checkable
class Telling(Protocol):
    """A widget that says itself what stands in it."""

    def told(self) -> Sequence[Told]:
        """The pieces of the widget that mean something."""


@runtime_checkable
class Numbered(Protocol):
    """A panel."""

    NUMBER: int


def words_on(
    screen: Screen[Any], metrics: Sequence[str] = (), part: int | None = None
) -> list[Found]:
    """The words and signs on the screen, in the order in which they are read. metrics: the labels
    of the metrics below the loss. part: only of this part of the screen."""
    found: list[Found] = []
    for widget in screen.query("*").results(Widget):
        if not widget.display or (part is not None and part_of(widget) != part):
            continue
        found += _found(screen, widget, metrics)
        if widget.show_vertical_scrollbar:  # which is no child of the widget
            found += _found(screen, widget.vertical_scrollbar, metrics)
    return sorted(found, key=lambda one: (one.part, one.region.y, one.region.x))


def word_at(screen: Screen[Any], at: Offset, metrics: Sequence[str] = ()) -> Found | None:
    """The word or sign at a cell of the screen; its panel, where the cell says nothing."""
    try:
        widget, _ = screen.get_widget_at(*at)
    except NoWidget:
        return None
    for one in _found(screen, widget, metrics):
        if one.region.contains_point(at) and one.word is not None:
            return one
    panel = _panel_of(widget)
    if panel is None:
        return None
    word = panel_word(panel.NUMBER)
    return Found(panel.NUMBER, Region(*at, 1, 1), word.name, word)


def part_of(widget: Widget) -> int:
    """The part of the screen that a widget is in."""
    panel = _panel_of(widget)
    if panel is not None:
        return panel.NUMBER
    return KEYS if isinstance(widget, Telling) else TOP


def _panel_of(widget: Widget) -> Numbered | None:
    return next((node for node in widget.ancestors_with_self if isinstance(node, Numbered)), None)


def _found(screen: Screen[Any], widget: Widget, metrics: Sequence[str]) -> Iterator[Found]:
    try:
        place = screen.find_widget(widget)
    except NoWidget:
        return
    seen = place.region.intersection(place.clip)
    if not seen:
        return
    part = part_of(widget)
    for row, start, text, word in _told(widget, seen.translate(-place.region.offset), metrics):
        region = Region(start, row, cell_len(text), 1).translate(place.region.offset)
        if inside := region.intersection(seen):
            yield Found(part, inside, text, word)


def _told(widget: Widget, seen: Region, metrics: Sequence[str]) -> Iterator[Told]:
    """seen: the part of the widget that is in sight."""
    if isinstance(widget, Telling):
        yield from widget.told()
        return
    if isinstance(widget, ScrollBar):
        for row in range(seen.y, seen.bottom):
            yield Told(row, 0, " " * seen.width, SCROLL)
        return
    rules = _rules_of(widget, metrics)
    if not rules:
        return
    rows = Region(0, seen.y, widget.outer_size.width, seen.height)
    for row, strip in enumerate(widget.render_lines(rows), seen.y):
        line = strip.text
        for start, stop, name in spans(line, rules):
            yield Told(row, cell_len(line[:start]), line[start:stop], _word(widget, name))


def _word(widget: Widget, name: str) -> Word | None:
    if name == HEADING and isinstance(widget, Numbered):
        return panel_word(widget.NUMBER)
    return None if name == SILENT else word_of(name)


def _rules_of(widget: Widget, metrics: Sequence[str]) -> tuple[Rule, ...]:
    if isinstance(widget, Numbered):
        heading = Rule(re.compile(rf"(?<=─ ){widget.NUMBER} [^─╮]*?(?=  | ─|─|╮)"), HEADING)
        return (heading, *FRAMES.get(widget.NUMBER, ()))
    if isinstance(widget, Control):
        shown = widget.label_run(widget.size.width)[0].lstrip("› ").rstrip()
        return (*rules_for_labels([shown], LABELS.get(widget.label, "knob")), *CONTROL)
    rules = RULES.get(widget.id or "", ())
    if widget.id == "loss-chart":
        rules = (*rules, *rules_for_labels(metrics, "metric"))
    elif widget.has_class("chain-plain"):
        rules = (Rule(re.compile(r"\S.*"), "knob"),)
    return rules
