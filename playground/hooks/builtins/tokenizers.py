"""Tokenizers: characters, bytes, words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from microgpt.terminal import sign_of
from microgpt.tokenizer import CharTokenizer, needs_base, shown
from playground.api import Contribution, Tokenizer, UnknownTextError, hookimpl

BOS = "·"
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
        character = sign_of(chr(token_id)) if token_id < 128 else ""
        return character if character.isprintable() and character else f"\\x{token_id:02x}"

    def state_dict(self) -> dict[str, Any]:
        return {"type": "byte"}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        _check_type(state, "byte")


PIECES = 2
"""The present way of cutting a text into words, signs and spaces; a state without a number has the
first, which cut a word at every combining mark."""
_FIRST = re.compile(r"\w+(?:['’]\w+)*|\s+|[^\w\s]")
_MARKED = (range(0x300, 0x20000), range(0xE0100, 0xE01F0))
"""Where Unicode has its combining marks."""


@cache
def _marks() -> list[int]:
    """All combining marks, in order."""
    return [code for part in _MARKED for code in part if unicodedata.category(chr(code))[0] == "M"]


@cache
def _present() -> re.Pattern[str]:
    """Words with their marks and joiners, white space, and signs, of which joined emoji are one.

    Python's `\\w` leaves marks out: vowel signs of Indic and Thai, points of Hebrew and Arabic, the
    accents of decomposed Latin.
    """
    codes = _marks()
    firsts = [code for code, before in zip(codes, [0, *codes], strict=False) if code - before != 1]
    lasts = [code for code, after in zip(codes, [*codes[1:], 0], strict=True) if after - code != 1]
    marks = "".join(f"{chr(a)}-{chr(z)}" for a, z in zip(firsts, lasts, strict=True))
    word = rf"\w[\w{marks}]*(?:[\u200c\u200d]+[\w{marks}]+)*"
    sign = rf"[^\w\s][{marks}]*[\U0001f3fb-\U0001f3ff]?"
    emoji = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{sign}(?:\u200d{sign})*"
    return re.compile(rf"{word}(?:['’]{word})*|\s+|{emoji}")


@cache
def _told_apart() -> frozenset[str]:
    """The characters without which the two ways cut a text alike."""
    joiners, skins, flags = (0x200C, 0x200D), range(0x1F3FB, 0x1F400), range(0x1F1E6, 0x1F200)
    return frozenset(map(chr, (*_marks(), *joiners, *skins, *flags)))


def is_cut_simply(text: str) -> bool:
    """True if both ways cut this text alike, so that the first, which is fast, will do."""
    return text.isascii() or _told_apart().isdisjoint(text)


def _pieces(text: str) -> re.Pattern[str]:
    """The pattern that cuts this text in the present way."""
    return _FIRST if is_cut_simply(text) else _present()


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
    belongs to it, and so do the marks on its letters.
    """

    def __init__(self) -> None:
        self._set_words([], PIECES)

    @property
    def vocab_size(self) -> int:
        return len(self._words) + 1

    @property
    def bos_id(self) -> int:
        return len(self._words)

    def train(self, documents: Iterable[str]) -> None:
        words: set[str] = set()
        for document in documents:
            words.update(_pieces(document).findall(document))
        self._set_words(sorted(words), PIECES)

    def encode(self, text: str) -> list[int]:
        """Raises UnknownWordError at the first word that training did not show."""
        ids = self._ids
        try:
            return [ids[word] for word in self._cut(text).findall(text)]
        except KeyError:
            stranger = next(m for m in self._cut(text).finditer(text) if m.group() not in ids)
            raise UnknownWordError(text, stranger.start(), stranger.group()) from None

    def decode(self, ids: Sequence[int]) -> str:
        size, bos_id = self.vocab_size, self.bos_id
        return "".join([self._words[_checked(i, size)] for i in ids if i != bos_id])

    def display(self, token_id: int) -> str:
        if _checked(token_id, self.vocab_size) == self.bos_id:
            return BOS
        word = _shown(self._words[token_id])
        return word if len(word) <= _MAX_DISPLAY else word[: _MAX_DISPLAY - 1] + "…"

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {"type": "word", "words": list(self._words)}
        return state if self._pieces == 1 else {**state, "pieces": self._pieces}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError for what `state_dict` cannot have given."""
        _check_type(state, "word")
        words, pieces = state.get("words"), state.get("pieces", 1)
        if type(pieces) is not int or not 1 <= pieces <= PIECES:
            raise ValueError(f"the words were cut in a way ({pieces!r}) that is not known here")
        cut = _cut(pieces)
        if not isinstance(words, list) or not all(
            isinstance(word, str) and cut(word).fullmatch(word) for word in words
        ):
            raise ValueError("a word tokenizer's state needs 'words': a list of words")
        if words != sorted(set(words)):
            raise ValueError("'words' must be sorted, each word once")
        self._set_words(words, pieces)

    def _set_words(self, words: list[str], pieces: int) -> None:
        self._pieces = pieces
        self._cut = _cut(pieces)
        self._words = list(words)
        self._ids = {word: i for i, word in enumerate(words)}


def _cut(pieces: int) -> Callable[[str], re.Pattern[str]]:
    """The function that gives the pattern for a text, in the way of that number."""
    return _pieces if pieces == PIECES else lambda _: _FIRST


def _checked(token_id: int, size: int) -> int:
    if not 0 <= token_id < size:  # a negative id would silently count from the end
        raise ValueError(f"token ids are 0 ... {size - 1}, not {token_id}")
    return token_id


def _check_type(state: Mapping[str, Any], wanted: str) -> None:
    if state.get("type") != wanted:
        raise ValueError(f"this is the state of a {state.get('type')!r} tokenizer, not {wanted!r}")


def _shown(word: str) -> str:
    """The word with stand-ins for what cannot be seen, and a circle under a mark without a base."""
    out: list[str] = []
    for character in word:
        if needs_base(character) and out and not out[-1].startswith("\\"):
            out[-1] += character
        else:
            out.append(shown(character))
    return "".join(out)


@hookimpl
def microgpt_tokenizers() -> Iterator[Contribution[Tokenizer]]:
    yield Contribution(name="char", summary="one token per character", factory=Char)
    yield Contribution(name="byte", summary="the bytes of UTF-8: no text is unknown", factory=Byte)
    yield Contribution(
        name="word", summary="words, spaces and signs, as they occur in training", factory=Word
    )
