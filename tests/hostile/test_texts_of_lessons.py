"""Texts that attack a terminal, in all that a lesson says: none of it is obeyed, and none pushes
the rest out of sight.

The real app takes a tour whose lab is scripted: each text of each message about a lesson attacks,
and is longer than the worker would let it be. The guide is looked at before the gate that stands
behind all that is drawn, whose stand-ins nobody can read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.pilot import Pilot

from playground.catalog import Entry, Problem
from playground.lab.protocol import lessons
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.lessons import Given, GuideStep, Judged, LessonCard, LessonPlace
from playground.tui.app import TourWanted
from playground.tui.panels.guide import Guide
from playground.tui.screens.inside.screen import InsideScreen
from playground.tui.screens.pick.lessons import LessonsScreen
from playground.widths import cell_len
from tests.hostile.messages import forgotten, hostile
from tests.hostile.test_texts_on_screen import (
    KeptApp,
    is_harmless,
    press,
    terminal_with_a_title,
)
from tests.hostile.texts import evil, harm_in_a_command
from tests.tui.scripted import CATALOG, ScriptedLab
from tests.tui.watched import seen

__all__ = ["terminal_with_a_title"]  # a fixture

NAME = evil("file:bad")
XS = tuple(1e6 + number for number in range(12))
STEPS = (
    GuideStep(LessonPlace(NAME, 0), "tell", "Told", at="loss"),
    GuideStep(LessonPlace(NAME, 1), "do", "To do", help="the keys"),
    GuideStep(LessonPlace(NAME, 2), "choose", "Which", choices=tuple("漢bcdefghi")),
    GuideStep(LessonPlace(NAME, 3), "number", "How many", unit="nats"),
    GuideStep(
        LessonPlace(NAME, 4), "cell", "Where", rows=tuple(f"漢{one}" for one in range(40)),
        columns=tuple(f"字{one}" for one in range(40)), row_name="row", column_name="column",
    ),
    GuideStep(LessonPlace(NAME, 5), "curve", "How", xs=XS, low=-1e9, high=1e9, unit="nats"),
    GuideStep(LessonPlace(NAME, 6), "choose", "Will", help="train", waits=True, choices=("a", "b")),
)  # fmt: skip
"""A step of each kind, and a question that is judged later."""
WRONG = Judged(False, LessonPlace(NAME, 0), off="high", hint="look again")
RIGHT = replace(
    WRONG, right=True, truth="it", why="for this", choice=0, number=0.0, cells=((0, 0),),
    curve=(0.0,) * len(XS), distance=0.0,
)  # fmt: skip


class HostileLessons(ScriptedLab):
    """Has a lesson each of whose texts attacks."""

    def __init__(self, listener: Any) -> None:
        super().__init__(listener)
        made = hostile(Entry("lesson", "bad", "file", "/bad.py", "a lesson"))
        wrong = hostile(Problem("worse", "/worse.py", "import", "SyntaxError"))
        self.catalog = replace(CATALOG, entries=(*CATALOG.entries, made), problems=(wrong,))
        kinds = tuple(step.kind for step in STEPS)
        self.card = LessonCard(NAME, "Bad 漢", 5, kinds, {}, 2)
        self.trouble: Failure | None = None
        """Why the present step fails, if it does."""
        self.answers = 0

    async def get_catalog(self) -> Any:
        return self.catalog

    async def lesson(self, name: str) -> LessonCard:  # noqa: ARG002
        return hostile(self.card)  # type: ignore[no-any-return]

    async def lesson_step(self, place: LessonPlace) -> GuideStep:
        if self.trouble is not None:
            raise LabError(hostile(self.trouble))
        kept = replace(place, began=0, remembered=(("name", "kept"),))
        return hostile(replace(STEPS[place.index], place=kept))  # type: ignore[no-any-return]

    def lesson_trouble(self, name: str) -> None:
        """No lesson is switched off."""

    async def judge(self, place: LessonPlace, given: Given | None) -> Judged:  # noqa: ARG002
        self.answers += 1
        if self.answers % 2:
            return replace(hostile(replace(WRONG, place=place)), truth="")
        return hostile(replace(RIGHT, place=place))  # type: ignore[no-any-return]


class Learner:
    """Takes the lesson on the screen, and looks at the guide."""

    def __init__(self, app: KeptApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def guide(self) -> Guide:
        """That of the screen in sight; below the list of lessons, that of the main screen."""
        return (self.app.screen.query(Guide) or self.app.main.query(Guide)).first()

    @property
    def lab(self) -> HostileLessons:
        lab = self.app.controller.lab
        assert isinstance(lab, HostileLessons)
        return lab

    async def comes_to(self, phase: str, index: int | None = None) -> None:
        tour = self.app.controller.tour
        assert tour is not None
        await seen(self.pilot, lambda: tour.phase == phase and index in (None, tour.index))
        await self.pilot.pause()
        self.is_in_sight((phase, index))

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)
        self.is_in_sight(keys)

    def is_in_sight(self, where: object) -> None:
        """All lines of the guide are on the screen, the keys of the lesson last; no text of it is
        obeyed."""
        guide, words = self.guide, self.guide.words
        harm = harm_in_a_command(words.encode("utf-8", "surrogatepass"))
        assert not harm, (where, harm[:3])
        lines = words.split("\n")
        widest = max(lines, key=cell_len)
        assert cell_len(widest) <= guide.size.width, (where, widest)
        title = Content.from_markup(guide.border_title or "").plain
        assert cell_len(title) <= guide.size.width, (where, title)
        assert not guide.screen.max_scroll_y, (where, lines)
        below = guide.screen.size.height - 1  # the key bar
        assert guide.region.bottom <= below and guide.size.height == len(lines), (where, lines)
        assert any(key in lines[-1] for key in ("enter", "⌫", "1", "○")), (where, lines[-1])


@pytest.mark.parametrize("size", [(60, 16), (80, 24)])
async def test_no_text_of_a_lesson_is_obeyed_or_hides_the_rest(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))
    app = KeptApp(ScriptedLab, "{}", store=None, tour_lab=HostileLessons, tour=TourWanted("bad"))
    async with app.run_test(headless=False, size=size) as pilot:
        learner = Learner(app, pilot)
        await learner.comes_to("read", 0)
        await learner.press("enter")
        await learner.comes_to("task", 1)
        await learner.press("question_mark")
        tour = app.controller.tour
        assert tour is not None
        for index, keys in ((2, "9"), (3, "1" * 24), (4, ()), (5, ())):
            tour._enter(LessonPlace(NAME, index))
            await learner.comes_to("ask", index)
            await learner.press("enter", *keys)
            for _ in () if keys else XS:
                tour.point(0, 1)
                tour.point(1, 0)
            await learner.press("enter")
            await learner.comes_to("sure")
            await learner.press("1")
            await learner.comes_to("ask")
            await learner.press(*("1" if index in (2, 3) else ["up"]), "enter")
            await learner.comes_to("known")
        if size >= (80, 24):  # in less room the microscope scrolls
            await learner.press("i")
            assert isinstance(app.screen, InsideScreen)
            for index in (2, 4):
                tour._enter(LessonPlace(NAME, index))
                await learner.comes_to("ask", index)
            await learner.press("0", "q")
        tour._enter(LessonPlace(NAME, 6))
        await learner.comes_to("ask", 6)
        await learner.press("1", "enter")
        await learner.press("1")
        await learner.comes_to("wait")
        learner.lab.trouble = Failure("It failed", "For a reason")
        await learner.comes_to("broken")
        learner.lab.card = replace(learner.lab.card, run={"steps": "many"})
        await press(pilot, "enter")
        await seen(pilot, lambda: isinstance(app.screen, LessonsScreen))
        assert app.screen.query_one("#lessons-problem").region.height
        await press(pilot, "n")
        await learner.comes_to("broken")
        assert "be. Bad" in " ".join(learner.guide.words.split())
        await press(pilot, "q")
    is_harmless(app.bytes)
    assert forgotten((lessons,)) == []
