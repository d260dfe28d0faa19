"""Contributions as the command line names them, which the worker looks up: only the worker imports
plugins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NamedChoices:
    """Texts like "word:lower=true", as playground.hooks.lookup reads them."""

    choices: Mapping[str, str] = field(default_factory=dict)
    """By the field of the RunSpec that the text is for: "dataset", "tokenizer", "schedule",
    "engine"."""
    strategies: tuple[str, ...] = ()
    """The links of the sampling chain, in order; empty for the chain of the observation."""

    def __bool__(self) -> bool:
        return bool(self.choices or self.strategies)
