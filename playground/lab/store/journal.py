"""What a learner did in the tour: places, answers, lessons that are finished.

One JSON object a line, only ever added to, so that a kill at any moment loses no more than the line
under way:

    {"event": "answered", "lesson": "builtin:count", "index": 3, "tries": 2, "sure": 1, ...}

The file stays on this machine. Anybody may have written it: a line that is none is passed over.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from playground.files import read_file
from playground.lab.paths import tour_journal
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.lessons import Given, LessonPlace
from playground.strict import Refusal, fields, flag, items, number, parsed, shown, text_of, whole

_MOST = 16 << 20
"""Bytes of the largest journal."""
_LINE = 100_000
"""Characters of the longest line."""

Sure = Literal[1, 2, 3]
"""How sure a learner was: a guess, fairly, sure."""
SURE: Mapping[int, str] = {1: "a guess", 2: "fairly sure", 3: "sure"}


@dataclass(frozen=True, slots=True)
class Answer:
    """How a question was answered the first time that it was asked."""

    tries: int
    """Answers that were given; 0 if the learner only had it shown."""
    right: bool
    """True if the last of them was right."""
    sure: int
    """How sure the learner was of the first answer, 1 to 3."""
    shown: bool = False
    """True if the learner gave up, and was shown the answer."""

    @property
    def first_try(self) -> bool:
        """True if the first answer was right."""
        return self.right and self.tries == 1 and not self.shown


@dataclass(frozen=True, slots=True)
class Waiting:
    """An answer that is judged once the run has come further."""

    answer: Given
    sure: int


@dataclass(frozen=True, slots=True)
class LessonRecord:
    """What is known of one lesson."""

    place: LessonPlace | None = None
    """Where the learner left it; None if the lesson was never begun, or is over."""
    run: int | None = None
    """The number of its run in the store of the tour; None if that run was not recorded."""
    given: Waiting | None = None
    """The answer to the question at `place`, if it still waits to be judged."""
    steps: int = 0
    """Steps of the lesson when it was last begun."""
    finished: bool = False
    """True if the lesson was ever gone through to its end."""
    skipped: bool = False
    """True if the lesson was ever skipped by its hardest question."""
    answers: dict[int, Answer] = field(default_factory=dict)
    """By the step of the question: how it was answered the first time."""


class Journal:
    """The journal of this user. Trouble with its file stops no lesson: `trouble` says it."""

    def __init__(self, path: Path | None, trouble: str = "") -> None:
        self._path = path
        self.trouble = trouble
        """What is wrong with the file, and what to do; "" if nothing is."""
        self.lessons: dict[str, LessonRecord] = {}
        """By the qualified name of the lesson, in the order in which they were begun."""
        self.last = ""
        """The lesson that was begun or gone on with last; "" if none was."""
        self.complain: Callable[[str], None] = lambda _: None
        """Told once that the file cannot be written, and again once it could be meanwhile."""
        self.passed_over = 0
        """Lines of the file that say nothing to this version: damaged ones, or a newer one's."""

    @property
    def path(self) -> Path | None:
        """The file; None if there is no folder for it."""
        return self._path

    @classmethod
    def load(cls, path: Path | None = None) -> Journal:
        """Read the journal; without a file nothing is known. path: another file than the user's
        own."""
        try:
            path = path or tour_journal()
        except LabError as error:
            return cls(None, f"{error.failure.title}. {error.failure.message}")
        journal = cls(path)
        try:
            lines = read_file(path, _MOST).decode("utf-8", "replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return journal
        except OSError as error:
            why = error.strerror or error
            journal.trouble = f"{path} cannot be read ({why}). Make it readable, or remove it."
            return journal
        for line in lines:
            try:
                journal._take(parsed(line, "the line", most=_LINE, values=1000, nan=True))
            except Refusal:
                journal.passed_over += bool(line.strip("\0 "))
        return journal

    def of(self, lesson: str) -> LessonRecord:
        """What is known of a lesson."""
        return self.lessons.get(lesson) or LessonRecord()

    # ------------------------------------------------------------ what happens

    def begun(self, lesson: str, steps: int) -> None:
        """A lesson begins, from its first step."""
        self._note("begun", lesson=lesson, steps=steps)

    def at(self, place: LessonPlace, run: int | None) -> None:
        """The learner has come to a place."""
        self._note("place", **asdict(place), run=run)

    def gave(self, place: LessonPlace, answer: Given, sure: int) -> None:
        """A question was answered that is judged later."""
        self._note("gave", lesson=place.lesson, index=place.index, answer=answer, sure=sure)

    def answered(self, place: LessonPlace, answer: Answer) -> None:
        """A question was answered, to its end."""
        self._note("answered", lesson=place.lesson, index=place.index, **asdict(answer))

    def finished(self, lesson: str, *, skipped: bool) -> None:
        """A lesson is over. skipped: by its hardest question."""
        self._note("finished", lesson=lesson, skipped=skipped)

    def _note(self, event: str, **values: Any) -> None:
        line = json.dumps({"event": event, "time": round(time.time(), 3), **values})
        self._take(json.loads(line))
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as file:
                if file.seek(0, os.SEEK_END) and not _ends_a_line(file):
                    line = "\n" + line  # a kill has cut the last one
                file.write(f"{line}\n".encode("ascii"))
            self.trouble = ""
        except OSError as error:
            why = error.strerror or error
            known = self.trouble
            self.trouble = f"{self._path} cannot be written ({why}): the place is not kept."
            if not known:
                self.complain(self.trouble)

    # ------------------------------------------------------------ reading

    def _take(self, line: Any) -> None:
        """Take in one line. Raises Refusal, and knows then what it knew before."""
        of = fields(line, "the line")
        lesson = text_of(of.get("lesson"), "the lesson")
        event = of.get("event")
        known = self.lessons.get(lesson) or LessonRecord()
        if event == "begun":
            steps = whole(of.get("steps"), "steps", most=10_000)
            record = replace(known, place=LessonPlace(lesson, 0), run=None, given=None, steps=steps)
        elif event == "place":
            place = _place(of, lesson)
            same = known.place is not None and known.place.index == place.index
            record = replace(
                known,
                place=place,
                run=_whole_or_none(of.get("run"), "run"),
                given=known.given if same else None,
            )
        elif event == "gave":
            sure = whole(of.get("sure"), "sure", most=3)
            record = replace(known, given=Waiting(_given(of.get("answer")), sure))
        elif event == "answered":
            index = whole(of.get("index"), "index", most=10_000)
            answer = Answer(
                whole(of.get("tries"), "tries", most=10_000),
                flag(of.get("right"), "right"),
                whole(of.get("sure"), "sure", most=3),
                flag(of.get("shown"), "shown"),
            )
            record = replace(known, given=None, answers={**known.answers})
            record.answers.setdefault(index, answer)
        elif event == "finished":
            skipped = flag(of.get("skipped"), "skipped")
            record = replace(
                known,
                place=None,
                run=None,
                given=None,
                finished=known.finished or not skipped,
                skipped=known.skipped or skipped,
            )
        else:
            raise Refusal(f"the event is {shown(event)}")
        if event in ("begun", "place"):
            self.last = lesson
        self.lessons[lesson] = record


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _place(of: Mapping[str, Any], lesson: str) -> LessonPlace:
    remembered = []
    for pair in of.get("remembered") or ():
        if not isinstance(pair, list) or len(pair) != 2:
            raise Refusal("what is remembered is no pair")
        name, value = pair
        if not isinstance(value, bool | int | float | str):
            raise Refusal("what is remembered is no number and no text")
        remembered.append((text_of(name, "a name"), value))
    return LessonPlace(
        lesson,
        whole(of.get("index"), "index", most=10_000),
        _whole_or_none(of.get("began"), "began"),
        tuple(remembered),
    )


def _given(value: object) -> Given:
    """An answer. Raises Refusal."""
    if isinstance(value, list):
        if all(type(one) is int for one in value) and len(value) == 2:
            return (value[0], value[1])
        return tuple(number(one, "a value") for one in items(value, "the answer", 100))
    return value if type(value) is int else number(value, "the answer")


def _whole_or_none(value: object, name: str) -> int | None:
    return None if value is None else whole(value, name)
