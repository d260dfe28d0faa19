"""The part of a document that a model reads, as text: what every competitor is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from playground.lab.protocol.failures import Progress
from playground.lab.run.baselines import predicted
from playground.lab.run.data import Encoder
from playground.lab.score.work import Work

_EVERY = 4096
_LOOKING = "looking for held-out texts in the training texts"
END = "\n"
"""What stands for the end of a document where texts are compressed or joined."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The beginning of a document, as far as the model reads it."""

    text: str
    """As it stands in the document, or as the tokens give it back if they do that otherwise."""
    targets: tuple[int, ...]
    """The predicted tokens, the closing BOS included if it is within reach."""
    whole: bool
    """True if the end of the document is predicted, too."""
    faithful: bool = True
    """True if the tokens give back the text; a tokenizer that drops something does not."""

    @property
    def key(self) -> tuple[str, bool]:
        """What two models must have alike, to be compared on this piece: what they read of it."""
        return self.text, self.whole

    @property
    def characters(self) -> int:
        """Unicode characters, the end of the document counted as one where it is predicted."""
        return len(self.text) + self.whole

    @property
    def written(self) -> str:
        """The text with END for its end."""
        return self.text + END if self.whole else self.text


def piece_of(text: str, encoder: Encoder) -> Piece:
    """The piece of a document. Raises UnknownTextError, PluginError."""
    ids = encoder.seen(text)
    targets = predicted(ids, encoder)
    whole = len(ids) < encoder.block_size
    read = encoder.decode(ids if whole else targets)
    shared = _shared(text, read)
    faithful = shared == text if whole else shared == read.rstrip("\ufffd")
    return Piece(shared if faithful else read, tuple(targets), whole, faithful)


def _shared(one: str, other: str) -> str:
    """What two texts begin with alike."""
    if one.startswith(other):
        return other
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))]


def unseen(pieces: Sequence[Piece], trained: Sequence[str], encoder: Encoder) -> Work[list[Piece]]:
    """The pieces that the training documents do not hold, as far as the model reads both: a whole
    piece is no training document, and none begins with a piece that is cut. encoder: reads the
    training documents, where texts do not tell whether their tokens are the same."""
    if not all(piece.faithful for piece in pieces):
        return (yield from _unseen_tokens(pieces, trained, encoder))
    wholes = {piece.text for piece in pieces if piece.whole}
    cut: dict[int, set[str]] = {}
    for piece in pieces:
        if not piece.whole:
            cut.setdefault(len(piece.text), set()).add(piece.text)
    known: set[tuple[str, bool]] = set()
    for number, text in enumerate(trained if pieces else ()):
        if number % _EVERY == 0:
            yield Progress("looking for held-out texts in the training texts", number, len(trained))
        if text in wholes:
            known.add((text, True))
        for length, texts in cut.items():
            if text[:length] in texts:
                known.add((text[:length], False))
    return [piece for piece in pieces if piece.key not in known]


def _unseen_tokens(
    pieces: Sequence[Piece], trained: Sequence[str], encoder: Encoder
) -> Work[list[Piece]]:
    """As `unseen`, by the tokens that the model reads."""
    known: set[tuple[int, ...]] = set()
    for number, text in enumerate(trained):
        yield Progress(_LOOKING, number, len(trained))
        known.add(piece_of(text, encoder).targets)
    return [piece for piece in pieces if piece.targets not in known]
