"""Which panel or lesson is taken to have taken a worker down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from playground.catalog import Catalog, Entry, Kind
from playground.lab.client.lab import Follower
from playground.lab.client.watches import LessonWatch, PanelWatch, switch_off
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.frames import FrameRequest, PanelView
from playground.lab.protocol.run import Reloaded, SavedPlugin

DEAD = Failure("The worker ended", "Its exit code was 3.", kind="dead")
HUNG = Failure("It hung", "Nothing came back.", kind="hung")


def entry(kind: Kind, name: str, plugin: str = "school") -> Entry:
    return Entry(kind, name, plugin, f"{plugin}.py", "")


CATALOG = Catalog(
    entries=(
        entry("lesson", "count", "builtin"),
        entry("lesson", "vowels"),
        entry("panel", "spark"),
    )
)
FRAME = FrameRequest(panel=PanelView("spark", {}, 30, 5))


def test_a_crash_is_put_down_to_what_was_asked_first() -> None:
    panels, lessons = PanelWatch(), LessonWatch()
    with lessons.asked("school:vowels"), panels.asked(FRAME):
        said = switch_off((panels, lessons), "", DEAD, CATALOG)
    assert said == "The lesson 'vowels' is switched off; choosing it again gives it another try."
    with panels.asked(FRAME) as (request, instead):
        assert request is FRAME and instead is None, "the panel is not off"
    with pytest.raises(LabError, match="It was asked when the training process ended"):
        lessons.asked("vowels").__enter__()
    lessons.allow("school:vowels")
    with lessons.asked("vowels"):
        pass


def test_silence_is_put_down_to_a_lesson_that_was_asked_and_to_no_panel() -> None:
    panels, lessons = PanelWatch(), LessonWatch()
    with panels.asked(FRAME), lessons.asked("school:vowels"):
        assert switch_off((panels, lessons), "", HUNG, CATALOG).startswith("The lesson 'vowels'")
    failure = lessons.refusal("vowels")
    assert failure is not None
    assert failure.message.startswith("It was asked when the training process fell silent.")
    with panels.asked(FRAME):
        assert switch_off((panels,), "", HUNG, CATALOG) == ""


@pytest.mark.parametrize(
    ("name", "blamed", "failure"),
    [
        ("count", "", DEAD),  # a built-in one is trusted
        ("unknown", "", DEAD),
        ("count", "", HUNG),
        ("vowels", "engine:fast:fast", DEAD),
    ],
)
def test_a_lesson_is_not_switched_off_for_the_fault_of_another(
    name: str, blamed: str, failure: Failure
) -> None:
    lessons = LessonWatch()
    with lessons.asked(name):
        assert switch_off((PanelWatch(), lessons), blamed, failure, CATALOG) == ""
    with lessons.asked(name):
        pass


def test_a_lesson_that_is_blamed_is_named_to_who_asked_and_others_are_not_off() -> None:
    lessons = LessonWatch()
    with pytest.raises(LabError) as caught, lessons.asked("vowels"):
        switch_off((lessons,), "lesson:school:vowels", HUNG, CATALOG)
        raise LabError(HUNG)
    failure = caught.value.failure
    assert (failure.title, failure.kind) == ("The lesson 'vowels' is switched off", "hung")
    assert failure.message.endswith("Nothing came back.")
    with pytest.raises(LabError, match="It hung"), lessons.asked("count"):
        raise LabError(HUNG)


async def test_a_lesson_whose_file_is_saved_is_asked_again() -> None:
    lessons, told = LessonWatch(), list[Any]()
    lessons.switch_off("school:vowels", HUNG)
    run: Any = SimpleNamespace(
        ask=lambda *_: reloaded(), observation=SimpleNamespace(sampling=None), offer=told.append
    )

    async def reloaded() -> Reloaded:
        return Reloaded(CATALOG, None, (), {})

    nothing: Any = None
    follower = Follower(run, nothing, nothing, nothing, (PanelWatch(), lessons), told.append)
    await follower._reload(SavedPlugin("other.py", b""))
    assert lessons.refusal("vowels") is not None
    await follower._reload(SavedPlugin("school.py", b""))
    assert lessons.refusal("vowels") is None
