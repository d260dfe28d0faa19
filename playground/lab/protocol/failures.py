"""What every command may come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


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


class LabError(Exception):
    """The one family of errors that a person is told: `failure` holds the words.

    StoreError and CheckpointError belong to it. A command prints one (cli/failures.py), the worker
    answers with its failure, and the screen shows that.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.title}: {failure.message}")
        self.failure = failure

    @property
    def title(self) -> str:
        """What happened, in a few words."""
        return self.failure.title

    @property
    def message(self) -> str:
        """Why it happened, and what to do."""
        return self.failure.message

    def __reduce__(self) -> tuple[Any, ...]:
        return LabError, (self.failure,)


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
