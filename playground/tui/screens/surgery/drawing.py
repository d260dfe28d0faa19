"""What the sheet for one part shows: the choices, what is found, and what is held."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from microgpt.surgery import Component, held, words_of
from playground.lab.protocol.surgery import Difference, NextToken, Tried
from playground.tui.control.surgery import Surgery
from playground.tui.model import PlaygroundModel
from playground.tui.screens.inside.page import (
    Page,
    cell_text,
    largest,
    num,
    token_text,
    width_of,
)
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit, visible
from playground.words import many, plus_minus

if TYPE_CHECKING:
    from playground.tui.screens.surgery.cut import CutSheet

BESIDE = 76
"""Columns from which on the choices stand beside what the held-out texts say."""
LEFT = 37
CELL = 5
"""Columns of a letter's loss; CELL - 1 where the text would not fit otherwise."""
LABEL = 7
TOKEN = 5
MOST_TOKENS = 8
PALE = 0.1
"""Nats of change that a letter's cell has its full colour for, at least."""


def draw_cut(page: Page, sheet: CutSheet, model: PlaygroundModel, surgery: Surgery) -> None:
    """Draw the sheet, as much of it as has room: what matters most stands above."""
    several = len(sheet.parts) > 1
    count = f"   ← {sheet.place + 1} of {len(sheet.parts)} →" if several else ""
    page.add((part_words(sheet.part, model, page.width - len(count)), "strong"), (count, "muted"))
    if page.width >= BESIDE:
        left, right = page.part(LEFT), page.part(page.width - LEFT - 2)
        _ways(left, sheet)
        _found(right, sheet)
        page.beside([left, right])
    else:
        _ways(page, sheet)
        page.blank()
        _found(page, sheet)
    warned = past_words(model)
    if warned:
        page.say(f"! {warned}", "caution", most=2)
    tried, rest = sheet.cutting.tried, page.room
    below = page.part(page.width, 4)
    _held(below, sheet, surgery)
    if tried is not None:
        body = page.part(page.width, max(0, rest - len(below.lines)))
        _letters(body, tried)
        _next(body, tried)
        page.below(body)
    page.below(below)


def part_words(part: Component, model: PlaygroundModel, width: int) -> str:
    """A part by its name, a token with its letter."""
    words = words_of(part)
    info = model.info
    if part.kind == "token" and info is not None and part.index < len(info.vocabulary):
        words += f" ‘{token_text(info.vocabulary[part.index])}’"
    return fit(visible(words), width).rstrip()


def past_words(model: PlaygroundModel) -> str:
    """That an edit here makes another future; "" where none was trained yet."""
    if model.running or model.step >= model.head:
        return ""
    run = f"run {model.run}" if model.run is not None else "the run"
    after = "" if model.run is None else f", and {run} stays as it is"
    return (
        f"In the past: doing this at step {model.step:,} of {model.head:,} makes another future"
        f"{after}."
    )


def fixed(value: float, digits: int, sign: str = "") -> str:
    """A number with so many digits after the point, the last bits of it rounded away. sign: "+" for
    one before numbers above 0 too."""
    if not math.isfinite(value):
        return num(value)
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}"


# ---------------------------------------------------------------- the choices


def _ways(page: Page, sheet: CutSheet) -> None:
    for place, way in enumerate(sheet.ways):
        chosen = way == sheet.way
        mark: Ink = "pointed" if chosen else "text"
        line: Line = [("▸ " if chosen else "  ", mark)]
        match way:
            case "out":
                line += [("take it out", mark), (f"  {_zeroed(sheet.part)}", "muted")]
            case "mean":
                line += [("write its mean", mark), ("  try only", "muted")]
            case "set":
                line += [("set it to ", mark), (f"{sheet.number}▏" if chosen else sheet.number,
                                                "strong" if chosen else "muted")]  # fmt: skip
            case "put in":
                step = sheet.step + ("▏" if chosen and not sheet.in_run else "")
                run = f"run {sheet.run}" if sheet.run or sheet.in_run else "this run"
                run += "▏" if chosen and sheet.in_run else ""
                ink: Ink = "strong" if chosen else "muted"
                line += [("put in step ", mark), (step, ink), (" of ", mark), (run, ink)]
        page.hit(0, page.width, ("way", place, 0))
        page.add(*line)


def _zeroed(part: Component) -> str:
    """Which weights become 0."""
    match part.kind:
        case "head":
            return "attn_wo columns 0"
        case "neuron":
            return "mlp_fc2 column 0"
        case "position" | "token":
            return "its row becomes 0"
        case _:
            return "all of it 0"


# ---------------------------------------------------------------- what is found


def _found(page: Page, sheet: CutSheet) -> None:
    """The held-out difference, how far the trial is, or why there is nothing."""
    asking, tried = sheet.cutting.asking, sheet.cutting.tried
    if sheet.problem:
        page.say(f"✗ {visible(sheet.problem)}", "bad", most=3)
        return
    if asking.trouble is not None:
        trouble = asking.trouble
        page.say(f"✗ {visible(trouble.title)}. {visible(trouble.message)}", "bad", most=4)
        return
    if tried is not None:
        heldout(page, tried.heldout)
        if sheet.way == "mean":
            page.say("Try only: no weights write a mean, so it cannot be done.", "muted", most=2)
    progress = asking.progress
    if progress is not None:
        stage = fit(visible(progress.stage), 24).rstrip()
        line: Line = [(f"◌ {stage} ", "muted")]
        if progress.total:
            share = progress.done / progress.total
            line += page.bar(share, 10)
            line.append((f" {share:4.0%}", "muted"))
        page.add(*line)
    elif tried is not None and sheet.stale:
        page.add((f"of step {tried.step:,}", "caution"))
    elif tried is None and sheet.way == "put in":
        page.say("enter fetches it and tries it; nothing is changed by that.", "muted", most=2)


