"""A lesson: every function gives something of another type, or no number."""

import math

from playground.api import Cell, Choose, Contribution, Curve, Do, Lesson, Number, Tell, hookimpl


def lesson():
    nothing = {"why": "so"}
    return Lesson(
        "Wrong types",
        [
            Number("How large?", answer=lambda facts: math.nan, **nothing),
            Number("How large?", answer=lambda facts: math.inf, **nothing),
            Number("How large?", answer=lambda facts: "3.3", **nothing),
            Do("Do it.", done=lambda facts: "yes"),
            Tell(lambda facts: None),
            Choose("Which?", choices=["a", "b"], answer=lambda facts: True, **nothing),
            Choose("Which?", choices=lambda facts: 7, answer=lambda facts: 0, **nothing),
            Cell("Which?", rows=lambda facts: ["a"], columns=lambda facts: ["b"],
                 answer=lambda facts: {(0.0, 0)}, **nothing),
            Curve("Draw it.", xs=lambda facts: [1, 2, math.nan], low=lambda facts: 0.0,
                  high=lambda facts: 1.0, answer=lambda facts: [1, 2, 3], within=0.1, **nothing),
            Tell("now", keep={"it": lambda facts: object()}),
        ],
    )  # fmt: skip


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-wrong-types", summary="not well", factory=lesson)
