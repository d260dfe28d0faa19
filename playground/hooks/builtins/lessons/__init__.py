"""The tour: ten lessons, in the order in which one would build a GPT. One file a lesson.

A lesson's file is imported when the lesson is asked for, so that a run that nobody takes lessons
with does not wait for it. `lesson()` in each file makes the `Lesson`; its answers are functions
over the facts of the run, and no file holds an expected number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from playground.api import Contribution, Lesson, hookimpl

LESSONS: tuple[tuple[str, str], ...] = (
    ("count", "which token follows which, by counting"),
    ("surprise", "the loss of a token, of a text, and of texts never seen"),
    ("network", "the table of pairs as a network, trained by SGD"),
    ("slope", "what one weight does to the loss, and the gradient check"),
    ("autograd", "how a gradient is made: going back over the graph"),
    ("positions", "which weights one text teaches; position, norm, residual"),
    ("attention", "who reads whom: scores, weights, and where the mask is"),
    ("heads", "what heads and layers cost, and what they are worth"),
    ("adam", "how far a step moves a weight; too large a rate"),
    ("speak", "temperature, memorised or new, parts cut out"),
)
"""The name of each lesson, which is the name of its file, and its summary, in order."""


def _factory(name: str) -> Callable[[], Lesson]:
    def make() -> Lesson:
        made: Lesson = import_module(f"{__name__}.{name}").lesson()
        return made

    return make


@hookimpl
def microgpt_lessons() -> Iterator[Contribution[Lesson]]:
    for name, summary in LESSONS:
        yield Contribution(name=name, summary=summary, factory=_factory(name))
