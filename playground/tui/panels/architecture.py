"""The map of the architecture: the matrices in the order in which a token passes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Unpack

from textual.binding import Binding, BindingType

from microgpt.config import ModelPart, without
from playground.lab.protocol.run import Matrix
from playground.tui.widgets.line_widget import WidgetOptions
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import SHADES, Hit, Line, Sheet
from playground.tui.widgets.text import fit
from playground.widths import wrap

WIDTH = 30
"""Cells that the map takes."""

PARTS = {
    "wte": "tokens",
    "wpe": "positions",
    "attn_wq": "looks for",
    "attn_wk": "offers",
    "attn_wv": "hands on",
    "attn_wo": "writes back",
    "mlp_fc1": "neurons wake",
    "mlp_fc2": "writes back",
    "lm_head": "token scores",
}
"""What each matrix does, in a word or two."""


class ArchitectureMap(Sheet, can_focus=True):
    """The matrices as they work together, each with how strongly the last step pulled at it. A
    matrix that is clicked, or comes next by the arrow keys, is told as Pressed ("matrix", its
    place, 0)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "matrix before", id="architecture.up", show=False,
                tooltip="The matrix that a token passes before"),
        Binding("down", "choose(1)", "matrix after", id="architecture.down", show=False,
                tooltip="The matrix that a token passes next"),
    ]  # fmt: skip
    DEFAULT_CSS = f"""
    ArchitectureMap {{ width: {WIDTH}; height: 100%; }}
    """

    def __init__(self, **widget_options: Unpack[WidgetOptions]) -> None:
        super().__init__(**widget_options)
        self._first = 0
        self._order: list[int] = []
        self._chosen = 0

    def show_map(
        self,
        matrices: Sequence[Matrix],
        pulls: Mapping[str, float],
        chosen: int,
        left_out: Sequence[ModelPart] = (),
    ) -> None:
        """Draw the map. chosen: the matrix that is looked at, by its place. left_out: the parts
        that the model lacks."""
        lines, places = drawn(matrices, pulls, chosen, left_out)
        self._order = [place for place in places if place is not None]
        self._chosen = chosen
        room = max(1, self.size.height)
        self._first = window(places.index(chosen), self._first, room, len(lines))
        shown = slice(self._first, self._first + room)
        self.show(
            lines[shown],
            [
                Hit(row, 0, WIDTH, ("matrix", place, 0))
                for row, place in enumerate(places[shown])
                if place is not None
            ],
        )

    def action_choose(self, by: int) -> None:
        if self._chosen in self._order:
            at = (self._order.index(self._chosen) + by) % len(self._order)
            self.post_message(self.Pressed(self, ("matrix", self._order[at], 0)))


def drawn(
    matrices: Sequence[Matrix],
    pulls: Mapping[str, float],
    chosen: int,
    left_out: Sequence[ModelPart] = (),
) -> tuple[list[Line], list[int | None]]:
    """The lines of the map, and for each the place of its matrix, if it has one. The layers other
    than the chosen one take a line each."""
    lines: list[Line] = [[("the way of a token", "strong"), (f"{'pull':>{WIDTH - 19}}", "muted")]]
    places: list[int | None] = [None]
    largest = max(pulls.values(), default=0.0)
    known = bool(pulls)
    near = _layer(matrices[chosen].name) if matrices else ""
    near = near or next((_layer(one.name) for one in matrices if _layer(one.name)), "")

    def words(text: str) -> None:
        lines.append([(text, "muted")])
        places.append(None)

    norm = "" if "norm" in left_out else "norm → "
    passed: set[str] = set()
    for place in sorted(range(len(matrices)), key=lambda at: _order(matrices[at].name)):
        matrix = matrices[place]
        layer, part = _layer(matrix.name), matrix.name.rpartition(".")[2]
        if layer and layer != near:
            if layer not in passed:
                passed.add(layer)
                pull = max((pulls[name] for name in pulls if _layer(name) == layer), default=0.0)
                lines.append(
                    _line(f"  {layer} …", "", pull if known else None, largest, chosen=False)
                )
                places.append(place)
            continue
        if part == "attn_wq":
            words(f"→ {norm}{layer} attention")
        elif part == "mlp_fc1":
            words(f"→ {norm}{f'{layer} ' if 'attention' in left_out else ''}mlp")
        elif part == "lm_head":
            words("→ the next token")
        here = place == chosen
        lines.append(
            _line(f"{'▸' if here else ' '} {part}", PARTS.get(part, ""),
                  pulls.get(matrix.name), largest, chosen=here)
        )  # fmt: skip
        places.append(place)
    words("pull: rms of the last gradient")
    for line in wrap(without(left_out), WIDTH):
        words(line)
    return lines, places


def _line(name: str, words: str, pull: float | None, largest: float, *, chosen: bool) -> Line:
    """pull: None before it is known."""
    share = pull / largest if pull is not None and largest > 0 else 0.0
    level = round(min(1.0, share) * SHADES) if share == share else SHADES
    return [
        (fit(name, 9), "pointed" if chosen else "text"),
        (fit(f" {words}", WIDTH - 17), "text" if chosen else "muted"),
        ("" if pull is None else f"{pull:>7.2g} ", ("shade", level)),
    ]


def _layer(name: str) -> str:
    """ "layer0" of "layer0.attn_wq"; "" for a matrix that is of no layer."""
    return name.rpartition(".")[0]


def _order(name: str) -> tuple[int, int]:
    """Where a token comes by: embeddings, the layers, lm_head."""
    layer = _layer(name)
    if layer:
        return 1, int("".join(filter(str.isdecimal, layer)) or 0)
    return (2, 0) if name == "lm_head" else (0, 0)
