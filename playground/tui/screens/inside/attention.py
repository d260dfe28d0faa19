"""View 2, Attention: the heads of a layer side by side; rows read columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, get_args

from typing_extensions import override

from microgpt.surgery import Component
from playground.lab.protocol.inside import AttentionReading, Inside, Measure, View
from playground.tui.screens.inside.graph_names import attention_number
from playground.tui.screens.inside.page import (
    Page,
    ViewPage,
    cell_text,
    eased,
    joined,
    largest,
    num,
    part_words,
    plus,
    quoted,
    tiny,
    token_text,
    width_of,
)
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit

MEASURES: tuple[Measure, ...] = get_args(Measure)
MEASURE_WORDS: dict[Measure, str] = {
    "weight": "α, the attention weight",
    "size": "‖α·W_O·v‖, how much is written",
    "push": "what is added to the logit",
}
WIDEST = 6
"""Columns of the widest cell, which holds a number."""
NUMBERED = 4
"""Columns from which on a cell holds a number."""
BESIDE = 104
"""Columns from which on the list of what the head reads stands beside the heads."""
LIST = 42
"""Columns of that list."""
LABEL = 4
"""Columns for the mark and the token before a row."""
FEWEST = 8
"""Positions of all heads that are shown rather than more positions of some, at least."""
_EMPTY = {cell: "·".center(cell) if cell > 1 else " " for cell in range(1, WIDEST + 2)}
"""By width: a cell of a position that comes later."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the heads are laid out."""

    heads: range
    """The heads in sight."""
    across: int
    """Heads beside each other."""
    cell: int
    """Columns of a cell."""
    rows: range
    """The positions in sight; `columns` likewise the sources."""
    columns: range
    lines: int = 1
    """Lines of a cell."""


