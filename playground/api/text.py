"""What is trained on, how it becomes tokens, and how tokens are chosen: three protocols."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from microgpt.engine import Progress

# ---------------------------------------------------------------- tokenizers


@runtime_checkable
class Tokenizer(Protocol):
    """Text to token ids and back. Deterministic: the same documents give the same ids."""

    @property
    def vocab_size(self) -> int:
        """Number of tokens, BOS included; ids are 0 <= id < vocab_size."""

    @property
    def bos_id(self) -> int:
        """The token that begins and ends every document; never produced by `encode`."""

    def train(self, documents: Iterable[str]) -> None:
        """Build the vocabulary. Called once, before anything else or load_state_dict."""

    def encode(self, text: str) -> list[int]:
        """Token ids of text, without BOS. Raises UnknownTextError naming the character and
        its place for text outside the vocabulary; it never guesses."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; decode(encode(text)) == text. BOS is left out."""

    def display(self, token_id: int) -> str:
        """A short printable name of one token, for the screen."""

    def state_dict(self) -> Mapping[str, Any]:
        """All that training made, as JSON values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the place of `train`, from what state_dict gave."""


# ---------------------------------------------------------------- data sets


class DatasetError(Exception):
    """A data set that cannot be had. title: what happened; message: why, and what to do."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(f"{title}: {message}")
        self.title = title
        self.message = message


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a data set comes from, shown beside it."""

    source: str
    """Who made it, where and when, in words; a file's path for the user's own."""
    licence: str
    """"public domain", an SPDX identifier, or "the user's own"."""
    sha256: str = ""
    """Of the bytes as they lie on disk; empty if not known before `prepare`."""


@runtime_checkable
class Dataset(Protocol):
    """A stream of documents."""

    @property
    def provenance(self) -> Provenance:
        """Licence, source, checksum."""

    def prepare(self, cache: Path, progress: Progress) -> None:
        """Whatever must happen first: reading, unpacking, and the only place for network.

        cache: a folder of this data set's own that stays. Raises DatasetError.
        """

    def documents(self) -> Iterator[str]:
        """A fresh iterator over the documents, the same each time. None is empty."""

    def count(self) -> int | None:
        """How many documents there are; None if only a pass would tell."""


# ---------------------------------------------------------------- sampling strategies


@dataclass(frozen=True, slots=True)
class SampleContext:
    """What a strategy may look at while one token is chosen."""

    tokens: tuple[int, ...]
    """The text so far as ids: BOS, the prompt, what was generated. Never empty."""
    prompt_length: int
    """How many of `tokens` were given: BOS and the prompt."""
    bos_id: int
    vocab_size: int
    block_size: int
    step: int
    """Training steps done by the model."""
    rng: random.Random = field(compare=False, repr=False)
    """The only source of randomness."""


@runtime_checkable
class TransformStrategy(Protocol):
    """A link in the chain: logits in, logits out."""

    def transform(self, logits: Sequence[float], context: SampleContext) -> Sequence[float]:
        """New logits (vocab_size), -inf for tokens ruled out. The argument is not changed.
        At least one logit stays above -inf; none is NaN."""


@runtime_checkable
class PickStrategy(Protocol):
    """The last link: it chooses the token."""

    def pick(self, probs: Sequence[float], context: SampleContext) -> int:
        """The id of the next token. probs (vocab_size) sum to 1; randomness only from
        context.rng."""


Strategy = TransformStrategy | PickStrategy
