"""A lesson: its factory ends the process."""

import os

from playground.api import Contribution, hookimpl


def lesson():
    os._exit(0)


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-factory-exits", summary="not well", factory=lesson)
