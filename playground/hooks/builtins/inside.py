"""Panels that look inside the model: the attention of all heads, and the logit lens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from microgpt.anatomy import Anatomy, Stage, lens, stages
from microgpt.config import absent
from microgpt.terminal import printable
from playground.api import (
    Contribution,
    Knob,
    Knobs,
    Panel,
    PanelFacts,
    TextAnatomy,
    UnknownTextError,
    hookimpl,
)
from playground.widths import cell_len, set_cell_size

_SHADES = ((0.05, "·"), (0.25, "░"), (0.5, "▒"), (0.75, "▓"), (2.0, "█"))
"""Each with the end of what it stands for."""
_SCALE = "· .05 ░ .25 ▒ .50 ▓ .75 █"
_NAME = 6
"""Columns that the name of a token takes, at most."""
_FEWEST = 5
"""Positions of all heads rather than more of some, at least."""
_PRODUCTS = 300_000
"""Multiplications of one picture of the lens, at most: some milliseconds."""


class AttentionKnobs(Knobs):
    layer: int = Knob(0, ge=0, le=23, step=1, help="the layer, counted from 0")
    text: str = Knob("", help="a text of your own; empty for the document of the last step")


class Attention:
    """The attention weights of all heads of a layer. A row is a position, and shows how much the
    head takes from each position up to there; a row adds up to 1.

    A cell is a shade with its number where all heads have room for that, else the shade alone.
    """

    def __init__(self, knobs: AttentionKnobs) -> None:
        self.layer, self.text = knobs.layer, knobs.text

    def render(self, facts: PanelFacts, width: int, height: int) -> list[str]:
        seen = _seen(facts, self.text)
        if isinstance(seen, str):
            return [seen]
        layers = seen.anatomy.layers
        if "attention" not in seen.anatomy.config.parts:
            return _within([absent("attention")], width, height)
        layer = min(self.layer, len(layers) - 1)
        heads = layers[layer].attn_weights
        names = [_name(token) for token in seen.tokens]
        label = max(map(cell_len, names)) + 1
        grid = _grid(len(heads), len(names), width - label, height - 1)
        lines = [_as_many_as_fit(_said(grid, layer, len(layers), len(heads), len(names)), width)]
        for first in range(0, grid.heads, grid.across):
            block = range(first, min(first + grid.across, grid.heads))
            wide = grid.positions * grid.cell
            lines.append(" " * label + " ".join(_cut(f"head {h}", f"h{h}", wide) for h in block))
            if grid.named:
                above = "".join(set_cell_size(name, grid.cell) for name in names[: grid.positions])
                lines.append(" " * label + " ".join(above for _ in block))
            for row in range(grid.positions):
                cells = ["".join(_shaded(w, grid.cell) for w in heads[h][row]) for h in block]
                drawn = " ".join(cell.ljust(wide) for cell in cells)
                lines.append(f"{set_cell_size(names[row], label)}{drawn}")
        return _within(lines, width, height)


@dataclass(frozen=True, slots=True)
class _Grid:
    """How the heads stand in the panel."""

    cell: int
    """Columns of one weight."""
    across: int
    """Heads side by side."""
    named: bool
    """True if tokens stand above the columns."""
    heads: int
    """Heads that have room; `positions` likewise."""
    positions: int


def _grid(heads: int, positions: int, width: int, height: int) -> _Grid:
    """The largest cells at which all has room; else the smallest ones, with fewer positions of all
    heads, or with fewer heads where that would leave next to nothing."""
    for cell, named in ((5, True), (3, True), (2, True), (1, True), (1, False)):
        across = min(heads, (width + 1) // (positions * cell + 1))
        if across and -(-heads // across) * (positions + 1 + named) <= height:
            return _Grid(cell, across, named, heads, positions)
    most = max(1, min(positions, width, height - 1))
    for positions in range(most, _FEWEST - 1, -1):
        across = max(1, (width + 1) // (positions + 1))
        if across * (height // (positions + 1)) >= heads:
            return _Grid(1, min(across, heads), False, heads, positions)
    across = max(1, (width + 1) // (most + 1))
    shown = min(heads, across * max(1, height // (most + 1)))
    return _Grid(1, across, False, shown, most)


def _said(grid: _Grid, layer: int, layers: int, heads: int, positions: int) -> list[str]:
    """The heading, in parts: what has no room, the layer, the scale of the shades."""
    parts = []
    if grid.heads < heads:
        parts.append(f"{grid.heads} of {heads} heads")
    if grid.positions < positions:
        parts.append(f"{grid.positions} of {positions} positions")
    return [*parts, f"layer {layer} of 0 to {layers - 1}" if layers > 1 else "layer 0", _SCALE]


def _shaded(weight: float, cell: int) -> str:
    """A weight in so many columns: "▒.27 ", "▒▒ ", "▒▒" or "▒"."""
    shade = _shade(weight)
    if cell == 5:
        return f"{shade}{_digits(weight)} "
    return shade if cell == 1 else (shade * 2).ljust(cell)


def _shade(share: float) -> str:
    return next((sign for end, sign in _SHADES if share < end), "?")


def _digits(share: float) -> str:
    """A share in three columns: ".27", "1.0"; "nan" for what is no number."""
    if share != share:
        return "nan"
    return f"{share:.2f}"[1:] if share < 0.995 else "1.0"


# ---------------------------------------------------------------- the logit lens


class LensKnobs(Knobs):
    layer: int = Knob(
        -1, ge=-1, le=23, step=1, neutral=-1, help="this layer alone, counted from 0; -1 for all"
    )
    text: str = Knob("", help="a text of your own; empty for the document of the last step")


class LogitLens:
    """What the model would say if its depth ended at each stage, at each position: the likeliest
    token, and as shade and number the probability of the token that comes next.

    The last row is what the model says. No norm stands before lm_head, so every row is exact.
    """

    def __init__(self, knobs: LensKnobs) -> None:
        self.layer, self.text = knobs.layer, knobs.text

    def render(self, facts: PanelFacts, width: int, height: int) -> list[str]:
        seen = _seen(facts, self.text)
        if isinstance(seen, str):
            return [seen]
        anatomy = seen.anatomy
        found = _chosen(stages(anatomy), min(self.layer, len(anatomy.layers) - 1), height - 3)
        labels = [stage.name for stage in found]
        if width < 60:
            labels = [_shortened(name) for name in labels]
        label = max(map(cell_len, (*labels, "reads", "next"))) + 1
        name = max(cell_len(_name(token)) for token in facts.vocabulary)
        room = width - label
        cell = name + 5 if (name + 5) * len(anatomy.tokens) <= room else name + 2
        count = _affordable(anatomy, len(found), room // cell)
        if not count:
            return _within(["the panel is too narrow: z gives it the whole screen"], width, height)
        rows = [
            ("reads", [set_cell_size(_name(token), cell) for token in seen.tokens[:count]]),
            ("next", [set_cell_size(_name(token), cell) for token in seen.targets[:count]]),
        ]
        for said, stage in zip(labels, found, strict=True):
            probs = lens(anatomy, stage.x[:count])
            cells = [
                _guess(facts, row, target, name, cell)
                for row, target in zip(probs, anatomy.targets, strict=False)
            ]
            rows.append((said, cells))
        lines = [set_cell_size(said, label) + "".join(cells) for said, cells in rows]
        left_out = len(anatomy.tokens) - count
        notes = [f"{left_out} more positions"] if left_out else []
        notes += ["likeliest token, and the chance of the next one", _SCALE]
        lines.append(_as_many_as_fit(notes, width))
        return _within(lines, width, height)


def _chosen(found: list[Stage], layer: int, room: int) -> list[Stage]:
    """The stages of a layer, of all if it is negative. Where there is no room for all of them those
    of single heads are left out first, then the early ones."""
    if layer >= 0:
        begins = (f"layer {layer} ", "embedding")
        found = [stage for stage in found if stage.name.startswith(begins)]
    if len(found) > room:
        found = [stage for stage in found if " head " not in stage.name]
    return found[-max(1, room) :]


def _affordable(anatomy: Anatomy, rows: int, room: int) -> int:
    """How many positions are shown: no more than have room, or than are computed in time."""
    each = rows * anatomy.config.vocab_size * anatomy.config.n_embd
    return min(len(anatomy.tokens), room, max(1, _PRODUCTS // each))


def _shortened(stage: str) -> str:
    """A stage in few columns: "0 head 2", "0 attn", "embed"."""
    short = stage.removeprefix("layer ").replace("attention", "attn")
    return "embed" if short == "embedding" else short


def _guess(facts: PanelFacts, probs: Sequence[float], target: int, name: int, cell: int) -> str:
    """A cell of the lens: "a ▒.27 " or "a▒"."""
    best = max(range(len(probs)), key=probs.__getitem__)
    chance = probs[target]
    token = _name(facts.vocabulary[best]) if chance == chance else "?"
    shown = set_cell_size(token, name) + _shade(chance)
    return (shown if cell == name + 2 else shown + _digits(chance)) + " "


# ---------------------------------------------------------------- both


def _seen(facts: PanelFacts, text: str) -> TextAnatomy | str:
    """The text, or the document for "", inside the model; in words why it cannot be read."""
    try:
        return facts.anatomy(text or None)
    except UnknownTextError as error:
        return f"the model does not know {printable(error.character)!r}: choose another text"


@lru_cache(4096)
def _name(token: str) -> str:
    """The display of a token, printable, in _NAME columns at most."""
    shown = printable(token)
    return shown if cell_len(shown) <= _NAME else set_cell_size(shown, _NAME - 1) + "…"


def _within(lines: list[str], width: int, height: int) -> list[str]:
    """The lines in the room that there is."""
    return [
        (line if cell_len(line) <= width else set_cell_size(line, width)).rstrip()
        for line in lines[:height]
    ]


def _cut(text: str, short: str, width: int) -> str:
    return set_cell_size(text if len(text) <= width else short, width)


def _as_many_as_fit(parts: Sequence[str], width: int) -> str:
    """The first of the parts, as many as fit side by side."""
    lines = ("  ".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((line for line in lines if cell_len(line) <= width), "")


@hookimpl
def microgpt_panels() -> Iterator[Contribution[Panel]]:
    yield Contribution(
        name="attention",
        summary="what each head takes from which position",
        factory=Attention,
        knobs=AttentionKnobs,
    )
    yield Contribution(
        name="logit-lens",
        summary="what the model would say at each depth",
        factory=LogitLens,
        knobs=LensKnobs,
    )
