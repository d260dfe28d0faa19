"""A lesson: a text of its first step never ends."""

from playground.api import Contribution, Lesson, Tell, hookimpl


def text(facts):
    while True:
        pass


def lesson():
    return Lesson("Hangs", [Tell(text), Tell("It has ended.")])


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-hangs", summary="not well", factory=lesson)