def heldout(page: Page, found: Difference | None) -> None:
    """How the held-out loss differs."""
    if found is None:
        page.say("Nothing is held out: only the text below says what this costs.", "muted", most=2)
        return
    if not math.isfinite(found.delta):
        page.add(("held out: the loss is no number", "bad"))
    else:
        noise = judged(found)
        ink: Ink = "muted" if noise else "strong"
        line: Line = [
            ("held out ", "muted"),
            (f"{fixed(found.delta, 3, '+')}{plus_minus(found.error)} nats", ink),
        ]
        if noise and width_of(line) + len(noise) + 2 <= page.width:
            line.append((f", {noise}", "caution"))
            noise = ""
        page.add(*line)
        if noise:
            page.add((noise, "caution"))
    page.add(
        (f"{num(found.before, 3)} → {num(found.after, 3)} on {many(found.documents, 'text')}",
         "muted")
    )  # fmt: skip


def judged(found: Difference) -> str:
    """What a person should know before making much of a difference; "" for one that is real."""
    if found.delta == 0 and not found.error:
        return "no difference"  # a position that no text reaches, a part that is 0 already
    return "within the noise" if found.within_noise else ""


def _letters(page: Page, tried: Tried) -> None:
    """The loss of each letter, before and after; what grew and what fell is told by colour."""
    if page.room < 4:
        return
    count = len(tried.targets)
    cell = CELL if LABEL + CELL * count <= page.width else CELL - 1
    each = max(1, (page.width - LABEL) // cell)
    sums = [math.fsum(rows) / max(1, count) for rows in (tried.losses_before, tried.losses_after)]
    page.add(("loss of this text, letter by letter: ", "muted"),
             (f"{num(sums[0], 3)} → {num(sums[1], 3)}", "strong"))  # fmt: skip
    before, after = tried.losses_before, tried.losses_after
    scale = largest(before, after)
    change = max(PALE, largest([b - a for a, b in zip(before, after, strict=True)]))
    for first in range(0, count, each):
        if page.room < 3:
            page.add((f"… {count - first} more", "caution"))
            return
        shown = range(first, min(first + each, count))
        page.add((" " * LABEL, "text"),
                 *((cell_text(tried.targets[k], cell), "text") for k in shown))  # fmt: skip
        digits = 1 if cell < CELL else 2
        page.add(
            (fit("before", LABEL), "muted"),
            *(page.shade(num(before[k], digits), before[k] / scale, cell) for k in shown),
        )
        page.add(
            (fit("after", LABEL), "muted"),
            *(page.sign(num(after[k], digits), after[k] - before[k], change, cell) for k in shown),
        )


def _next(page: Page, tried: Tried) -> None:
    """What may come after the last position: the tokens that change most."""
    rows = tried.next[: min(MOST_TOKENS, page.room - 1)]
    if page.room < 2 or not rows:
        return
    if all(one.before == one.after for one in tried.next):
        page.add(("next token: every chance stays what it is", "muted"))
        return
    page.add(("next token, what changes most: ", "muted"), ("before", "muted"), (" → ", "muted"),
             ("after", "strong"))  # fmt: skip
    across = 2 if page.width >= BESIDE else 1
    width = (page.width - 2 * (across - 1)) // across
    tall = max(1, min(-(-len(rows) // across), page.room))
    rows = tried.next[: min(MOST_TOKENS, tall * across)]
    top = largest([chance for one in rows for chance in (one.before, one.after)])
    parts = []
    for start in range(0, len(rows), tall):
        part = page.part(width)
        for one in rows[start : start + tall]:
            part.add(*_chance(part, one, top))
        parts.append(part)
    page.beside(parts)


def _chance(page: Page, one: NextToken, top: float) -> Line:
    """A token with its chances. top: the chance whose bar is full."""
    room = max(4, (page.width - TOKEN - 16) // 2)
    return [
        (fit(f" {token_text(one.display)}", TOKEN), "text"),
        (f"{num(one.before, 3)} ", "muted"),
        *page.bar(one.before / top, room, "minus"),
        (" ", "text"),
        (f"{num(one.after, 3)} ", "text"),
        *page.bar(one.after / top, room),
    ]


def _held(page: Page, sheet: CutSheet, surgery: Surgery) -> None:
    """What is held now, and which of it `x` releases."""
    if not surgery.held:
        return
    page.add(("held from step to step:", "muted"))
    mine = [one for one in surgery.held if one.component == sheet.part]
    first = (mine or [surgery.held[-1]])[0]
    rows = [first, *(one for one in surgery.held if one is not first)]
    for one in rows[:2]:
        ends = "   x releases it" if one is first else ""
        page.add((f" {fit(held([one]), page.width - 17).rstrip()}", "text"), (ends, "pointed"))
    if len(rows) > 2:
        page.add((f" and {len(rows) - 2:,} more", "muted"))
