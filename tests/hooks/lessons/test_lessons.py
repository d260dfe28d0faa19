"""What holds for each lesson, whatever it teaches."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from playground.api import Choose, Do, Lesson
from playground.hooks.builtins import lessons
from playground.hooks.builtins.lessons import LESSONS
from playground.hooks.registry import Registry
from tests.hooks.lessons.twin import KEYS, TAKEN

NAMES = [name for name, _ in LESSONS]
QUESTIONS = {"Choose", "Number", "Cell", "Curve"}


def source(name: str) -> ast.Module:
    path = Path(inspect.getfile(lessons)).with_name(f"{name}.py")
    return ast.parse(path.read_text(encoding="utf-8"))


def answers(name: str) -> Iterator[ast.expr]:
    """What stands behind `answer=` in each question of the lesson's file."""
    for node in ast.walk(source(name)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in QUESTIONS:
            yield next(one.value for one in node.keywords if one.arg == "answer")


def only_a_number(function: ast.FunctionDef) -> bool:
    """True if all that the function gives back is a literal."""
    given = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    return all(isinstance(one, ast.Constant) for one in given)


@pytest.mark.parametrize("name", NAMES)
def test_no_expected_answer_is_stored(name: str) -> None:
    functions = {node.name: node for node in source(name).body if isinstance(node, ast.FunctionDef)}
    found = list(answers(name))
    assert len(found) >= 3
    for answer in found:
        if isinstance(answer, ast.Lambda):
            calls = [node for node in ast.walk(answer.body) if isinstance(node, ast.Call)]
            assert calls, f"a lambda that computes nothing: {ast.unparse(answer)}"
            continue
        assert isinstance(answer, ast.Name), f"no function: {ast.unparse(answer)}"
        if answer.id in functions:  # or one that all lessons share
            assert not only_a_number(functions[answer.id]), answer.id
            assert functions[answer.id].args.args, f"{answer.id} is given no facts"


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_size_of_a_lesson(builtins: Registry, name: str) -> None:
    lesson = builtins.make("lesson", name)
    assert type(lesson) is Lesson
    kinds = [type(step).__name__ for step in lesson.steps]
    assert 9 <= len(kinds) <= 15 and 5 <= lesson.minutes <= 8
    assert sum(kind in QUESTIONS for kind in kinds) >= 3
    tasks = sum(
        isinstance(one, Do) or getattr(one, "when", None) is not None for one in lesson.steps
    )
    assert tasks >= 2
    assert kinds[-1] in ("Tell", "Do"), "it ends with something to do on a text of one's own"


@pytest.mark.parametrize("name", NAMES)
def test_each_task_has_its_keys(builtins: Registry, name: str) -> None:
    steps = builtins.make("lesson", name).steps
    tasks = {
        number for number, one in enumerate(steps)
        if isinstance(one, Do) or getattr(one, "when", None) is not None
    }  # fmt: skip
    assert tasks == set(KEYS[name]) == set(TAKEN[name][0])


def test_no_lesson_is_imported_before_it_is_asked_for(builtins: Registry) -> None:
    entries = [entry for entry in builtins.catalog().entries if entry.kind == "lesson"]
    assert [entry.name for entry in entries] == NAMES
    made: Any = import_module("playground.hooks.builtins.lessons")
    assert not {"count", "surprise"} & {
        node.names[0].name for node in ast.walk(ast.parse(inspect.getsource(made)))
        if isinstance(node, ast.ImportFrom | ast.Import)
    }  # fmt: skip


def test_hints_are_for_wrong_choices_alone(builtins: Registry) -> None:
    for name in NAMES:
        for step in builtins.make("lesson", name).steps:
            if isinstance(step, Choose) and not callable(step.hints) and not callable(step.choices):
                assert len(step.hints) in (0, len(step.choices)), name
