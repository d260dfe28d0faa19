"""Answers the screen about a lesson: what its present step says, and how an answer is judged.

The teacher keeps no score and no place: the screen's side sends the place with each question, so
that a lesson goes on in a fresh worker as if nothing had happened.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from playground.hooks.registry import Registry
from playground.lab.lessons.facts import FactMaker
from playground.lab.lessons.reading import (
    MOST_CHOICE,
    MOST_CHOICES,
    MOST_LABEL,
    MOST_LABELS,
    MOST_POINTS,
    ReadLesson,
    StepReader,
    read_lesson,
)
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.lessons import (
    QUESTIONS,
    Given,
    GuideStep,
    Judged,
    LessonCard,
    LessonPlace,
    Scalar,
)
from playground.lab.run.guard import Activity, make, plugin_failures

_SHARE = 4.0
"""A step that took a while to ask is asked again after so many times as long."""


class Teacher:
    """The lessons of one run. Every method raises LabError."""

    def __init__(self, registry: Registry, activity: Activity, maker: FactMaker) -> None:
        self._registry = registry
        self._activity = activity
        self._maker = maker
        self._lesson: tuple[object, ReadLesson] | None = None
        """The lesson that was asked for last, and the contribution that it was made from."""
        self._shown: GuideStep | None = None
        self._not_before = 0.0
        """When the present step may be asked again."""

    def step(self, place: LessonPlace) -> GuideStep:
        """The step at a place. What a question asks stays as it was when its step began; what is
        told of the run, and whether a task is done, is as the run stands."""
        with plugin_failures():
            lesson = self._read(place.lesson)
            self._check(lesson, place)
            shown = self._shown
            same = shown is not None and _same(shown.place, place)
            if place.began is None or not same:
                self._maker.begin()
            elif shown is not None and time.monotonic() < self._not_before:
                return shown
            began = time.monotonic()
            facts = self._maker.facts(place)
            reader = StepReader(lesson, place.index, facts)
            if place.began is None:
                place = replace(
                    place,
                    began=facts.step,
                    remembered=_with(place.remembered, reader.kept()),
                )
                facts = self._maker.facts(place)
                reader = StepReader(lesson, place.index, facts)
            if same and shown is not None and reader.kind in QUESTIONS:
                done = self._due(reader)
                self._shown = replace(shown, place=place, done=done)
            else:
                self._shown = self._view(reader, place)
            now = time.monotonic()
            self._not_before = now + _SHARE * (now - began)
            return self._shown

    def judge(self, place: LessonPlace, given: Given | None) -> Judged:
        """What comes of an answer. given: None to be shown the answer."""
        with plugin_failures():
            lesson = self._read(place.lesson)
            self._check(lesson, place)
            facts = self._maker.facts(place)
            reader = StepReader(lesson, place.index, facts)
            if reader.kind not in QUESTIONS:
                raise _internal("Nothing is asked here")
            if not self._due(reader):
                raise LabError(
                    Failure(
                        "This cannot be judged yet",
                        reader.words("task") or "The run is not there yet.",
                    )
                )
            judged = self._judge(reader, place, given)
            again = not judged.right and given is not None and reader.step.when is None
            if again:  # the answer stays in this process
                return replace(
                    judged, truth="", why="", choice=None, number=None, cells=(), curve=()
                )
            name = reader.words("name", 40)
            if name and given is not None:
                value = _scalar(given) if judged.distance is None else judged.distance
                kept = _with(place.remembered, ((name, value),))
                judged = replace(judged, place=replace(place, remembered=kept))
            return replace(judged, why=reader.words("why"), hint="")

    # ------------------------------------------------------------ reading

    def _read(self, name: str) -> ReadLesson:
        """Raises PluginError, UnknownNameError."""
        source = self._registry.contribution("lesson", name)
        if self._lesson is None or self._lesson[0] is not source:
            self._lesson = source, made_lesson(self._registry, self._activity, name)
            self._shown = None
        return self._lesson[1]

    def _check(self, lesson: ReadLesson, place: LessonPlace) -> None:
        if not 0 <= place.index < len(lesson.steps):
            raise LabError(
                Failure(
                    "The lesson has changed",
                    f"It has {len(lesson.steps)} steps now. Begin it anew.",
                )
            )

    def _due(self, reader: StepReader) -> bool:
        """True if a question can be judged now."""
        return reader.step.when is None or reader.true("when")

    def _view(self, reader: StepReader, place: LessonPlace) -> GuideStep:
        kind, step = reader.kind, reader.step
        at = reader.words("at", 20)
        if kind == "tell":
            return GuideStep(place, kind, reader.words("text"), at, done=True)
        if kind == "do":
            return GuideStep(
                place,
                kind,
                reader.words("text"),
                at,
                reader.words("help"),
                done=reader.true("done"),
            )
        view = GuideStep(
            place,
            kind,
            reader.words("question"),
            at,
            reader.words("task"),
            waits=step.when is not None,
            done=self._due(reader),
        )
        if kind == "choose":
            return replace(view, choices=reader.texts("choices", 2, MOST_CHOICES, MOST_CHOICE))
        if kind == "number":
            return replace(view, unit=reader.words("unit", MOST_LABEL))
        if kind == "cell":
            return replace(
                view,
                rows=reader.texts("rows", 1, MOST_LABELS, MOST_LABEL),
                columns=reader.texts("columns", 1, MOST_LABELS, MOST_LABEL),
                row_name=reader.words("row_name", MOST_LABEL),
                column_name=reader.words("column_name", MOST_LABEL),
            )
        xs = reader.numbers("xs", 3, MOST_POINTS)
        low, high = reader.number("low"), reader.number("high")
        if not low < high or any(a >= b for a, b in pairwise(xs)):
            raise reader.wrong("xs", "rising numbers, and a low below the high, are expected")
        return replace(view, xs=xs, low=low, high=high, unit=reader.words("unit", MOST_LABEL))

    # ------------------------------------------------------------ judging

    def _judge(self, reader: StepReader, place: LessonPlace, given: Given | None) -> Judged:
        """With the answer and all that leads to it, whether or not another try is open."""
        judge = {
            "choose": self._choice, "number": self._number, "cell": self._cell, "curve": self._curve
        }[reader.kind]  # fmt: skip
        return judge(reader, place, given)

    def _asked(self, reader: StepReader, place: LessonPlace) -> GuideStep:
        """The question as the learner was asked it."""
        shown = self._shown
        if shown is not None and _same(shown.place, place):
            return shown
        return self._view(reader, place)

    def _choice(self, reader: StepReader, place: LessonPlace, given: Given | None) -> Judged:
        choices = self._asked(reader, place).choices
        truth = reader.place("answer", len(choices))
        if given is not None and (type(given) is not int or not 0 <= given < len(choices)):
            raise _internal("There is no such choice")
        hint = reader.hints(len(choices))[given] if isinstance(given, int) else ""
        return Judged(given == truth, place, hint=hint, truth=choices[truth], choice=truth)

    def _number(self, reader: StepReader, place: LessonPlace, given: Given | None) -> Judged:
        truth = reader.number("answer")
        near = max(reader.number("within") * abs(truth), reader.number("margin"))
        words = f"{figure(truth)} {reader.words('unit', MOST_LABEL)}".strip()
        judged = Judged(False, place, truth=words, number=truth, hint=reader.words("hint"))
        if given is None:
            return judged
        if not isinstance(given, int | float):
            raise _internal("A number is expected")
        if abs(given - truth) <= near:
            return replace(judged, right=True)
        return replace(judged, off="high" if given > truth else "low")

    def _cell(self, reader: StepReader, place: LessonPlace, given: Given | None) -> Judged:
        asked = self._asked(reader, place)
        cells = reader.cells(len(asked.rows), len(asked.columns))
        row, column = cells[0]
        words = f"{asked.row_name} {asked.rows[row]}, {asked.column_name} {asked.columns[column]}"
        more = f" (and {len(cells) - 1} more)" if len(cells) > 1 else ""
        return Judged(
            given in cells, place, hint=reader.words("hint"), truth=words + more, cells=cells
        )

    def _curve(self, reader: StepReader, place: LessonPlace, given: Given | None) -> Judged:
        asked = self._asked(reader, place)
        truth = reader.numbers("answer", len(asked.xs), len(asked.xs))
        judged = Judged(False, place, truth="the run's own curve", curve=truth)
        if given is None:
            return judged
        if not isinstance(given, tuple) or len(given) != len(truth):
            raise _internal("A value for each place of the curve is expected")
        distance = sum(abs(a - b) for a, b in zip(given, truth, strict=True)) / len(truth)
        return replace(judged, right=distance <= reader.number("within"), distance=distance)


def made_lesson(registry: Registry, activity: Activity, name: str) -> ReadLesson:
    """A lesson, made and checked. Raises PluginError, UnknownNameError."""
    made, guard = make(registry, "lesson", name, {}, activity)
    return read_lesson(made, guard)


def card(registry: Registry, activity: Activity, name: str) -> LessonCard:
    """What a lesson is, without a run. Raises LabError."""
    with plugin_failures():
        return made_lesson(registry, activity, name).card


def figure(value: float) -> str:
    """A number as an answer is told: "4,192", "3.296", "1.2e-05"."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _same(one: LessonPlace, other: LessonPlace) -> bool:
    return (one.lesson, one.index, one.began) == (other.lesson, other.index, other.began)


def _with(
    remembered: tuple[tuple[str, Scalar], ...], new: Sequence[tuple[str, Scalar]]
) -> tuple[tuple[str, Scalar], ...]:
    return tuple({**dict(remembered), **dict(new)}.items())


def _scalar(given: Given) -> Scalar:
    return ",".join(map(str, given)) if isinstance(given, tuple) else given


def _internal(title: str) -> LabError:
    return LabError(Failure(title, "", kind="internal"))
