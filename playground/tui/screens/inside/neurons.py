"""View 5, Neurons: the hidden neurons of a layer at each position, and one of them opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from microgpt.surgery import Component
from playground.lab.protocol.inside import Inside, NeuronReading, NeuronsReading, View
from playground.tui.screens.inside.graph_names import neuron_number
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
    token_text,
    width_of,
)
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit, visible

LABEL = 5
"""Columns of a neuron's number."""
BESIDE = 100
"""Columns from which on an opened neuron stands beside the others."""
OPENED = 52


class NeuronsView(ViewPage):
    name: ClassVar[View] = "neurons"
    moves = "neuron"
    layered = True
    enters = "open"
    leads = "Parameters"

    @override
    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        reading = inside.reading
        assert isinstance(reading, NeuronsReading)
        opened = reading.opened if state.look.neuron is not None else None
        if opened is None:
            self._grid(page, inside, state, reading)
        elif page.width >= BESIDE:
            grid, one = page.part(page.width - OPENED - 3), page.part(OPENED)
            self._grid(grid, inside, state, reading)
            self._opened(one, opened)
            page.beside([grid, one], gap=3)
        else:
            self._opened(page, opened)

    # ------------------------------------------------------------ all of them

    def _grid(
        self, page: Page, inside: Inside, state: InsideState, reading: NeuronsReading
    ) -> None:
        rows = reading.activations
        chosen = state.cursor("neurons", len(rows))
        total = len(inside.positions)
        count = min(total, page.width - LABEL)
        left = window(state.position(inside), state.scrolled.get("fired", 0), count, total)
        state.scrolled["fired"] = left
        shown_positions = range(left, left + count)
        scale = largest(*rows)
        firing = sum(any(row) for row in rows)
        now = sum(1 for z in reading.pre_activations if z > 0)
        head: Line = [
            (f"layer {inside.look.layer}: ", "muted"),
            (f"{firing} of {len(rows)}", "strong"),
            (" fire in this text, ", "muted"),
            (f"{now}", "strong"),
            (f" at position {inside.look.position}", "muted"),
        ]
        legend: Line = [
            ("   shade 0 ", "muted"),
            *(page.shade("", eased(step / 4), 1) for step in range(5)),
            (f" {num(scale)}", "muted"),
        ]
        page.add(*head, *(legend if width_of([*head, *legend]) <= page.width else []))
        height = max(1, page.room - 3)
        blocks = -(-len(rows) // height)
        fitting = (c for c in (3, 2) if blocks * (LABEL + c * count + 2) <= page.width + 2)
        cell = next(fitting, 1)
        each = LABEL + cell * count + 2
        across = max(1, (page.width + 2) // each)
        tall = min(height, -(-len(rows) // across))
        shown = across * tall
        first = state.scrolled.get("neurons", 0)
        if chosen < first or chosen >= first + shown or first >= len(rows):
            first = max(0, min(chosen // tall * tall, len(rows) - 1))
            first = min(first, max(0, -(-(len(rows) - shown) // tall) * tall))
        state.scrolled["neurons"] = first
        columns = []
        for start in range(first, min(first + shown, len(rows)), tall):
            part = page.part(each - 2, 10_000)
            self._header(part, inside, state, cell, shown_positions)
            for j in range(start, min(start + tall, first + shown, len(rows))):
                self._row(part, inside, state, rows[j], j, chosen, cell, scale, shown_positions)
            columns.append(part)
        page.beside(columns)
        parts = [
            part_words(min(shown, len(rows) - first), first, len(rows), "neurons"),
            part_words(count, left, total, "positions"),
        ]
        hidden = ", ".join(one for one in parts if one)
        z = reading.pre_activations[chosen] if chosen < len(reading.pre_activations) else 0.0
        at = inside.look.position
        words = (
            f"neuron {chosen} at {at} {quoted(inside.positions[at].token)}: "
            f"fc1·x = {num(z, 3)}, relu({num(z, 3)}) = {num(0.0 if z <= 0 else z, 3)}"
        )
        page.add((fit(words, page.width), "pointed"))
        if hidden:
            page.add((hidden, "caution"))

    def _header(
        self, page: Page, inside: Inside, state: InsideState, cell: int, shown: range
    ) -> None:
        line: Line = [(" " * LABEL, "text")]
        at = state.position(inside)
        for p in shown:
            text = cell_text(inside.positions[p].token, cell, left=True)
            line.append((text, "pointed" if p == at else "muted"))
        page.add(*joined(line))

    def _row(
        self, page: Page, inside: Inside, state: InsideState, values: Sequence[float], j: int,
        chosen: int, cell: int, scale: float, shown: range,
    ) -> None:  # fmt: skip
        here, at = j == chosen, state.position(inside)
        fires = any(values)
        mark: Ink = "pointed" if here else "text" if fires else "faint"
        line: Line = [(f"{'▸' if here else ' '}{j:>3} ", mark)]
        none = "·" if fires else "○"
        first, last = shown[0], shown[-1] + 1
        if not here or at not in shown:
            line += page.tints(values[first:last], scale, cell, none)
        else:
            value = values[at] if at < len(values) else 0.0
            text = "" if value else none
            line += page.tints(values[first:at], scale, cell, none)
            line.append(page.shade(text, eased(value / scale), cell, True))
            line += page.tints(values[at + 1 : last], scale, cell, none)
        page.hit(0, LABEL, ("neuron", j, -1))
        page.hit(LABEL, LABEL + cell * len(shown), ("neuron", j, shown[0]), cell)
        page.add(*line)

    # ------------------------------------------------------------ one of them

    def _opened(self, page: Page, one: NeuronReading) -> None:
        page.add((f"neuron {one.neuron} of layer {one.layer}", "strong"))
        low = page.room < 22
        most = max(1, min(6, (page.room - 4) // 4)) if not low else max(1, (page.room - 7) // 3)
        width = (page.width - 2) // 2
        self._pair(page, width, most, "promotes", one.promotes, "demotes", one.demotes)
        self._pair(page, width, most, "wakes by", one.wakes, "is quieted by", one.quiets)
        fires = f"fires most in, of {one.looked_at:,} documents"
        if not one.fires:
            page.add((f"never fires in the {one.looked_at:,} documents that were looked at",
                      "muted"))  # fmt: skip
            return
        page.add((fires, "muted"))
        top = largest([value for _, _, value in one.fires])
        for text, position, value in one.fires[: max(1, page.room)]:
            page.add(*self._fires(page, text, position, value, top))

    def _pair(
        self, page: Page, width: int, most: int, left: str, ups: Sequence[tuple[str, float]],
        right: str, downs: Sequence[tuple[str, float]],
    ) -> None:  # fmt: skip
        scale = largest([value for _, value in (*ups, *downs)])
        parts = []
        for title, pairs in ((left, ups), (right, downs)):
            part = page.part(width, 10_000)
            part.add((title, "muted"))
            for token, value in pairs[:most]:
                ink: Ink = "minus" if value < 0 else "plus"
                bar = part.bar(abs(value) / scale, max(4, width - 16), ink)
                part.add((fit(f" {token_text(token)}", 7), "text"), *bar,
                         (f" {plus(value):>6}", "text"))  # fmt: skip
            parts.append(part)
        page.beside(parts)

    def _fires(self, page: Page, text: str, position: int, value: float, top: float) -> Line:
        """A document with the place marked where the neuron fires."""
        room = page.width - 22
        line: Line = [(f" at {position:>3} ", "muted"), *page.bar(value / top, 6),
                      (f" {num(value):>5} ", "text")]  # fmt: skip
        shown = visible(text)
        return [*line, (fit(shown, room).rstrip(), "strong")]

    # ------------------------------------------------------------ keys

    @override
    def number(self, inside: Inside, state: InsideState) -> str | None:
        assert isinstance(inside.reading, NeuronsReading)
        neuron = state.cursor("neurons", len(inside.reading.activations))
        parts = inside.shape.parts
        return neuron_number(inside.look.layer, neuron, inside.look.position, parts)

    @override
    def parts(self, inside: Inside, state: InsideState) -> Sequence[Component]:
        assert isinstance(inside.reading, NeuronsReading)
        neuron = state.cursor("neurons", len(inside.reading.activations))
        return (Component("neuron", inside.look.layer, neuron),)

    @override
    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        assert isinstance(inside.reading, NeuronsReading)
        state.move("neurons", by, len(inside.reading.activations))
        if state.look.neuron is not None:
            state.change(neuron=state.cursors["neurons"])

    @override
    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        before = (state.cursors.get("neurons", 0), state.position(inside))
        state.cursors["neurons"] = what[1]
        if what[2] >= 0:
            state.change(position=what[2])
        return before == (what[1], what[2] if what[2] >= 0 else before[1])

    @override
    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        reading = inside.reading
        assert isinstance(reading, NeuronsReading)
        chosen = state.cursor("neurons", len(reading.activations))
        if state.look.neuron == chosen:
            return Place(f"layer{state.layer(inside)}.mlp_fc1", chosen, 0)
        state.change(neuron=chosen)
        return None
