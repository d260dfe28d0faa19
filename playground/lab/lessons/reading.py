"""A lesson as its plugin wrote it, read once, checked, and called under guard.

Nothing of a plugin's own type leaves here: texts are exact `str` on one line and cut, numbers are
exact and finite, a sequence ends.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from playground.api import Cell, Choose, Curve, Do, Lesson, LessonFacts, LessonStep, Number, Tell
from playground.hooks import plain
from playground.hooks.errors import PluginError
from playground.lab.protocol.lessons import MOST_WORDS, LessonCard, Scalar, StepKind
from playground.lab.run.guard import Guard

KIND_OF: dict[type, StepKind] = {
    Tell: "tell", Do: "do", Choose: "choose", Number: "number", Cell: "cell", Curve: "curve",
}  # fmt: skip

MOST_STEPS = 60
MOST_TITLE = 60
MOST_CHOICES = 9
MOST_CHOICE = 120
MOST_LABELS = 40
MOST_LABEL = 12
MOST_POINTS = 12
MOST_KEPT = 40
MOST_SETTINGS = 10_000
"""Characters of the settings of a lesson's run, as JSON."""


def one_line(text: str, most: int) -> str:
    """The text with single spaces for all white space, cut to `most` characters."""
    line = " ".join(text[: 20 * most].split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


@dataclass(frozen=True, slots=True)
class ReadLesson:
    """A lesson that was found to be one, and the guard of its plugin."""

    guard: Guard
    card: LessonCard
    steps: tuple[LessonStep, ...]


def read_lesson(made: Lesson, guard: Guard) -> ReadLesson:
    """Check what the factory gave. Raises PluginError."""
    with guard.at("its steps"):
        title = one_line(plain.text(made.title), MOST_TITLE)
        minutes = int(made.minutes)
        steps: tuple[Any, ...] = tuple(islice(iter(made.steps), MOST_STEPS + 1))
        run = plain.text(json.dumps(dict(made.run)))[: MOST_SETTINGS + 1]
        hardest = None if made.hardest is None else int(made.hardest)
    if not title:
        raise guard.broken("its title", "a lesson needs a title")
    if not 2 <= len(steps) <= MOST_STEPS:
        raise guard.broken(
            "its steps", f"2 to {MOST_STEPS} steps are expected, and it has {_count(len(steps))}"
        )
    for number, step in enumerate(steps):
        if not any(type(step) is kind for kind in KIND_OF):  # `in` would ask its metaclass
            raise guard.broken(
                "its steps", f"step {number} is a {plain.type_name(step)}, and no step of a lesson"
            )
    if len(run) > MOST_SETTINGS:
        raise guard.broken("its run", "the settings are too long")
    kinds = tuple(KIND_OF[type(step)] for step in steps)
    if hardest is not None and (
        not 0 <= hardest < len(steps)
        or kinds[hardest] in ("tell", "do")
        or steps[hardest].when is not None
    ):
        raise guard.broken(
            "its hardest step", f"step {hardest} is no question that is judged at once"
        )
    card = LessonCard(
        guard.entry.qualified, title, min(max(minutes, 1), 999), kinds, json.loads(run), hardest
    )
    return ReadLesson(guard, card, steps)


def _count(steps: int) -> str:
    return "more" if steps > MOST_STEPS else str(steps)


class StepReader:
    """One step of a lesson, asked with the facts of a moment. Every method raises PluginError."""

    def __init__(self, lesson: ReadLesson, index: int, facts: LessonFacts) -> None:
        self._guard = lesson.guard
        self.step: Any = lesson.steps[index]
        self.kind = KIND_OF[type(self.step)]
        self._where = f"step {index}"
        self._facts = facts

    def _call(self, name: str, given: Any) -> Any:
        """What the field gives: itself, or what it gives for the facts."""
        with self._guard.at(f"{name} of {self._where}"):
            return given(self._facts) if callable(given) else given

    def words(self, name: str, most: int = MOST_WORDS) -> str:
        """A text of the step."""
        given = self._call(name, getattr(self.step, name))
        if not plain.is_a(given, str):
            raise self.wrong(name, f"a text is expected, not {plain.type_name(given)}")
        return one_line(plain.text(given), most)

    def true(self, name: str) -> bool:
        """A condition of the step."""
        given = self._call(name, getattr(self.step, name))
        if type(given) is not bool:
            if plain.type_name(given) == "bool_":  # NumPy's
                with self._guard.at(f"{name} of {self._where}"):
                    return bool(given)
            raise self.wrong(name, f"True or False is expected, not {plain.type_name(given)}")
        return given

    def kept(self) -> tuple[tuple[str, Scalar], ...]:
        """What the step remembers as it begins."""
        keep = self.step.keep
        if not plain.is_a(keep, Mapping):
            raise self.wrong("keep", "a mapping from names to functions is expected")
        with self._guard.at(f"keep of {self._where}"):
            kept = [(plain.text(key), given) for key, given in islice(keep.items(), MOST_KEPT)]
        return tuple(
            (name[:40], self._scalar(f"keep[{name[:40]!r}]", given)) for name, given in kept
        )

    def _scalar(self, name: str, given: Any) -> Scalar:
        value = plain.scalar(self._call(name, given))
        if not any(type(value) is kind for kind in (bool, int, float, str)):
            raise self.wrong(name, f"a number or a text is expected, not {plain.type_name(value)}")
        return value[:MOST_WORDS] if type(value) is str else cast(Scalar, value)

    def texts(self, name: str, least: int, most: int, width: int) -> tuple[str, ...]:
        """A sequence of short texts of the step."""
        given = self._call(name, getattr(self.step, name))
        lines = self._sequence(name, given, most)
        if not least <= len(lines) <= most:
            raise self.wrong(name, f"{least} to {most} texts are expected")
        if not all(plain.is_a(line, str) for line in lines):
            raise self.wrong(name, "each of them must be a text")
        return tuple(one_line(plain.text(line), width) or "·" for line in lines)

    def hints(self, count: int) -> tuple[str, ...]:
        """A hint for each of `count` choices, "" for none."""
        lines = self._sequence("hints", self._call("hints", self.step.hints), MOST_CHOICES)
        if not all(plain.is_a(line, str) for line in lines):
            raise self.wrong("hints", "each hint must be a text")
        texts = [one_line(plain.text(line), MOST_WORDS) for line in lines]
        return tuple((texts + [""] * count)[:count])

    def number(self, name: str) -> float:
        """A finite number of the step."""
        value = plain.scalar(self._call(name, getattr(self.step, name)))
        return self._finite(name, value)

    def place(self, name: str, count: int) -> int:
        """A place among `count` things."""
        value = plain.scalar(self._call(name, getattr(self.step, name)))
        if type(value) is not int or not 0 <= value < count:
            raise self.wrong(name, f"a number from 0 to {count - 1} is expected")
        return value

    def numbers(self, name: str, least: int, most: int) -> tuple[float, ...]:
        """A sequence of finite numbers."""
        given = self._sequence(name, self._call(name, getattr(self.step, name)), most)
        if not least <= len(given) <= most:
            raise self.wrong(name, f"{least} to {most} numbers are expected")
        return tuple(self._finite(name, plain.scalar(value)) for value in given)

    def cells(self, rows: int, columns: int) -> tuple[tuple[int, int], ...]:
        """The cells that are right, in order."""
        pairs = self._sequence("answer", self._call("answer", self.step.answer), rows * columns)
        found = set[tuple[int, int]]()
        for pair in pairs:
            cell = tuple(map(plain.scalar, self._sequence("answer", pair, 2)))
            if (
                len(cell) != 2
                or not all(type(one) is int for one in cell)
                or not (0 <= cell[0] < rows and 0 <= cell[1] < columns)
            ):
                raise self.wrong("answer", "pairs of a row and a column are expected")
            found.add((cell[0], cell[1]))
        if not found:
            raise self.wrong("answer", "at least one cell must be right")
        return tuple(sorted(found))

    def _sequence(self, name: str, given: Any, most: int) -> list[Any]:
        with self._guard.at(f"{name} of {self._where}"):
            if not plain.is_a(given, (str, bytes)) and hasattr(type(given), "__iter__"):
                return list(islice(cast("Iterable[Any]", given), most + 1))
        raise self.wrong(name, f"a list is expected, not {plain.type_name(given)}")

    def _finite(self, name: str, value: Any) -> float:
        kind = type(value)
        if kind is not int and kind is not float:
            raise self.wrong(name, f"a number is expected, not {plain.type_name(value)}")
        with self._guard.at(f"{name} of {self._where}"):
            number = float(value)  # of a huge int there is none
        if not math.isfinite(number):
            raise self.wrong(name, f"a number is expected, not {number}")
        return number

    def wrong(self, name: str, what: str) -> PluginError:
        """The error to raise where a field of the step is not what it must be."""
        return self._guard.broken(f"{name} of {self._where}", what)
