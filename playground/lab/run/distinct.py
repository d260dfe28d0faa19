"""Which documents repeat others, and whether a text is a document, in four bytes a document.

The documents stand in groups by a hash. A group is small, so that a text is looked up among few
documents; and of two documents with the same text the first is found in one walk over the groups.

No single call into C works on all documents: such a call would keep the worker from answering for
seconds, and the watchdog would end it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate

from playground.packed import PackedTexts, texts_in

_GROUP = 64
"""Documents in a group, about."""
_MOST_GROUPS = 2**16
_HASH = 2**32 - 1
_EVERY = 2**18
"""Documents after which progress is told."""
Told = Callable[[int], None]
"""Called with the documents done so far."""


class Distinct:
    """The different texts among documents."""

    def __init__(self, texts: PackedTexts, told: Told = lambda _: None) -> None:
        self._texts = texts
        count = len(texts)
        groups = 1
        while groups < _MOST_GROUPS and groups * _GROUP < count:
            groups *= 2
        self._mask = mask = groups - 1
        hashes = array("I")
        sizes: Counter[int] = Counter()
        for piece in texts.pieces():
            some = [hash(text) & _HASH for text in texts_in(piece)]
            hashes.extend(some)
            sizes.update(map(mask.__and__, some))
            told(len(hashes) // 3)
        self._ends = array("I", accumulate(sizes[group] for group in range(groups)))
        at = [0, *self._ends]
        self._rows = rows = array("I", bytes(4 * count))
        """The documents by group, in a group by their order."""
        highs = array("H", bytes(2 * count))
        for first in range(0, count, _EVERY):
            for row, hashed in enumerate(hashes[first : first + _EVERY], first):
                place = at[hashed & mask]
                rows[place] = row
                highs[place] = hashed >> 16
                at[hashed & mask] = place + 1
            told((count + first) // 3)
        del hashes
        self.repeats = bytearray(count)
        """1 for a document whose text an earlier document has, else 0."""
        self._repeated: list[int] = []
        """The groups that hold repeats."""
        first = 0
        for group, end in enumerate(self._ends):
            if len(set(highs[first:end])) < end - first:
                self._look_for_repeats(group, rows[first:end])
            if group % 1024 == 0:
                told((2 * count + first) // 3)
            first = end

    def _look_for_repeats(self, group: int, members: array[int]) -> None:
        seen: set[bytes] = set()
        for row in members:
            text = bytes(self._texts.raw(row))
            if text in seen:
                self.repeats[row] = 1
            seen.add(text)
        if len(seen) < len(members):
            self._repeated.append(group)

    def __len__(self) -> int:
        """How many different texts there are."""
        return len(self._rows) - self.repeats.count(1)

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        wanted = text.encode("utf-8", "surrogatepass")
        raw = self._texts.raw
        return any(raw(row) == wanted for row in self._members(hash(text) & self._mask))

    def _members(self, group: int) -> array[int]:
        first = self._ends[group - 1] if group else 0
        return self._rows[first : self._ends[group]]

    def alike(self) -> Iterator[array[int]]:
        """The documents of each text that more than one document has, the first one first."""
        for group in self._repeated:
            found: dict[bytes, array[int]] = {}
            for row in self._members(group):
                text = bytes(self._texts.raw(row))
                if text not in found:
                    found[text] = array("I")
                found[text].append(row)
            for rows in found.values():
                if len(rows) > 1:
                    yield rows
