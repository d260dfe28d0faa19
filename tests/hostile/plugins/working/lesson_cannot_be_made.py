"""A lesson: its factory raises."""

from playground.api import Contribution, hookimpl


def lesson():
    raise RuntimeError("no lesson today")


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-cannot-be-made", summary="not well", factory=lesson)
