"""A lesson: ends the process where an answer is asked for."""

import os

from playground.api import Contribution, Lesson, Number, Tell, hookimpl


def lesson():
    return Lesson(
        "Leaves",
        [Number("How large?", answer=lambda facts: os._exit(0), why="so"), Tell("It has ended.")],
    )


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-leaves", summary="not well", factory=lesson)
