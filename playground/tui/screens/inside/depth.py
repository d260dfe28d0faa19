"""View 3, Depth: the logit lens, stages from top to bottom and positions from left to right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from typing_extensions import override

from microgpt.surgery import Component
from playground.lab.protocol.inside import DepthReading, Inside, View
from playground.tui.screens.inside.page import (
    Page,
    ViewPage,
    lines_words,
    num,
    part_words,
    quoted,
    tiny,
    token_text,
)
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit
from playground.tui.widgets.tiles import centred

WIDEST = 9
"""Columns of the widest cell."""
NUMBERED = 7
"""Columns from which on a cell holds a number."""
NARROWEST = 3
BARS = 22
"""Columns for the way of one token, at least."""
_GAP, _LEAST, _NUMBER = 3, 12, 6
"""Columns between two ways beside each other, and of the bar and the number of a way."""
_HEAD = re.compile("layer ([0-9]+) head ([0-9]+)", re.ASCII)


class DepthView(ViewPage):
    name: ClassVar[View] = "depth"
    moves = "stage"
    enters = "pin"

    @override
    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        reading = inside.reading
        assert isinstance(reading, DepthReading)
        pinned = state.look.token is not None
        stages, count = reading.stages, len(inside.positions) - reading.first
        at = min(max(state.position(inside) - reading.first, 0), count - 1)
        chosen = self._cursor(inside, state)
        page.add(
            ("shade: the probability of " if page.width > 90 else "shade: ", "muted"),
            (f"{quoted(reading.token)}, pinned" if pinned else "what comes next", "strong"),
            ("   letters: what would be said" if page.width > 70 else "", "muted"),
            ("   0 ", "muted"),
            *(page.shade("", step / 4, 2) for step in range(5)),
            (" 1", "muted"),
        )
        label = min(max(len(one) for one in stages) + 2, 20)
        room = page.width - label - BARS
        cell = next((w for w in range(WIDEST, NARROWEST - 1, -1) if w * count <= room), NARROWEST)
        columns = min(count, max(1, room // cell))
        left = window(at, state.scrolled.get("depth", 0), columns, count)
        state.scrolled["depth"] = left
        header: Line = [(" " * label, "text")]
        for p in range(left, left + columns):
            reads = token_text(inside.positions[reading.first + p].token)
            mark: Ink = "pointed" if p == at else "muted"
            start = label + (p - left) * cell
            page.hit(start, start + cell, ("position", reading.first + p, 0))
            header.append((centred(f"▾{reads}" if p == at else reads, cell), mark))
        bars = page.width - label - columns * cell - 9
        way = f"  {quoted(reading.token)} at {at + reading.first}"
        page.add(*header, (fit(way, bars + 9).rstrip(), "pointed"))
        shown = min(len(stages), max(1, page.room - 3))
        top = window(chosen, state.scrolled.get("stages", 0), shown, len(stages))
        state.scrolled["stages"] = top
        tall = page.room >= 2 * shown + 4 and cell >= NUMBERED
        targets = inside.positions
        for row in range(top, top + shown):
            mark = "pointed" if row == chosen else "text"
            below: Line = [(" " * label, "text")]
            line: Line = [(fit(f"{'▸' if row == chosen else ' '}{stages[row]}", label), mark)]
            for p in range(left, left + columns):
                one = reading.cells[row][p]
                if cell >= NUMBERED:
                    text = f"{_short(one.best, cell - 5)} {tiny(one.probability)}"
                else:
                    text = token_text(one.best)
                here = row == chosen and p == at
                shade = one.followed if pinned else one.target_probability
                line += [page.shade(text, shade, cell - 1, here), (" ", "text")]
                if tall:
                    follows = reading.token if pinned else targets[reading.first + p].target
                    text = f"{_short('→' + follows, cell - 5)} {tiny(shade)}"
                    below += [page.shade(text, shade, cell - 1), (" ", "text")]
            page.hit(label, label + columns * cell, ("stage", row, reading.first + left), cell)
            followed = reading.cells[row][at].followed
            line.append((" ", "text"))
            line += page.bar(followed, bars - 1, mark if row == chosen else "plus")
            line.append((f" {num(followed, 3)}", mark))
            page.add(*line)
            if tall:
                page.add(*below)
        hidden = [
            lines_words(shown, top, len(stages), "stages"),
            part_words(columns, left + reading.first, len(inside.positions), "positions"),
        ]
        if any(hidden):
            page.add((", ".join(one for one in hidden if one), "caution"))
        self._read_out(page, inside, reading, chosen, at)
        self._ways(page, inside, reading, chosen, at, pinned)

    def _ways(
        self, page: Page, inside: Inside, reading: DepthReading, chosen: int, at: int, pinned: bool
    ) -> None:
        """The way through the depth at each position, side by side, where there is room below."""
        stages, count = reading.stages, len(reading.cells[0])
        label = min(max(map(len, stages)) + 2, 20)
        rows = (page.room - 2) // (len(stages) + 2)
        most = (page.width + _GAP) // (label + _LEAST + _NUMBER + _GAP)
        if rows < 1 or most < 2:
            return
        across = min(most, -(-count // rows))
        shown = min(count, rows * across)
        first = min(max(0, at - shown // 2), count - shown)
        page.blank()
        what = f"{quoted(reading.token)}, pinned," if pinned else "what comes next"
        hidden = part_words(shown, first + reading.first, len(inside.positions), "positions")
        page.add(
            (f"the way of {what} at each position", "muted"),
            (f"   {hidden}" if hidden else "", "caution"),
        )
        width = (page.width + _GAP) // across - _GAP
        for start in range(first, first + shown, across):
            parts = []
            for p in range(start, min(start + across, first + shown)):
                part = page.part(width, len(stages) + 1)
                self._way(part, inside, reading, label, p, (chosen, at), pinned)
                parts.append(part)
            page.beside(parts, _GAP)
            page.blank()

    def _way(
        self, page: Page, inside: Inside, reading: DepthReading, label: int, p: int,
        cursor: tuple[int, int], pinned: bool,
    ) -> None:  # fmt: skip
        read = inside.positions[reading.first + p]
        towards = reading.token if pinned else read.target
        title = f" {reading.first + p}: {quoted(read.token)} → {quoted(towards)}"
        page.hit(0, page.width, ("stage", cursor[0], reading.first + p))
        page.add((fit(title, page.width), "pointed" if p == cursor[1] else "strong"))
        for row, stage in enumerate(reading.stages):
            one = reading.cells[row][p]
            part = one.followed if pinned else one.target_probability
            here: Ink = "pointed" if (row, p) == cursor else "muted"
            page.add(
                (fit(f" {stage}", label), here),
                *page.bar(part, page.width - label - _NUMBER),
                (f"{num(part, 3):>{_NUMBER}}", here),
                what=("stage", row, reading.first + p),
            )

    def _read_out(
        self, page: Page, inside: Inside, reading: DepthReading, chosen: int, at: int
    ) -> None:
        one, read = reading.cells[chosen][at], inside.positions[reading.first + at]
        words = (
            f"If the depth ended at {reading.stages[chosen]}, position {at + reading.first} "
            f"{quoted(read.token)} would say {quoted(one.best)} {num(one.probability, 3)}; "
            f"{quoted(read.target)}, which comes, {num(one.target_probability, 3)}"
        )
        page.say(words, "text", most=2)

    def _cursor(self, inside: Inside, state: InsideState) -> int:
        """The chosen stage: the last one until another is chosen."""
        assert isinstance(inside.reading, DepthReading)
        count = len(inside.reading.stages)
        return state.cursor("depth", count) if "depth" in state.cursors else count - 1

    @override
    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        assert isinstance(inside.reading, DepthReading)
        state.cursors["depth"] = self._cursor(inside, state)
        state.move("depth", by, len(inside.reading.stages))

    @override
    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        before = (self._cursor(inside, state), state.position(inside))
        state.cursors["depth"] = what[1]
        state.change(position=what[2])
        return before == (what[1], what[2])

    @override
    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        """Pin the token under the cursor, or let go of it."""
        reading = inside.reading
        assert isinstance(reading, DepthReading)
        at = min(max(state.position(inside) - reading.first, 0), len(reading.cells[0]) - 1)
        best = reading.cells[self._cursor(inside, state)][at].best_id
        state.change(token=None if state.look.token == best else best)
        return None

    @override
    def number(self, inside: Inside, state: InsideState) -> str | None:
        return f"losses[{state.position(inside)}]"

    @override
    def parts(self, inside: Inside, state: InsideState) -> Sequence[Component]:
        """The head of the chosen row."""
        assert isinstance(inside.reading, DepthReading)
        found = _HEAD.fullmatch(inside.reading.stages[self._cursor(inside, state)])
        return (Component("head", int(found[1]), int(found[2])),) if found else ()


@lru_cache(4096)
def _short(token: str, width: int) -> str:
    """A token in at most so many columns."""
    return fit(token_text(token), width).rstrip()
