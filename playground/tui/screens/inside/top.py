"""What stands above every view: where one is, the text as tiles, and the names of the views."""

from __future__ import annotations

from playground.lab.protocol.inside import VIEWS, Inside
from playground.tui.model import PlaygroundModel
from playground.tui.screens.inside.page import Page, num, quoted, tiny, token_text, width_of
from playground.tui.screens.inside.state import InsideState
from playground.tui.screens.inside.words import TITLES
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Hit, Ink, Line
from playground.tui.widgets.text import fit, visible
from playground.tui.widgets.tiles import centred
from playground.widths import cell_len

FULL = 5.0
"""Nats at which the tint of a tile is full."""
LABEL = 6
"""Columns before the tiles: what their numbers are."""
TILE = 5
"""Columns of a tile with its gap, at least."""
LONGEST = 14
"""Columns of a token on its tile, at most."""


def draw_top(page: Page, inside: Inside | None, state: InsideState, model: PlaygroundModel) -> None:
    """Draw the title, the tiles, what the chosen position reads, and the names of the views."""
    page.add(*_title(page.width, inside, state, model))
    if inside is not None and inside.positions:
        _tiles(page, inside, state)
        page.add(*_reads(page.width, inside, state))
    else:
        for _ in range(4):
            page.add()
    _tabs(page, state)


def _title(width: int, inside: Inside | None, state: InsideState, model: PlaygroundModel) -> Line:
    """The step, whether the run trains, the text and where it comes from, and the model's sizes."""
    line: Line = [("look inside", "pointed"), ("  ", "text")]
    frame = model.frame
    steps = f"/{frame.steps:,}" if frame is not None else ""
    step = inside.step if inside is not None else model.step
    sign = "▶" if model.running else "■" if frame and frame.state in ("finished", "failed") else "‖"
    line += [(f"{sign} ", "strong"), (f"step {step:,}", "strong"), (steps, "muted")]
    if model.going is not None:
        line.append((f"  on the way to {model.going:,}", "caution"))
    if model.waiting:
        line.append((f"  waiting {model.waiting:.0f} s", "caution"))
    if inside is not None:
        origin = {
            "document": "the document of this step" if inside.step else "the first document",
            "typed": "typed",
            "sample": f"sample {state.sample + 1}",
        }[state.origin]
        room = width - width_of(line) - len(origin) - 4
        if room >= 6:
            text = fit(visible(inside.text), room).rstrip()
            line += [("  ", "text"), (text or "∅", "text"), (f"  {origin}", "muted")]
        shape = inside.shape
        sizes = (
            f"{shape.vocab_size:,} tokens · {shape.n_embd} wide · {shape.n_layer} × "
            f"{f'{shape.n_head} heads' if 'attention' in shape.parts else 'no heads'} · "
            f"context {shape.block_size}"
        )
        rest = width - width_of(line) - len(sizes)
        if rest >= 2:
            line += [(" " * rest, "text"), (sizes, "muted")]
    return line


def _tiles(page: Page, inside: Inside, state: InsideState) -> None:
    """Each token with the probability that it was given, and the surprise."""
    positions = inside.positions
    at = state.position(inside)
    tokens = [positions[0].token, *(one.target for one in positions)]
    widths = [max(TILE, min(cell_len(token_text(one)), LONGEST) + 3) for one in tokens]
    first, last = _in_sight(widths, at, page.width - LABEL - 8, state)
    left, right = first, len(tokens) - last
    names: Line = [(fit(f"◂ {left}" if left else "", LABEL), "muted")]
    given: Line = [(fit("given", LABEL), "muted")]
    nats: Line = [(fit("nats", LABEL), "muted")]
    start = LABEL
    for k in range(first, last):
        width = widths[k] - 1
        text = fit(token_text(tokens[k]), width - 2).rstrip()
        loss = positions[k - 1].loss if k else 0.0
        piece = page.shade("", loss / FULL if k else 0.0, width)
        if k == at:
            name: tuple[str, Ink] = (centred(f"▸{text}", width), "cursor")
        elif k == at + 1:
            name = (centred(f"→{text}", width), piece[1])
        else:
            name = (centred(text, width), piece[1])
        names += [name, (" ", "text")]
        chance = positions[k - 1].probability if k else None
        mark: Ink = "pointed" if k == at + 1 else "muted"
        given += [(centred("" if chance is None else tiny(chance), width), mark), (" ", "text")]
        nats += [(centred(_nats(loss) if k else "", width), mark), (" ", "text")]
        if k < len(positions):
            for row in range(3):
                page.hits.append(
                    Hit(len(page.lines) + row, start, start + width, ("position", k, 0))
                )
        start += widths[k]
    if right:
        names.append((f"{right} ▸", "muted"))
    if inside.cut:
        names.append((f" +{inside.cut} not read", "caution"))
    for line in (names, given, nats):
        page.add(*line)


def _nats(loss: float) -> str:
    return f"{loss:.1f}" if abs(loss) < 100 else num(loss, 0)


def _in_sight(widths: list[int], at: int, room: int, state: InsideState) -> tuple[int, int]:
    """The first tile in sight, and the one after the last: the chosen one and its target are
    among them."""
    if sum(widths) <= room:
        return 0, len(widths)
    shown = max(2, room // max(widths))
    first = window(min(at + 1, len(widths) - 1), state.scrolled.get("tiles", 0), shown, len(widths))
    first = min(first, at)
    state.scrolled["tiles"] = first
    last = first
    while last < len(widths) and sum(widths[first : last + 1]) <= room:
        last += 1
    return first, last


def _reads(width: int, inside: Inside, state: InsideState) -> Line:
    at = state.position(inside)
    one = inside.positions[at]
    line: Line = [
        (f"position {at} reads {quoted(one.token)}", "strong"),
        (": likeliest next ", "muted"),
        (f"{quoted(one.best)} {num(one.best_probability)}", "text"),
        (", next comes ", "muted"),
        (f"{quoted(one.target)} {num(one.probability)}", "pointed"),
        (f", {num(one.loss)} nats", "muted"),
    ]
    return line if width_of(line) <= width else [line[0], (": next ", "muted"), *line[4:5]]


def _tabs(page: Page, state: InsideState) -> None:
    line: Line = []
    at = 0
    roomy = page.width >= 100
    for number, view in enumerate(VIEWS, 1):
        chosen = view == state.look.view
        title = TITLES[view]
        text = f"‹{number} {title}›" if chosen else f" {number} {title} "
        page.hit(at, at + len(text), ("view", number - 1, 0))
        line.append((text, "pointed" if chosen else "muted"))
        at += len(text)
        if roomy:
            line.append(("  ", "text"))
            at += 2
    page.add(*line)
