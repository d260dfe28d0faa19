"""The four lists: a file each beside this one, in UTF-8, one entry a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WordList:
    """A list, and the facts about it."""

    name: str
    """The name of the data set, and of the file without its ".txt"."""
    entries: int
    of: str
    """What the list holds, for the picker."""
    rule: str
    """The rule by which entries were chosen and spelt."""
    sha256: str
    """The SHA-256 of the file's bytes."""
    accents: bool = False
    """True if some entries have letters beyond a to z."""


LISTS = (
    WordList(
        "elements",
        118,
        "chemical elements, in the order of their numbers",
        "those that IUPAC has named, in its spelling",
        "0901db9adcee529f38c6e9fb85295d7b5f6c09b66937ac46c02b483eca15ddd5",
    ),
    WordList(
        "countries",
        195,
        "countries, by their common English names",
        "the 193 members and the 2 observer states of the United Nations",
        "203b3023705300800544cea0de8707ce0786578148c5320aef10fb2c63f8c593",
        accents=True,
    ),
    WordList(
        "dinosaurs",
        256,
        "genera of dinosaurs",
        "well-known genera that do not count as birds; a few are disputed",
        "9e3954de10abbaeab99983bcac4b727059e4702b9d2c782f3bed53974e182d6b",
    ),
    WordList(
        "rivers",
        231,
        "rivers of the world",
        'well-known rivers, without the word "river"; where two have one name, it stands once',
        "b105374b0d58d090454bec4fb33a95a3f419f49b048ec6b53a4f6fc89f492cff",
        accents=True,
    ),
)
