"""Lessons of 10,000 lines in each text, of 10,000 steps, of steps without end, of 10,000 choices."""

from playground.api import Choose, Contribution, Lesson, Tell, hookimpl

LINES = "line\n" * 10_000


def of_lines():
    return Lesson(
        LINES,
        [
            Tell(LINES, at=LINES),
            Choose(LINES, choices=[LINES, LINES], answer=lambda facts: 0, why=LINES, hints=[LINES]),
        ],
    )


def of_steps():
    return Lesson("Steps", [Tell("one")] * 10_000)


def endless_steps():
    def steps():
        while True:
            yield Tell("one")

    return Lesson("Steps", steps())


def of_choices():
    choices = [str(number) for number in range(10_000)]
    return Lesson(
        "Choices",
        [
            Choose("Which?", choices=choices, answer=lambda facts: 9_999, why="so"),
            Tell("one"),
        ],
    )


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-lines", summary="not well", factory=of_lines)
    yield Contribution(name="lesson-steps", summary="not well", factory=of_steps)
    yield Contribution(name="lesson-endless", summary="not well", factory=endless_steps)
    yield Contribution(name="lesson-choices", summary="not well", factory=of_choices)
