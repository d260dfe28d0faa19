"""A lesson as the screen gets it: plain data without a function, and without the answers.

All texts come from a plugin and are untrusted. Steps of a lesson are counted from 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

StepKind = Literal["tell", "do", "choose", "number", "cell", "curve"]
QUESTIONS: tuple[StepKind, ...] = ("choose", "number", "cell", "curve")

MOST_WORDS = 600
"""Characters of a text that are shown."""

Scalar = bool | int | float | str
Given = int | float | tuple[int, int] | tuple[float, ...]
"""An answer: the place of a choice; a number; (row, column); the values of a curve."""


@dataclass(frozen=True, slots=True)
class LessonPlace:
    """Where a learner is in a lesson, with all that the lesson remembers."""

    lesson: str
    """The lesson's qualified name."""
    index: int
    """The step of the lesson."""
    began: int | None = None
    """Training steps that were done when this step of the lesson began; None if it begins now."""
    remembered: tuple[tuple[str, Scalar], ...] = ()


@dataclass(frozen=True, slots=True)
class LessonCard:
    """A lesson as a list shows it."""

    name: str
    """Its qualified name."""
    title: str
    minutes: int
    steps: tuple[StepKind, ...]
    run: Mapping[str, Any]
    """The settings of its run, by dotted name, as JSON values."""
    hardest: int | None


@dataclass(frozen=True, slots=True)
class GuideStep:
    """One step of a lesson at this moment."""

    place: LessonPlace
    """With what the step has kept, if it began with this request."""
    kind: StepKind
    text: str
    """What is told, the task, or the question."""
    at: str = ""
    """What the step speaks of: see playground.api.LessonPlace."""
    help: str = ""
    """Of a task: which keys to press. Of a question: the task that lets it be judged."""
    waits: bool = False
    """True for a question that is judged later, once its condition is true."""
    done: bool = False
    """True if the task is done, or if a question can be judged now."""
    choices: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    row_name: str = ""
    column_name: str = ""
    unit: str = ""
    xs: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """What comes of an answer."""

    right: bool
    place: LessonPlace
    """With the answer, if its step has a name."""
    off: Literal["", "high", "low"] = ""
    """Of a wrong number: too high or too low."""
    hint: str = ""
    """Of a wrong answer that may be given again."""
    truth: str = ""
    """The answer in words; "" as long as another try is open."""
    why: str = ""
    choice: int | None = None
    """The right choice; likewise the other kinds of answer. None as long as another try is open."""
    number: float | None = None
    cells: tuple[tuple[int, int], ...] = ()
    curve: tuple[float, ...] = ()
    distance: float | None = None
    """Of a curve: its mean distance from the run's own, in units of the values."""
