"""Which documents of a run are trained on, and which are held out."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from operator import not_

from playground.lab.run.distinct import Distinct, Told
from playground.lab.spec import HoldoutBy
from playground.packed import PackedTexts, Rows

_EVERY = 2**17
"""Documents after which progress is told."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The documents of a run in two parts, both in the order of the shuffle."""

    train: Rows
    heldout: Rows
    """A text is listed once, however many rows it has, unless rows are held out."""
    documents: int
    """Documents in all, repeated ones included."""
    distinct: int
    """Different texts among the documents."""
    order: Sequence[str]
    """All documents, in the order of the shuffle."""
    also: int = 0
    """Held-out documents whose text is trained on too: some only if rows are held out."""


def shuffled(
    count: int, seed: int, told: Told = lambda _: None
) -> tuple[array[int], random.Random]:
    """The places 0 ... count - 1 in the order in which microgpt.trainer.shuffle puts documents,
    four bytes each, and the random stream, from which the weights are drawn next.

    told: called with the places done so far. The loop is that of `random.shuffle`, which tells
    nobody how far it is.
    """
    rng = random.Random(seed)
    bits = rng.getrandbits
    order = array("I")
    for first in range(0, count, _EVERY):  # one call would hold up the answers to the screen
        order.extend(range(first, min(count, first + _EVERY)))
    for i in range(count - 1, 0, -1):
        size = (i + 1).bit_length()
        j = bits(size)
        while j > i:
            j = bits(size)
        order[i], order[j] = order[j], order[i]
        if i % _EVERY == 0:
            told(count - i)
    return order, rng


def split(
    texts: PackedTexts,
    distinct: Distinct,
    order: array[int],
    share: float,
    by: HoldoutBy,
    told: Told = lambda _: None,
) -> Parts:
    """order: the places of all documents, shuffled; the parts take it over. share: how much to hold
    out, 0..1; at least one document, or text, is trained on. told: called with the documents done
    so far.

    By "row", the last documents are held out. By "text", a held-out text is held out in every row
    in which it stands. Each text is as likely to be held out as any other, however many rows it
    has: what counts is where the shuffle put the first of its rows. Without repeats, both ways are
    the same. What the model sees of two texts may still be alike, because the split knows neither
    tokens nor the context: runs with other tokenizers then hold out the same texts.
    """
    count, different = len(order), len(distinct)
    units = count if by == "row" else different
    held = min(round(share * units), units - 1)
    if held <= 0:
        train = Rows(texts, order)
        return Parts(train, Rows(texts, array("I")), count, different, train)
    if units == count:
        heldout = order[-held:]
        also = _also_trained_on(heldout, distinct) if different < count else 0
        train = Rows(texts, order, count - held)
        return Parts(train, Rows(texts, heldout), count, different, Rows(texts, order), also)
    last = array("I")
    for row in reversed(order):
        if len(last) == held:
            break
        if not distinct.repeats[row]:
            last.append(row)
    last.reverse()
    held_out = bytearray(count)
    for row in last:
        held_out[row] = 1
    for alike in distinct.alike():
        if held_out[alike[0]]:
            for row in alike:
                held_out[row] = 1
    everything = _Everything(texts, order, held_out, told)
    return Parts(Rows(texts, order), Rows(texts, last), count, different, everything)


class _Everything(Sequence[str]):
    """All documents in their shuffled order, without keeping that order a second time."""

    def __init__(
        self, texts: PackedTexts, order: array[int], held_out: bytearray, told: Told
    ) -> None:
        """order: the places of all documents; those that are held out are removed from it.
        held_out: for each document 1 if it is held out, else 0."""
        self._texts = texts
        self._trained = order
        self._places, self._removed = array("I"), array("I")
        kept = 0
        for first in range(0, len(order), _EVERY):
            some = order[first : first + _EVERY]
            out = [*map(held_out.__getitem__, some)]
            self._places.extend(compress(range(first, first + len(some)), out))
            self._removed.extend(compress(some, out))
            staying = array("I", compress(some, map(not_, out)))
            order[kept : kept + len(staying)] = staying
            kept += len(staying)
            told(first)
        del order[kept:]

    def __len__(self) -> int:
        return len(self._trained) + len(self._removed)

    def __getitem__(self, place: int) -> str:  # type: ignore[override]
        before = bisect_left(self._places, place)
        if before < len(self._places) and self._places[before] == place:
            return self._texts[self._removed[before]]
        return self._texts[self._trained[place - before]]


def _also_trained_on(heldout: array[int], distinct: Distinct) -> int:
    """How many of the held-out documents have the text of one that is trained on."""
    held = bytearray(len(distinct.repeats))
    for row in heldout:
        held[row] = 1
    also = 0
    for alike in distinct.alike():
        count = sum(map(held.__getitem__, alike))
        also += count if count < len(alike) else 0
    return also
