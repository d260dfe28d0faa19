"""A lesson: markup and control characters in every text."""

from playground.api import Cell, Choose, Contribution, Do, Lesson, Number, Tell, hookimpl

BAD = "[bold red]x[/] [@click=app.quit]y[/] \x1b[2J\x1b]0;evil\x07 \u202e\u200b\x00 {a} </b>"


def lesson():
    return Lesson(
        BAD,
        [
            Tell(BAD, at=BAD),
            Do(BAD, done=lambda facts: True, help=BAD),
            Choose(BAD, choices=[BAD, BAD], answer=lambda facts: 1, hints=[BAD], why=BAD, name=BAD),
            Number(BAD, answer=lambda facts: 1.0, unit=BAD, hint=BAD, why=BAD),
            Cell(BAD, rows=lambda facts: [BAD], columns=lambda facts: [BAD], row_name=BAD,
                 column_name=BAD, answer=lambda facts: [(0, 0)], why=BAD, keep={BAD: lambda f: BAD}),
        ],
    )  # fmt: skip


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-markup", summary=BAD, factory=lesson)
