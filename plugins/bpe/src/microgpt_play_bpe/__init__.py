"""The hook, which names the tokenizer. The library is imported when a tokenizer is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from playground.api import Contribution, Knob, Knobs, Tokenizer, hookimpl

if TYPE_CHECKING:
    from microgpt_play_bpe.bpe import BytePairTokenizer


class BytePairKnobs(Knobs):
    size: int = Knob(
        200,
        ge=50,
        le=2000,
        step=10,
        unit="tokens",
        label="vocabulary",
        help="how many tokens there may be; the more, the shorter the texts",
    )
    alphabet: Literal["characters", "bytes"] = Knob(
        "characters",
        help="what is merged: the characters of the data, or the 256 bytes, which spell any text",
    )


def make_tokenizer(knobs: BytePairKnobs) -> BytePairTokenizer:
    """An untrained tokenizer. Raises ImportError without the tokenizers library."""
    from microgpt_play_bpe.bpe import BytePairTokenizer

    return BytePairTokenizer(knobs.size, knobs.alphabet)


@hookimpl
def microgpt_tokenizers() -> Iterator[Contribution[Tokenizer]]:
    """One tokenizer: see `playground.api`."""
    yield Contribution(
        name="bpe",
        summary="byte-pair encoding: what often stands together becomes one token",
        factory=make_tokenizer,
        knobs=BytePairKnobs,
        requires=("tokenizers",),
    )
