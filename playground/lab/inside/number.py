"""View 7: the family of one number, from the loss down to the weights."""

from __future__ import annotations

import re
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property

from microgpt.config import ModelConfig
from microgpt.graph import Graph, estimated_size
from microgpt.parameters import parameter_layout
from microgpt.tape import Tape
from microgpt.trace import check_size
from playground.lab.protocol.inside import Look, NumberNode, NumberReading

SHOWN = 400
"""Lines that are sent."""
USERS = 50
"""Users of the opened number that are sent."""


class Numbers:
    """Reads the graph of one text out, and keeps it until the weights or the text change. What the
    graph of another text has in common with it is kept as well."""

    def __init__(self, config: ModelConfig, display: Callable[[int], str]) -> None:
        """display: a short name for a token; not changed later."""
        self._config = config
        self._display = display
        self._layout = parameter_layout(config)
        self._seen: tuple[bytes, tuple[int, ...], Graph] | None = None
        self._tape: Tape | None = None
        self.noting = 0.0
        """Seconds that were spent on notes, which serve all texts."""

    def reading(self, look: Look, weights: array[float], tokens: Sequence[int]) -> NumberReading:
        """The number that is looked at, or the loss if there is none, and what it is made from.

        tokens: as for `dissect`. NoSuchNumberError for a name that no number bears; TooLargeError
        before a graph of too many numbers is begun. Raises PluginError.
        """
        graph = self._graph(weights, tokens)
        opened = graph.loss
        if look.name:
            opened = self._find(graph, look.name)
        elif look.node is not None and 0 <= look.node < len(graph):
            opened = look.node
        unfolded = {opened, *(node for node in look.unfolded if 0 <= node < len(graph))}
        shown = self._family(graph, opened, unfolded)
        users = [
            self._node(graph, user, dict(graph.children(user))[opened], 0, False, False)
            for user in graph.users(opened)[:USERS]
        ]
        left_out = _lines(graph, opened, unfolded) - len(shown)
        return NumberReading(tuple(shown), left_out, tuple(users), len(graph))

    def _graph(self, weights: array[float], tokens: Sequence[int]) -> Graph:
        now, ids = weights.tobytes(), tuple(tokens)
        if self._seen is None or self._seen[:2] != (now, ids):
            self._seen = None  # two graphs at a time would take twice the memory
            check_size(estimated_size(self._config, len(ids) - 1))
            if self._tape is None:
                self._tape = Tape(self._config)
            began = time.perf_counter()
            self._tape.note(weights, ids[:-1])
            self.noting += time.perf_counter() - began
            self._seen = (now, ids, Graph(self._config, weights, ids, tape=self._tape))
        return self._seen[2]

    def _family(self, graph: Graph, opened: int, unfolded: set[int]) -> list[NumberNode]:
        """The opened number and those below it, line by line."""
        found: list[NumberNode] = []
        waiting: list[tuple[int, float | None, int, bool]] = [(opened, None, 0, False)]
        while waiting and len(found) < SHOWN:
            node, local, depth, term = waiting.pop()
            children = graph.children(node) if node in unfolded else []
            found.append(self._node(graph, node, local, depth, bool(children), term))
            in_sum = graph.operation(node) == "Σ"
            waiting += [(child, part, depth + 1, in_sum) for child, part in reversed(children)]
        return found

    def _node(
        self, graph: Graph, node: int, local: float | None, depth: int, unfolded: bool, term: bool
    ) -> NumberNode:
        matrix, row, column = "", -1, -1
        if graph.operation(node) == "weight":
            spec = next(s for s in self._layout if node < s.offset + s.size)
            matrix, (row, column) = spec.name, divmod(node - spec.offset, spec.columns)
        value = graph.value(node)
        return NumberNode(
            node,
            self._name(graph, node),
            graph.operation(node),
            value,
            graph.gradient(node),
            local,
            depth,
            graph.children_count(node),
            graph.users_count(node),
            unfolded,
            local * value if term and local is not None else None,
            matrix,
            row,
            column,
        )

    # ------------------------------------------------------------ tokens by letter

    def _name(self, graph: Graph, node: int) -> str:
        """The name in the graph, with a token's display in the place of its id."""
        name = graph.name(node)
        match = _BY_ID.fullmatch(name)
        if not match:
            return name
        token = int(match["token"])
        if self._ids.get(display := self._display(token)) != token:
            return name  # another token looks the same
        return f"{match['before']}['{display}']{match['after']}"

    def _find(self, graph: Graph, name: str) -> int:
        """The node of a name, as the graph calls it or with a token's display."""
        match = _BY_DISPLAY.fullmatch(name.strip())
        token = self._ids.get(match["display"]) if match else None
        if match and token is not None:
            name = f"{match['before']}[{token}]{match['after']}"
        return graph.find(name)

    @cached_property
    def _ids(self) -> dict[str, int]:
        """The tokens whose displays are unlike all others."""
        displays = [self._display(token) for token in range(self._config.vocab_size)]
        often = Counter(displays)
        return {each: token for token, each in enumerate(displays) if often[each] == 1}


_TOKEN = r"(?P<before>wte|lm_head|(?:logits|probs)\[[0-9]+\])\[{}\](?P<after>(?:\[[0-9]+\])?)"
"""A name of which the first index, or else the second, is a token."""
_BY_ID = re.compile(_TOKEN.format("(?P<token>[0-9]+)"))
_BY_DISPLAY = re.compile(_TOKEN.format("'(?P<display>.*)'"), re.DOTALL)


def _lines(graph: Graph, opened: int, unfolded: set[int]) -> int:
    """How many lines the family takes, however often one number stands in it."""
    lines: dict[int, int] = {}
    for node in sorted(unfolded):  # children are made before, and have smaller numbers
        lines[node] = 1 + sum(lines.get(child, 1) for child, _ in graph.children(node))
    return lines[opened]
