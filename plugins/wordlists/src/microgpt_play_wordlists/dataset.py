"""A word list as a data set: read from the package, checked, and written as the knobs say."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from microgpt_play_wordlists.lists import WordList
from playground.api import DatasetError, Knob, Knobs, Progress, Provenance


class WordKnobs(Knobs):
    lower: bool = Knob(True, neutral=False, label="lower case", help="write all in lower case")


class AccentKnobs(WordKnobs):
    plain: bool = Knob(
        False, neutral=False, label="a to z only", help="leave out accents: são becomes sao"
    )


class Words:
    """One list: a document an entry, in the order of the file."""

    def __init__(self, words: WordList, knobs: WordKnobs) -> None:
        self._list = words
        self._lower = knobs.lower
        self._plain = isinstance(knobs, AccentKnobs) and knobs.plain
        self._documents: list[str] | None = None

    @property
    def provenance(self) -> Provenance:
        return Provenance(
            source=f"written for the microgpt playground in 2026: {self._list.rule}",
            licence="CC0-1.0",
            sha256=self._list.sha256,
        )

    def prepare(self, cache: Path, progress: Progress) -> None:  # noqa: ARG002 - needs no cache
        """Read and check the list. Raises DatasetError if the installation is damaged."""
        self._load()
        progress(f"reading {self._list.name}", 1, 1)

    def documents(self) -> Iterator[str]:
        return iter(self._load())

    def count(self) -> int:
        return len(self._load())

    def _load(self) -> list[str]:
        if self._documents is None:
            text = self._read().decode("utf-8")
            if self._plain:
                text = plain(text)
            if self._lower:
                text = text.lower()
            self._documents = text.splitlines()
        return self._documents

    def _read(self) -> bytes:
        name = f"{self._list.name}.txt"
        advice = "The installation is damaged; install microgpt-play-wordlists again."
        try:
            data = files(__package__).joinpath(name).read_bytes()
        except OSError as error:
            raise DatasetError(f"The list {name} is missing", f"{error}. {advice}") from error
        if hashlib.sha256(data).hexdigest() != self._list.sha256:
            raise DatasetError(
                f"The list {name} was changed",
                f"Its checksum is not the one that it was published with. {advice} To train on "
                "a list of your own, open it as a text file.",
            )
        return data


def plain(text: str) -> str:
    """The text without accents: letters a to z, and other characters of ASCII."""
    dotted = text.replace("ı", "i")  # the only letter beyond ASCII without an accent
    letters = unicodedata.normalize("NFD", dotted)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
