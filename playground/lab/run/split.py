"""Which documents of a run are trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from microgpt.trainer import shuffle
from playground.lab.spec import HoldoutBy


@dataclass(frozen=True, slots=True)
class Parts:
    """The documents of a run in two parts, both in the order of the shuffle."""

    train: list[str]
    heldout: list[str]
    """A text is listed once, however many rows it has, unless rows are held out."""
    documents: int
    """Documents in all, repeated ones included."""
    distinct: int
    """Different texts among the documents."""


def split(shuffled: Sequence[str], distinct: int, share: float, by: HoldoutBy, seed: int) -> Parts:
    """shuffled: all documents, shuffled with this seed. distinct: how many different texts they
    are. share: how much to hold out, 0..1; at least one document, or text, is trained on.

    By "row", the last documents are held out. By "text", a held-out text is held out in every row
    in which it stands. Each text is as likely to be held out as any other, however many rows it
    has: what counts is where the shuffle put the first of its rows. Without repeats, both ways are
    the same. What the model sees of two texts may still be alike, because the split knows neither
    tokens nor the context: runs with other tokenizers then hold out the same texts.
    """
    count = len(shuffled)
    units = count if by == "row" else distinct
    held = min(round(share * units), units - 1)
    if held <= 0:
        return Parts(list(shuffled), [], count, distinct)
    if units == count:
        return Parts(list(shuffled[:-held]), list(shuffled[-held:]), count, distinct)
    last = _by_first_row(shuffled, seed)[-held:]
    heldout = set(last)
    train = [text for text in shuffled if text not in heldout]
    return Parts(train, last, count, distinct)


def _by_first_row(shuffled: Sequence[str], seed: int) -> list[str]:
    """Each distinct text once, in the order in which the shuffle put the first row of each."""
    rows = list(range(len(shuffled)))
    shuffle(rows, seed)  # rows[i] is the row that the shuffle put at place i
    first: dict[str, int] = {}
    for text, row in zip(shuffled, rows, strict=True):
        if row < first.get(text, len(rows)):
            first[text] = row
    return [text for text, row in zip(shuffled, rows, strict=True) if first[text] == row]
