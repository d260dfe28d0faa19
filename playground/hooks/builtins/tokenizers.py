"""Tokenizers: characters, bytes, words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, Tokenizer, UnknownTextError, hookimpl

BOS = "·"
_STAND_INS = {" ": "␠", "\n": "⏎", "\t": "⇥", "\r": "␍"}
_MAX_DISPLAY = 24


class Char(CharTokenizer):
    """microgpt's own: the sorted characters of the documents, BOS last."""

    def display(self, token_id: int) -> str:
        return super().display(token_id)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(dict(state))


class Byte:
    """The 256 bytes of UTF-8, BOS is 256: no text is unknown, nothing is learnt.

    A model may make bytes that are no UTF-8; `decode` shows U+FFFD for those, so that only
    decode(encode(text)) == text holds, not the reverse.
    """

    vocab_size = 257
    bos_id = 256

    def train(self, documents: Iterable[str]) -> None:
        """Nothing to learn: the documents are not even read."""

    def encode(self, text: str) -> list[int]:
        """Raises UnknownTextError for a lone surrogate, which has no UTF-8."""
        try:
            return list(text.encode("utf-8"))
        except UnicodeEncodeError as error:
            raise UnknownTextError(text, error.start) from None

    def decode(self, ids: Sequence[int]) -> str:
        data = bytes([_checked(i, 257) for i in ids if i != self.bos_id])
        return data.decode("utf-8", errors="replace")

    def display(self, token_id: int) -> str:
        if _checked(token_id, 257) == self.bos_id:
            return BOS
        character = chr(token_id)
        if character in _STAND_INS:
            return _STAND_INS[character]
        return character if 32 < token_id < 127 else f"\\x{token_id:02x}"

    def state_dict(self) -> dict[str, Any]:
        return {"type": "byte"}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        _check_type(state, "byte")


_PIECE = re.compile(r"\w+(?:['’]\w+)*|\s+|[^\w\s]")


class UnknownWordError(UnknownTextError):
    """A word that did not occur in training; it has no place in the vocabulary."""

    def __init__(self, text: str, position: int, word: str) -> None:
        super().__init__(text, position)
        self.word = word
        shown = word if len(word) <= _MAX_DISPLAY else word[:_MAX_DISPLAY] + "…"
        self.args = (f"the word {shown!r} at character {position} is not in the vocabulary",)


class Word:
    """Words, runs of white space, and single signs; every text is exactly its pieces.

    The vocabulary is what occurs in training, sorted, BOS last. An apostrophe inside a word
    belongs to it.
    """

    def __init__(self) -> None:
        self._set_words([])

    @property
    def vocab_size(self) -> int:
        return len(self._words) + 1

    @property
    def bos_id(self) -> int:
        return len(self._words)

    def train(self, documents: Iterable[str]) -> None:
        words: set[str] = set()
        for document in documents:
            words.update(_PIECE.findall(document))
        self._set_words(sorted(words))

    def encode(self, text: str) -> list[int]:
        """Raises UnknownWordError at the first word that training did not show."""
        ids = self._ids
        try:
            return [ids[word] for word in _PIECE.findall(text)]
        except KeyError:
            stranger = next(m for m in _PIECE.finditer(text) if m.group() not in ids)
            raise UnknownWordError(text, stranger.start(), stranger.group()) from None

    def decode(self, ids: Sequence[int]) -> str:
        size, bos_id = self.vocab_size, self.bos_id
        return "".join([self._words[_checked(i, size)] for i in ids if i != bos_id])

    def display(self, token_id: int) -> str:
        if _checked(token_id, self.vocab_size) == self.bos_id:
            return BOS
        word = "".join(map(_shown, self._words[token_id]))
        return word if len(word) <= _MAX_DISPLAY else word[: _MAX_DISPLAY - 1] + "…"

    def state_dict(self) -> dict[str, Any]:
        return {"type": "word", "words": list(self._words)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError for what `state_dict` cannot have given."""
        _check_type(state, "word")
        words = state.get("words")
        if not isinstance(words, list) or not all(
            isinstance(word, str) and _PIECE.fullmatch(word) for word in words
        ):
            raise ValueError("a word tokenizer's state needs 'words': a list of words")
        if words != sorted(set(words)):
            raise ValueError("'words' must be sorted, each word once")
        self._set_words(words)

    def _set_words(self, words: list[str]) -> None:
        self._words = list(words)
        self._ids = {word: i for i, word in enumerate(words)}


def _checked(token_id: int, size: int) -> int:
    if not 0 <= token_id < size:  # a negative id would silently count from the end
        raise ValueError(f"token ids are 0 ... {size - 1}, not {token_id}")
    return token_id


def _check_type(state: Mapping[str, Any], wanted: str) -> None:
    if state.get("type") != wanted:
        raise ValueError(f"this is the state of a {state.get('type')!r} tokenizer, not {wanted!r}")


def _shown(character: str) -> str:
    if character in _STAND_INS:
        return _STAND_INS[character]
    if unicodedata.combining(character):
        return "◌" + character
    return character if character.isprintable() else ascii(character)[1:-1]


@hookimpl
def microgpt_tokenizers() -> Iterator[Contribution[Tokenizer]]:
    yield Contribution(name="char", summary="one token per character", factory=Char)
    yield Contribution(name="byte", summary="the bytes of UTF-8: no text is unknown", factory=Byte)
    yield Contribution(
        name="word", summary="words, spaces and signs, as they occur in training", factory=Word
    )
