"""How a lesson is walked through: as a learner would who answers rightly, on several runs.

Each function of a lesson is called when its step begins, and again as the run goes on.
"""

from __future__ import annotations

import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

from playground.api import Cell, Curve, Do, Lesson, LessonFacts, Tell
from playground.api.lessons import Scalar
from playground.testing.taught import Taught

CHOICES = (2, 9)
LABELS = (1, 40)
TEXTS = ("text", "help", "question", "why", "hint", "task", "unit", "row_name", "column_name")
LISTS = {"choices": CHOICES, "hints": (0, CHOICES[1]), "rows": LABELS, "columns": LABELS}
_AFTER = ("why",)
"""Asked together with the answer; other fields as soon as the step begins."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A run at one moment of a lesson."""

    run: Taught
    place: int
    """Which of the run's `times` it is."""
    began: int
    """Which it was when the present step of the lesson began."""
    remembered: Mapping[str, Scalar]
    done: bool = False
    """Whether the learner has done all kinds of things since then."""

    @property
    def words(self) -> str:
        """ "on names, after step 10"."""
        step = self.run.times[self.place]
        return f"{self.run.words}, {f'after step {step:,}' if step else 'before the first step'}"

    def facts(self) -> LessonFacts:
        """The facts, as new objects."""
        return self.run.facts(self.place, self.began, self.remembered, self.done)


@dataclass(slots=True)
class Asked:
    """One call of a function of a lesson, or one look at a field that is no function."""

    step: Any
    number: int
    field: str
    given: Any
    """The function, or what stands in its place."""
    moment: Moment
    value: Any = None
    error: BaseException | None = None
    view: Mapping[str, Any] | None = None
    """Of an answer: what the question showed, by field."""

    @property
    def where(self) -> str:
        """ "answer of step 4 (on names, after step 10)"."""
        return f"{self.field} of step {self.number} ({self.moment.words})"

    @property
    def line(self) -> str:
        """ ", line 12": the innermost line of the lesson's own file in the traceback of the error;
        "" if there is none."""
        if type(self.given) is not FunctionType or self.error is None:
            return ""
        trace = traceback.walk_tb(BaseException.__dict__["__traceback__"].__get__(self.error))
        file = self.given.__code__.co_filename
        lines = [line for frame, line in trace if frame.f_code.co_filename == file]
        return f", line {lines[-1]}" if lines else ""

    def call(self, facts: LessonFacts) -> Any:
        """What the field gives for these facts."""
        return self.given(facts) if callable(self.given) else self.given


def walk(lesson: Lesson, runs: Sequence[Taught], few: bool) -> Iterator[Asked]:
    for run in runs:
        yield from _Learner(run, few).learn(lesson)


class _Learner:
    """Walks through a lesson on one run, and answers each question rightly."""

    def __init__(self, run: Taught, few: bool) -> None:
        self._run = run
        self._few = few
        self._place = range(len(run.times))[run.begins]
        self._remembered: dict[str, Scalar] = {}

    def learn(self, lesson: Lesson) -> Iterator[Asked]:
        for number, step in enumerate(lesson.steps):
            yield from self._keep(number, step)
            yield from self._take(number, step)

    def _keep(self, number: int, step: Any) -> Iterator[Asked]:
        here, kept = self._moment(self._place), dict[str, Scalar]()
        facts = here.facts()
        for name, given in step.keep.items():
            asked = _ask(number, step, f"keep[{name!r}]", given, here, facts)
            yield asked
            if asked.error is None:
                kept[str(name)] = asked.value
        self._remembered.update(kept)

    def _take(self, number: int, step: Any) -> Iterator[Asked]:
        """The step from when it begins until it is done, or until the run ends."""
        began, last = self._place, len(self._run.times) - 1
        here, view = self._moment(began), dict[str, Any]()
        facts = here.facts()
        for field in _shown(step):
            asked = _ask(number, step, field, getattr(step, field), here, facts)
            view[field] = asked.value
            yield asked
        for place in sorted({began, last}) if self._few else range(began, last + 1):
            here = replace(self._moment(began), place=place, done=place > began or place == last)
            met = yield from self._look(number, step, here)
            if met and type(step) not in (Tell, Do):
                yield from self._answer(number, step, here, view)
            if met:
                self._place = began if self._run.back else place
                return

    def _look(self, number: int, step: Any, here: Moment) -> Generator[Asked, None, bool]:
        """Look at the step at a later moment; gives whether it is done, or can be judged."""
        facts = here.facts()
        if type(step) in (Tell, Do):
            for field in ("text", "help")[: 1 if type(step) is Tell else 2]:
                yield _ask(number, step, field, getattr(step, field), here, facts)
        condition = "done" if type(step) is Do else "when"
        given = getattr(step, condition, None)
        if given is None:
            return True
        asked = _ask(number, step, condition, given, here, facts)
        yield asked
        return asked.value is True

    def _answer(
        self, number: int, step: Any, here: Moment, view: Mapping[str, Any]
    ) -> Iterator[Asked]:
        facts = here.facts()
        asked = _ask(number, step, "answer", step.answer, here, facts)
        asked.view = view
        yield asked
        if step.name:
            self._remembered[step.name] = _remembered(asked)
        here = replace(here, remembered=dict(self._remembered))
        for field in ("why", "within", "margin"):
            if hasattr(step, field):
                yield _ask(number, step, field, getattr(step, field), here, here.facts())

    def _moment(self, place: int) -> Moment:
        return Moment(self._run, place, place, dict(self._remembered))


def _ask(
    number: int, step: Any, field: str, given: Any, moment: Moment, facts: LessonFacts
) -> Asked:
    """facts: those of the moment, perhaps changed by an earlier function of the lesson."""
    asked = Asked(step, number, field, given, moment)
    try:
        asked.value = read(asked.call(facts))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also what ends the program
        asked.error = error
    return asked


def _shown(step: Any) -> list[str]:
    """The fields that a learner sees before an answer."""
    fields = [*TEXTS, *LISTS, "xs", "low", "high"]
    return [one for one in fields if hasattr(step, one) and one not in _AFTER]


def read(value: Any) -> Any:
    """The value, and in the place of an iterator its first items."""
    if isinstance(value, Iterator):
        return [item for item, _ in zip(value, range(2000), strict=False)]
    return value


def _remembered(asked: Asked) -> Scalar:
    """What is remembered of a right answer."""
    value = asked.value
    if isinstance(asked.step, Curve):
        return 0.0
    if isinstance(asked.step, Cell):
        with suppress(Exception):
            return ",".join(map(str, sorted(value)[0]))
        return "0,0"
    return value if isinstance(value, int | float) else 0
