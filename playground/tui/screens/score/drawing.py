"""The views of a score: the ladder of losses, calibration, the worst tokens, the samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from playground.lab.protocol import score as words
from playground.lab.protocol.score import Row
from playground.tui.screens.inside.page import Page, quoted, token_text
from playground.tui.widgets.sheet import Ink, Line
from playground.tui.widgets.text import fit
from playground.widths import cell_len

GAP = "  "
OWN = "this model"
LEAST_BAR = 8
"""Columns of a bar, at least."""
TRACK = 20
"""Columns of a line of the reliability diagram, at least; WIDEST at most."""
WIDEST = 60
_WORST = 10
_NONE_UNSEEN = "No text is held out that the model has not seen: there are no figures here."


def losses(page: Page, score: Mapping[str, Any]) -> None:
    """The model's figures, and the ladder of all that read the same texts."""
    held = score["heldout"]
    if not held["unseen"]:
        page.say(_NONE_UNSEEN)
        return
    table(page, [words.LOSSES, *words.losses(held)], hidden=(3,))
    page.blank()
    page.add((f"{held['unit']}, the best last", "strong"))
    _ladder(page, held)
    if held["bits_per_character"] is None:
        page.say(words.NO_BITS, "caution")


def _ladder(page: Page, held: Mapping[str, Any]) -> None:
    own: Row = (OWN, *words.figure(held["bits"]), "")
    figures = {name: one["bits"] for name, one in held["against"].items()} | held["compressors"]
    rungs: list[tuple[float, Row]] = [(held["bits"]["value"], own)]
    rungs += [(figures[row[0]]["value"], row) for row in words.competitors(held)]
    rungs.sort(key=lambda one: -one[0])
    top = max(value for value, _ in rungs)
    rows = [row for _, row in rungs]
    name, value, between, note = (max(map(cell_len, column)) for column in zip(*rows, strict=True))
    used = 2 + name + len(GAP) + value + len(GAP)
    aside = len(GAP) + between + (len(GAP) + note if note else 0)
    if page.width - used - aside < LEAST_BAR:
        between = 0
        aside = len(GAP) + note if note else 0
    bar = max(LEAST_BAR, min(WIDEST, page.width - used - aside))
    for amount, row in rungs:
        mine = row[0] == OWN
        ink: Ink = "pointed" if mine else "text"
        line: Line = [
            ("▸ " if mine else "  ", ink),
            (fit(row[0], name) + GAP, ink),
            (fit(row[1], value, right=True) + GAP, ink),
            *page.bar(amount / top if top else 0.0, bar, "plus" if mine else "minus"),
        ]
        if between:
            line.append((GAP + fit(row[2], between), "muted"))
        if row[3]:
            line.append((GAP + row[3], "caution"))
        page.add(*line)


def calibration(page: Page, score: Mapping[str, Any]) -> None:
    """The reliability diagram, a line for each bin."""
    if not score["heldout"]["unseen"]:
        page.say(_NONE_UNSEEN)
        return
    found = score["heldout"]["calibration"]
    page.say(words.calibration_words(found), "strong")
    page.blank()
    rows = [words.CALIBRATION, *words.calibration(found)]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    room = page.width - sum(widths) - len(GAP) * len(widths)
    tracks: list[Line] = []
    hidden: tuple[int, ...] = ()
    if room < TRACK:  # the interval is drawn
        hidden = (3,)
        room += widths[3] + len(GAP)
    if room >= TRACK // 2:
        width = min(WIDEST, room)
        tracks = [[(f"0 %{'100 %':>{width - 3}}", "muted")]]
        tracks += [_track(one, width) for one in found["bins"]]
    table(page, rows, tracks, hidden=hidden)
    page.blank()
    page.say("● how often the likeliest token came   ─ its 95 % interval   ┆ what the model said")


def _track(one: Mapping[str, Any], width: int) -> Line:
    def at(share: float) -> int:
        return min(width - 1, max(0, round(share * (width - 1))))

    right = one["right"]
    cells = ["·"] * width
    for place in range(at(right["low"]), at(right["high"]) + 1):
        cells[place] = "─"
    cells[at(one["confidence"])] = "┆"
    cells[at(right["value"])] = "◉" if at(right["value"]) == at(one["confidence"]) else "●"
    inks: dict[str, Ink] = {"·": "faint", "─": "muted", "┆": "caution"}
    return [(cell, inks.get(cell, "pointed")) for cell in cells]


def worst(page: Page, score: Mapping[str, Any]) -> None:
    """The tokens and contexts that cost most."""
    if not score["heldout"]["unseen"]:
        page.say(_NONE_UNSEEN)
        return
    rows = words.worst(score["heldout"], _WORST, lambda name: fit_most(quoted(name), 20))
    table(page, [words.WORST, *rows], hidden=_to_hide(page, [words.WORST, *rows], (2, 4)))


def samples(page: Page, score: Mapping[str, Any]) -> None:
    """The figures of the samples, and some of them beside the nearest training text."""
    found = score["samples"]
    if not found["count"]:
        page.say("No texts were sampled.")
        return
    table(page, words.samples(found))
    rule = score["rule"]
    said = "no rule: e takes one" if rule is None else f"the rule: {token_text(rule)}"
    page.say(f"{said}", "muted", most=3)
    page.blank()
    most = max(8, (page.width - 5 - 3 * len(GAP) - 7) // 2)
    rows: list[Row] = [(*words.TEXTS, "")]
    marks = ["recited" if one["recited"] else "" for one in found["texts"]]
    rows += [
        (*row, mark)
        for row, mark in zip(
            words.texts(found["texts"], len(marks), lambda one: fit_most(token_text(one), most)),
            marks,
            strict=True,
        )
    ]
    table(page, rows)


def fit_most(text: str, width: int) -> str:
    """The text, cut to so many columns at most."""
    return fit(text, width).rstrip() if cell_len(text) > width else text


def _to_hide(page: Page, rows: Sequence[Row], hideable: Sequence[int]) -> tuple[int, ...]:
    """The columns that have no room, of those that may be hidden."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    hidden: list[int] = []
    for column in hideable:
        shown = [width for place, width in enumerate(widths) if place not in hidden]
        if sum(shown) + len(GAP) * (len(shown) - 1) <= page.width:
            break
        hidden.append(column)
    return tuple(hidden)


def table(
    page: Page, rows: Sequence[Row], more: Sequence[Line] = (), hidden: Sequence[int] = ()
) -> None:
    """Rows below their titles; the first cell of each is text, the others stand to the right. more:
    what stands behind each row."""
    columns = [place for place in range(len(rows[0])) if place not in hidden]
    widths = {place: max(cell_len(row[place]) for row in rows) for place in columns}
    for number, row in enumerate(rows):
        cells = [
            fit(row[place], widths[place], right=place > 0 and _holds_figures(rows, place))
            for place in columns
        ]
        ink: Ink = "muted" if number == 0 else "text"
        page.add((GAP.join(cells), ink), *((GAP, "text"), *more[number]) if more else ())


def _holds_figures(rows: Sequence[Row], place: int) -> bool:
    """True if the column holds numbers, which stand to the right."""
    cells = [one[place] for one in rows[1:] if one[place]]
    return (
        bool(cells)
        and all(cell[:1].isdigit() or cell[:1] in "-+" for cell in cells)
        and (" " not in "".join(cells))
    )


def share_of(done: int, total: int) -> float:
    """How much is done, 0..1; 0 if nobody knows."""
    return done / total if total and math.isfinite(total) else 0.0
