"""The lessons 6 to 10, taken by one who trains on before answering, in a fresh worker each time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from playground.lab.protocol.lessons import GuideStep, Judged
from tests.hooks.lessons.conftest import Taught
from tests.hooks.lessons.learner import Learner
from tests.hooks.lessons.twin import TAKEN

WANDERED = ("positions", "attention", "heads", "adam", "speak")

STEPS: Mapping[str, dict[str, int]] = {"adam": {}}
"""The steps of the run; short ones, where the lesson makes no difference."""


class Wanderer(Learner):
    """Answers what was asked at one training step while the run stands at another."""

    def answer(self, index: int, shown: GuideStep) -> Judged:
        if shown.waits:
            return super().answer(index, shown)
        session, at = self.session, self.session.step
        truth = self.truths[index](session, shown)
        if isinstance(truth, str):
            truth = shown.choices.index(truth)
        assert session.advance(1) or at == session.spec.steps
        session.go_to(session.step if session.step != at else at - 1)
        session._teacher = session._facts = None
        asked = self.ask()
        same = ("text", "choices", "rows", "columns", "place")
        assert [getattr(asked, one) for one in same] == [getattr(shown, one) for one in same]
        judged = session.teacher.judge(self.place, truth)
        assert judged.right, f"{self.name} step {index}: {shown.text} {truth}"
        session.go_to(at)
        return judged


@pytest.mark.parametrize("lesson", WANDERED)
def test_a_question_stays_as_it_was_asked(taught: Taught, lesson: str) -> None:
    session = taught(
        lesson, "made up", seed=4, model__block_size=5, **STEPS.get(lesson, {"steps": 40})
    )
    Wanderer(session, lesson, *TAKEN[lesson]).walk()
