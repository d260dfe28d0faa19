"""Documents in little memory: one run of UTF-8 bytes, and where in it each document begins.

A list of millions of `str` takes 50 bytes or more a document beyond its characters, and four bytes
a character where one emoji stands. `PackedTexts` takes the bytes of UTF-8 and five more a document;
`Rows` is any choice of these documents in any order, four bytes a document.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from itertools import accumulate
from typing import overload

from typing_extensions import override

END = b"\xff"
"""Stands before and after each document: a byte that UTF-8 never has."""
MOST_BYTES = 2**32 - 1
"""The most bytes that four bytes can count."""
_PIECE = 2**20
_MARKS = (b"\n", b"\x1e", b"\0")


class PackedTexts(Sequence[str]):
    """Documents as one run of bytes. `extend` adds some; a document is never changed."""

    def __init__(self, documents: Iterable[str] = ()) -> None:
        self._bytes = bytearray(END)
        self._starts = array("I", [1])
        """Where each document begins, and where the next one would."""
        self.extend([*documents])

    def extend(self, documents: Sequence[str]) -> None:
        """Add documents at the end. Raises MemoryError if there are more than MOST_BYTES then."""
        if not documents:
            return
        encoded = [text.encode("utf-8", "surrogatepass") for text in documents]
        joined = END.join(encoded)
        at = len(self._bytes)
        if at + len(joined) + 1 > MOST_BYTES:
            raise MemoryError(f"more than {MOST_BYTES:,} bytes of documents")
        self._bytes += joined
        self._bytes += END
        sizes = accumulate(map(len, encoded), lambda start, size: start + size + 1, initial=at)
        next(sizes)
        self._starts.extend(sizes)

    @property
    def size(self) -> int:
        """Bytes of all documents, with one more before the first and after each."""
        return len(self._bytes)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        return self.raw(at).decode("utf-8", "surrogatepass")

    def raw(self, at: int) -> bytearray:
        """The UTF-8 bytes of one document. Raises IndexError."""
        if at < 0:
            at += len(self)
        if not 0 <= at < len(self):
            raise IndexError(f"there are {len(self):,} documents, and none at {at:,}")
        return self._bytes[self._starts[at] : self._starts[at + 1] - 1]

    def beginning(self, at: int, characters: int) -> str:
        """The first `characters` of a document, or all of it if it has no more. at: from 0 on."""
        start = self._starts[at]
        end = min(self._starts[at + 1] - 1, start + 4 * characters)
        while self._bytes[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        return self._bytes[start:end].decode("utf-8", "surrogatepass")[:characters]

    @override
    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces():
            yield from texts_in(piece)

    def pieces(self) -> Iterator[bytes]:
        """All documents in runs of about a MiB: documents as UTF-8, each with END after it."""
        data, at = self._bytes, 1
        while at < len(data):
            end = data.find(END, min(at + _PIECE, len(data) - 1)) + 1
            with memoryview(data) as view:
                piece = view[at:end].tobytes()
            yield piece
            at = end

    def run(self, first: int, last: int) -> Iterator[bytes]:
        """The documents from `first` to before `last` as UTF-8 with END between any two, in parts
        of about a MiB that end anywhere."""
        end = self._starts[min(last, len(self))] - 1
        for at in range(self._starts[first], end, _PIECE):
            yield bytes(self._bytes[at : min(at + _PIECE, end)])

    def holds(self, text: str, begins: bool = False) -> bool:
        """True if a document has the text; at its beginning, if `begins`."""
        wanted = text.encode("utf-8", "surrogatepass")
        return (END + wanted if begins else wanted) in self._bytes


def texts_in(piece: bytes) -> list[str]:
    """The documents of a piece, which `pieces` gave."""
    body = piece[:-1]
    for mark in _MARKS:  # one decoding of a MiB is ten times as fast as one of each document
        if mark not in body:
            whole = body.replace(END, mark).decode("utf-8", "surrogatepass")
            return whole.split(mark.decode())
    return [text.decode("utf-8", "surrogatepass") for text in body.split(END)]


class Rows(Sequence[str]):
    """Documents of a PackedTexts in an order of their own."""

    def __init__(
        self, packed: PackedTexts, rows: MutableSequence[int], count: int | None = None
    ) -> None:
        """rows: the places of the documents. count: how many of the rows; None for all."""
        self.packed = packed
        self._rows = rows
        self._count = len(rows) if count is None else count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self.packed[self._rows[i]] for i in range(*at.indices(self._count))]
        return self.packed[self._row(at)]

    @override
    def __iter__(self) -> Iterator[str]:
        for at in range(self._count):
            yield self.packed[self._rows[at]]

    def beginning(self, at: int, characters: int) -> str:
        """As PackedTexts.beginning."""
        return self.packed.beginning(self._row(at), characters)

    def _row(self, at: int) -> int:
        place = at + self._count if at < 0 else at
        if not 0 <= place < self._count:
            raise IndexError(f"there are {self._count:,} documents, and none at {at:,}")
        return self._rows[place]
