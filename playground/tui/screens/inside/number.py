"""View 7, Number: the family of one number, from the loss down to the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from microgpt.surgery import Component
from playground.lab.protocol.inside import Inside, NumberNode, NumberReading, View
from playground.tui.screens.inside.page import Page, ViewPage, largest, lines_words, num, plus
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.screens.surgery.parts import parts_at
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

NUMBERS = (("value", 11), ("gradient", 11), ("local", 11))
"""The columns of numbers, and their widths."""
BAR = 12
LISTED = 6
"""Numbers made from the opened one that are listed, at most."""


class NumberView(ViewPage):
    name: ClassVar[View] = "number"
    moves = "line"
    enters = "open/fold"
    rises = True

    @override
    def draw(self, page: Page, inside: Inside, state: InsideState) -> None:
        reading = inside.reading
        assert isinstance(reading, NumberReading)
        nodes = reading.nodes
        if not nodes:
            page.say("There is no such number.")
            return
        rows = _rows(reading, page.room)
        root = len(rows) - len(nodes)
        chosen = self._chosen(state, rows, root)
        roomy = page.width >= 100
        bar = BAR if roomy else 0
        name = page.width - sum(width for _, width in NUMBERS) - bar - 1
        needed = max(cell_len(_name(one)) + 2 * one.depth + 14 for one in rows)
        name = min(name, max(needed, 34))
        header: Line = [(fit(f" one of {reading.size:,} numbers", name), "muted")]
        header += [(f"{title:>{width}}", "muted") for title, width in NUMBERS]
        if bar:
            header.append(("  in its Σ", "muted"))
        page.add(*header)
        more = len(reading.users) - root
        foot = 2 + bool(reading.left_out or more)
        shown = min(len(rows), max(1, page.room - foot))
        if shown < len(rows):
            shown = max(1, page.room - 3)
        first = window(chosen, state.scrolled.get("number", 0), shown, len(rows))
        state.scrolled["number"] = first
        top = largest([one.share for one in rows if one.share is not None])
        for k in range(first, first + shown):
            line = self._node(page, rows[k], k == chosen, name, bar, top, k < root)
            page.add(*line, what=("node", k - root, 0))
        hidden = [lines_words(shown, first, len(rows), "lines")]
        if more:
            hidden.append(f"{more:,} more are made from it")
        if reading.left_out:
            hidden.append(f"{reading.left_out:,} more are not listed")
        if any(hidden):
            page.add((fit(", ".join(one for one in hidden if one), page.width), "caution"))
        page.say(self._read_out(reading, rows, chosen, root), "text", most=max(1, page.room))

    def _chosen(self, state: InsideState, rows: Sequence[NumberNode], root: int) -> int:
        """The chosen row: the opened number until another is chosen."""
        return min(max(root + state.cursors.get("number", 0), 0), len(rows) - 1)

    def _node(
        self,
        page: Page,
        node: NumberNode,
        chosen: bool,
        width: int,
        bar: int,
        top: float,
        user: bool,
    ) -> Line:
        fold = "↖" if user else " " if not node.children else "▾" if node.open else "▸"
        mark: Ink = "pointed" if chosen else "text"
        indent = "  " * min(node.depth, 12)
        count = f" of {node.children}" if node.operation == "Σ" else ""
        operation = f"{node.operation}{count}"
        shown = visible(node.name)
        name = f"{shown}  {operation}" if shown else operation
        line: Line = [
            (fit(f"{'›' if chosen else ' '}{indent}{fold} {name}", width), mark),
            (f"{num(node.value, 6):>11}", mark),
            (f"{'not yet' if node.gradient is None else plus(node.gradient, 6):>11}",
             mark if node.gradient is not None else "faint"),
            (f"{'' if node.local is None else plus(node.local, 4):>11}", "muted"),
        ]  # fmt: skip
        if bar and node.share is not None:
            ink: Ink = "minus" if node.share < 0 else "plus"
            line += [("  ", "text"), *page.bar(abs(node.share) / top, bar - 2, ink)]
        return line

    def _read_out(
        self, reading: NumberReading, rows: Sequence[NumberNode], chosen: int, root: int
    ) -> str:
        """Where the chosen number's gradient comes from, with the numbers plugged in."""
        node, opened = rows[chosen], rows[root]
        words = f"{_name(node)} = {num(node.value, 6)}"
        if node.matrix:
            words += f", in {node.matrix} (enter: Parameters)"
        if node.gradient is None:
            return f"{words}: its gradient is not there yet; backward has not come by"
        if chosen < root:
            part = (node.local or 0.0) * node.gradient
            return (
                f"{words}, made from {_name(opened)}: {num(node.local or 0.0, 6)} (local) · "
                f"{num(node.gradient, 6)} (its gradient) = {num(part, 6)}, a part of the gradient "
                f"{num(opened.gradient or 0.0, 6)}"
            )
        if chosen == root:
            return f"{words}: {self._sum(reading, opened)}"
        above = next(one for one in reversed(rows[:chosen]) if one.depth == node.depth - 1)
        if node.local is None or above.gradient is None:
            return words
        part = node.local * above.gradient
        words += (
            f": {num(node.local, 6)} (local) · {num(above.gradient, 6)} (above) = {num(part, 6)}"
        )
        if node.users > 1:
            words += f", one of {node.users} parts of its gradient {num(node.gradient, 6)}"
        return words

    def _sum(self, reading: NumberReading, opened: NumberNode) -> str:
        """The gradient as the sum of what comes back from the users."""
        users = reading.users
        parts = [
            one.local * one.gradient
            for one in users
            if one.local is not None and one.gradient is not None
        ]
        gradient = num(opened.gradient or 0.0, 6)
        if not users:
            return f"gradient {gradient}; nothing is made from it"
        if len(parts) < min(2, opened.users) or len(parts) < opened.users:
            return f"gradient {gradient}, of {opened.users} numbers that are made from it"
        parts.sort(key=lambda part: -abs(part))
        terms = " + ".join(num(part, 6) for part in parts[:4])
        rest = f" + {len(parts) - 4} more" if len(parts) > 4 else ""
        return f"gradient {gradient} = {terms}{rest}, from each number that is made from it"

    # ------------------------------------------------------------ keys

    def _at(self, inside: Inside, state: InsideState) -> tuple[NumberNode, int]:
        """The chosen number, and its place: 0 for the opened one, below 0 for its users."""
        reading = inside.reading
        assert isinstance(reading, NumberReading)
        users = reading.users[:LISTED]
        rows, root = (*users, *reading.nodes), len(users)
        chosen = self._chosen(state, rows, root)
        return rows[chosen], chosen - root

    @override
    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        reading = inside.reading
        assert isinstance(reading, NumberReading)
        to = self._at(inside, state)[1] + by
        shown = min(len(reading.users), LISTED)
        state.cursors["number"] = min(max(to, -shown), len(reading.nodes) - 1)

    @override
    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        before = state.cursors.get("number", 0)
        state.cursors["number"] = what[1]
        return before == what[1]

    @override
    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        """Unfold or fold a number; open a user; leave for a weight's matrix."""
        node, place = self._at(inside, state)
        if place < 0:
            self._open(node, state)
        elif node.matrix:
            return Place(node.matrix, node.row, node.column)
        elif node.node in state.look.unfolded:
            state.change(unfolded=tuple(one for one in state.look.unfolded if one != node.node))
        elif node.children and place:
            state.change(unfolded=(*state.look.unfolded, node.node))
        return None

    def weight(self, inside: Inside, state: InsideState) -> tuple[str, int, int] | None:
        """The matrix, row and column of the chosen number; None if it is no weight."""
        node, _ = self._at(inside, state)
        return (node.matrix, node.row, node.column) if node.matrix else None

    @override
    def parts(self, inside: Inside, state: InsideState) -> Sequence[Component]:
        weight = self.weight(inside, state)
        return parts_at(*weight, inside.shape.head_dim) if weight is not None else ()

    @override
    def value_of(self, part: Component, inside: Inside, state: InsideState) -> float | None:
        return self._at(inside, state)[0].value if part.kind == "weight" else None

    @override
    def up(self, inside: Inside, state: InsideState) -> None:
        """Open the chosen number; if it is open, the first one that is made from it."""
        reading = inside.reading
        assert isinstance(reading, NumberReading)
        node, place = self._at(inside, state)
        if place:
            self._open(node, state)
        elif reading.users:
            self._open(reading.users[0], state)

    def _open(self, node: NumberNode, state: InsideState) -> None:
        state.go(node=node.node, name="", unfolded=())
        state.cursors["number"] = 0


def _rows(reading: NumberReading, room: int) -> tuple[NumberNode, ...]:
    """The numbers that are made from the opened one, as far as they have room, then its family."""
    return (*reading.users[: min(LISTED, max(1, room // 4))], *reading.nodes)


def _name(node: NumberNode) -> str:
    return visible(node.name) or f"{node.operation} {node.node}"
