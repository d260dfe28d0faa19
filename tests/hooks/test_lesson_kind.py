"""Lessons come through the same door as every other kind: clash, refusal, switched off."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.api import Lesson
from playground.hooks.errors import PluginError
from playground.hooks.manager import load
from playground.hooks.reload import tried
from playground.hooks.sources import PluginSources
from tests.hooks.conftest import LoadPlugin, WritePlugin

LESSON = """
steps = [Tell("one"), Tell("two")]

@hookimpl
def microgpt_lessons():
    yield Contribution(name="vowels", summary="a, e, i, o, u", factory=lambda: Lesson("V", steps))
"""


def test_a_file_contributes_a_lesson_and_nothing_is_made_before_it_is_taken(
    load_plugin: LoadPlugin,
) -> None:
    late = LESSON.replace("factory=lambda: Lesson", "factory=lambda: nothing or Lesson")
    registry = load_plugin(late)
    (entry,) = [one for one in registry.catalog().of("lesson") if one.plugin == "mine"]
    assert (entry.qualified, entry.controls) == ("mine:vowels", ())
    with pytest.raises(PluginError, match="NameError"):
        registry.make("lesson", "vowels")
    assert isinstance(load_plugin(LESSON).make("lesson", "vowels"), Lesson)


@pytest.mark.parametrize(
    ("made", "said"),
    [("[Tell('one')]", "a list|(list) is no Lesson"), ("None", "the factory gave nothing"),
     ("type('L', (Lesson,), {})('V', steps)", "(L) is no Lesson")],
)  # fmt: skip
def test_what_is_no_lesson_is_refused_by_name(
    load_plugin: LoadPlugin, made: str, said: str
) -> None:
    registry = load_plugin(LESSON.replace('Lesson("V", steps)', made))
    with pytest.raises(PluginError) as caught:
        registry.make("lesson", "vowels")
    assert any(part in str(caught.value) for part in said.split("|")), caught.value


SLIP = """from playground.api import Contribution, Lesson, Tell, hookimpl

def words(facts):
    return facts.nothing

@hookimpl
def microgpt_lessons():
    steps = [Tell(lambda facts: words(facts)), Tell("two")]
    yield Contribution(name="vowels", summary="a, e, i, o, u", factory=lambda: Lesson("V", steps))
"""


def test_a_slip_in_a_saved_lesson_is_told_with_its_line(write_plugin: WritePlugin) -> None:
    path = write_plugin("", "slip.py")
    (problem,) = tried(str(path), SLIP.encode())
    assert "no attribute 'nothing' in text of step 0 (on names" in problem.message
    assert problem.message.endswith("line 4. To do: look at that line.")


def test_two_lessons_of_one_name_stay_reachable_and_one_can_be_switched_off(
    write_plugin: WritePlugin, tmp_path: Path
) -> None:
    files = tuple(str(write_plugin(LESSON, f"{name}.py")) for name in ("first", "second"))
    registry = load(PluginSources(files=files, entry_points=False))
    assert "lesson 'vowels'" in registry.problems[0].message
    assert registry.problems[0].stage == "clash"
    for plugin in ("first", "second"):
        assert registry.entry("lesson", f"{plugin}:vowels").plugin == plugin
    with pytest.raises(LookupError, match="ambiguous"):
        registry.entry("lesson", "vowels")
    config = tmp_path / "config.json"
    config.write_text('{"plugins": {"disabled": ["second"]}}', encoding="utf-8")
    left = load(PluginSources(files=files, entry_points=False, config=str(config)))
    assert left.problems == () and left.entry("lesson", "vowels").plugin == "first"
