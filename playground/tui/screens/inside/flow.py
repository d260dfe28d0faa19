"""View 1, Flow: the machine as a map, from the token to the probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from microgpt.surgery import Component, ComponentKind
from playground.lab.protocol.inside import FlowReading, FlowStage, Inside, View
from playground.tui.screens.inside.graph_names import stage_number
from playground.tui.screens.inside.page import (
    Page,
    ViewPage,
    largest,
    lines_words,
    num,
    plus,
    shown_name,
    token_text,
)
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.screens.inside.words import TITLES
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit
from playground.widths import cell_len

STREAM = ("x", "x_mid", "x_out")
"""The stages that are the residual stream itself."""
WRITES = ("head", "mlp")
"""The stages that are added to it."""


class FlowView(ViewPage):
    name: ClassVar[View] = "flow"
    moves = "stage"
    beside = "number"
    enters = "open"

    @override
    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        reading = inside.reading
        assert isinstance(reading, FlowReading)
        stages = reading.stages
        chosen = state.cursor("flow", len(stages))
        shown = min(len(stages), max(1, page.room - 2))
        first = window(chosen, state.scrolled.get("flow", 0), shown, len(stages))
        state.scrolled["flow"] = first
        names = max((len(_name(one)) for one in stages), default=4) + 1
        shapes = max((len(one.shape) for one in stages), default=4)
        left = 5 + names + shapes + 2
        added = "residual" in inside.shape.parts
        for k in range(first, first + shown):
            stage = stages[k]
            mark: Ink = "pointed" if k == chosen else "strong" if _stream(stage) else "text"
            line: Line = [
                ("▸" if k == chosen else " ", "pointed"),
                (_spine(stages, k, added), "muted"),
            ]
            line += [(fit(_name(stage), names), mark), (fit(stage.shape, shapes), "muted")]
            line.append(("  ", "text"))
            ranged = largest(stage.values)
            scale = f" ±{num(ranged)}"
            room = page.width - left - len(scale)
            number = state.cursor("flow number", len(stage.values)) if k == chosen else -1
            cell, count = page.strip_plan(len(stage.values), room)
            page.hit(left, left + cell * count, ("value", k, 0), cell)
            line += page.strip(stage.values, ranged, room, number)
            line.append((scale, "faint"))
            page.add(*line, what=("stage", k, 0))
        hidden = lines_words(shown, first, len(stages), "stages")
        stage = stages[chosen]
        room = page.width - len(hidden) - 3 * bool(hidden)
        words = f"{_name(stage)} {stage.shape}{self._leads(stage)}"
        opens = f"   o: {shown_name(self.number(inside, state) or '', state.reads(inside))}"
        if cell_len(words) + cell_len(opens) <= room:
            words += opens
        page.add((fit(words, room), "pointed"), (f"   {hidden}" if hidden else "", "caution"))
        page.add(*_numbers(stage.values, state.cursor("flow number", len(stage.values)),
                           page.width))  # fmt: skip

    def _leads(self, stage: FlowStage) -> str:
        if stage.view is not None:
            return f"   enter: {TITLES[stage.view]}"
        return f"   enter: {stage.matrix} in Parameters" if stage.matrix else ""

    @override
    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        assert isinstance(inside.reading, FlowReading)
        state.move("flow", by, len(inside.reading.stages))

    @override
    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        name, stage, number = what
        before = (state.cursors.get("flow", 0), state.cursors.get("flow number", 0))
        state.cursors["flow"] = stage
        if name == "stage":
            return before[0] == stage
        state.cursors["flow number"] = number
        if before == (stage, number) and (opened := self.number(inside, state)):
            state.open_number(opened)
        return False

    @override
    def sideways(self, inside: Inside, state: InsideState, by: int) -> None:
        """Choose another number of the stage."""
        state.move("flow number", by, len(self._stage(inside, state).values))

    @override
    def number(self, inside: Inside, state: InsideState) -> str | None:
        stage = self._stage(inside, state)
        index = state.cursor("flow number", len(stage.values))
        at, reads, parts = inside.look.position, state.reads(inside).id, inside.shape.parts
        return stage_number(stage, at, reads, index, parts) or None

    @override
    def parts(self, inside: Inside, state: InsideState) -> Sequence[Component]:
        """The head, token, position or neuron of the stage, then its matrix."""
        stage = self._stage(inside, state)
        found = []
        if stage.head >= 0:
            found.append(Component("head", stage.layer, stage.head))
        elif stage.matrix.endswith("mlp_fc1"):
            index = state.cursor("flow number", len(stage.values))
            found.append(Component("neuron", stage.layer, index))
        elif stage.matrix in ("wte", "wpe") and stage.row >= 0:
            kind: ComponentKind = "token" if stage.matrix == "wte" else "position"
            found.append(Component(kind, index=stage.row))
        if stage.matrix:
            found.append(Component("matrix", matrix=stage.matrix))
        return found

    def _stage(self, inside: Inside, state: InsideState) -> FlowStage:
        """The chosen stage."""
        assert isinstance(inside.reading, FlowReading)
        stages = inside.reading.stages
        return stages[state.cursor("flow", len(stages))]

    @override
    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        stage = self._stage(inside, state)
        layer = stage.layer if stage.layer >= 0 else state.look.layer
        head = stage.head if stage.head >= 0 else state.look.head
        if stage.view is not None:
            state.go(view=stage.view, layer=layer, head=head)
            return None
        return Place(stage.matrix, max(0, stage.row), 0) if stage.matrix else None


def _name(stage: FlowStage) -> str:
    name = token_text(stage.name)
    if stage.head < 0:
        return name
    return f"{name} {stage.head}" if name == "head" else f"{name} head {stage.head}"


def _stream(stage: FlowStage) -> bool:
    return stage.name in STREAM


def _spine(stages: Sequence[FlowStage], k: int, added: bool) -> str:
    """The residual stream as a line at the left: a dot where it stands, a branch where a copy
    leaves it, a plus where something is added to it; "=" where that takes its place, as it does in
    a model without residual."""
    stage = stages[k]
    begun = any(_stream(one) for one in stages[:k])
    goes_on = any(_stream(one) for one in stages[k + 1 :])
    if _stream(stage):
        return " ●━ "
    if not begun:
        return " ┌─ " if k == 0 else " ├+ " if stage.matrix else " │= "
    if not goes_on:
        return " ╰→ " if _stream(stages[k - 1]) else "  → "
    if stage.name in WRITES:
        return " ├+ " if added else " │= "
    return " ├→ " if _stream(stages[k - 1]) else " │  "


def _numbers(values: Sequence[float], chosen: int, width: int) -> Line:
    """The numbers about the chosen one, which is marked, as far as they have room."""
    texts = [plus(one) for one in values]
    first, shown = 0, len(texts)
    if sum(map(len, texts)) + len(texts) > width:
        shown = max(1, (width - 20) // 7)
        first = window(chosen, max(0, chosen - shown // 2), shown, len(texts))
    line: Line = [(f"… {first} before  " if first else "", "muted")]
    for k in range(first, min(first + shown, len(texts))):
        line += [(texts[k], "cursor" if k == chosen else "text"), (" ", "text")]
    if after := len(texts) - first - shown:
        line.append((f" and {after} more", "muted"))
    return line
