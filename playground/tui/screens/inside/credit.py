"""View 4, Credit: the exact parts of one logit, as a waterfall that ends at the logit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from microgpt.surgery import Component
from playground.lab.protocol.inside import MEAN, CreditPart, CreditReading, Inside, View
from playground.tui.screens.inside.graph_names import attention_number, neuron_number
from playground.tui.screens.inside.page import (
    Page,
    ViewPage,
    lines_words,
    num,
    plus,
    quoted,
    width_of,
)
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit, visible

NAME = 27
"""Columns of a part's name."""
VALUE = 8
KINDS = (("wte", "token"), ("wpe", "position"), ("head", "heads"), ("neuron", "neurons"))


class CreditView(ViewPage):
    name: ClassVar[View] = "credit"
    moves = "part"
    enters = "open"
    turns = "against"

    @override
    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        reading = inside.reading
        assert isinstance(reading, CreditReading)
        parts = reading.parts
        at = inside.look.position
        head: Line = [
            (f"logit of {quoted(reading.token)}", "strong"),
            (f" after position {at} {quoted(inside.positions[at].token)}", "muted"),
        ]
        if reading.against:
            against = visible(reading.against)
            against = "the mean logit" if inside.look.against == MEAN else f"that of ‘{against}’"
            head += [(" minus ", "muted"), (against, "strong")]
        page.add(*head)
        chosen = state.cursor("credit", len(parts) + 1)  # the last one is the sum
        rest = reading.rest_count > 0
        shown = min(len(parts), max(1, page.room - 3 - rest))
        first = window(
            min(chosen, len(parts) - 1), state.scrolled.get("credit", 0), shown, len(parts)
        )
        state.scrolled["credit"] = first
        hidden = lines_words(shown, first, len(parts), "parts")
        kinds = self._kinds(reading)
        page.add(
            *(kinds if width_of(kinds) + len(hidden) <= page.width else []), (hidden, "caution")
        )
        sums = [0.0]
        for part in parts:
            sums.append(sums[-1] + part.value)
        sums.append(sums[-1] + reading.rest)
        finite = [one for one in sums if math.isfinite(one)] or [0.0]
        scale = _Scale(min(finite), max(finite), max(8, page.width - NAME - VALUE - 4))
        mark: Ink
        for k in range(first, first + shown):
            part = parts[k]
            mine = self._mine(part, inside, state)
            mark = "pointed" if k == chosen else "strong" if mine else "text"
            sign = "▸" if k == chosen else "◆" if mine else " "
            name = fit(visible(part.name), NAME)
            line: Line = [
                (f"{sign} ", mark),
                (name, mark),
                (f"{plus(part.value, 3):>{VALUE}}  ", mark),
            ]
            line += scale.bar(sums[k], sums[k + 1], page.mono)
            page.add(*line, what=("part", k, 0))
        if rest:
            words = f"  {reading.rest_count:,} smaller parts"
            line = [
                (fit(words, NAME + 2), "muted"),
                (f"{plus(reading.rest, 3):>{VALUE}}  ", "muted"),
            ]
            page.add(*line, *scale.bar(sums[-2], sums[-1], page.mono))
        count = len(parts) + reading.rest_count
        here = chosen == len(parts)
        mark = "pointed" if here else "strong"
        page.add((fit(f"{'▸' if here else ' '} sum of all {count:,} parts", NAME + 2), mark),
                 (f"{plus(reading.total, 3):>{VALUE}}  ", mark),
                 *scale.bar(0.0, reading.total, page.mono, "strong"),
                 what=("part", len(parts), 0))  # fmt: skip
        off = abs(reading.total - reading.logit)
        what = "the logit" if not reading.against else "the difference"
        page.say(f"sum {num(reading.total, 6)} = {what} that the model computed, "
                 f"{num(reading.logit, 6)}, to {_power(off)}", "text", most=1)  # fmt: skip

    def _kinds(self, reading: CreditReading) -> Line:
        line: Line = []
        for kind, word in KINDS:
            values = [part.value for part in reading.parts if part.kind == kind]
            if not values and kind != "neuron":
                continue  # left out of the model, or not read by lm_head
            line += [(f"{word} ", "muted"), (f"{plus(sum(values))}  ", "text")]
        if reading.rest_count:
            line += [("others ", "muted"), (f"{plus(reading.rest)}  ", "text")]
        return line

    def _mine(self, part: CreditPart, inside: Inside, state: InsideState) -> bool:
        """True for the parts of what is chosen in another view."""
        if part.layer != state.layer(inside):
            return False
        if part.kind == "head":
            return part.index == state.head(inside)
        return part.kind == "neuron" and part.index == state.cursors.get("neurons", -1)

    @override
    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        assert isinstance(inside.reading, CreditReading)
        state.move("credit", by, len(inside.reading.parts) + 1)

    @override
    def turn(self, inside: Inside, state: InsideState) -> None:
        """Against nothing, the mean, the likeliest token or what comes, and so on."""
        one = state.reads(inside)
        explained = one.target_id if state.look.token is None else state.look.token
        other = one.best_id if one.best_id != explained else one.target_id
        ways = [None, MEAN] if other == explained else [None, MEAN, other]
        at = ways.index(state.look.against) if state.look.against in ways else 0
        state.change(against=ways[(at + 1) % len(ways)])

    @override
    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        before = state.cursors.get("credit", 0)
        state.cursors["credit"] = what[1]
        return before == what[1]

    def _part(self, inside: Inside, state: InsideState) -> CreditPart | None:
        """The chosen part; None for the sum."""
        assert isinstance(inside.reading, CreditReading)
        parts = inside.reading.parts
        chosen = state.cursor("credit", len(parts) + 1)
        return parts[chosen] if chosen < len(parts) else None

    @override
    def number(self, inside: Inside, state: InsideState) -> str:
        """What the part comes by: the attention weight, the activation of the neuron, the first
        number of an embedding; of the sum, the logit."""
        assert isinstance(inside.reading, CreditReading)
        part, at = self._part(inside, state), inside.look.position
        if part is None:
            return f"logits[{at}][{inside.reading.token_id}]"
        if part.kind == "head":
            return attention_number(part.layer, part.index, at, part.source)
        if part.kind == "neuron":
            return neuron_number(part.layer, part.index, at, inside.shape.parts)
        return f"wte[{state.reads(inside).id}][0]" if part.kind == "wte" else f"wpe[{at}][0]"

    @override
    def parts(self, inside: Inside, state: InsideState) -> Sequence[Component]:
        part = self._part(inside, state)
        if part is None:
            return ()
        if part.kind == "head" or part.kind == "neuron":
            return (Component(part.kind, part.layer, part.index),)
        if part.kind == "wte":
            return (Component("token", index=state.reads(inside).id),)
        return (Component("position", index=inside.look.position),)

    @override
    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        part = self._part(inside, state)
        if part is None:
            state.open_number(self.number(inside, state))
        elif part.kind == "head":
            state.go(view="attention", layer=part.layer, head=part.index, source=part.source)
        elif part.kind == "neuron":
            state.go(view="neurons", layer=part.layer, neuron=part.index)
            state.cursors["neurons"] = part.index
        else:
            row = state.reads(inside).id if part.kind == "wte" else state.position(inside)
            return Place(part.kind, row, 0)
        return None


class _Scale:
    """Where numbers stand on the line of the waterfall."""

    def __init__(self, low: float, high: float, width: int) -> None:
        self._low, self._width = low, width
        self._each = (high - low) / width or 1.0

    def _at(self, value: float) -> int:
        if not math.isfinite(value):
            return 0
        return min(max(int((value - self._low) / self._each), 0), self._width - 1)

    def bar(self, start: float, end: float, mono: bool, ink: Ink = "") -> Line:
        """From `start` to `end`, with a line where 0 is. Without colours, what lowers is hollow."""
        if not math.isfinite(end - start):
            return [("not a number", "bad")]
        first, last = sorted((self._at(start), self._at(end)))
        zero = self._at(0.0)
        down = end < start
        glyph = "▒" if down and mono else "█"
        cells = [" "] * self._width
        cells[zero] = "│"
        ink = ink or ("minus" if down else "plus")
        before = "".join(cells[:first])
        after = "".join(cells[last + 1 :])
        length = last - first + 1
        body = glyph * length if length > 1 else ("◂" if down else "▸")
        return [(before, "faint"), (body, ink), (after, "faint")]


def _power(difference: float) -> str:
    return "the last digit" if difference == 0 else f"{difference:.0e}"
