"""What a person chose in the microscope, as plain values: kept while the screen is closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from playground.lab.protocol.inside import Inside, Look, Position


class Place(NamedTuple):
    """A number of a weight matrix, which the Parameters panel shows."""

    matrix: str
    row: int
    column: int


@dataclass
class InsideState:
    """Where the person looks. The numbers of `look` may lie beyond a shorter text or a smaller
    model; the properties and methods here know what is shown instead."""

    look: Look = field(default_factory=Look)
    origin: Literal["document", "typed", "sample"] = "document"
    """Where the text comes from."""
    sample: int = -1
    """Which text of the last batch of samples is shown; -1 for none."""
    zoomed: bool = False
    """True if the chosen thing of a view has the room of all."""
    cursors: dict[str, int] = field(default_factory=dict)
    """The chosen line of each view that has lines, by the view's name."""
    scrolled: dict[str, int] = field(default_factory=dict)
    """The first line or column in sight, by what scrolls."""
    trail: list[Look] = field(default_factory=list)
    """The looks that Enter led away from, the last one at the end."""

    def change(self, **changes: Any) -> None:
        """Look at something else."""
        self.look = replace(self.look, **changes)

    def go(self, **changes: Any) -> None:
        """Look at something else, and remember the way back."""
        self.trail = [*self.trail[-49:], self.look]
        self.change(**changes)

    def open_number(self, name: str) -> None:
        """Open a number in view 7, by its name."""
        self.go(view="number", node=None, unfolded=(), name=name)
        self.cursors["number"] = 0

    def back(self) -> bool:
        """Return to what `go` led away from; False if there is nothing."""
        if not self.trail:
            return False
        self.look = self.trail.pop()
        return True

    def read(self, text: str | None, origin: Literal["document", "typed", "sample"]) -> None:
        """Read another text; None for the document of the last step. Nodes of the graph are
        others then, and positions too."""
        self.origin = origin
        self.trail = []
        self.change(text=text, position=-1, source=0, token=None, against=None)
        self.forget_nodes()

    def forget_nodes(self) -> None:
        """Forget the chosen number of the graph: nodes are counted anew."""
        self.change(node=None, unfolded=())
        self.cursors.pop("number", None)

    def choose(self, position: int, inside: Inside) -> None:
        """Choose a position; one beyond an end means that end."""
        self.change(position=min(max(position, 0), len(inside.positions) - 1))

    def next_head(self, by: int, inside: Inside) -> None:
        """Choose another head; after the last one comes the first."""
        self.change(head=(self.head(inside) + by) % inside.shape.n_head)

    def next_layer(self, by: int, inside: Inside) -> None:
        """Choose another layer; after the last one comes the first."""
        self.change(layer=(self.layer(inside) + by) % inside.shape.n_layer)

    def next_token(self, by: int, inside: Inside) -> None:
        """Explain and follow another token of the vocabulary."""
        known = self.look.token
        if known is None:
            known = self.reads(inside).target_id
        self.change(token=(known + by) % inside.shape.vocab_size)

    def position(self, inside: Inside) -> int:
        """The chosen position, within the text."""
        return within(self.look.position, len(inside.positions))

    def reads(self, inside: Inside) -> Position:
        """What is read at the chosen position."""
        return inside.positions[self.position(inside)]

    def source(self, inside: Inside) -> int:
        """The chosen source, which is no later than the chosen position."""
        return min(max(self.look.source, 0), self.position(inside))

    def layer(self, inside: Inside) -> int:
        return min(max(self.look.layer, 0), inside.shape.n_layer - 1)

    def head(self, inside: Inside) -> int:
        return min(max(self.look.head, 0), inside.shape.n_head - 1)

    def cursor(self, name: str, count: int) -> int:
        """The chosen line of `count` lines."""
        return min(max(self.cursors.get(name, 0), 0), max(0, count - 1))

    def move(self, name: str, by: int, count: int) -> None:
        """Choose another line of `count` lines."""
        self.cursors[name] = min(max(self.cursor(name, count) + by, 0), max(0, count - 1))


def within(index: int, count: int) -> int:
    """An index that there is; -1, and one beyond the end, is the last."""
    return index if 0 <= index < count else count - 1
