"""The input that strategies are tried on: logits of many kinds after texts of several lengths."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from playground.api import SampleContext

BLOCK = 16


def _random(size: int, rng: random.Random, spread: float = 3.0) -> list[float]:
    return [rng.gauss(0, spread) for _ in range(size)]


def _dominant(size: int, rng: random.Random) -> list[float]:
    logits = _random(size, rng, 1.0)
    logits[rng.randrange(size)] = 50.0
    return logits


def _masked(size: int, rng: random.Random) -> list[float]:
    kept = rng.randrange(size)
    return [
        logit if i == kept or rng.random() < 0.4 else -math.inf
        for i, logit in enumerate(_random(size, rng))
    ]


def _all_but_one(size: int, rng: random.Random) -> list[float]:
    logits = [-math.inf] * size
    logits[rng.randrange(size)] = rng.gauss(0, 1)
    return logits


KINDS: dict[str, Callable[[int, random.Random], list[float]]] = {
    "random logits": _random,
    "logits of which many are -inf": _masked,
    "logits that are all equal": lambda size, _: [0.0] * size,
    "logits that are all -inf but one": _all_but_one,
    "logits of which one is far above the others": _dominant,
    "logits far above 0": lambda size, rng: [x + 2000 for x in _random(size, rng)],
    "logits far below 0": lambda size, rng: [x - 2000 for x in _random(size, rng)],
    "logits around 1e100": lambda size, rng: _random(size, rng, 1e100),
    "logits around 1e-100": lambda size, rng: _random(size, rng, 1e-100),
}


def _text(size: int, length: int, rng: random.Random) -> tuple[int, ...]:
    """BOS, and `length` tokens that repeat themselves as texts do."""
    few = [rng.randrange(size) for _ in range(4)]
    return (size - 1, *(rng.choice(few) for _ in range(length)))


@dataclass(frozen=True, slots=True)
class Case:
    """The input of one call of a strategy."""

    words: str
    logits: tuple[float, ...]
    tokens: tuple[int, ...]

    def context(self, seed: int = 1) -> SampleContext:
        """The context of the call; each context has a new random stream with this seed."""
        return SampleContext(
            tokens=self.tokens,
            prompt_length=min(3, len(self.tokens)),
            bos_id=len(self.logits) - 1,
            vocab_size=len(self.logits),
            block_size=BLOCK,
            step=100,
            rng=random.Random(seed),
        )


@lru_cache(maxsize=8)
def cases_of(size: int, few: bool) -> tuple[Case, ...]:
    """Every kind of logits, after texts of several lengths: BOS alone, a few tokens, more than
    block_size. few: only the most telling kinds."""
    rng = random.Random(size)
    cases = []
    for number, (kind, make) in enumerate(list(KINDS.items())[: 4 if few else None]):
        for length in (0, 5, BLOCK - 1, 3 * BLOCK)[number % 2 :: 2]:
            text = _text(size, length, rng)
            words = f"{size:,} {'token' if size == 1 else 'tokens'}, {kind}, a text of {length}"
            cases.append(Case(words, tuple(make(size, rng)), text))
            if few:
                break
    return tuple(cases)