class AttentionView(ViewPage):
    name: ClassVar[View] = "attention"
    moves = "source"
    layered = True
    beside = "head"
    enters = "open"
    turns = "measure"
    zooms = True

    @override
    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        reading = inside.reading
        assert isinstance(reading, AttentionReading)
        beside = page.width >= BESIDE
        scale = self._scale(reading)
        what = self._measure_line(page, inside, reading, scale)
        page.add(*what)
        sums = _Sums(inside, reading, 4 if beside else 2)
        if beside:
            listed = page.part(LIST)
            self._list(listed, inside, state, reading, page.room - 8)
            listed.blank()
            sums.draw(listed)
            heads = page.part(page.width - LIST - 3)
            self._heads(heads, inside, state, reading, scale)
            heads.shrink()
            page.beside([heads, listed], gap=3)
            return
        foot = page.part(page.width, 6)
        sums.draw(foot, short=page.height < 12)
        heads = page.part(page.width, page.room - len(foot.lines) - 1)
        self._heads(heads, inside, state, reading, scale)
        page.below(heads)
        room = page.room - len(foot.lines) - 2
        if room >= 5:
            page.blank()
            listed = page.part(min(page.width, 76))
            self._list(listed, inside, state, reading, room)
            page.below(listed)
        while page.room > len(foot.lines):
            page.blank()
        page.below(foot)

    def _measure_line(
        self, page: Page, inside: Inside, reading: AttentionReading, scale: float
    ) -> Line:
        line: Line = [("a cell is ", "muted"), (MEASURE_WORDS[reading.measure], "strong")]
        if reading.measure == "push":
            line.append((f" of {quoted(reading.token)}", "strong"))
        if inside.shape.n_layer > 1:
            last = inside.shape.n_layer - 1  # layers and heads count from 0, as in `layer0.attn_wq`
            line.append((f"   layer {inside.look.layer} of 0–{last}", "muted"))
        signed = reading.measure == "push"
        ends = (f"-{num(scale)}", f"+{num(scale)}") if signed else ("0", num(scale))
        legend: Line = [(f"   {ends[0]} ", "muted")]
        for step in range(5):
            if signed:
                legend.append(page.sign("", (step - 2) / 2 * scale, scale, 2))
            else:
                legend.append(page.shade("", eased(step / 4), 2))
        legend.append((f" {ends[1]}", "muted"))
        return [*line, *legend] if width_of([*line, *legend]) <= page.width else line

    def _scale(self, reading: AttentionReading) -> float:
        if reading.measure == "weight":
            return 1.0
        return largest(*(tuple(chain.from_iterable(head)) for head in reading.heads))

    # ------------------------------------------------------------ the heads

    def plan(self, width: int, height: int, inside: Inside, state: InsideState, heads: int) -> Plan:
        """The layout with the largest cells that has all heads and positions in sight; or else
        the parts about the chosen ones."""
        count, chosen = len(inside.positions), state.head(inside)
        if state.zoomed:
            cell = next((c for c in range(WIDEST + 1, 0, -1) if LABEL + c * count <= width), 1)
            return self._cropped(width, height, count, range(chosen, chosen + 1), 1, cell, state,
                                 inside)  # fmt: skip
        for cell in range(WIDEST, 0, -1):
            across = max(1, (width + 2) // (LABEL + cell * count + 2))
            below = -(-heads // across)
            if below * (count + 2) <= height:
                lines = min((height // below - 2) // count, cell // 2 if cell >= NUMBERED else 1)
                every = range(count)
                return Plan(range(heads), -(-heads // below), cell, every, every, lines)
        for cell in range(WIDEST, 0, -1):  # side by side, and some of the positions
            across = (width + 2) // (LABEL + cell * count + 2)
            if across >= heads:
                return self._cropped(width, height, count, range(heads), heads, cell, state, inside)
        sides = {n: self._sides(width, height, count, heads, n) for n in range(1, heads + 1)}
        across = max(sides, key=lambda n: (min(sides[n]), math.prod(sides[n])))
        seen = min(sides[across])  # all heads in one or more rows, with the most positions of each
        if seen >= min(FEWEST, count):
            return self._cropped(width, height, count, range(heads), across, 1, state, inside)
        across = min(heads, max(1, (width + 2) // (LABEL + min(count, 16) + 2)))
        first = window(chosen, state.scrolled.get("heads", 0), across, heads)
        state.scrolled["heads"] = first
        shown = range(first, first + across)
        return self._cropped(width, height, count, shown, len(shown), 1, state, inside)

    def _sides(
        self, width: int, height: int, count: int, heads: int, across: int
    ) -> tuple[int, int]:
        """How many rows, and columns of one cell, each of so many heads has room for."""
        rows = height // -(-heads // across) - 2
        columns = (width + 2) // across - 2 - LABEL
        return min(rows, count), min(columns, count)

    def _cropped(
        self, width: int, height: int, count: int, heads: range, across: int, cell: int,
        state: InsideState, inside: Inside,
    ) -> Plan:  # fmt: skip
        each = (width + 2) // across - 2
        rows, _ = self._sides(width, height, count, len(heads), across)
        rows = max(1, rows)
        top = window(state.position(inside), state.scrolled.get("rows", 0), rows, count)
        columns = min(count, max(1, (each - LABEL) // cell))
        left = window(state.source(inside), state.scrolled.get("columns", 0), columns, count)
        state.scrolled["rows"], state.scrolled["columns"] = top, left
        return Plan(heads, across, cell, range(top, top + rows), range(left, left + columns))

    def _heads(
        self, page: Page, inside: Inside, state: InsideState, reading: AttentionReading,
        scale: float,
    ) -> None:  # fmt: skip
        heads = len(reading.heads)
        plan = self.plan(page.width, page.room, inside, state, heads)
        hidden = [
            part_words(len(plan.heads), plan.heads[0], heads, "heads") if not state.zoomed else "",
            part_words(len(plan.rows), plan.rows[0], len(inside.positions), "positions"),
            part_words(len(plan.columns), plan.columns[0], len(inside.positions), "read"),
        ]
        if any(hidden) and page.height >= 4:
            plan = self.plan(page.width, page.room - 1, inside, state, heads)
            hidden[1] = part_words(len(plan.rows), plan.rows[0], len(inside.positions), "positions")
            page.add((fit(", ".join(one for one in hidden if one), page.width), "caution"))
        for start in range(plan.heads[0], plan.heads[-1] + 1, plan.across):
            shown = range(start, min(start + plan.across, plan.heads[-1] + 1))
            parts = []
            for head in shown:
                part = page.part(LABEL + plan.cell * len(plan.columns), 10_000)
                self._head(part, inside, state, reading, head, plan, scale)
                parts.append(part)
            page.beside(parts)

    def _head(
        self, page: Page, inside: Inside, state: InsideState, reading: AttentionReading,
        head: int, plan: Plan, scale: float,
    ) -> None:  # fmt: skip
        chosen = head == state.head(inside)
        at, source = state.position(inside), state.source(inside)
        positions = inside.positions
        title = f"▸head {head}" if chosen else f" head {head}"
        page.add((fit(title, page.width), "pointed" if chosen else "muted"), what=("head", head, 0))
        line: Line = [(" " * LABEL, "text")]
        for s in plan.columns:
            mark: Ink = "pointed" if s == source else "faint" if s > at else "muted"
            line.append((cell_text(positions[s].token, plan.cell), mark))
        page.add(*joined(line))
        first = plan.columns[0]
        for p in plan.rows:
            mark = "pointed" if p == at else "muted"
            label = cell_text(positions[p].token, LABEL - 2, left=True)
            line = [(f"{'▸' if p == at else ' '}{label} ", mark)]
            values = reading.heads[head][p] if p < len(reading.heads[head]) else ()
            last = min(plan.columns[-1] + 1, len(values))
            own = source if chosen and p == at else -1
            line += self._cells(page, values, first, last, scale, plan.cell, own, reading)
            empty = plan.columns[-1] + 1 - max(first, last)
            line.append((_EMPTY[plan.cell] * empty, "faint"))
            lines = 1 if page.mono else plan.lines
            for part in range(lines):
                page.hit(
                    LABEL, LABEL + plan.cell * (last - first), (f"cell{head}", p, first), plan.cell
                )
                page.add(*(line if part == (lines - 1) // 2 else _emptied(line)))

    def _cells(
        self, page: Page, values: Sequence[float], first: int, last: int, scale: float, cell: int,
        own: int, reading: AttentionReading,
    ) -> Line:  # fmt: skip
        """The cells of a row from source `first` to before `last`; own: the chosen source."""
        if cell >= NUMBERED:
            return [
                self._cell(page, values[s], scale, cell, s == own, reading)
                for s in range(first, last)
            ]
        if first <= own < last:
            return [
                *self._cells(page, values, first, own, scale, cell, -1, reading),
                self._cell(page, values[own], scale, cell, True, reading),
                *self._cells(page, values, own + 1, last, scale, cell, -1, reading),
            ]
        shown = values[first:last]
        if reading.measure == "push":
            return page.signs(shown, scale, cell)
        return page.tints(shown, scale, cell)

    def _cell(
        self, page: Page, value: float, scale: float, width: int, here: bool,
        reading: AttentionReading,
    ) -> tuple[str, Ink]:  # fmt: skip
        text = ""
        if width >= NUMBERED:
            text = tiny(value) if reading.measure != "push" else plus(value, 1 if width < 5 else 2)
            text = text if len(text) <= width else plus(value, 0)[:width]
        elif here:
            text = "▪" if not page.mono else ""
        if reading.measure == "push":
            return page.sign(text, value, scale, width, here)
        return page.shade(text, eased(value / scale), width, here)

    # ------------------------------------------------------------ what one head reads

    def _list(
        self, page: Page, inside: Inside, state: InsideState, reading: AttentionReading, room: int
    ) -> None:
        """What the chosen head reads at the chosen position, position by position."""
        head, at, chosen = state.head(inside), state.position(inside), state.source(inside)
        rows = reading.heads[head] if head < len(reading.heads) else ()
        values = rows[at] if at < len(rows) else ()
        scale = largest(values)
        page.add((f"head {head} at position {at}, {quoted(inside.positions[at].token)}, reads",
                  "strong"))  # fmt: skip
        shown = max(1, min(len(values), room - 2))
        first = window(chosen, state.scrolled.get("sources", 0), shown, len(values))
        state.scrolled["sources"] = first
        length = page.width - 20
        for s in range(first, min(first + shown, len(values))):
            value = values[s]
            mark: Ink = "pointed" if s == chosen else "text"
            label = fit(f"{s:>3} {token_text(inside.positions[s].token)}", 9)
            bar = abs(value) / scale if math.isfinite(value) else 0.0
            ink: Ink = "minus" if value < 0 else "plus"
            number = plus(value, 3) if reading.measure == "push" else num(value, 3)
            line: Line = [("▸" if s == chosen else " ", mark), (label, mark)]
            line += page.bar(bar, length, mark if s == chosen else ink)
            page.add(*line, (f" {number:>8}", mark), what=("source", s, 0))
        if hidden := part_words(shown, first, len(values), "reads"):
            page.add((hidden, "caution"))

    # ------------------------------------------------------------ keys

    @override
    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        source = state.source(inside) + by
        state.change(source=min(max(source, 0), state.position(inside)))

    @override
    def turn(self, inside: Inside, state: InsideState) -> None:
        at = MEASURES.index(state.look.measure)
        state.change(measure=MEASURES[(at + 1) % len(MEASURES)])

    @override
    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        name, first, second = what
        before = state.look
        if name == "head":
            state.change(head=first)
        elif name == "source":
            state.change(source=first)
        elif name.startswith("cell"):
            state.change(head=int(name[4:]), position=first, source=second)
        return state.look == before

    @override
    def number(self, inside: Inside, state: InsideState) -> str:
        layer, head = state.layer(inside), state.head(inside)
        at, source = state.position(inside), state.source(inside)
        return attention_number(layer, head, at, source)

    @override
    def parts(self, inside: Inside, state: InsideState) -> Sequence[Component]:
        return (Component("head", state.layer(inside), state.head(inside)),)

    @override
    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        state.open_number(self.number(inside, state))
        return None


def _emptied(line: Line) -> Line:
    """The grounds of a line without its letters."""
    return [(" " * width_of([piece]), piece[1]) for piece in line]


class _Sums:
    """The arithmetic of the cell that the reading is about, with the numbers plugged in."""

    def __init__(self, inside: Inside, reading: AttentionReading, lines: int) -> None:
        """lines: how many lines the products may take."""
        self._inside, self._reading, self._lines = inside, reading, lines

    def draw(self, page: Page, short: bool = False) -> None:
        """short: leave out what the head writes, and all but one line of the rest."""
        inside, cell = self._inside, self._reading.cell
        look, size = inside.look, inside.shape.head_dim
        at, source = look.position, look.source
        here, there = inside.positions[at], inside.positions[source]
        who = f"head {look.head}: {at} {quoted(here.token)} reads {source} {quoted(there.token)}"
        page.add((fit(who, page.width), "pointed"))
        lines = 1 if short else self._lines
        products = products_text(cell.query, cell.key, max(24, page.width * lines - 46))
        page.say(f"q·k = {products} = {num(cell.dot)}, /√{size} = {num(cell.score)}, "
                 f"softmax {num(cell.weight, 3)}", "text",
                 most=1 if short else 9)  # fmt: skip
        if short:
            return
        page.say(
            f"writes ‖α·W_O·v‖ = {num(cell.size, 3)}, "
            f"adds {plus(cell.push, 3)} to the logit of {quoted(self._reading.token)}",
            "text",
        )


def products_text(left: Sequence[float], right: Sequence[float], room: int) -> str:
    """The products of a dot product as "0.31·-1.20 + 0.40·0.55", the largest first where not all
    have room: "... + 12 more"."""
    terms = [f"{num(a)}·{num(b)}" for a, b in zip(left, right, strict=False)]
    if len(" + ".join(terms)) <= room:
        return " + ".join(terms)
    order = sorted(range(len(terms)), key=lambda k: -abs(left[k] * right[k]))
    shown: list[str] = []
    for k in order:
        if shown and len(" + ".join([*shown, terms[k]])) > room - 12:
            break
        shown.append(terms[k])
    return " + ".join(shown) + f" + {len(terms) - len(shown)} more"
