"""One token per character: the tokenizer of microgpt.py, with an error for unknown text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from microgpt.terminal import sign_of

_EXCERPT = 40  # characters of a text that an error message shows


class UnknownTextError(ValueError):
    """Text that the vocabulary cannot spell. Nothing is guessed in its place."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        """The whole text that was to be encoded."""
        self.position = position
        """Where the unknown character stands in `text`, counted from 0."""
        self.character = text[position]
        super().__init__(
            f"{self.character!r} at character {position} of {_excerpt(text, position)!r} "
            "is not in the vocabulary"
        )


class CharTokenizer:
    """Characters <-> ids: the sorted characters of the documents are 0 ... n-1, BOS is n.

    Source: microgpt.py, `uchars = sorted(set(''.join(docs)))`, `BOS = len(uchars)`.
    """

    def __init__(self, characters: Iterable[str] = ()) -> None:
        self._set_characters(sorted(set(characters)))

    @property
    def vocab_size(self) -> int:
        """Characters known, plus one for BOS."""
        return len(self._characters) + 1

    @property
    def bos_id(self) -> int:
        """The token that stands at both ends of every document."""
        return len(self._characters)

    def train(self, documents: Iterable[str]) -> None:
        """Take the vocabulary from these documents, replacing the one before."""
        characters: set[str] = set()
        for document in documents:
            characters.update(document)
        self._set_characters(sorted(characters))

    def encode(self, text: str) -> list[int]:
        """One id per character, no BOS. Raises UnknownTextError at the first unknown character."""
        ids = self._ids
        try:
            return [ids[character] for character in text]
        except KeyError:
            position = next(i for i, character in enumerate(text) if character not in ids)
            raise UnknownTextError(text, position) from None

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids; BOS has no text and is passed over.

        Raises ValueError for an id out of range.
        """
        characters = self._characters
        bos_id = len(characters)
        try:
            return "".join([characters[_checked(i, bos_id)] for i in ids if i != bos_id])
        except IndexError:
            raise ValueError(f"ids must be in 0 ... {bos_id}, not {list(ids)!r}") from None

    def display(self, token: int) -> str:
        """A short printable stand-in for one token, for tiles, bars and axes.

        BOS is '·', a space '␠', a newline '⏎', a tab '⇥'; what else cannot be seen is escaped.
        """
        if token == self.bos_id:
            return "·"
        if not 0 <= token < self.bos_id:
            raise ValueError(f"token must be in 0 ... {self.bos_id}, not {token}")
        return shown(self._characters[token])

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to rebuild it, as JSON types."""
        return {"type": "char", "characters": list(self._characters)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become the tokenizer that `state` describes; unchanged if it raises ValueError."""
        characters = state.get("characters") if isinstance(state, dict) else None
        if not isinstance(characters, list) or not all(
            isinstance(c, str) and len(c) == 1 for c in characters
        ):
            raise ValueError("a char tokenizer's state needs 'characters': a list of characters")
        if state.get("type", "char") != "char":
            raise ValueError(f"this is the state of a {state['type']!r} tokenizer, not of 'char'")
        if characters != sorted(set(characters)):
            raise ValueError("'characters' must be sorted, each character once")
        self._set_characters(characters)

    def _set_characters(self, characters: list[str]) -> None:
        self._characters = list(characters)
        self._ids = {character: i for i, character in enumerate(characters)}


_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Characters that show nothing, though Unicode calls them letters or marks."""


def shown(character: str) -> str:
    """A printable stand-in for one character: itself, a sign for white space, or an escape."""
    sign = sign_of(character)
    if sign != character:
        return sign
    if needs_base(character):
        return "◌" + character
    hidden = not character.isprintable() or character in _UNSEEN
    return ascii(character)[1:-1] if hidden else character


def needs_base(character: str) -> bool:
    """True for a combining mark, or a vowel or last consonant of decomposed Hangul: what is drawn
    onto the character before it."""
    if character in _UNSEEN:
        return False
    if unicodedata.category(character)[0] == "M":
        return True
    return "\u1161" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7fb"


def _checked(token: int, bos_id: int) -> int:
    if not 0 <= token < bos_id:  # a negative id would silently count from the end
        raise IndexError(token)
    return token


def _excerpt(text: str, position: int) -> str:
    """The text itself if short, else a window around `position`."""
    if len(text) <= _EXCERPT:
        return text
    start = max(0, min(position - _EXCERPT // 2, len(text) - _EXCERPT))
    end = start + _EXCERPT
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
