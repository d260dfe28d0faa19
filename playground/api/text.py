"""Three protocols: the data set, the tokenizer, and the strategy that chooses tokens."""

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
        """The id of the token that begins and ends every document; `encode` never gives it."""

    def train(self, documents: Iterable[str]) -> None:
        """Build the vocabulary. `train` or load_state_dict is called once, before all else."""

    def encode(self, text: str) -> list[int]:
        """The token ids of a text, without BOS. A tokenizer never guesses: text outside the
        vocabulary raises UnknownTextError, which names the character and its place."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; decode(encode(text)) == text. BOS is left out."""

    def display(self, token_id: int) -> str:
        """A short printable name of one token, for the screen."""

    def state_dict(self) -> Mapping[str, Any]:
        """All that training made, as JSON values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what state_dict gave, in place of `train`."""


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
    """Who made the data, where and when, in words; the path of a file of the user's own."""
    licence: str
    """"public domain", an SPDX identifier, or "the user's own"."""
    sha256: str = ""
    """The checksum of the bytes on disk; empty if it is not known before `prepare`."""


@runtime_checkable
class Dataset(Protocol):
    """A stream of documents."""

    @property
    def provenance(self) -> Provenance:
        """Licence, source, checksum."""

    def prepare(self, cache: Path, progress: Progress) -> None:
        """Do what must happen first: read, unpack, download. The network is used nowhere else.

        cache: a folder that this data set has to itself, and that stays. Raises DatasetError.
        """

    def documents(self) -> Iterator[str]:
        """A fresh iterator over the documents, the same ones each time. No document is empty."""

    def count(self) -> int | None:
        """How many documents there are; None if only a pass over them would tell."""


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
    """The only source of randomness that a strategy may use."""


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
        """The id of the next token. probs (vocab_size) sum to 1; all randomness comes from
        context.rng."""


Strategy = TransformStrategy | PickStrategy
