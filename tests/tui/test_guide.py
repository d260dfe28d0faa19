"""What the guide says, and which keys it takes, in a small terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from playground.api import Choose, Curve, LessonStep, Number
from playground.lab.store.journal import Journal
from playground.tui.control.tasks import BackgroundTasks
from playground.tui.control.tour import Tour
from playground.tui.panels.guide import Guide
from tests.lab.conftest import words as words
from tests.lab.lessons.conftest import Teach
from tests.lab.lessons.conftest import teach as teach
from tests.tui.test_tour import NAME, Learner, following

HINT = "p is the rise of the loss divided by the nudge, no more and no less"
TOLD = "This is told at some length before anything is asked. "
QUESTIONS: Sequence[LessonStep] = [
    Number(3 * TOLD + "What is the share?", answer=lambda _: 2 / 3, within=0.01, hint=HINT,
           why="Counted."),
    Choose("Which?", choices=["it grows", "it stays"], answer=lambda _: 1, why="It does."),
    Curve("Draw.", xs=lambda _: [1, 2, 3], low=lambda _: 0.0, high=lambda _: 4.0,
          answer=lambda _: [2.0, 2.0, 2.0], within=0.5, why="flat"),
]  # fmt: skip


def fail(error: object) -> None:
    raise AssertionError(error)


class Desk(App[None]):
    """The guide and a field, and nothing else."""

    def __init__(self, tour: Tour) -> None:
        super().__init__()
        self.tasks = BackgroundTasks(fail, fail)
        self.guide = Guide(tour, self.tasks, "main")

    def compose(self) -> ComposeResult:
        yield Input()
        yield self.guide


@dataclass
class Pupil:
    """Somebody at the keys of the guide."""

    tour: Tour
    desk: Desk
    pilot: Pilot[None]

    async def press(self, *keys: str) -> str:
        """Press keys, each of which the guide has to take; what it says then."""
        for key in keys:
            assert self.desk.guide.press(key, key if len(key) == 1 else None), f"{key} passes by"
            while self.desk.tasks.busy:
                await self.pilot.pause()
        self.desk.guide.draw()
        return self.desk.guide.words


@asynccontextmanager
async def asked(teach: Teach, folder: Path, question: int) -> AsyncIterator[Pupil]:
    """A learner before that one of the questions; a step before them is there to go back to."""
    steps = [QUESTIONS[1], QUESTIONS[question]]
    learner = Learner(teach(steps), Journal.load(folder / "tour.jsonl"))
    desk = Desk(learner.tour)
    async with desk.run_test(size=(80, 24)) as pilot:
        with following(learner.tour):
            await learner.tour.begin(NAME)
            await learner.until("ask", 0)
            learner.tour.forward()
            await learner.until("ask", 1)
            desk.guide.focus()
            await pilot.pause()
            yield Pupil(learner.tour, desk, pilot)


async def test_a_sum_is_typed_and_told_with_its_value_as_it_was_typed(
    teach: Teach, tmp_path: Path
) -> None:
    async with asked(teach, tmp_path, 0) as pupil:
        assert "a sum: 2/3" in await pupil.press()
        assert "2/4   = 0.5" in await pupil.press(*"2/4")
        said = await pupil.press("enter", "1")
        assert "✗ 2/4 too low" in said and "Too low. p is the rise" in said
        said = await pupil.press(*"0.123456789")
        assert "✗ 2/4 too low" in said and "p is the rise" in said, "while another is typed"
        assert "✗ 0.123456789 too low" in await pupil.press("enter")
        assert "✓ Right: 2/3 = 0.6667.\n" in await pupil.press(*"2/3", "enter")


async def test_no_sentence_breaks_the_count_of_tries_and_none_hides_the_question(
    teach: Teach, tmp_path: Path
) -> None:
    async with asked(teach, tmp_path, 0) as pupil:
        for number, left in ((1, "After 2 more tries"), (2, "After 1 more try")):
            said = await pupil.press("9", "enter", *("2" if number == 1 else ""))
            assert f" {left} ? shows the answer." in f" {said.splitlines()[-2]}"
        said = await pupil.press("9", "enter", "question_mark")
        first, second, third = said.splitlines()[:3]
        assert first.startswith("… This is told") and "The answer is 0.6667." in third
        assert f"{first} {second}".endswith("What is the share?")


async def test_a_slip_at_the_keys_does_not_lead_away_from_the_question(
    teach: Teach, tmp_path: Path
) -> None:
    async with asked(teach, tmp_path, 0) as pupil:
        said = await pupil.press("5", "backspace", "backspace")
        assert pupil.tour.index == 1 and "Nothing is left to erase" in said
        said = await pupil.press("7", "enter", "5")
        assert "How sure are you?" in said, "5 is no answer to that, and no panel is meant"
        said = await pupil.press("backspace")
        assert "that is my answer" in said and "7" in said.splitlines()[-2]
        await pupil.press("backspace", "backspace", "backspace")
        assert pupil.tour.index == 0, "the last press was meant"


async def test_a_choice_that_is_not_there_is_refused_with_a_word(
    teach: Teach, tmp_path: Path
) -> None:
    async with asked(teach, tmp_path, 1) as pupil:
        assert "There are 2 choices." in await pupil.press("3")
        said = await pupil.press("1", "enter", "2", "1")
        assert "1 was not it." in said and pupil.tour.picked is None
        assert "✓ Right: it stays." in await pupil.press("2", "enter")


async def test_the_value_that_is_drawn_is_told_because_a_line_is_worth_many_steps(
    teach: Teach, tmp_path: Path
) -> None:
    async with asked(teach, tmp_path, 2) as pupil:
        assert "1: nothing yet" in await pupil.press()
        assert "1: 2.00 nats" in await pupil.press("up")
        assert "1: 2.17 nats" in await pupil.press("up")


async def test_whoever_types_elsewhere_is_told_how_to_leave_the_field_first(
    teach: Teach, tmp_path: Path
) -> None:
    async with asked(teach, tmp_path, 1) as pupil:
        pupil.desk.query_one(Input).focus()
        await pupil.pilot.pause()
        pupil.desk.guide.draw()
        assert "esc leaves the field; then 0 gives the keys" in pupil.desk.guide.words
