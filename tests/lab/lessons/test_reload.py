"""A lesson that is saved while it is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from playground.hooks.examine import Trial
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.protocol.lessons import LessonPlace
from playground.lab.protocol.run import SavedPlugin
from playground.lab.run.guard import Activity
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.lab.worker.reload import PluginReloader

LESSON = """
from playground.api import Contribution, Do, Lesson, Tell, hookimpl

@hookimpl
def microgpt_lessons():
    steps = [Do("Train.", done=lambda facts: facts.step > facts.began), Tell({text})]
    yield Contribution(name="mine", summary="a lesson", factory=lambda: Lesson("Mine", steps))
"""
BEFORE, AFTER = LESSON.format(text="'Well done.'"), LESSON.format(text="'Better done.'")
BROKEN = LESSON.format(text="lambda facts: facts.losses[-1]")


def test_a_saved_lesson_goes_on_at_the_place_where_it_was(tmp_path: Path, spec: RunSpec) -> None:
    file = tmp_path / "school.py"
    file.write_text(BEFORE, encoding="utf-8")
    registry = load(PluginSources(files=(str(file),), entry_points=False))
    session = Session.open(spec, registry)
    reloader = PluginReloader(registry, Activity())
    place = session.teacher.step(LessonPlace("mine", 1)).place

    def text() -> str:
        session.teacher._not_before = 0.0
        return session.teacher.step(place).text

    assert text() == "Well done."
    reloader.take((SavedPlugin(str(file), AFTER.encode()),), session)
    assert text() == "Better done."
    problems = Trial(str(file), BROKEN.encode()).run()
    assert "lesson 'mine': Promised: texts, conditions" in problems[0].message
    assert "is no text: text of step 1" in problems[0].message
    reloaded = reloader.take((SavedPlugin(str(file), None, problems),), session)
    entry = reloaded.catalog.find("lesson", "mine")
    assert entry is not None and entry.stale and text() == "Better done."
    assert session.teacher.step(replace(place, index=0, began=None)).text == "Train."
