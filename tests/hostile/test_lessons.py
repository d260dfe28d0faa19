"""Lessons that misbehave: each is named, and costs nothing but itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.client.events import WorkerBack
from playground.lab.lessons.teacher import card
from playground.lab.protocol import pipe
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.lessons import Given, GuideStep, Judged, LessonCard, LessonPlace
from playground.lab.run.guard import Activity
from playground.lab.session import Session
from tests.hostile.conftest import PLUGINS
from tests.lab.conftest import MakeLab, Watched, labs, text_run, words

__all__ = ["labs", "words"]  # fixtures

FILES = sorted((PLUGINS / "working").glob("lesson_*.py"))
FINE = """
from playground.api import Contribution, Do, Lesson, Tell, hookimpl

@hookimpl
def microgpt_lessons():
    steps = [Do("Train.", done=lambda facts: facts.step > facts.began), Tell("Well done.")]
    yield Contribution(name="fine", summary="a lesson", factory=lambda: Lesson("Fine", steps))
"""


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a lesson without a fault."""
    path = tmp_path_factory.mktemp("fine") / "fine.py"
    path.write_text(FINE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def registry(fine: Path) -> Registry:
    """The built-ins, every lesson that misbehaves, and one that does not."""
    files = tuple(map(str, (*FILES, fine)))
    registry = load(PluginSources(files=files, entry_points=False))
    assert registry.problems == () and len(FILES) == 11
    return registry


@pytest.fixture
def session(words: Path, registry: Registry) -> Session:
    return Session.open(text_run(words), registry)


def shown(session: Session, lesson: str, index: int = 0) -> GuideStep:
    """A step of a lesson that begins now, as it reaches the screen."""
    step = session.teacher.step(LessonPlace(lesson, index))
    assert pipe.receive_from(pipe.pack(step)) == step
    return step


def judged(session: Session, step: GuideStep, given: Given | None = None) -> Judged:
    return session.teacher.judge(step.place, given)


def works_on(session: Session) -> None:
    """Assert that the run and other lessons are unharmed."""
    step = shown(session, "fine")
    assert not step.done and session.advance()
    session.teacher._not_before = 0.0
    assert session.teacher.step(step.place).done


FAILING = [
    ("lesson-cannot-be-made", 0, "no lesson today"),
    ("lesson-raises", 0, "In done of step 0 (lesson 'lesson-raises'): ValueError: out of done"),
    ("lesson-wrong-types", 0, "answer of step 0"),
    ("lesson-wrong-types", 1, "answer of step 1"),
    ("lesson-wrong-types", 2, "answer of step 2"),
    ("lesson-wrong-types", 3, "True or False is expected, not str"),
    ("lesson-wrong-types", 4, "a text is expected, not NoneType"),
    ("lesson-wrong-types", 5, "a number from 0 to 1 is expected"),
    ("lesson-wrong-types", 6, "a list is expected, not int"),
    ("lesson-wrong-types", 7, "pairs of a row and a column are expected"),
    ("lesson-wrong-types", 8, "xs of step 8"),
    ("lesson-wrong-types", 9, "a number or a text is expected, not object"),
    ("lesson-steps", 0, "2 to 60 steps are expected, and it has more"),
    ("lesson-endless", 0, "2 to 60 steps are expected, and it has more"),
    ("lesson-choices", 0, "2 to 9 texts are expected"),
    ("lesson-lies", 3, "True or False is expected"),
    ("lesson-lies", 4, "tried to end the program"),
    ("lesson-lies", 5, "OverflowError"),
    ("lesson-lies", 6, "a number is expected, not Other"),
    ("lesson-lies", 7, "True or False is expected, not Other"),
    ("lesson-lies", 8, "tried to end the program"),
]


@pytest.mark.parametrize(
    ("lesson", "index", "told"), FAILING, ids=[f"{name}-{step}" for name, step, _ in FAILING]
)
def test_a_lesson_that_fails_is_named_and_costs_nothing_but_itself(
    session: Session, lesson: str, index: int, told: str
) -> None:
    with pytest.raises(LabError) as caught:
        judged(session, shown(session, lesson, index))
    failure = caught.value.failure
    assert failure.kind == "plugin" and told in failure.message, failure
    assert any(f"'{path.stem}'" in failure.title for path in FILES), failure
    assert lesson in failure.message, failure
    works_on(session)


def test_markup_and_control_characters_stay_plain_texts(
    session: Session, registry: Registry
) -> None:
    about = card(registry, Activity(), "lesson-markup")
    assert "[bold red]x[/]" in about.title
    for index in range(len(about.steps)):
        step = shown(session, "lesson-markup", index)
        assert step.text.startswith("[bold red]x[/] [@click=app.quit]y[/]")
        if step.kind not in ("tell", "do"):
            answer = judged(session, step)
            assert answer.why == step.text and answer.truth
    works_on(session)


def test_10_000_lines_are_one_line_of_600_characters(session: Session, registry: Registry) -> None:
    assert len(card(registry, Activity(), "lesson-lines").title) == 60
    told, asked = shown(session, "lesson-lines"), shown(session, "lesson-lines", 1)
    assert len(told.text) == len(asked.text) == 600 and len(told.at) == 20
    assert [len(choice) for choice in asked.choices] == [120, 120]
    wrong = judged(session, asked, 1)
    assert not wrong.right and len(judged(session, asked).why) == 600
    assert all("\n" not in text for text in (told.text, asked.text, *asked.choices))
    works_on(session)


def test_texts_and_numbers_that_lie_are_copied(session: Session, registry: Registry) -> None:
    assert type(card(registry, Activity(), "lesson-lies").title) is str
    told, number, choice = (shown(session, "lesson-lies", index) for index in range(3))
    assert (told.text, told.at, number.unit) == ("a true word", "loss", "nats")
    assert judged(session, number, 3.1).right
    right = judged(session, choice, 1)
    assert (right.right, right.truth) == (True, "b")
    assert right.place.remembered == (("which", 1),)
    kept = shown(session, "lesson-lies", 9).place.remembered
    assert kept == (("it", "kept"),) and type(kept[0][1]) is str
    works_on(session)


def test_a_lesson_that_spoils_its_facts_leaves_the_run_as_it_is_bit_for_bit(
    words: Path, registry: Registry
) -> None:
    spoilt, alone = (Session.open(text_run(words, steps=30), registry) for _ in range(2))
    while spoilt.step < 30:
        for index in range(2):
            shown(spoilt, "lesson-mutates", index)
        step = shown(spoilt, "lesson-mutates", 2)
        assert judged(spoilt, step).why == "spoilt"
        for run in (spoilt, alone):
            assert run.advance()
    mine, theirs = spoilt.checkpoint(), alone.checkpoint()
    for part in ("weights", "first_moment", "second_moment", "losses", "learning_rates"):
        assert getattr(mine, part) == getattr(theirs, part), part
    assert mine.evaluations == theirs.evaluations
    assert spoilt.sample().texts == alone.sample().texts


# ---------------------------------------------------------------- what takes a worker down


async def opened(labs: MakeLab, words: Path, name: str, fine: Path) -> Watched:
    """A lab with a lesson that takes workers down, and one without a fault; its run trains."""
    watched = labs(PLUGINS / "working" / f"{name.replace('-', '_')}.py", fine)
    await watched.lab.open(text_run(words, steps=1_000_000).to_json())
    await watched.lab.run()
    return watched


async def goes_on(watched: Watched, name: str) -> None:
    """Assert that another worker has the run, which trains on, that the lesson is off there until
    somebody chooses it again, and that other lessons work."""
    back = await watched.event(WorkerBack)
    assert back.note.startswith(f"The lesson '{name}' is switched off") and back.running
    lab = watched.lab
    await watched.reaches(back.step + 1)
    with pytest.raises(LabError, match=f"The lesson '{name}' is switched off"):
        await lab.lesson_step(LessonPlace(name, 0))
    with pytest.raises(LabError, match="switched off"):
        await lab.judge(LessonPlace(f"{name.replace('-', '_')}:{name}", 0), None)
    assert not any(isinstance(event, WorkerBack) for event in watched.events), "asked once"
    step = await lab.lesson_step(LessonPlace("fine", 1))
    assert step.text == "Well done."


async def test_a_lesson_that_never_ends_is_off_until_a_person_chooses_it(
    labs: MakeLab, words: Path, fine: Path
) -> None:
    watched = await opened(labs, words, "lesson-hangs", fine)
    lab = watched.lab
    about = await lab.lesson("lesson-hangs")
    assert isinstance(about, LessonCard) and about.title == "Hangs"
    with pytest.raises(LabError) as caught:
        await lab.lesson_step(LessonPlace("lesson-hangs", 0))
    assert caught.value.failure.kind == "hung"
    message = caught.value.failure.message
    assert message.startswith("The lesson 'lesson-hangs' (file ")
    assert "has not returned from text of step 0" in message
    assert message.endswith("Mend its file, and choose it again.")
    await goes_on(watched, "lesson-hangs")
    await lab.lesson("lesson-hangs")  # a person chooses it again
    assert (await lab.lesson_step(LessonPlace("lesson-hangs", 1))).text == "It has ended."


async def test_another_lesson_is_begun_while_one_hangs(
    labs: MakeLab, words: Path, fine: Path
) -> None:
    lab = (await opened(labs, words, "lesson-hangs", fine)).lab
    hanging = asyncio.ensure_future(lab.lesson_step(LessonPlace("lesson-hangs", 0)))
    await asyncio.sleep(0)  # until it is asked
    assert (await lab.lesson("fine")).title == "Fine"
    with pytest.raises(LabError, match="'lesson-hangs' is switched off"):
        await hanging


async def test_a_lesson_whose_factory_never_ends_is_named(
    labs: MakeLab, words: Path, fine: Path
) -> None:
    watched = await opened(labs, words, "lesson-factory-hangs", fine)
    with pytest.raises(LabError) as caught:
        await watched.lab.lesson("lesson-factory-hangs")
    assert caught.value.failure.kind == "hung"
    assert "has not returned from its factory" in caught.value.failure.message
    await goes_on(watched, "lesson-factory-hangs")


async def test_a_lesson_whose_factory_ends_the_process_is_named_without_a_run(
    labs: MakeLab, fine: Path
) -> None:
    lab = labs(PLUGINS / "working" / "lesson_factory_exits.py", fine).lab
    with pytest.raises(LabError) as caught:
        await lab.lesson("lesson-factory-exits")
    failure = caught.value.failure
    assert (failure.kind, failure.title) == (
        "dead", "The lesson 'lesson-factory-exits' is switched off"
    )  # fmt: skip
    assert failure.message.startswith("It was asked when the training process ended.")
    assert (await lab.lesson("fine")).title == "Fine"


async def test_a_lesson_that_is_mended_can_be_chosen_without_a_run(
    labs: MakeLab, tmp_path: Path
) -> None:
    path = tmp_path / "bad.py"
    path.write_text(FINE.replace('Lesson("Fine"', 'Lessn("Fine"'), encoding="utf-8")
    lab = labs(path).lab
    with pytest.raises(LabError, match="'Lessn' is not defined"):
        await lab.lesson("fine")
    path.write_text(FINE, encoding="utf-8")
    assert (await lab.lesson("fine")).title == "Fine"


async def test_a_plugin_that_ends_the_process_on_import_is_passed_over_where_a_lesson_is_asked_for(
    labs: MakeLab, fine: Path, tmp_path: Path
) -> None:
    lab = labs(PLUGINS / "deadly" / "os_exit.py", fine).lab
    lab.sources = replace(lab.sources, loading=str(tmp_path))
    assert (await lab.lesson("fine")).title == "Fine"


async def test_a_lesson_that_ends_the_process_is_named(
    labs: MakeLab, words: Path, fine: Path
) -> None:
    watched = await opened(labs, words, "lesson-leaves", fine)
    step = await watched.lab.lesson_step(LessonPlace("lesson-leaves", 0))
    with pytest.raises(LabError) as caught:
        await watched.lab.judge(replace(step.place), 3.0)
    failure = caught.value.failure
    assert (failure.kind, failure.title) == ("dead", "The lesson 'lesson-leaves' is switched off")
    assert failure.message.startswith("It was asked when the training process ended.")
    await goes_on(watched, "lesson-leaves")


async def test_however_often_a_lesson_that_ends_the_process_is_chosen_the_run_goes_on(
    labs: MakeLab, words: Path, fine: Path
) -> None:
    watched = await opened(labs, words, "lesson-leaves", fine)
    for _ in range(3):
        await watched.lab.lesson("lesson-leaves")
        step = await watched.lab.lesson_step(LessonPlace("lesson-leaves", 0))
        with pytest.raises(LabError, match="'lesson-leaves' is switched off"):
            await watched.lab.judge(step.place, 3.0)
        assert (await watched.event(WorkerBack)).running
