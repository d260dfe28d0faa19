"""Recorded runs in words: how each stands, how far it is, and which was forked from which.

The screen of the runs and the command line share these functions, which read no file and import
little.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from playground.words import many, short

if TYPE_CHECKING:
    from playground.lab.store.records import RunRow


Place = Literal["", "here", "elsewhere", "nowhere"]
"""Where a run is open: "" for a closed run, "here" in this playground, "elsewhere" in another
living process, "nowhere" if the process that had it open is gone."""


def incomparable(*, tokens: bool, data: bool, contexts: tuple[int, int] | None) -> str:
    """Why the losses of two runs cannot be compared, in a sentence; "" if they can be.

    tokens, data: whether the tokens and the documents of the two differ. contexts: both context
    lengths, if there are documents that are longer than one of them.
    """
    if tokens:
        return (
            "Their tokens differ, and the losses are nats a token: compare bits a character, or "
            "what they write, not these numbers."
        )
    if data:
        return "They learn from different data: their losses cannot be compared."
    if contexts is not None and contexts[0] != contexts[1]:
        one, other = contexts
        return (
            f"Their contexts have {one:,} and {other:,} tokens: where documents are longer, the "
            "losses are of other tokens, and cannot be compared."
        )
    return ""


def same_text(one: RunRow, other: RunRow) -> bool | None:
    """True if the held-out losses of the two are measured on the same text, by what was recorded
    of it; None where it was recorded of one at most."""
    known = one.heldout_text and other.heldout_text
    return one.heldout_text == other.heldout_text if known else None


def same_tokens(one: RunRow, other: RunRow) -> bool | None:
    """As `same_text`, of the tokens: where they are the same, so is what the nats are of."""
    known = one.heldout_tokens and other.heldout_tokens
    return one.heldout_tokens == other.heldout_tokens if known else None


def contexts(one: RunRow, other: RunRow) -> tuple[int, int] | None:
    """Both context lengths; None if their held-out documents show that both contexts hold them
    whole: the tokens that are measured are the same, or, as far as is known of other documents
    than each other's, a character has as many tokens in either run."""
    if same_tokens(one, other):
        return None
    shares = [
        row.heldout / row.bits_per_character
        for row in (one, other)
        if row.heldout is not None and row.bits_per_character
    ]
    if len(shares) == 2 and math.isclose(*shares, rel_tol=1e-9):
        return None
    return one.block_size, other.block_size


_SIGNS = {"ready": "○", "running": "▶", "paused": "‖", "finished": "✓", "failed": "✗"}
_DEEPEST = 16
"""Characters of a branch. Deeper forks are drawn beside each other."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands, as a sign and in words."""

    sign: str
    words: str
    """"paused", "running here", "interrupted"."""
    kind: str
    """A RunStatus, or "interrupted"."""


def standing(row: RunRow, place: Place) -> Standing:
    """How the run stands. place: where it is open."""
    if place == "nowhere":
        return Standing("!", "interrupted", "interrupted")
    if place:
        return Standing(_SIGNS[row.status], f"{row.status} {place}", row.status)
    # A closed run does not run, whatever its status was when it was exported.
    status = "paused" if row.status == "running" else row.status
    return Standing(_SIGNS[status], status, status)


def shape(row: RunRow) -> str:
    """The model in a word: layers, embedding width, heads if it has attention, context length."""
    heads = f"H{row.n_head} " if _has_heads(row) else ""
    return f"L{row.n_layer} W{row.n_embd} {heads}C{row.block_size}"


def model_words(row: RunRow) -> str:
    """The model in words: "1 layer, 4 heads, 16 wide, context 16: 4,192 parameters"."""
    sizes = [many(row.n_layer, "layer")]
    sizes += [many(row.n_head, "head")] if _has_heads(row) else []
    sizes += [f"{row.n_embd} wide", f"context {row.block_size}"]
    lacks = f", without {row.left_out}" if row.left_out else ""
    return f"{', '.join(sizes)}: {row.parameters:,} parameters{lacks}"


def _has_heads(row: RunRow) -> bool:
    return "attention" not in row.left_out.split(", ")


def steps(row: RunRow, room: int | None = None) -> str:
    """Recorded steps of all steps; "999k/1M" where the full numbers do not fit into `room`
    characters."""
    whole = f"{row.step:,}/{row.steps:,}"
    if room is None or len(whole) <= room:
        return whole
    return f"{short(row.step)}/{short(row.steps)}"


SETTINGS: Mapping[str, Callable[[Any], str]] = {
    "dataset": str,
    "tokenizer": str,
    "left_out": lambda parts: f"without {parts}" if parts else "whole model",
    "by_hand": lambda did: did or "nothing cut",
    "optimizer": {"adam": "Adam", "sgd": "SGD"}.__getitem__,
    "n_layer": lambda count: many(count, "layer"),
    "n_embd": "{} wide".format,
    "n_head": lambda count: many(count, "head"),
    "block_size": "context {}".format,
    "learning_rate": "lr {:g}".format,
    "schedule": "{} schedule".format,
    "batch_size": "batch {}".format,
    "seed": "seed {}".format,
    "steps": lambda count: many(count, "step"),
    "engine": "{} engine".format,
}
"""The fields of a row that may tell it from others, and each in words."""
_TOLD = 3
"""Settings that a run is told by, at most."""


def unlike(rows: Sequence[RunRow]) -> dict[int, str]:
    """What tells each of these runs from the others, by id: "lr 0.02, seed 7". A run without a name
    is listed by that; "" where all settings are those of the others.

    A run is told by its values that are not the usual ones of the list. One that has all the usual
    values is told by those of the settings that differ most often.
    """
    usual: dict[str, object] = {}
    spread: dict[str, int] = {}
    for name in SETTINGS:
        counted = Counter(getattr(row, name) for row in sorted(rows, key=lambda row: row.id))
        if len(counted) > 1:
            (usual[name], often), *_ = counted.most_common(1)
            spread[name] = len(rows) - often
    often_unlike = set(sorted(usual, key=lambda name: -spread[name])[:_TOLD])
    found = {}
    for row in rows:
        own = {name for name, value in usual.items() if getattr(row, name) != value}
        told = [
            words(getattr(row, name))
            for name, words in SETTINGS.items()
            if name in (own or often_unlike)
        ]
        found[row.id] = ", ".join(told[:_TOLD])
    return found


def branches(rows: Sequence[RunRow]) -> tuple[list[RunRow], dict[int, str]]:
    """(rows, with each fork below its parent; what is drawn before a fork, "├ " or "│ └ ", by its
    id). A family stands where its first row stood; forks of one run keep their order. A fork
    without its parent in `rows` stands by itself."""
    known = {row.id: row for row in rows}
    below: dict[int, list[RunRow]] = {}
    top: dict[int, int] = {}
    for row in sorted(rows, key=lambda row: row.id):
        # A parent is older than its fork. An altered file that says otherwise makes no loop here.
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
    """Where each run is open, by id; closed runs are left out. open_elsewhere: by id, whether a
    living process holds the lock of a run that has an owner."""
    found: dict[int, Place] = {}
    for row in rows:
        if row.id == here:
            found[row.id] = "here"
        elif row.owner:
            found[row.id] = "elsewhere" if open_elsewhere.get(row.id) else "nowhere"
    return found
