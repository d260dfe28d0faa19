"""A scripted learner who takes a built-in lesson at a real session, without a screen.

A test gives, by the number of the step, what the learner does there, and for each question the
truth, computed another way than the lesson computes it. The learner answers wrongly first, then
rightly, and is to be judged so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from playground.api import LessonFacts
from playground.hooks.builtins.lessons import LESSONS
from playground.hooks.registry import Registry
from playground.lab.lessons.teacher import card
from playground.lab.protocol.frames import FrameRequest, MatrixView, PanelView
from playground.lab.protocol.inside import Look
from playground.lab.protocol.lessons import (
    QUESTIONS,
    Given,
    GuideStep,
    Judged,
    LessonPlace,
)
from playground.lab.run.guard import Activity
from playground.lab.session import Session
from playground.lab.spec import RunSpec

Action = Callable[[Session], Session | None]
"""What a learner does; it gives the run that stands in place of this one, if there is one."""
Truth = Callable[[Session, GuideStep], Any]
"""The right answer, by an independent computation. It is asked once the question can be judged; of
a choice it may also be the words of the choice."""

WIDTHS: Mapping[str, int] = {"tell": 260, "do": 160}
"""Characters of what is told, and of a task; 200 of a question."""
CHOICE, HINT, WHY = 40, 160, 300
KNOWN: Mapping[str, Collection[int]] = {"heads": (9,)}
"""The questions of a lesson whose answer an earlier task has shown."""


@dataclass
class Learnt:
    """What one step of the lesson said."""

    step: GuideStep
    judged: Judged | None = None


# ---------------------------------------------------------------- what a learner can do


def train(steps: int) -> Action:
    """Go on until so many training steps are done."""

    def act(session: Session) -> None:
        while session.step < min(steps, session.spec.steps):
            assert session.advance(steps - session.step), session.trouble

    return act


def step_on(session: Session) -> None:
    """s: one training step."""
    assert session.advance(1), session.trouble


def look(view: str, **more: Any) -> Action:
    """i and the digit of a view."""
    return lambda session: void(session.look_inside(Look(view=view, **more)))  # type: ignore[arg-type]


def panel(name: str) -> Action:
    """5: a frame with this panel on screen."""
    view = PanelView(name, {}, 70, 20)
    return lambda session: void(session.frame(FrameRequest(panel=view)))


def matrix(name: str, kind: str = "weights") -> Action:
    """3, [ and ]: a frame with this matrix on screen."""
    view = MatrixView(name, kind)  # type: ignore[arg-type]
    return lambda session: void(session.frame(FrameRequest(matrices=(view,))))


def sample(session: Session) -> None:
    """g: sample texts."""
    session.sample()


def facts_of(session: Session, name: str = "count") -> LessonFacts:
    """The facts of the session at this moment, at the first step of a lesson."""
    assert session.teacher and session._facts
    return session._facts.facts(LessonPlace(name, 0))


def void(_: object) -> None:
    """Forget a result."""


# ---------------------------------------------------------------- the learner


def open_lesson(registry: Registry, name: str, **settings: Any) -> Session:
    """A run for the lesson: the usual settings, the lesson's own, and then these, by dotted name
    with "__" for the dot."""
    run = card(registry, Activity(), name).run
    changes = {**run, **{key.replace("__", "."): value for key, value in settings.items()}}
    return Session.open(RunSpec().replace(changes), registry)


class Learner:
    """One who takes the lesson `name`, step by step."""

    def __init__(
        self,
        session: Session,
        name: str,
        actions: Mapping[int, Action],
        truths: Mapping[int, Truth],
    ) -> None:
        self.session, self.name = session, name
        self.actions, self.truths = actions, truths
        self.card = card(session._registry, session._activity, name)
        self.place = LessonPlace(self.card.name, 0)

    def walk(self) -> list[Learnt]:
        """Take the whole lesson."""
        return list(self.steps())

    def steps(self) -> Iterator[Learnt]:
        """The lesson's steps, one by one, each done or answered before it is given."""
        for index, kind in enumerate(self.card.steps):
            self.place = replace(self.place, index=index, began=None)
            shown = self.ask()
            assert shown.kind == kind
            self.check_words(shown)
            action = self.actions.get(index)
            where = f"{self.name} step {index}: {shown.text}"
            if kind == "do":
                assert action is not None, f"{where}: nothing is done"
                assert not shown.done, f"{where}: done before anything was"
            if shown.waits:
                assert action is not None, f"{where}: nothing is done"
                known = index in KNOWN.get(self.name, ())
                assert not shown.done or known, f"{where}: known before it was made"
            if action is not None:
                self.session = action(self.session) or self.session
                shown = self.ask()
            assert shown.done, f"{where}: not done"
            yield Learnt(shown, self.answer(index, shown) if kind in QUESTIONS else None)

    def ask(self) -> GuideStep:
        """The present step, as the screen asks for it."""
        teacher = self.session.teacher
        teacher._not_before = 0.0
        shown = teacher.step(self.place)
        self.place = shown.place
        return shown

    def answer(self, index: int, shown: GuideStep) -> Judged:
        """Answer a question wrongly, then rightly."""
        truth = self.truths[index](self.session, shown)
        if isinstance(truth, str):
            truth = shown.choices.index(truth)
        where = f"{self.name} step {index}: {shown.text} {shown.choices or ''} ({truth})"
        for wrong, off in self.wrong(shown, truth):
            judged = self.session.teacher.judge(self.place, wrong)
            assert not judged.right, f"{where}: {wrong} was right"
            assert judged.off == off, f"{where}: {wrong} was {judged.off or 'neither'}"
            assert len(judged.hint) <= HINT, judged.hint
            if not shown.waits:
                assert judged.truth == judged.why == "", f"{where}: it was told too soon"
        judged = self.session.teacher.judge(self.place, truth)
        known = self.session.teacher.judge(self.place, None)
        assert judged.right, f"{where}: it is {known.truth}"
        assert judged.truth and judged.why, f"{where}: there is no why"
        assert len(judged.why) <= WHY, f"{where}: {len(judged.why)} in {judged.why}"
        assert plain(judged.why), judged.why
        self.place = judged.place
        return judged

    def wrong(self, shown: GuideStep, truth: Given) -> list[tuple[Given, str]]:
        """Wrong answers to the question, each with what is said of a wrong number."""
        if shown.kind == "choose":
            return [(at, "") for at in range(len(shown.choices)) if at != truth]
        if shown.kind == "number":
            assert isinstance(truth, int | float) and math.isfinite(truth)
            far = 3 * abs(truth) + 10
            return [(truth + far, "high"), (truth - far, "low")]
        if shown.kind == "cell":
            known = self.session.teacher.judge(self.place, None).cells
            rows, columns = range(len(shown.rows)), range(len(shown.columns))
            cells = [(row, column) for row in rows for column in columns]
            wrong: list[tuple[Given, str]] = [(cell, "") for cell in cells if cell not in known]
            return wrong[:3]
        return [((shown.low,) * len(shown.xs), ""), ((shown.high,) * len(shown.xs), "")]

    def check_words(self, shown: GuideStep) -> None:
        """What is told is short enough, and holds no number that is none."""
        most = WIDTHS.get(shown.kind, 200)
        where = f"{self.name} step {shown.place.index}"
        assert 0 < len(shown.text) <= most, f"{where}: {len(shown.text)} in {shown.text}"
        assert len(shown.help) <= 160, f"{where}: {len(shown.help)} in {shown.help}"
        assert all(len(choice) <= CHOICE for choice in shown.choices), f"{where}: {shown.choices}"
        assert len(set(shown.choices)) == len(shown.choices), f"{where}: {shown.choices}"
        assert plain(shown.text) and plain(shown.help), f"{where}: {shown.text}"


def plain(text: str) -> bool:
    """True if the text holds neither a number that is none nor the display of an object."""
    words = text.replace(",", " ").replace(".", " ").replace("(", " ").replace(")", " ").split()
    return not {"nan", "inf", "-inf", "None"} & set(words) and "<function" not in text


def names() -> Sequence[str]:
    """The lessons there are, in order."""
    return [name for name, _ in LESSONS]
