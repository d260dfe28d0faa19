"""What every command may come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


class LabError(Exception):
    """Something could not be done; `failure` says it in words for a person."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.title}: {failure.message}")
        self.failure = failure

    def __reduce__(self) -> tuple[type[LabError], tuple[Failure]]:
        return LabError, (self.failure,)


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened, why, and what to do, in plain text."""

    title: str
    message: str
    kind: Literal["input", "diverged", "plugin", "internal", "dead", "hung", "cancelled"] = "input"
    detail: str = ""
    """A traceback, where there is one."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Bad settings by dotted field, where it is about settings."""
    contribution: str = ""
    """"strategy:hot:hot": what failed, if it was a plugin's and is known."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the opening of a run is."""

    stage: str
    """"reading names.txt", "tokenizing", ..."""
    done: int
    total: int
    """0 if unknown."""


@dataclass(frozen=True, slots=True)
class Done:
    """It was done; there is nothing to tell."""
