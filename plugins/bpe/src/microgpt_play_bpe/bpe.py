"""Byte-pair encoding (Sennrich, Haddow and Birch 2016, arXiv:1508.07909).

The pair of tokens that stands together most often becomes a token of its own, again and again.
The Hugging Face `tokenizers` library counts and merges; this module makes of it a tokenizer of the
playground, with a BOS that no text can spell, and without lost or guessed text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Split
from tokenizers.pre_tokenizers import Sequence as Steps
from tokenizers.trainers import BpeTrainer

from microgpt_play_bpe.alphabets import ALPHABETS, BYTE_OF, Alphabet, display, to_bytes
from playground.api import UnknownTextError

BOS = "·"

_WORDS = r"'(?:[sdmt]|ll|ve|re)| ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+"
"""The pieces across which no pair is merged: words with the space before, numbers, signs, space.
Source: GPT-2's pattern, with marks (M) kept on the letters that they sit on."""

_LEARNT_FROM = 500_000
"""The most characters, in words that differ, that merges are learnt from. The library's work after
the last document grows with their number, and reports no progress: with this many it takes about a
second, whatever the data. English has that many in some millions of words."""
_AT_ONCE = 10_000
"""Characters of a document that are split into words at once."""


class BytePairTokenizer:
    """Tokens from merges learnt in `train`; BOS is the last id."""

    def __init__(self, size: int = 200, alphabet: Alphabet = "characters") -> None:
        """size: tokens in all, BOS included, unless the alphabet alone has more."""
        self._size = size
        self._use(alphabet, [], [])

    @property
    def vocab_size(self) -> int:
        """Tokens, and one for BOS."""
        return len(self._tokens) + 1

    @property
    def bos_id(self) -> int:
        return len(self._tokens)

    def train(self, documents: Iterable[str]) -> None:
        """Learn the merges in one pass over the documents, which are not kept.

        The same documents give the same merges: of pairs that are equally frequent, the one with
        the lower ids comes first. A pair that occurs once is not merged. Of large data, the
        beginning decides the merges; the rest still adds its characters to the alphabet.
        Raises UnknownTextError for a lone surrogate.
        """
        library = Tokenizer(BPE())
        library.pre_tokenizer = _pre_tokenizer(self._alphabet)
        trainer = BpeTrainer(
            vocab_size=self._size - 1,
            min_frequency=2,
            show_progress=False,
            initial_alphabet=list(BYTE_OF) if self._alphabet == "bytes" else [],
        )
        library.train_from_iterator(_to_learn_from(documents), trainer)
        model = json.loads(library.to_str())["model"]
        tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
        self._use(self._alphabet, tokens, [_pair(merge) for merge in model["merges"]])

    def encode(self, text: str) -> list[int]:
        """The ids of the text. Raises UnknownTextError at the first character that training did not
        show; with bytes, only for a lone surrogate, which has no UTF-8."""
        if self._alphabet == "characters":
            if not self._characters.issuperset(text):
                known = self._characters
                raise UnknownTextError(
                    text, next(i for i, letter in enumerate(text) if letter not in known)
                )
        elif not self._tokens:
            if text:
                raise UnknownTextError(text, 0)
        else:
            _check_utf8(text)
        ids: list[int] = self._library.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids, without BOS. With bytes, a model may write what is not UTF-8; such
        bytes become U+FFFD. Raises ValueError for an id out of range."""
        tokens = [self._tokens[self._checked(i)] for i in ids if i != self.bos_id]
        if self._alphabet == "characters":
            return "".join(tokens)
        return b"".join(map(to_bytes, tokens)).decode("utf-8", errors="replace")

    def display(self, token_id: int) -> str:
        if self._checked(token_id) == self.bos_id:
            return BOS
        return display(self._tokens[token_id], self._alphabet)

    def state_dict(self) -> dict[str, Any]:
        """Tokens by id, and merges in the order in which they are tried."""
        return {
            "type": "bpe",
            "alphabet": self._alphabet,
            "tokens": list(self._tokens),
            "merges": [list(pair) for pair in self._merges],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError, and changes nothing, for a state that `state_dict` cannot give."""
        if state.get("type") != "bpe":
            raise ValueError(f"this is the state of a {state.get('type')!r} tokenizer, not 'bpe'")
        alphabet, tokens, merges = (state.get(key) for key in ("alphabet", "tokens", "merges"))
        if alphabet not in ALPHABETS:
            raise ValueError(f"'alphabet' must be one of {', '.join(ALPHABETS)}, not {alphabet!r}")
        if not _are_texts(tokens) or len(set(tokens)) != len(tokens):
            raise ValueError("'tokens' must be a list of texts, none empty, each once")
        known = set(tokens)
        if not isinstance(merges, list) or not all(
            _are_texts(pair) and len(pair) == 2 and {*pair, "".join(pair)} <= known
            for pair in merges
        ):
            raise ValueError("'merges' must be a list of pairs of tokens that make a token")
        if any(letter not in known for letter in set("".join(tokens))):
            raise ValueError("every character of a token must be a token itself")
        if alphabet == "bytes" and tokens and not known.issuperset(BYTE_OF):
            raise ValueError("with bytes, each of the 256 must be a token")
        if alphabet == "bytes" and not set(BYTE_OF).issuperset("".join(tokens)):
            raise ValueError("with bytes, a token may stand for bytes only")
        self._use(alphabet, list(tokens), [(pair[0], pair[1]) for pair in merges])

    def _use(self, alphabet: Alphabet, tokens: list[str], merges: list[tuple[str, str]]) -> None:
        vocabulary = {token: i for i, token in enumerate(tokens)}
        library = Tokenizer(BPE(vocab=vocabulary, merges=merges))
        library.pre_tokenizer = _pre_tokenizer(alphabet)
        self._library = library
        self._alphabet = alphabet
        self._tokens = tokens
        self._merges = merges
        self._characters = frozenset(token for token in tokens if len(token) == 1)

    def _checked(self, token_id: int) -> int:
        if not 0 <= token_id < self.vocab_size:  # a negative id would silently count from the end
            raise ValueError(f"token ids are 0 ... {self.vocab_size - 1}, not {token_id}")
        return token_id


def _pre_tokenizer(alphabet: Alphabet) -> PreTokenizer:
    words = Split(Regex(_WORDS), behavior="isolated")
    if alphabet == "characters":
        return words
    return Steps([words, ByteLevel(add_prefix_space=False, use_regex=False)])


def _to_learn_from(documents: Iterable[str]) -> Iterator[str]:
    """The documents until they have enough different words; from there on, only each new
    character, on its own."""
    words: set[str] = set()
    characters: set[str] = set()
    learnt = 0
    for document in documents:
        _check_utf8(document)
        for start in range(0, len(document), _AT_ONCE):
            text = document[start : start + _AT_ONCE]
            if learnt < _LEARNT_FROM:
                new = set(text.split()) - words
                words |= new
                learnt += sum(map(len, new))
                yield text
            else:
                yield from sorted(set(text) - characters)
            characters.update(text)


def _check_utf8(text: str) -> None:
    """Raise UnknownTextError for a lone surrogate, since the library's texts are UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnknownTextError(text, error.start) from None


def _pair(merge: Sequence[str]) -> tuple[str, str]:
    first, second = merge
    return first, second


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
