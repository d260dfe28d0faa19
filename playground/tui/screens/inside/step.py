"""View 8, Step: the autopsy of the last step, from its losses down to one weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from microgpt.surgery import Component
from playground.lab.protocol.inside import Inside, View
from playground.lab.protocol.step import HeldOutText, MatrixUpdate, StepReading, WeightUpdate
from playground.tui.screens.inside.page import (
    Page,
    ViewPage,
    cell_text,
    largest,
    lines_words,
    num,
    plus,
    quoted,
    width_of,
)
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.screens.surgery.parts import parts_at
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit, visible
from playground.words import many

NAME = 18
"""Columns of a matrix's name, at most."""
FIGURE = 8
SHARE = 5
"""Columns of a share."""
TABLE = 100
"""Columns of the table where a weight stands beside it, if it needs no more."""
WEIGHT = 44
"""Columns of an opened weight beside the table, at least."""
USUAL = 0.001
"""‖Δ‖/‖θ‖ of a step that is neither timid nor wild, by the usual rule of thumb."""


class StepView(ViewPage):
    name: ClassVar[View] = "step"
    moves = "matrix"
    beside = "letter"
    enters = "weight"
    leads = "Parameters"

    @override
    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        reading = inside.reading
        assert isinstance(reading, StepReading)
        self._losses(page, reading)
        table = self._table_width(reading)
        if reading.weight is None:
            self._table(page, inside, state, reading)
            self._texts(page, reading)
        elif page.width >= table + WEIGHT + 3:
            left = page.part(max(table, min(TABLE, page.width - WEIGHT - 3)))
            right = page.part(page.width - left.width - 3)
            self._table(left, inside, state, reading)
            self._texts(left, reading)
            self._weight(right, reading, reading.weight)
            page.beside([left, right], gap=3)
        else:
            self._weight(page, reading, reading.weight)

    # ------------------------------------------------------------ what it did to the losses

    def _losses(self, page: Page, reading: StepReading) -> None:
        count = len(reading.documents)
        learnt = "the text above" if count == 1 else f"{count} texts, the first one above"
        line: Line = [
            (f"step {reading.step:,}", "strong"),
            (f" learnt from {learnt}, lr {reading.learning_rate:.4g}", "muted"),
        ]
        engine = f"of {visible(reading.engine)} "
        if reading.check is None:
            check: Line = [("no gradient check ", "muted"), ("in float32", "muted")]
        else:
            ratio = reading.check.ratio
            ink: Ink = "text" if abs(ratio - 1) < 1e-3 else "bad"
            check = [("gradient check ", "muted"), (f"{ratio:.6f}", ink)]
        gap = page.width - width_of(line) - width_of(check)
        if gap - len(engine) >= 2:
            check.insert(1, (engine, "muted"))
            gap -= len(engine)
        page.add(*line, *([(" " * gap, "text"), *check] if gap >= 2 else []))
        rest = reading.change - reading.foretold
        own = "its text" if len(reading.documents) == 1 else "its texts"
        pieces: Line = [
            (f"{own} {num(reading.before, 3)} → {num(reading.after, 3)} nats, ", "muted"),
            (plus(reading.change, 4), "strong"),
            (", g·Δθ foretold ", "muted"),
            (plus(reading.foretold, 4), "text"),
            (", curvature ", "muted"),
            (plus(rest, 4), "text"),
        ]
        page.add(*_fitting(pieces, page.width))
        held = reading.heldout
        if held is None:
            page.add(("no texts are held out", "muted"))
            return
        still = held.documents - reading.better - reading.worse
        error = "" if held.error is None else f" ± {num(held.error, 4)}"
        noise = ", within the noise" if held.within_noise else ""
        pieces = [
            ("held out ", "muted"),
            (f"{plus(held.delta, 4)}{error}", "strong"),
            (f" on {many(held.documents, 'text')}{noise}; ", "muted"),
            (f"{reading.better:,} better, {reading.worse:,} worse", "text"),
            (f", {still:,} as before" if still else "", "muted"),
        ]
        page.add(*_fitting(pieces, page.width))

    def _texts(self, page: Page, reading: StepReading) -> None:
        """The held-out texts that were moved most, where there is room for them."""
        if page.room < 4 or reading.heldout is None:
            return
        page.blank()
        width = (page.width - 2) // 2
        most = page.room - 1
        parts = []
        top = largest([one.delta for one in (*reading.most_better, *reading.most_worse)])
        for title, texts in (
            ("held out, most better", reading.most_better),
            ("most worse", reading.most_worse),
        ):
            part = page.part(width)
            part.add((title, "muted"))
            for one in texts[:most]:
                part.add(*self._text(part, one, top))
            parts.append(part)
        page.beside(parts)

    def _text(self, page: Page, one: HeldOutText, top: float) -> Line:
        bar = max(8, min(24, page.width // 4))
        ink: Ink = "minus" if one.delta < 0 else "plus"
        return [
            (fit(" " + (visible(one.text, spaces=True) or "∅"), page.width - bar - 11), "text"),
            (f"{plus(one.delta, 4):>9} ", "text"),
            *page.bar(abs(one.delta) / top, bar, ink),
        ]

    # ------------------------------------------------------------ who moved which matrix

    def _name_width(self, reading: StepReading) -> int:
        return min(NAME, max(len(one.name) for one in reading.matrices) + 1)

    def _table_width(self, reading: StepReading) -> int:
        shares = 1 + len(reading.tokens)
        return self._name_width(reading) + 2 * FIGURE + 2 + SHARE * shares

    def _table(self, page: Page, inside: Inside, state: InsideState, reading: StepReading) -> None:
        matrices = reading.matrices
        chosen = state.cursor("step", len(matrices))
        pull = self._pull(inside, state, reading)
        names = self._name_width(reading)
        total = len(reading.tokens)
        before = names + 2 * FIGURE + SHARE + 2
        count = max(1, min(total, (page.width - before) // SHARE))
        left = window(pull, state.scrolled.get("pull", 0), count, total)
        state.scrolled["pull"] = left
        letters = range(left, left + count)
        header: Line = [
            (" " * names, "text"),
            (f"{'‖Δ‖/‖θ‖':>{FIGURE}}{'cos g,m':>{FIGURE}} ", "muted"),
            (f"{'memory':>{SHARE + 1}}", "muted"),
        ]
        for k in letters:
            text = "→" + cell_text(reading.tokens[k].target, SHARE - 2, left=True)
            header.append((f" {text}"[:SHARE].ljust(SHARE), "pointed" if k == pull else "muted"))
        page.add(*header)
        self._changes(page, reading, letters, before, pull)
        scale = largest(*((one.memory, *one.tokens) for one in matrices))
        said = self._read_out(reading, matrices[chosen], pull)
        words = page.part(page.width, 3)
        words.say(said, "pointed", most=3 if page.room > len(matrices) + 2 else 2)
        hidden_letters = lines_words(count, left, total, "letters")
        foot = len(words.lines) + bool(hidden_letters)
        shown = min(len(matrices), max(1, page.room - foot))
        if shown < len(matrices):
            shown = max(1, shown - (not hidden_letters))
        first = window(chosen, state.scrolled.get("step", 0), shown, len(matrices))
        state.scrolled["step"] = first
        for k in range(first, first + shown):
            self._matrix(page, matrices[k], k, k == chosen, names, letters, pull, scale, before)
        hidden = ", ".join(
            one for one in (lines_words(shown, first, len(matrices), "matrices"), hidden_letters)
            if one
        )  # fmt: skip
        if hidden:
            page.add((fit(hidden, page.width), "caution"))
        page.below(words)

    def _changes(
        self, page: Page, reading: StepReading, letters: range, before: int, pull: int
    ) -> None:
        """What the step did to the loss of each letter that it learnt from."""
        line: Line = [(fit("change of each letter's loss, in nats", before - 1), "muted")]
        line.append((" ", "text"))
        for k in letters:
            one = reading.tokens[k]
            line.append((f"{_short(one.after - one.before):>{SHARE}}",
                         "pointed" if k == pull else "text"))  # fmt: skip
        page.add(*line)

    def _matrix(
        self, page: Page, one: MatrixUpdate, k: int, chosen: bool, names: int, letters: range,
        pull: int, scale: float, before: int,
    ) -> None:  # fmt: skip
        mark: Ink = "pointed" if chosen else "text"
        far = one.ratio > 10 * USUAL
        line: Line = [
            (fit(f"{'›' if chosen else ' '}{visible(one.name)}", names), mark),
            (f"{_ratio(one.ratio):>{FIGURE}}", "caution" if far else mark),
            (f"{plus(one.cosine):>{FIGURE}}  ", "muted"),
            page.sign(_share(one.memory), one.memory, scale, SHARE),
        ]
        for letter in letters:
            share = one.tokens[letter]
            line.append(page.sign(_share(share), share, scale, SHARE, chosen and letter == pull))
        page.hit(0, before, ("matrix", k, -1))
        page.hit(before, before + SHARE * len(letters), ("matrix", k, letters[0]), SHARE)
        page.add(*line)

    def _read_out(self, reading: StepReading, one: MatrixUpdate, pull: int) -> str:
        """The chosen cell in words, with the numbers plugged in."""
        name = visible(one.name)
        letter = reading.tokens[pull]
        if not one.update:
            return f"{name} stood still: ‖g‖ = {num(one.gradient, 4)}"
        return (
            f"{name}: ‖Δ‖ {num(one.update, 4)} / ‖θ‖ {num(one.weights, 3)} = {_ratio(one.ratio)} "
            f"(about {USUAL:g} is usual), ‖g‖ {num(one.gradient, 3)}; of it "
            f"{_percent(one.tokens[pull])} to predict {quoted(letter.target)} after "
            f"{quoted(letter.token)}, {_percent(one.memory)} memory of earlier steps"
        )

    def _pull(self, inside: Inside, state: InsideState, reading: StepReading) -> int:
        """The chosen letter among those of all documents of the step: that of the position, until
        another is chosen."""
        at = min(state.position(inside), len(reading.tokens) - 1)
        if state.cursors.get("pull at") != at:
            return at
        return state.cursor("pull", len(reading.tokens))

    # ------------------------------------------------------------ one weight

    def _weight(self, page: Page, reading: StepReading, one: WeightUpdate) -> None:
        name = f"{one.matrix}[{one.row},{one.column}]"
        head: Line = [
            (visible(name), "strong"),
            (" moved by ", "muted"),
            (plus(one.delta, 6), "strong"),
            (f" from {num(one.before, 6)}", "muted"),
        ]
        page.add(*_fitting(head, page.width))
        divided = f"the update is divided by √v̂ + ε = {num(one.denominator, 4)}"
        if reading.optimizer == "sgd":
            divided = f"SGD took {num(reading.learning_rate, 4)} times that off"
        page.say(f"its gradient {plus(one.gradient, 4)}; {divided}", most=2)
        if one.held is not None:
            page.say(f"it is held: the step put it back to {num(one.held, 6)} at its end", most=2)
        rows = [
            (f"to predict {quoted(letter.target)}", part)
            for letter, part in zip(reading.tokens, one.tokens, strict=True)
        ]
        rows += [(f"memory of step {step:,}", part) for step, part in one.steps]
        if one.older or not math.isfinite(one.older):
            rows.append(("memory of all before", one.older))
        scale = largest([part for _, part in rows])
        room = max(1, page.room - 1)
        if len(rows) > room:  # the largest stay, and the rest is one sum
            order = sorted(range(len(rows)), key=lambda k: -abs(rows[k][1]))
            kept = sorted(order[: room - 1])
            rest = math.fsum(rows[k][1] for k in order[room - 1 :])
            rows = [*(rows[k] for k in kept), (f"{len(order) - len(kept)} smaller parts", rest)]
        bar = max(4, min(30, page.width - 24 - 12))
        for label, part in rows:
            ink: Ink = "minus" if part < 0 else "plus"
            page.add((fit(f" {label}", 24), "text"), (f"{plus(part or 0.0, 7):>11} ", "text"),
                     *page.bar(abs(part) / scale, bar, ink))  # fmt: skip
        page.add((fit(" together", 24), "pointed"), (f"{plus(one.delta, 7):>11}", "pointed"))

    # ------------------------------------------------------------ keys

    @override
    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        reading = inside.reading
        assert isinstance(reading, StepReading)
        state.move("step", by, len(reading.matrices))
        if state.look.weight is not None:
            self._open(state, reading)

    @override
    def sideways(self, inside: Inside, state: InsideState, by: int) -> None:
        reading = inside.reading
        assert isinstance(reading, StepReading)
        self._choose(inside, state, (self._pull(inside, state, reading) + by) % len(reading.tokens))

    def _choose(self, inside: Inside, state: InsideState, pull: int) -> None:
        reading = inside.reading
        assert isinstance(reading, StepReading)
        if reading.tokens[pull].document == 0:  # the text above
            state.choose(reading.tokens[pull].position, inside)
        state.cursors["pull"] = pull
        state.cursors["pull at"] = min(state.position(inside), len(reading.tokens) - 1)

    @override
    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        reading = inside.reading
        assert isinstance(reading, StepReading)
        before = state.cursor("step", len(reading.matrices)), self._pull(inside, state, reading)
        state.cursors["step"] = what[1]
        if what[2] >= 0:
            self._choose(inside, state, min(what[2], len(reading.tokens) - 1))
        return before == (what[1], what[2] if what[2] >= 0 else before[1])

    @override
    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        reading = inside.reading
        assert isinstance(reading, StepReading)
        if state.look.weight is not None:
            return Place(*state.look.weight)
        self._open(state, reading)
        return None

    def _open(self, state: InsideState, reading: StepReading) -> None:
        """Open the weight of the chosen matrix that was moved farthest."""
        one = reading.matrices[state.cursor("step", len(reading.matrices))]
        state.change(weight=(one.name, one.row, one.column))

    @override
    def number(self, inside: Inside, state: InsideState) -> str | None:
        weight = state.look.weight
        return None if weight is None else f"{weight[0]}[{weight[1]}][{weight[2]}]"

    @override
    def parts(self, inside: Inside, state: InsideState) -> Sequence[Component]:
        """The opened weight and what it belongs to, or else the chosen matrix."""
        assert isinstance(inside.reading, StepReading)
        if state.look.weight is not None:
            return parts_at(*state.look.weight, inside.shape.head_dim)
        matrices = inside.reading.matrices
        one = matrices[state.cursor("step", len(matrices))]
        return (Component("matrix", matrix=one.name),)


def _fitting(line: Line, width: int) -> Line:
    """As many pieces of the line as have room."""
    while width_of(line) > width:
        line = line[:-1]
    return line


def _ratio(ratio: float) -> str:
    return f"{ratio:.5f}" if ratio < 1 else num(ratio)


def _share(share: float) -> str:
    """A share in five columns: "+.12", "1.00"."""
    if share != share:
        return "·"
    text = f"{share:+.2f}" if abs(share) >= 0.005 else " 0.00"
    return text.replace("0.", ".", 1) if abs(share) < 0.995 else text


def _short(nats: float) -> str:
    """A change in five columns."""
    return _share(nats) if abs(nats) < 0.995 else f"{nats:+.1f}"[:4]


def _percent(share: float) -> str:
    return f"{round(100 * share):d} %" if math.isfinite(share) else "nan"
