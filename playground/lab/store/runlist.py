"""Recorded runs in words: how each stands, how old it is, and who was forked from whom.

Pure and light: the screen of the runs and the command line say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from playground.words import short

if TYPE_CHECKING:
    from playground.lab.store.records import RunRow


Place = Literal["", "here", "elsewhere", "nowhere"]
"""Who has a run open: nobody (it was closed), this playground, another living process, or one
that is no more."""

_SIGNS = {"ready": "○", "running": "▶", "paused": "‖", "finished": "✓", "failed": "✗"}
_DEEPEST = 16
"""Characters of a branch; forks of forks of forks beyond that are drawn beside each other."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands, as a sign and in words."""

    sign: str
    words: str
    """"paused", "running here", "interrupted"."""
    kind: str
    """A RunStatus, or "interrupted"."""


def standing(row: RunRow, place: Place) -> Standing:
    """How it stands. place: who has it open."""
    if place == "nowhere":
        return Standing("!", "interrupted", "interrupted")
    if place:
        return Standing(_SIGNS[row.status], f"{row.status} {place}", row.status)
    # One that nobody has open runs no more, whatever was written down when it was exported.
    status = "paused" if row.status == "running" else row.status
    return Standing(_SIGNS[status], status, status)


def shape(row: RunRow) -> str:
    """The model in a word: layers, embedding width, heads, context length."""
    return f"L{row.n_layer} W{row.n_embd} H{row.n_head} C{row.block_size}"


def steps(row: RunRow, room: int | None = None) -> str:
    """How many of how many. Where both do not fit into `room` characters they are written short:
    "999k/1M"."""
    whole = f"{row.step:,}/{row.steps:,}"
    if room is None or len(whole) <= room:
        return whole
    return f"{short(row.step)}/{short(row.steps)}"


def branches(rows: Sequence[RunRow]) -> tuple[list[RunRow], dict[int, str]]:
    """The rows with each fork below its parent, and what is drawn before a fork ("├ ", "│ └ ")
    by its id. A family stands where the first of it stood, forks of one run in the order given.
    A fork whose parent is not among them stands by itself."""
    known = {row.id: row for row in rows}
    below: dict[int, list[RunRow]] = {}
    top: dict[int, int] = {}
    for row in sorted(rows, key=lambda row: row.id):
        # A parent is older than its fork; what an altered file says is no reason to go in circles.
        above = row.parent if row.parent in known and (row.parent or 0) < row.id else None
        top[row.id] = row.id if above is None else top[above]
    for row in rows:
        if top[row.id] != row.id and row.parent is not None:
            below.setdefault(row.parent, []).append(row)
    if not below:
        return list(rows), {}
    tops = [known[id] for id in dict.fromkeys(top[row.id] for row in rows)]
    ordered: list[RunRow] = []
    drawn: dict[int, str] = {}
    waiting: list[tuple[RunRow, str, str]] = [(row, "", "") for row in reversed(tops)]
    while waiting:  # a chain of forks may be longer than Python's stack
        row, own, lead = waiting.pop()
        ordered.append(row)
        if own:
            drawn[row.id] = own
        children = below.get(row.id, ())
        for place, child in enumerate(reversed(children)):
            branch, rest = ("└ ", "  ") if place == 0 else ("├ ", "│ ")
            waiting.append((child, lead + branch, (lead + rest)[:_DEEPEST]))
    return ordered, drawn


def places(
    rows: Iterable[RunRow], open_elsewhere: Mapping[int, bool], here: int | None = None
) -> dict[int, Place]:
    """Who has each run open that was not closed. open_elsewhere: by id, of those with an owner,
    whether a living process holds it."""
    found: dict[int, Place] = {}
    for row in rows:
        if row.id == here:
            found[row.id] = "here"
        elif row.owner:
            found[row.id] = "elsewhere" if open_elsewhere.get(row.id) else "nowhere"
    return found
