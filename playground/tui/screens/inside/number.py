"""View 7, Number: the family of one number, from the loss down to the weights."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from playground.lab.protocol.inside import Inside, NumberNode, NumberReading, View
from playground.tui.screens.inside.page import Page, ViewPage, largest, num, part_words, plus
from playground.tui.screens.inside.state import InsideState, Place
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

NUMBERS = (("value", 11), ("gradient", 11), ("local", 11))
"""The columns of numbers, and their widths."""
BAR = 12


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
        chosen = state.cursor("number", len(nodes))
        roomy = page.width >= 100
        bar = BAR if roomy else 0
        name = page.width - sum(width for _, width in NUMBERS) - bar - 1
        needed = max(cell_len(_name(one)) + 2 * one.depth + 14 for one in nodes)
        name = min(name, max(needed, 34))
        header: Line = [(fit(f" one of {reading.size:,} numbers", name), "muted")]
        header += [(f"{title:>{width}}", "muted") for title, width in NUMBERS]
        if bar:
            header.append(("  in its Σ", "muted"))
        page.add(*header)
        users = reading.users
        foot = 1 + 2 + bool(reading.left_out)
        shown = min(len(nodes), max(1, page.room - foot))
        first = window(chosen, state.scrolled.get("number", 0), shown, len(nodes))
        state.scrolled["number"] = first
        top = largest([one.share for one in nodes if one.share is not None])
        for k in range(first, first + shown):
            page.add(*self._node(page, nodes[k], k == chosen, name, bar, top), what=("node", k, 0))
        hidden = part_words(shown, first, len(nodes), "lines")
        if reading.left_out:
            hidden = f"{hidden}{', ' if hidden else ''}{reading.left_out:,} more are not listed"
        if hidden:
            page.add((hidden, "caution"))
        self._read_out(page, nodes, chosen)
        words = (
            "nothing is made from it"
            if not users
            else "made from it: " + ", ".join(f"{_name(one)} {num(one.value)}" for one in users)
        )
        page.add((fit(f"u  {_name(nodes[0])}: {words}", page.width).rstrip(), "muted"))

    def _node(
        self, page: Page, node: NumberNode, chosen: bool, width: int, bar: int, top: float
    ) -> Line:
        fold = " " if not node.children else "▾" if node.open else "▸"
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

    def _read_out(self, page: Page, nodes: tuple[NumberNode, ...], chosen: int) -> None:
        """Where the chosen number's gradient comes from, with the numbers plugged in."""
        node = nodes[chosen]
        words = f"{_name(node)} = {num(node.value, 6)}"
        above = next((one for one in reversed(nodes[:chosen]) if one.depth == node.depth - 1), None)
        if node.gradient is None:
            words += ": its gradient is not there yet; backward has not come by"
        elif above is not None and node.local is not None and above.gradient is not None:
            part = node.local * above.gradient
            words += (
                f": {num(node.local, 4)} (local) · {num(above.gradient, 4)} (above) = "
                f"{num(part, 4)}"
            )
            if node.users > 1:
                words += f", one of {node.users} such parts of its gradient {num(node.gradient, 4)}"
        else:
            words += f": the loss grows by {num(node.gradient, 4)} times what it grows"
        if node.matrix:
            words += f". enter: {node.matrix}[{node.row}][{node.column}] in Parameters"
        page.say(words, "text", most=2)

    # ------------------------------------------------------------ keys

    @override
    def move(self, inside: Inside, state: InsideState, by: int) -> None:
        assert isinstance(inside.reading, NumberReading)
        state.move("number", by, len(inside.reading.nodes))

    @override
    def press(self, inside: Inside, state: InsideState, what: tuple[str, int, int]) -> bool:
        before = state.cursors.get("number", 0)
        state.cursors["number"] = what[1]
        return before == what[1]

    @override
    def enter(self, inside: Inside, state: InsideState) -> Place | None:
        """Unfold or fold a number; leave for a weight's matrix."""
        reading = inside.reading
        assert isinstance(reading, NumberReading)
        if not reading.nodes:
            return None
        chosen = state.cursor("number", len(reading.nodes))
        node = reading.nodes[chosen]
        if node.matrix:
            return Place(node.matrix, node.row, node.column)
        unfolded = state.look.unfolded
        if node.node in unfolded:
            state.change(unfolded=tuple(one for one in unfolded if one != node.node))
        elif node.children:
            state.change(unfolded=(*unfolded, node.node))
        return None

    @override
    def up(self, inside: Inside, state: InsideState) -> None:
        """Open the first number that the opened one is used by."""
        reading = inside.reading
        assert isinstance(reading, NumberReading)
        if not reading.nodes:
            return
        chosen = reading.nodes[state.cursor("number", len(reading.nodes))]
        if chosen.node != reading.nodes[0].node:
            state.go(node=chosen.node, name="", unfolded=())
        elif reading.users:
            state.go(node=reading.users[0].node, name="", unfolded=())
        state.cursors["number"] = 0


def _name(node: NumberNode) -> str:
    return visible(node.name) or f"{node.operation} {node.node}"
