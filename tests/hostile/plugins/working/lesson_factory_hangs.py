"""A lesson: its factory never ends."""

from playground.api import Contribution, hookimpl


def lesson():
    while True:
        pass


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-factory-hangs", summary="not well", factory=lesson)
