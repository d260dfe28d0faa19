"""Data sets: the names that come along, and the user's own text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from microgpt import documents as texts
from playground.api import (
    Contribution,
    Dataset,
    DatasetError,
    Knob,
    Knobs,
    Progress,
    Provenance,
    hookimpl,
)
from playground.hooks.sources import expanded
from playground.packed import PackedTexts

NAMES_SHA256 = "91691165b471c338ee35387260590f0fdc23fcb50509b9ccfe1c879c7ac39a1e"
DEFAULT_WINDOW = 16
"""Characters of a window if no model gives its block_size."""
ENDLESS = 100_000
"""A file's only document is taken for a mistake if it has more characters."""


class Names:
    """The embedded given names."""

    provenance = Provenance(
        source="given names of births registered in the United States in 2017, national list "
        "of the U.S. Social Security Administration",
        licence="public domain",
        sha256=NAMES_SHA256,
    )

    def __init__(self) -> None:
        self._names: list[str] | None = None

    def prepare(self, cache: Path, progress: Progress) -> None:  # noqa: ARG002 - needs no cache
        self._load()
        progress("reading names", 1, 1)

    def documents(self) -> Iterator[str]:
        return iter(self._load())

    def count(self) -> int:
        return len(self._load())

    def _load(self) -> list[str]:
        if self._names is None:
            try:
                self._names = texts.load_names()
            except OSError as error:
                raise DatasetError(
                    "The embedded names are missing",
                    f"{error}. The installation is damaged; install microgpt-play again.",
                ) from error
            except texts.DocumentsError as error:
                raise DatasetError(error.title, error.message) from error
        return self._names


class TextFileKnobs(Knobs):
    path: str = Knob("", label="file", help="a text file in UTF-8")
    split: Literal["lines", "paragraphs", "windows"] = Knob(
        "lines", help="what one document is: a line, a paragraph, or a window of the whole text"
    )
    window: int = Knob(
        0,
        ge=0,
        le=4096,
        step=1,
        neutral=0,
        unit="characters",
        follows="block_size",
        help="length of a window; off: as many characters as the model looks at",
    )


class TextFile:
    """A file of the user's own, cut into documents, which stay in memory after `prepare`.

    `prepare` reads the file once, because the file may change meanwhile: what is checked, hashed,
    trained on and kept with the run are the same bytes.
    """

    def __init__(self, knobs: TextFileKnobs) -> None:
        self._knobs = knobs
        self._path = expanded(knobs.path) if knobs.path else None
        self._window = knobs.window or DEFAULT_WINDOW
        self._packed: PackedTexts | None = None
        self._sha256 = ""
        self.given: bytes | None = None
        """What `prepare` takes instead of what is in the file now: the text of a run of before."""
        self.data: bytes | bytearray = b""
        """What `prepare` read."""

    @property
    def provenance(self) -> Provenance:
        return Provenance(str(self._path or "no file yet"), "the user's own", self._sha256)

    @property
    def packed(self) -> PackedTexts:
        """The documents. Raises DatasetError before `prepare`."""
        if self._packed is None:
            raise DatasetError(
                "The file is not read yet", "Its documents are there after prepare()."
            )
        return self._packed

    def prepare(self, cache: Path, progress: Progress) -> None:  # noqa: ARG002 - needs no cache
        """Read and cut the file. Raises DatasetError for whatever cannot be trained on."""
        if self._path is None:
            raise DatasetError(
                "No file is chosen", "Give the path of a text file: text-file:path=my.txt"
            )
        name = f"reading {self._path.name}"
        try:
            self.data = self.given or texts.read_bytes(
                self._path, lambda done, total: progress(name, done, total)
            )
            self._packed = self._cut(self._path, progress)
        except texts.DocumentsError as error:
            raise DatasetError(error.title, error.message) from error
        self._sha256 = hashlib.sha256(self.data).hexdigest()

    def _cut(self, path: Path, progress: Progress) -> PackedTexts:
        """Raises DocumentsError."""
        stage = f"cutting {path.name}"
        pieces = texts.text_pieces(
            self.data, path, lambda done, total: progress(stage, done, total)
        )
        if self._knobs.split == "lines" and len(self.data) > 4 * ENDLESS and self._has_one_line():
            self._refuse_endless(path, sum(map(len, pieces)))  # without putting it together
        packed = PackedTexts()
        parts = {"lines": self._lines, "paragraphs": self._paragraphs, "windows": self._windows}
        for documents in parts[self._knobs.split](pieces):
            packed.extend(documents)
        if self._knobs.split != "windows" and len(packed) == 1 and packed.size > ENDLESS:
            self._refuse_endless(path, len(packed[0]))
        return packed

    def _has_one_line(self) -> bool:
        ends = self.data.find(b"\n"), self.data.find(b"\r")
        return all(end in (-1, len(self.data) - 1) for end in ends)

    def _lines(self, pieces: Iterator[str]) -> Iterator[list[str]]:
        return map(texts.split_lines, texts.whole_lines(pieces))

    def _paragraphs(self, pieces: Iterator[str]) -> Iterator[list[str]]:
        return map(texts.split_paragraphs, texts.whole_paragraphs(pieces))

    def _windows(self, pieces: Iterator[str]) -> Iterator[list[str]]:
        rest = ""
        for piece in pieces:
            windows = texts.split_windows(rest + piece, self._window)
            rest = windows.pop() if windows and len(windows[-1]) < self._window else ""
            yield windows
        yield [rest] if rest else []

    def _refuse_endless(self, path: Path, characters: int) -> None:
        if characters > ENDLESS:
            raise DatasetError(
                f"The file is one endless {self._knobs.split[:-1]}",
                f"{path} has a single {self._knobs.split[:-1]} of {characters:,} "
                "characters, of which the model would only ever see the beginning. Split it into "
                "windows: split=windows, on the command line --split windows.",
            )

    def documents(self) -> Iterator[str]:
        return iter(self.packed)

    def count(self) -> int:
        return len(self.packed)


@hookimpl
def microgpt_datasets() -> Iterator[Contribution[Dataset]]:
    yield Contribution(
        name="names", summary="32,469 given names, United States 2017", factory=Names
    )
    yield Contribution(
        name="text-file",
        summary="a text file of your own: lines, paragraphs or windows",
        factory=TextFile,
        knobs=TextFileKnobs,
    )
