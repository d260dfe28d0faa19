"""The tour as a learner goes through it: answers, tries, going back, places kept.

The lab here is a real session with real lessons, without a worker between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.api import Choose, Curve, Do, Lesson, LessonStep, Number, Tell
from playground.catalog import Catalog, Problem
from playground.lab.lessons.teacher import card
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.lessons import Given, GuideStep, Judged, LessonCard, LessonPlace
from playground.lab.run.guard import Activity
from playground.lab.session import Session
from playground.lab.store.journal import Answer, Journal
from playground.tui.control.context import Context, Remark
from playground.tui.control.tour import Lessons, Phase, Tour
from playground.tui.model import PlaygroundModel
from tests.lab.conftest import words as words
from tests.lab.lessons.conftest import Teach
from tests.lab.lessons.conftest import teach as teach

NAME = "school:it"


class SessionLab:
    """Asks a session, as the worker would."""

    async def advance(self, steps: int) -> None:
        for _ in range(steps):
            self.session.advance()

    def __init__(self, session: Session) -> None:
        self.session = session
        self.paused = False

    async def lesson(self, name: str) -> LessonCard:
        return card(self.session._registry, Activity(), name)

    async def lesson_step(self, place: LessonPlace) -> GuideStep:
        self.session.teacher._not_before = 0.0
        return self.session.teacher.step(place)

    async def get_catalog(self) -> Catalog:
        return Catalog((), (Problem("new", "/new.py", "import", "No such line"),))

    def lesson_trouble(self, name: str) -> None:
        """No lesson takes a session down."""

    async def pause(self) -> None:
        self.paused = True

    async def judge(self, place: LessonPlace, given: Given | None) -> Judged:
        return self.session.teacher.judge(place, given)


class Opens:
    """Opens whatever run is asked for; the session is the run."""

    def __init__(self, model: PlaygroundModel, session: Session) -> None:
        self.model, self.session = model, session
        self.gone = False
        self.opened: list[int | str] = []
        self.elsewhere: Failure | None = None
        """Why no recorded run can be opened, if none can."""
        self.tell: Callable[[Failure], None] = lambda _: None

    async def open(self, spec: str) -> bool:
        self.opened.append(spec)
        self.model.info = self.session.info
        return True

    async def open_recorded(self, run: int) -> bool:
        self.opened.append(run)
        if self.elsewhere is not None:
            self.tell(self.elsewhere)
            return False
        self.model.info = self.session.info
        return True

    @contextmanager
    def telling(self, tell: Callable[[Failure], None]) -> Iterator[None]:
        self.tell = tell
        yield


class Learner:
    """A tour, and what somebody does in it."""

    def __init__(self, session: Session, journal: Journal, **options: Any) -> None:
        self.session = session
        model = PlaygroundModel()
        self.said: list[Remark] = []
        self.lab = SessionLab(session)
        context = Context(self.lab, model, lambda: None, self.said.append)  # type: ignore[arg-type]
        self.opens = Opens(model, session)
        self.tour = Tour(context, self.opens, Lessons(journal, **options))  # type: ignore[arg-type]
        self.moves = 0
        self.tour.moved = self.count

    def count(self) -> None:
        self.moves += 1

    async def until(self, phase: Phase, index: int | None = None) -> None:
        """Wait for a phase, in the step of that number."""
        async with asyncio.timeout(20):
            while self.tour.phase != phase or index not in (None, self.tour.index):
                await asyncio.sleep(0.01)

    async def say(self, given: Given, sure: int = 2) -> None:
        """Answer the question on screen."""
        tour = self.tour
        assert tour.step is not None
        if tour.step.kind == "choose":
            assert isinstance(given, int)
            tour.pick(given)
        else:
            tour.typed = str(given)
        await tour.confirm()
        if tour.phase == "sure":
            await tour.be_sure(sure)


@contextmanager
def following(tour: Tour) -> Iterator[None]:
    task = asyncio.get_running_loop().create_task(tour.pump())
    try:
        yield
    finally:
        task.cancel()


ASKED: Sequence[LessonStep] = [
    Tell("first"),
    Choose("Which?", choices=["a", "b", "c"], answer=lambda _: 2, hints=["no a", "p is 1"],
           why="c it is"),
    Number("How many?", answer=lambda facts: facts.steps, within=0.0, why="so many"),
    Number("What loss?", answer=lambda facts: facts.losses[0], within=0.5, why="there",
           when=lambda facts: facts.furthest >= 1, task="Do a step."),
    Tell("last"),
]  # fmt: skip


async def test_a_learner_goes_through_a_lesson_with_wrong_answers_in_between(
    teach: Teach, tmp_path: Path
) -> None:
    journal = Journal.load(tmp_path / "tour.jsonl")
    learner = Learner(teach(ASKED), journal)
    tour = learner.tour
    with following(tour):
        await tour.begin(NAME)
        await learner.until("read", 0)
        tour.forward()
        await learner.until("ask", 1)
        assert tour.answer is None, "nothing is chosen beforehand"
        await tour.confirm()
        assert tour.phase == "ask" and "Choose one" in tour.hint
        await learner.say(0, sure=3)
        assert tour.phase == "ask" and tour.struck == {0: "no a"} and "No a." in tour.hint
        tour.pick(0)
        assert tour.picked is None, "a choice that was struck out cannot be taken again"
        await learner.say(1)
        assert tour.hint == "No. p is 1."
        await learner.say(2)
        assert tour.phase == "known" and tour.judged is not None and tour.judged.why == "c it is"
        assert journal.of(NAME).answers[1] == Answer(3, True, 3)
        tour.forward()
        await learner.until("ask", 2)
        steps = learner.session.spec.steps
        for number, words in ((steps + 1, "Too high."), (steps - 1, "Too low.")):
            await learner.say(number)
            assert tour.hint.startswith(words)
        await tour.show()
        assert tour.phase == "ask", "only after three tries is the answer shown"
        await learner.say(1)
        await tour.show()
        assert tour.phase == "known" and tour.judged.truth == f"{steps:,}"
        assert journal.of(NAME).answers[2] == Answer(3, False, 2, shown=True)
        tour.forward()
        await learner.until("ask", 3)
        await learner.say(3)
        assert tour.phase == "wait"
        learner.session.advance(1)
        await learner.until("known", 3)
        tour.forward()
        await learner.until("read", 4)
        assert tour.back()
        await learner.until("ask", 3)
        await learner.say(3)
        await learner.until("known", 3)
        tour.forward()
        await learner.until("read", 4)
        tour.forward()
    assert tour.phase == "over" and journal.of(NAME).finished and journal.of(NAME).place is None


async def test_the_run_stands_still_when_a_question_begins(teach: Teach, tmp_path: Path) -> None:
    asked = Number("How many?", answer=lambda facts: facts.step, within=0.0, why="so many")
    session = teach([Tell("first"), Do("Run.", done=lambda _: True), asked, Tell("last")])
    learner = Learner(session, Journal.load(tmp_path / "tour.jsonl"))
    tour = learner.tour
    with following(tour):
        await tour.begin(NAME)
        await learner.until("read", 0)
        learner.opens.model.frame = replace(session.frame(), state="running")
        tour.forward()
        await learner.until("task", 1)
        assert not learner.lab.paused
        tour.forward()
        await learner.until("ask", 2)
        assert learner.lab.paused


async def test_after_a_kill_the_lesson_goes_on_where_it_was_with_the_answer_that_waited(
    teach: Teach, tmp_path: Path
) -> None:
    session = teach(ASKED)
    before = Learner(session, Journal.load(tmp_path / "tour.jsonl"))
    with following(before.tour):
        await before.tour.begin(NAME)
        await before.until("read", 0)
        before.tour._enter(LessonPlace(NAME, 3))
        await before.until("ask", 3)
        await before.say(3, sure=1)
        assert before.tour.phase == "wait"
    after = Learner(session, Journal.load(tmp_path / "tour.jsonl"))
    with following(after.tour):
        await after.tour.go_on(NAME)
        await after.until("wait", 3)
        session.advance(1)
        await after.until("known", 3)
    assert after.tour.journal.of(NAME).answers[3] == Answer(1, True, 1)


async def test_where_the_run_of_a_lesson_is_open_elsewhere_another_one_is_taken_as_far(
    teach: Teach, tmp_path: Path
) -> None:
    journal = Journal.load(tmp_path / "tour.jsonl")
    journal.begun(NAME, 5)
    journal.at(LessonPlace(NAME, 4, 3), 7)
    session = teach(ASKED)
    learner = Learner(session, journal)
    learner.opens.elsewhere = Failure("Run 7 is open elsewhere", "Close it there.")
    with following(learner.tour):
        await learner.tour.go_on(NAME)
        await learner.until("read", 4)
    assert session.step == 3
    assert [one.message for one in learner.said] == [
        "Run 7 is open elsewhere. A new one is trained to step 3."
    ]


async def test_a_place_that_cannot_be_kept_is_said_once(teach: Teach, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    learner = Learner(teach(ASKED), Journal.load(tmp_path / "file" / "tour.jsonl"))
    with following(learner.tour):
        await learner.tour.begin(NAME)
        await learner.until("read", 0)
        learner.tour.forward()
        await learner.until("ask", 1)
    assert [one.title for one in learner.said] == ["Your place is not kept"]


async def test_a_lesson_is_skipped_by_its_hardest_question_at_the_first_try_only(
    teach: Teach, tmp_path: Path
) -> None:
    session = teach([], lambda: Lesson("It", ASKED, hardest=1))
    for first, skipped in ((2, True), (0, False)):
        learner = Learner(session, Journal.load(tmp_path / f"{first}.jsonl"))
        tour = learner.tour
        with following(tour):
            await tour.begin(NAME, testing=True)
            await learner.until("ask", 1)
            await learner.say(first)
            if not skipped:
                await learner.say(2)
            assert tour.phase == "known"
            tour.forward()
            await learner.until(*(("over", None) if skipped else ("read", 0)))  # type: ignore[arg-type]
        assert tour.journal.of(NAME).skipped is skipped


async def test_a_lesson_that_fails_is_named_and_asked_no_more(teach: Teach, tmp_path: Path) -> None:
    asked = 0

    def breaks(_: object) -> bool:
        nonlocal asked
        asked += 1
        raise RuntimeError("boom")

    learner = Learner(teach([Tell("x"), Do("y", done=breaks)]), Journal.load(tmp_path / "j"))
    with following(learner.tour):
        await learner.tour.begin(NAME)
        await learner.until("read", 0)
        learner.tour.forward()
        await learner.until("broken")
        assert learner.tour.trouble is not None and "school" in learner.tour.trouble.title
        await asyncio.sleep(0)
    assert asked == 1


async def test_a_lesson_whose_run_is_given_up_says_so(teach: Teach, tmp_path: Path) -> None:
    learner = Learner(teach([Tell("x"), Tell("y")]), Journal.load(tmp_path / "j"))
    lost = LabError(Failure("The training process ended", "Its exit code was 1.", kind="dead"))
    step, asked = learner.lab.lesson_step, asyncio.Event()

    async def fails(_: LessonPlace) -> GuideStep:
        asked.set()
        raise lost

    learner.lab.lesson_step = fails  # type: ignore[method-assign]
    with following(learner.tour):
        await learner.tour.begin(NAME)
        await asyncio.wait_for(asked.wait(), 20)
        assert learner.tour.phase == "opening", "another worker is on its way"
        learner.lab.lesson_step = step  # type: ignore[method-assign]
        await learner.until("read", 0)
        learner.lab.lesson_step, learner.opens.gone = fails, True  # type: ignore[method-assign]
        await learner.until("broken")
    assert learner.tour.trouble == lost.failure


async def test_where_a_lesson_cannot_be_made_the_one_before_is_not_named(
    teach: Teach, tmp_path: Path
) -> None:
    learner = Learner(teach([Tell("x"), Tell("y")]), Journal.load(tmp_path / "j"))
    with following(learner.tour):
        await learner.tour.begin(NAME)
        await learner.until("read", 0)
        await learner.tour.go_on("nowhere")
    assert learner.tour.phase == "broken"
    assert (learner.tour.card, learner.tour.step) == (None, None)
    assert learner.tour.trouble is not None
    assert learner.tour.trouble.message.endswith("Plugin new could not be imported: No such line")


async def test_a_task_stays_done_whatever_is_looked_at_next(teach: Teach, tmp_path: Path) -> None:
    steps = [Do("Stand at step 1.", done=lambda facts: facts.step == 1), Tell("x")]
    learner = Learner(teach(steps), Journal.load(tmp_path / "j"))
    tour = learner.tour
    with following(tour):
        await tour.begin(NAME)
        await learner.until("task", 0)
        for _ in range(2):
            learner.session.advance(1)
            async with asyncio.timeout(20):
                while not (tour.step is not None and tour.step.done):
                    await asyncio.sleep(0.01)
            await tour._look()
        assert learner.session.step == 2 and tour.step.done and tour.goes_on


async def test_whoever_is_stuck_is_told_the_keys(
    teach: Teach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [Do("Do it.", done=lambda _: False, help="s does."), Tell("x")]
    learner = Learner(teach(steps), Journal.load(tmp_path / "j"))
    with following(learner.tour):
        await learner.tour.begin(NAME)
        await learner.until("task", 0)
        await learner.tour._look()
        assert not learner.tour.helped, "not at once"
        monkeypatch.setattr("playground.tui.control.tour.STUCK", 0.0)
        await learner.tour._look()
        assert learner.tour.helped


async def test_a_curve_is_drawn_place_by_place(teach: Teach, tmp_path: Path) -> None:
    steps = [
        Curve("Draw.", xs=lambda _: [1, 2, 3], low=lambda _: 0.0, high=lambda _: 4.0,
              answer=lambda _: [2.0, 2.0, 2.0], within=0.5, why="flat"),
        Tell("x"),
    ]  # fmt: skip
    learner = Learner(teach(steps), Journal.load(tmp_path / "j"))
    tour = learner.tour
    with following(tour):
        await tour.begin(NAME)
        await learner.until("ask", 0)
        tour.point(0, -1)
        assert tour.curve == [2.0, None, None] and tour.answer is None
        await tour.confirm()
        assert "at each place" in tour.hint
        for _ in range(2):
            tour.point(1, 0)
            tour.point(0, -1)
        assert tour.curve == pytest.approx([2.0, 2.0 + 4 / 24, 2.0 + 8 / 24])
        await tour.confirm()
        await tour.be_sure(2)
        assert tour.phase == "known" and tour.judged is not None and tour.judged.right


async def test_a_teacher_s_choices_are_hidden_until_a_key(teach: Teach, tmp_path: Path) -> None:
    learner = Learner(teach([ASKED[1], Tell("x")]), Journal.load(tmp_path / "j"), teaching=True)
    with following(learner.tour):
        await learner.tour.begin(NAME)
        await learner.until("ask", 0)
        assert learner.tour.hidden
        learner.tour.show_choices()
        assert not learner.tour.hidden
