"""The outcomes that commands have in common: Failure, Progress and Done; and LabError."""

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
    """What is wrong with settings, by dotted field; empty if the failure is not about settings."""
    contribution: str = ""
    """The plugin's contribution that failed, as "strategy:hot:hot"; "" if none is known."""


class LabError(Exception):
    """An error that a person is told; `failure` holds the words.

    StoreError and CheckpointError are LabErrors. cli/exit.py prints a LabError once, for every
    command; the worker answers with the error's failure, and the screen shows that failure.
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
    """How far a command is: the opening of a run, the making of an engine, an export."""

    stage: str
    """"reading names.txt", "tokenizing", ..."""
    done: int
    total: int
    """What `done` is at the end; 0 if unknown."""


@dataclass(frozen=True, slots=True)
class Done:
    """The command was carried out, and has no result."""
