"""The documents of a run: read whole, and turned into tokens when they are wanted."""

from __future__ import annotations

import hashlib
import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import overload

from typing_extensions import override

from microgpt.tidy import Look, in_known_form
from playground.api import Dataset, Provenance, Tokenizer, UnknownTextError
from playground.hooks import plain
from playground.hooks.builtins.datasets import TextFile
from playground.hooks.errors import excerpt
from playground.lab.paths import MOST, text_of
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.run.guard import Guard
from playground.packed import END, PackedTexts, Rows

Report = Callable[[Progress], None]

BUDGET = 3
"""The most bytes of memory that opening a run takes for a byte of a text file, beyond what it takes
on the names, where documents have 8 bytes or more on average and none is a quarter of the text.

While the file is cut, there are its bytes, the documents as UTF-8 and four bytes a document; later
the documents and 18 bytes each at most. A text that is kept with the run takes its size once more,
up to paths.MOST."""
MAX_DOCUMENTS = 20_000_000
MAX_BYTES = 1 << 31
BEYOND = 64
"""How many tokens past the model's reach are still shown."""
LONG = 20_000
"""A document with more characters is encoded only as far as the model can see."""
HUGE = 200_000
"""Characters of a document beyond which only its beginning is decoded."""
MAX_DECODED = 1_000_000
"""The most characters of one sampled text."""
_RECENT = 64
_CHUNK = 2**21
"""Characters of a data set that are packed at once."""
_END = b"\x1e"
"""Ends each document in the fingerprint."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(slots=True)
class Documents:
    """All documents of a data set, in its order, and what the reading found."""

    texts: PackedTexts
    provenance: Provenance
    fingerprints: tuple[str, ...]
    """The documents' SHA-256, and the count with CRC-32 that older checkpoints have; the same on
    every machine."""
    letters: set[str]
    """The different characters of the documents."""
    control: str
    """The first control character in the documents; "" if there is none."""
    look: Look
    """What the letters of the documents look like."""
    text: bytes | None
    """The text file that the documents were cut from, to be kept with the run; None if there is
    none, or if it is too large."""
    unsure: bool
    """True if the file changed while a plugin read it: nobody knows what the plugin read."""


def read(
    dataset: Dataset, guard: Guard, cache: Path, report: Report, path: str, kept: bytes | None
) -> Documents:
    """Read a data set whole. path: the text file that it reads; "" if it has no such knob. kept:
    the text that stands for that in the file; a plugin's data set does not know of it.

    Raises DatasetError, PluginError, LabError, what `report` raises.
    """
    ours = dataset if isinstance(dataset, TextFile) else None
    if ours is not None:
        ours.given = kept
    before = text_of(path) if path and ours is None else None

    def progress(what: str, done: int, total: int) -> None:
        guard.doing("prepare", "prepare").alive()
        report(Progress(plain.shown(what), int(done), int(total)))

    with guard.at("prepare", kind="prepare"):
        dataset.prepare(cache, progress)
        total = int(dataset.count() or 0)
    if ours is not None:
        text = bytes(ours.data) if len(ours.data) <= MOST else None
        ours.data = b""  # up to 256 MB that nobody needs any more
    stage = f"reading {guard.entry.name}"
    found = _Found()
    with guard.at("documents"):
        if ours is not None:
            packed = ours.packed
        else:
            packed = PackedTexts()
            for chunk in _chunks(dataset.documents(), guard):
                packed.extend(chunk)
                if len(packed) > MAX_DOCUMENTS or packed.size > MAX_BYTES:
                    raise _too_large(guard, packed)
                report(Progress(stage, len(packed), max(total, len(packed)) if total else 0))
        if len(packed) > MAX_DOCUMENTS:
            raise _too_large(guard, packed)
        for piece in packed.pieces():
            found.take(piece)
            if found.bytes > len(piece):
                report(Progress("looking at the letters", found.bytes, packed.size))
        given = dataset.provenance
        provenance = Provenance(
            plain.shown(given.source), plain.shown(given.licence), plain.shown(given.sha256)
        )
    if not packed:
        raise LabError(
            Failure("The data set is empty", f"{guard.label} gave no documents. Choose another.")
        )
    if ours is None:
        text = before if before is not None and text_of(path) == before else None
    return Documents(
        packed,
        provenance,
        (found.sha.hexdigest(), _old_fingerprint(packed)),
        found.letters,
        found.control,
        found.look,
        text,
        text != before and ours is None,
    )


def _too_large(guard: Guard, packed: PackedTexts) -> LabError:
    return LabError(
        Failure(
            "The data set is too large",
            f"{guard.label} gave {len(packed):,} documents of {packed.size:,} bytes and had not "
            "ended. Use a part of it.",
        )
    )


class _Found:
    """What is found in the documents, piece by piece."""

    def __init__(self) -> None:
        self.bytes, self.sha = 0, hashlib.sha256()
        self.letters: set[str] = set()
        self.control, self.look = "", Look()
        self._known = END
        """The ASCII letters found, as bytes, and END."""

    def take(self, piece: bytes) -> None:
        """piece: documents as UTF-8, each with END after it."""
        self.bytes += len(piece)
        self.sha.update(piece.replace(END, _END))
        joined = piece[:-1].replace(END, b"\n").decode("utf-8", "surrogatepass")
        if joined.isascii():
            if new := piece.translate(None, self._known):  # hardly ever anything
                self.letters |= set(new.decode())
                self._known = END + "".join(filter(str.isascii, self.letters)).encode()
            letters = self.letters
        else:
            letters = set(joined)
            self.letters |= letters if b"\n" in piece else letters - {"\n"}
        if not self.control and not "".join(letters - {"\n"}).isprintable():
            found = _CONTROL.search(joined)
            self.control = found.group() if found else ""
        self.look.take(joined, letters)


def _old_fingerprint(packed: PackedTexts) -> str:
    """The count with the CRC-32 of the documents, a newline between any two that an earlier version
    took in one go: first 32, then twice as many each time."""
    crc, first, size = 0, 0, 32
    while first < len(packed):
        for part in packed.run(first, first + size):
            crc = zlib.crc32(part.replace(END, b"\n"), crc)
        first += size
        size = min(2 * size, 32_768)
    return f"{len(packed)}:{crc:08x}"


def _chunks(documents: Iterator[str], guard: Guard) -> Iterator[list[str]]:
    """Lists of documents, small ones while documents come slowly, so that progress shows."""
    iterator = iter(documents)
    size = 32
    while True:
        began = time.monotonic()
        chunk: list[str] = []
        characters = 0
        for text in islice(iterator, size):
            chunk.append(text)
            characters += len(text) if type(text) is str else 0
            if characters > _CHUNK:
                break
        if not chunk:
            return
        guard.doing("documents").alive()
        if not guard.trusted:
            for text in chunk:
                if not plain.is_a(text, str):
                    wrong = f"it gave a {plain.type_name(text)}, not text"
                    raise guard.broken("documents", wrong)
            chunk = list(filter(None, map(plain.text, chunk)))
        if time.monotonic() - began < 0.05 and size < 32_768:
            size *= 2
        yield chunk


class Encoder:
    """A guarded tokenizer, which also makes documents as the trainer takes them."""

    def __init__(self, tokenizer: Tokenizer, guard: Guard, block_size: int) -> None:
        self.tokenizer = tokenizer
        self.guard = guard
        self.block_size = block_size
        with guard.at("vocab_size"):
            self.vocab_size = int(tokenizer.vocab_size)
            self.bos_id = int(tokenizer.bos_id)
        if not 0 <= self.bos_id < self.vocab_size:
            raise guard.broken(
                "bos_id", f"it is {self.bos_id}, with a vocabulary of {self.vocab_size}"
            )

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without BOS. Raises UnknownTextError, PluginError."""
        if self.guard.trusted:
            return self.tokenizer.encode(text)
        with self.guard.at("encode", text):
            ids = list(self.tokenizer.encode(text))
        for token in ids:
            if type(token) is not int or not 0 <= token < self.vocab_size:
                raise self.guard.broken(
                    "encode",
                    f"it gave the id {excerpt(token)}, with a vocabulary of {self.vocab_size}",
                )
        return ids

    def prompt(self, text: str) -> list[int]:
        """The ids of a text that a person typed, without BOS. Where the data have é in two pieces
        and the person typed it in one, or the reverse, it is read as the data have it.

        Raises UnknownTextError, which names what no form makes known, and PluginError.
        """
        try:
            return self.encode(text)
        except UnknownTextError:
            return self.encode(in_known_form(text, self._is_known))

    def _is_known(self, text: str) -> bool:
        try:
            self.encode(text)
        except UnknownTextError:
            return False
        return True

    def seen(self, text: str) -> list[int]:
        """The ids without BOS, at least as far as the model sees and the screen shows."""
        if len(text) <= LONG:
            return self.encode(text)
        wanted = self.block_size + BEYOND
        size = max(LONG, 32 * wanted)
        while size < len(text):
            ids = self.encode(text[:size])
            if len(ids) >= 2 * wanted:  # the cut is too far away to change the first ids
                return ids
            size *= 4
        return self.encode(text)

    def document(self, text: str) -> list[int]:
        """The ids that the model learns from: BOS, the first block_size + BEYOND tokens, BOS.

        Raises PluginError, also for text outside the vocabulary: the tokenizer was trained on
        every document.
        """
        try:
            return self.tokens(text)
        except UnknownTextError as error:
            raise self.guard.broken("encode", f"unknown text: {error}") from error

    def document_at(self, texts: Rows, index: int) -> list[int]:
        """`document` of one of many texts, without decoding all of a huge one."""
        wanted = self.block_size + BEYOND
        size = max(HUGE, 64 * wanted)
        text = texts.beginning(index, size)
        tokens = self.document(text)
        if len(text) < size or len(self.seen(text)) >= 2 * wanted:
            return tokens
        return self.document(texts[index])

    def tokens(self, text: str) -> list[int]:
        """As `document`, but raises UnknownTextError for text outside the vocabulary."""
        bos = self.bos_id
        return [bos, *self.seen(text)[: self.block_size + BEYOND], bos]

    def as_read(self, text: str) -> list[int]:
        """The ids of a text as the model reads it: BOS, its tokens, BOS; cut to the context. Raises
        UnknownTextError, PluginError."""
        if not text:
            return [self.bos_id] * 2
        ids = self.prompt(text) if len(text) <= LONG else self.seen(text)
        return [self.bos_id, *ids, self.bos_id][: self.block_size + 1]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`. Raises PluginError."""
        with self.guard.at("decode", ids):
            text = plain.shown(self.tokenizer.decode(ids))
        if len(text) > MAX_DECODED:
            raise self.guard.broken("decode", f"it made {len(text):,} characters of {len(ids)} ids")
        return text

    def display(self, token: int) -> str:
        """A short name for one token. Raises PluginError."""
        if self.guard.trusted:
            return self.tokenizer.display(token)
        with self.guard.at("display", token):
            return plain.shown(self.tokenizer.display(token))[:40]


class ReadOnlyTexts(Sequence[str]):
    """Documents that a plugin can read and not change."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        return self._texts[at] if isinstance(at, int) else tuple(self._texts[at])

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)


class TokenDocuments(Sequence[list[int]]):
    """The training documents as tokens, each encoded when it is asked for."""

    def __init__(self, texts: Rows, encoder: Encoder) -> None:
        self._texts = texts
        self._encoder = encoder
        self._recent: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> list[int]:  # type: ignore[override]
        tokens = self._encoder.document_at(self._texts, index)
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent[index] = tokens
        return tokens

    def shown(self, index: int) -> list[int]:
        """The document's tokens for the screen, which mostly asks for documents just trained on."""
        return self._recent.get(index) or self._encoder.document_at(self._texts, index)
