"""How much of a text is copied from training documents: whole, in pieces, or nearly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RUN = 12
"""Characters from which on a run that stands in a training document counts as recited."""
RECITED = 0.5
"""Share of a text's characters in recited runs from which on the text counts as recited."""
APART = "\U0010ffff"
"""Stands between joined documents; a noncharacter, which no text should hold."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What one text shares with the training documents."""

    text: str
    whole: bool
    """True if the text is a training document, as far as the model reads one."""
    longest: str
    """The longest run of characters that stands in one training document, the first of equals."""
    covered: int
    """Characters of the text that lie in runs of RUN or more which stand in a training document."""

    @property
    def recited(self) -> bool:
        """True if the text is a training document, or half of it is recited piece by piece."""
        return self.whole or (bool(self.text) and self.covered / len(self.text) >= RECITED)


def joined(texts: Sequence[str]) -> str:
    """Documents as one text, in which no run goes across two of them."""
    return APART + APART.join(texts) + APART


def copied(text: str, complete: bool, training: str) -> Copied:
    """training: from `joined`. complete: False if the text was cut at the end of the context.

    From each place, the run grows as long as it stands in the training text; it never needs to be
    looked for again where the run before it reached, so that the search is linear in the text.
    """
    whole = bool(text) and f"{APART}{text}{APART if complete else ''}" in training
    best, end, covered_to, covered = "", 0, 0, 0
    for start in range(len(text)):
        end = max(end, start)
        while end < len(text) and text[start : end + 1] in training:
            end += 1
        if end - start > len(best):
            best = text[start:end]
        if end - start >= RUN and end > covered_to:
            covered += end - max(start, covered_to)
            covered_to = end
    return Copied(text, whole, best, covered)


@dataclass(frozen=True, slots=True)
class Nearest:
    """The training document that is nearest to a text."""

    text: str
    document: str
    distance: int
    """Levenshtein's: insertions, deletions and substitutions of characters."""

    @property
    def relative(self) -> float:
        """The distance over the length of the longer one, 0 (the same) to 1."""
        return self.distance / max(1, len(self.text), len(self.document))


def nearest(text: str, documents: Sequence[str]) -> Nearest:
    """The nearest of the documents, the first of equals. Raises ValueError without documents."""
    # Imported late: 50 ms, which no other command shall pay.
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    found = process.extractOne(text, documents, scorer=Levenshtein.distance, processor=None)
    if found is None:
        raise ValueError("there are no documents to be near to")
    return Nearest(text, found[0], int(found[1]))
