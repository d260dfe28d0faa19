"""View 6, Lines: the source of `gpt`, run statement by statement at the chosen position."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from playground.lab.protocol.inside import Inside, LinesReading, Made, RunLine, View
from playground.tui.screens.inside.page import (
    Page,
    ViewPage,
    largest,
    lines_words,
    num,
    plus,
    quoted,
)
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink
from playground.tui.widgets.text import fit, visible

BESIDE = 110
"""Columns from which on source and names stand side by side."""


class LinesView(ViewPage):
    name: ClassVar[View] = "lines"
    moves = "line"
    enters = "open"
    turns = "next line"
    backs = "line back"

    @override
    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        reading = inside.reading
        assert isinstance(reading, LinesReading)
        if not reading.runs:
            page.say("Nothing was run.")
            return
        chosen = state.cursor("lines", len(reading.runs))
        run = reading.runs[chosen]
        at = inside.look.position
        who = f"gpt at position {at} {quoted(inside.positions[at].token)}: "
        where = f"statement {chosen + 1} of {len(reading.runs)}"
        page.add(
            (who, "muted"),
            (where, "strong"),
            (f"   {run.context}" if run.context else "", "pointed"),
        )
        if page.width >= BESIDE:
            longest = max(len(one) for one in reading.source) + 6
            left = page.part(min(longest, page.width - 50))
            right = page.part(page.width - left.width - 3)
            self._source(left, reading, run, state)
            self._made(right, run)
            page.beside([left, right], gap=3)
        else:
            made = page.part(page.width, max(3, page.room * 2 // 5))
            self._made(made, run)
            source = page.part(page.width, page.room - len(made.lines) - 1)
            self._source(source, reading, run, state)
            page.below(source)
            page.add(("─" * page.width, "faint"))
            page.below(made)

    def _source(self, page: Page, reading: LinesReading, run: RunLine, state: InsideState) -> None:
        source = reading.source
        room = page.room - (page.room < len(source))
        shown = min(len(source), max(1, room))
        first = state.scrolled.get("lines", 0)
        first = window(min(run.last + 1, len(source) - 1), first, shown, len(source))
        first = window(max(0, run.first - 1), first, shown, len(source))
        state.scrolled["lines"] = first
        for k in range(first, first + shown):
            here = run.first <= k <= run.last
            ink: Ink = "pointed" if here else "muted"
            page.add(
                (f"{'▸' if here else ' '}{k + 1:>3} ", ink),
                (fit(visible(source[k]), page.width - 5).rstrip(), ink),
                what=("line", k, 0),
            )
        if hidden := lines_words(shown, first, len(source), "lines"):
            page.add((hidden, "caution"))

    def _made(self, page: Page, run: RunLine) -> None:
        """Each name that the statement made or changed, with its shape and its numbers."""
        if not run.made:
            page.say("It made nothing.")
        for number, made in enumerate(run.made):
            left = len(run.made) - number
            if page.room < 2 and left > 1:
                page.add((f"and {left} more names", "caution"))
                return
            self._name(page, made, page.room - 2 * (left - 1))

    def _name(self, page: Page, made: Made, room: int) -> None:
        page.add((visible(made.name), "strong"), (f" {made.shape}", "muted"))
        if made.words:
            page.say(visible(made.words), "text", most=max(1, room - 1))
            return
        if not made.values:
            return
        if len(made.values) == 1:
            page.add((f"  {plus(made.values[0], 6)}", "text"))
            return
        scale = largest(made.values)
        line = page.strip(made.values, scale, page.width - 10)
        page.add(("  ", "text"), *line, (f" ±{num(scale)}", "faint"))
        across = max(1, (page.width - 2) // 7)
        lines = max(0, min(-(-len(made.values) // across), room - 2))
        for start in range(0, lines * across, across):
            texts = [f"{plus(one):>6}" for one in made.values[start : start + across]]
            page.add(("  " + " ".join(texts), "text"))
        if lines and lines * across < len(made.values):
            page.lines[-1].append((f" +{len(made.values) - lines * across}", "caution"))

    # ------------------------------------------------------------ keys

    @override
    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        assert isinstance(inside.reading, LinesReading)
        state.move("lines", by, len(inside.reading.runs))

    @override
    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        """Go to the next statement that is at the line."""
        assert isinstance(inside.reading, LinesReading)
        runs = inside.reading.runs
        chosen = state.cursor("lines", len(runs))
        for k in (*range(chosen + 1, len(runs)), *range(chosen + 1)):
            if runs[k].first <= what[1] <= runs[k].last:
                state.cursors["lines"] = k
                return bool(k == chosen)
        return False

    @override
    def turn(self, inside: Inside, state: InsideState) -> None:
        self.move(inside, state, 1)

    @override
    def number(self, inside: Inside, state: InsideState) -> str | None:
        assert isinstance(inside.reading, LinesReading)
        runs = inside.reading.runs
        made = runs[state.cursor("lines", len(runs))].made if runs else ()
        return next((one.opens for one in made if one.opens), None)

    @override
    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        name = self.number(inside, state)
        if name is not None:
            state.open_number(name)
        return None
