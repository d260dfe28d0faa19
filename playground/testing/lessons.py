"""The contract of lessons.

A lesson is walked through on several runs, as a learner would who answers rightly: each of its
functions is called when its step begins, and again as the run goes on. Most checks look at what
came back in that walk.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

from microgpt.config import ConfigError
from microgpt.parameters import parameter_count
from playground.api import Cell, Choose, Curve, Do, Lesson, Number, Tell
from playground.testing.contract import ContractError, said
from playground.testing.subject import Clause, Subject, clause, made_with_every_setting, manners
from playground.testing.taught import LEARNERS_OWN, Taught, runs_of
from playground.testing.walking import LISTS, TEXTS, Asked, read, walk
from playground.testing.watching import global_random_at

STEPS = (2, 60)
TITLE = 60
WORDS = 600
CHOICE = 120
LABEL = 12
POINTS = (3, 12)
CONDITION = 0.010
"""Seconds that a condition may take."""

_WIDTHS = {"choices": CHOICE, "hints": WORDS, "rows": LABEL, "columns": LABEL}
_LABELS = ("unit", "row_name", "column_name")


def asked_of(subject: Subject) -> list[Asked]:
    """All that a walk through the lesson has asked. The walk is made once."""
    if "asked" not in subject.memo:
        lesson = subject.make()
        subject.memo["asked"] = list(walk(lesson, runs_for(subject), subject.smoke))
    asked: list[Asked] = subject.memo["asked"]
    return asked


def runs_for(subject: Subject) -> list[Taught]:
    """The runs that the lesson is tried on."""
    if "runs" not in subject.memo:
        subject.memo["runs"] = runs_of(subject.make().run, subject.smoke)
    runs: list[Taught] = subject.memo["runs"]
    return runs


# ---------------------------------------------------------------- what a lesson is


@clause(
    "is-a-lesson",
    f"a lesson has a title, {STEPS[0]} to {STEPS[1]} steps, and settings that a run can have",
    essential=True,
    smoke=True,
)
def is_a_lesson(subject: Subject) -> None:
    """Looks at the lesson without calling a function of its steps."""
    lesson = subject.make()
    if type(lesson) is not Lesson:
        raise ContractError(f"a {type(lesson).__name__}", "return playground.api.Lesson(...)")
    if not isinstance(lesson.title, str) or not 0 < len(lesson.title.strip()) <= TITLE:
        raise ContractError(f"the title {lesson.title!r:.80}", f"a text of {TITLE} characters")
    if not isinstance(lesson.minutes, int) or lesson.minutes < 1:
        raise ContractError(f"{lesson.minutes!r} minutes", "say how long it takes, as 6")
    _check_steps(lesson)
    _check_run(subject, lesson)
    _check_hardest(lesson)


def _check_steps(lesson: Lesson) -> None:
    steps = lesson.steps
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        raise ContractError(f"steps that are a {type(steps).__name__}", "give a list of steps")
    if not STEPS[0] <= len(steps) <= STEPS[1]:
        raise ContractError(
            f"{len(steps):,} steps", f"a lesson has {STEPS[0]} to {STEPS[1]} of them"
        )
    for number, step in enumerate(steps):
        if type(step) not in (Tell, Do, Choose, Number, Cell, Curve):
            raise ContractError(
                f"step {number} is a {type(step).__name__}",
                "each step is a Tell, Do, Choose, Number, Cell or Curve",
            )
        if not isinstance(step.keep, Mapping):
            raise ContractError(f"keep of step {number} is {step.keep!r:.60}", "give a dict")


def _check_run(subject: Subject, lesson: Lesson) -> None:
    advice = 'write settings by their dotted names, as {"model.n_layer": 2}'
    try:
        runs_for(subject)
    except KeyError as error:
        raise ContractError(f"there is no setting {error}", advice) from error
    except (ConfigError, TypeError, ValueError) as error:
        raise ContractError(f"the settings of its run: {said(error)}", advice) from error
    for name in lesson.run:
        if name.partition(".")[0] in LEARNERS_OWN:
            raise ContractError(f"it sets {name!r}", "leave the data set and the seed alone")


def _check_hardest(lesson: Lesson) -> None:
    place = lesson.hardest
    if place is None:
        return
    steps = lesson.steps
    if type(place) is not int or not 0 <= place < len(steps) or type(steps[place]) in (Tell, Do):
        raise ContractError(f"hardest={place!r} is no question", "count the steps from 0")
    if getattr(steps[place], "when", None) is not None:
        raise ContractError(
            f"step {place}, the hardest, is judged later",
            "choose a question without `when`: it is asked at the beginning of the run",
        )


# ---------------------------------------------------------------- what it says


@clause(
    "speaks-at-every-moment",
    "texts, conditions and what is kept work at every moment of any run",
    essential=True,
    smoke=True,
)
def speaks_at_every_moment(subject: Subject) -> None:
    """Before the first step, in mid-run, at the end, after going back; with nothing held out, two
    letters, one long document, many scripts, another size of the model."""
    advice = (
        "before the first step there are no losses, facts.heldout may be empty, a letter may be"
        " missing: choose from the run's own data"
    )
    for asked in asked_of(subject):
        if asked.field == "answer":
            continue
        if asked.error is not None:
            raise _failed(asked, advice) from asked.error
        wrong = _wrong(asked)
        if wrong:
            raise ContractError(f"{wrong}: {asked.where}", "give what the field is for")


_SLIPS = (NameError, AttributeError, TypeError, ImportError, SyntaxError)
"""Errors that a line raises whatever the run is."""


def _failed(asked: Asked, advice: str) -> ContractError:
    """The error to raise for a function that failed. advice: for one that does not suit a run."""
    assert asked.error is not None
    if issubclass(type(asked.error), _SLIPS):
        advice = "look at that line" if asked.line else "look at that function"
    return ContractError(f"{said(asked.error)} in {asked.where}{asked.line}", advice)


def _wrong(asked: Asked) -> str:
    """What is wrong with a value of which the field wants another kind; "" if nothing is."""
    value, field = asked.value, asked.field
    if field in ("done", "when"):
        return "" if type(value) is bool else f"{value!r:.60} is neither True nor False"
    if field.startswith("keep"):
        return "" if isinstance(value, int | float | str) else f"{value!r:.60} cannot be kept"
    if field in ("low", "high", "within", "margin"):
        return "" if _is_number(value) else f"{value!r:.60} is no finite number"
    if field == "xs":
        return _wrong_points(value)
    if field in LISTS:
        return _wrong_texts(value, *LISTS[field])
    return "" if isinstance(value, str) else f"{value!r:.60} is no text"


def _wrong_points(value: Any) -> str:
    if not _is_list(value) or not all(map(_is_number, value)):
        return f"{value!r:.60} is no list of numbers"
    if not POINTS[0] <= len(value) <= POINTS[1]:
        return f"{len(value):,} points, not {POINTS[0]} to {POINTS[1]}"
    rising = all(a < b for a, b in pairwise(value))
    return "" if rising else f"{value!r:.60} do not rise"


def _wrong_texts(value: Any, least: int, most: int) -> str:
    if not _is_list(value) or not all(isinstance(one, str) for one in value):
        return f"{value!r:.60} is no list of texts"
    return "" if least <= len(value) <= most else f"{len(value):,} of them, not {least} to {most}"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_number(value: Any) -> bool:
    return type(value) is not bool and isinstance(value, int | float) and math.isfinite(value)


@clause("texts-fit", "texts are short enough to be shown whole", smoke=True)
def texts_fit(subject: Subject) -> None:
    """Measures each text at every moment, and each choice and label."""
    for asked in asked_of(subject):
        value, field = asked.value, asked.field
        if field in LISTS and _is_list(value):
            texts, most = [*value], _WIDTHS[field]
        elif field in TEXTS:
            texts, most = [value], LABEL if field in _LABELS else WORDS
        else:
            continue
        for text in texts:
            if isinstance(text, str) and len(" ".join(text.split())) > most:
                raise ContractError(
                    f"{len(text):,} characters in {asked.where}",
                    f"at most {most} are shown; cut what comes from the run's own text",
                )


# ---------------------------------------------------------------- answers


@clause(
    "answers-fit-their-questions",
    "the answer is one of the choices, a finite number, cells of the table, or a value for each"
    " point of the curve",
    smoke=True,
)
def answers_fit(subject: Subject) -> None:
    """Asks for the answer of each question at the first moment at which it can be judged."""
    for asked in asked_of(subject):
        if asked.field != "answer":
            continue
        if asked.error is not None:
            raise _failed(
                asked, "compute the answer from what these facts have, or ask about something else"
            ) from asked.error
        wrong = _unfit(asked)
        if wrong:
            raise ContractError(f"{wrong}: {asked.where}", "look at what the question shows")


def _unfit(asked: Asked) -> str:
    value, view = asked.value, asked.view or {}
    if isinstance(asked.step, Choose):
        count = len(view["choices"])
        fits = type(value) is int and 0 <= value < count
        return "" if fits else f"{value!r:.60} is no place from 0 to {count - 1}"
    if isinstance(asked.step, Number):
        return "" if _is_number(value) else f"{value!r:.60} is no finite number"
    if isinstance(asked.step, Cell):
        return _unfit_cells(value, len(view["rows"]), len(view["columns"]))
    if not _is_list(value) or not all(map(_is_number, value)):
        return f"{value!r:.60} is no list of finite numbers"
    if not view["low"] < view["high"]:
        return f"low is {view['low']:g} and high is {view['high']:g}"
    points = len(view["xs"])
    return "" if len(value) == points else f"{len(value):,} values for {points} points"


def _unfit_cells(value: Any, rows: int, columns: int) -> str:
    if not isinstance(value, Collection) or not value:
        return f"{value!r:.60} are no cells"
    for cell in value:
        if (
            not isinstance(cell, Sequence)
            or len(cell) != 2
            or any(type(x) is not int for x in cell)
        ):
            return f"{cell!r:.60} is no pair of a row and a column"
        if not (0 <= cell[0] < rows and 0 <= cell[1] < columns):
            return f"{tuple(cell)} is outside of a table of {rows} x {columns}"
    return ""


@clause("answers-are-computed", "each answer is computed from the run", smoke=True)
def answers_are_computed(subject: Subject) -> str | None:
    """Compares the answers of all runs. The same answer everywhere may be right, since some things
    are so by construction: it is named, and breaks no promise."""
    answers = dict[int, list[str]]()
    steps = subject.make().steps
    for asked in asked_of(subject):
        if asked.field == "answer":
            if not callable(asked.given):
                raise ContractError(
                    f"the answer of step {asked.number} is {asked.given!r:.60}",
                    "give a function of the facts: another text has another answer",
                )
            with suppress(Exception):
                answers.setdefault(asked.number, []).append(_in_words(asked))
    questions = [place for place, step in enumerate(steps) if type(step) not in (Tell, Do)]
    never = [place for place in questions if place not in answers]
    same = [place for place, given in answers.items() if len({*given}) == 1 < len(given)]
    remarks = []
    if same:
        remarks.append(f"the same answer in every run, which may be right: {_steps(same)}")
    if never:
        remarks.append(f"never to be judged in runs of these lengths: {_steps(never)}")
    return "; ".join(remarks) or None


def _in_words(asked: Asked) -> str:
    value, view = asked.value, asked.view or {}
    if isinstance(asked.step, Choose):
        return str(view["choices"][value])
    if isinstance(asked.step, Cell):
        return str(sorted((view["rows"][row], view["columns"][column]) for row, column in value))
    return str(value)


def _steps(places: Sequence[int]) -> str:
    return f"step{'s' if len(places) > 1 else ''} {', '.join(map(str, places))}"


# ---------------------------------------------------------------- manners


def _calls(subject: Subject) -> Iterator[Asked]:
    """Calls of functions in the walk, to be made again: each function at two moments of each run;
    in the smoke test, at one moment of the smallest run."""
    done = dict[tuple[int, str, int], int]()
    smallest = min(runs_for(subject), key=lambda run: parameter_count(run.config))
    for asked in asked_of(subject):
        if subject.smoke and asked.moment.run is not smallest:
            continue
        key = (asked.number, asked.field, id(asked.moment.run))
        done[key] = done.get(key, 0) + 1
        if callable(asked.given) and done[key] <= (1 if subject.smoke else 2):
            yield asked


@clause("same-answer-twice", "the same facts have the same answer, whenever they are asked")
def same_answer_twice(subject: Subject) -> None:
    """Asks again with equal facts and with other random numbers."""
    for asked in _calls(subject):
        if asked.error is not None:
            continue
        with global_random_at(asked.number):
            again = read(asked.call(asked.moment.facts()))
        if _ordered(again) != _ordered(asked.value):
            raise ContractError(
                f"first {asked.value!r:.60}, then {again!r:.60} from {asked.where}",
                "compute from the facts alone: no clock, no chance, no memory",
            )


def _ordered(value: Any) -> str:
    return repr(sorted(value) if isinstance(value, set | frozenset) else value)


@clause("facts-stay-as-they-are", "facts that are given are not changed", smoke=True)
def facts_stay(subject: Subject) -> None:
    """Compares the facts with what they were, since their arrays and dicts can be changed."""
    for asked in _calls(subject):
        facts = asked.moment.facts()
        before = repr(facts)
        with suppress(Exception):  # another check tells of exceptions
            asked.call(facts)
        if repr(facts) != before:
            raise ContractError(f"the facts have changed in {asked.where}", "work on a copy")


def _use(subject: Subject) -> None:
    for asked in _calls(subject):
        with suppress(Exception):
            asked.call(asked.moment.facts())


@clause("nothing-is-done-beforehand", "the first task is not done before anything was", smoke=True)
def nothing_is_done_beforehand(subject: Subject) -> str | None:
    """Asks the first Do at the beginning of each run."""
    first = next((n for n, step in enumerate(subject.make().steps) if type(step) is Do), None)
    if first is None:
        return "the lesson has no task"
    for asked in asked_of(subject):
        run = asked.moment.run
        if (asked.number, asked.field) != (first, "done") or run.begins or run.back:
            continue
        done = False
        with suppress(Exception):  # another check tells of exceptions
            done = asked.call(run.facts(0, 0, asked.moment.remembered)) is True
        if done:
            raise ContractError(
                f"True before the first step: done of step {first} ({run.words})",
                "ask for what the learner does: facts.step > facts.began, a look, a sample",
            )
    return None


@clause("conditions-are-quick", f"a condition takes less than {CONDITION * 1000:g} ms")
def conditions_are_quick(subject: Subject) -> None:
    """Times `done` and `when` on names, and takes the best of three attempts."""
    first = runs_for(subject)[0]
    for asked in _calls(subject):
        if asked.field not in ("done", "when") or asked.moment.run is not first:
            continue
        facts = asked.moment.facts()
        seconds = _best(lambda asked=asked, facts=facts: asked.call(facts))  # type: ignore[misc]
        if seconds > CONDITION:
            raise ContractError(
                f"{seconds * 1000:.0f} ms for {asked.where}",
                "it is asked a few times a second beside the training: keep what does not change",
            )


def _best(call: Callable[[], object]) -> float:
    best = math.inf
    for _ in range(3):
        began = time.perf_counter()
        with suppress(Exception):
            call()
        best = min(best, time.perf_counter() - began)
        if best <= CONDITION:
            break
    return best


CLAUSES: tuple[Clause, ...] = (
    made_with_every_setting("a lesson", ()),
    is_a_lesson,
    speaks_at_every_moment,
    texts_fit,
    answers_fit,
    answers_are_computed,
    nothing_is_done_beforehand,
    facts_stay,
    same_answer_twice,
    *manners(_use, "use a random.Random(seed) of your own"),
    conditions_are_quick,
)
