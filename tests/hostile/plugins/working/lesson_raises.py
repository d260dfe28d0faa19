"""A lesson: asking whether its task is done raises."""

from playground.api import Contribution, Do, Lesson, Tell, hookimpl


def done(facts):
    raise ValueError("out of done")


def lesson():
    return Lesson("Raises", [Do("Do it.", done=done), Tell("Well done.")])


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-raises", summary="not well", factory=lesson)
