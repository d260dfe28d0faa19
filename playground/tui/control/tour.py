"""The tour: which lesson is taken, at which step it stands, and what the learner has answered.

The lesson itself is in the worker, which says what a step tells and judges the answers. The tour
asks it a few times a second, keeps what the learner types, and notes places and answers in the
journal. Its run is a run of its own, recorded in a store of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.lessons import (
    QUESTIONS,
    Given,
    GuideStep,
    Judged,
    LessonCard,
    LessonPlace,
)
from playground.lab.store.journal import Answer, Journal
from playground.tui.control.context import Context, Remark
from playground.tui.control.opening import Opening, first_problem
from playground.tui.control.sums import is_a_sum, reckon

Phase = Literal["none", "opening", "read", "task", "ask", "sure", "wait", "known", "over", "broken"]
"""none: no lesson is chosen. read: something is told. task: something is to be done. ask: a
question is open. sure: the learner is asked how sure they are. wait: the answer is judged later.
known: the answer is judged. over: the lesson is at its end. broken: the lesson failed."""

PACE = 0.2
"""Seconds between two looks at whether a task is done."""
TRIES = 3
"""Wrong answers after which the learner may be shown the right one."""
LEVELS = 24
"""Steps in which a value of a drawn curve is moved from its lowest to its highest."""
TYPED = 40
"""Characters of a number at most."""
STUCK = 30.0
"""Seconds after which a learner is told which keys do a task, without asking."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What the lessons of a tour begin with."""

    journal: Journal
    base: Mapping[str, Any] = field(default_factory=dict)
    """The learner's own settings of a lesson's run, as RunSpec has them: data set and seed."""
    teaching: bool = False
    """True on a projector: questions stay hidden until a key, and the run goes slowly."""

    def tour(self, context: Context, opening: Opening) -> Tour:
        """The tour, of which no lesson is chosen yet."""
        return Tour(context, opening, self)


class Tour:
    """The tour of one learner. It knows no widget; the guide draws it and hands it the keys."""

    def __init__(
        self,
        context: Context,
        opening: Opening,
        lessons: Lessons,
    ) -> None:
        self._context = context
        context.model.guided = True
        self._opening = opening
        self.journal = lessons.journal
        self.journal.complain = lambda words: context.say(
            Remark("Your place is not kept", words, "warning")
        )
        self._base = dict(lessons.base)
        self.teaching = lessons.teaching
        self.phase: Phase = "none"
        self.card: LessonCard | None = None
        self.step: GuideStep | None = None
        self.trouble: Failure | None = None
        """Why the lesson cannot go on, or why an answer could not be judged."""
        self.testing = False
        """True while the learner tries to skip the lesson by its hardest question."""
        self.hidden = False
        """True while the choices of a question are not shown yet: see `teaching`."""
        self.helped = False
        """True if the learner asked for help with the present step."""
        self.moved: Callable[[], None] = lambda: None
        """Called when another step begins, or the present one is done: the guide takes the keys."""
        self._forget_answer()
        self._wake = asyncio.Event()
        self._noted: tuple[LessonPlace, int | None] | None = None
        """The place that the journal was told last."""
        self._begun_at = 0.0
        """When the present step was first seen, by the monotonic clock."""
        self._number = 0
        """Counts steps begun: an answer of the worker about an earlier one is dropped."""

    def _forget_answer(self) -> None:
        self.picked: int | None = None
        """The choice that is pointed at; None as long as none is."""
        self.struck: dict[int, str] = {}
        """The hints of the wrong choices that were taken, by choice."""
        self.typed = ""
        """The number as it is typed, or a sum that makes it."""
        self.erasing = False
        """True if the last character was just erased."""
        self.refused: list[tuple[str, str]] = []
        """The wrong numbers as they were typed, each "high" or "low"; oldest first."""
        self.cell: tuple[int, int] | None = None
        self.curve: list[float | None] = []
        """The values that are drawn so far; None where none is."""
        self.column = 0
        """The place of the curve that is drawn at."""
        self.hint = ""
        """What is said to the last answer."""
        self._advice = ""
        """The part of it that stays while another number is typed."""
        self.given: Given | None = None
        """The answer that is being judged, or waits for that."""
        self.said = ""
        """The same as it was typed; "" if that is not known, or nothing was typed."""
        self.sure = 0
        """How sure the learner is of the first answer, 1 to 3; 0 if not asked yet."""
        self.tries = 0
        self.judged: Judged | None = None

    # ------------------------------------------------------------ lessons

    async def begin(self, name: str, *, testing: bool = False) -> None:
        """Begin a lesson on a run of its own. testing: with its hardest question, to skip it."""
        if await self._open(name):
            assert self.card is not None
            self.testing = testing and self.card.hardest is not None
            self.journal.begun(self.card.name, len(self.card.steps))
            first = self.card.hardest if self.testing else 0
            self._enter(LessonPlace(self.card.name, first or 0))

    async def go_on(self, name: str) -> None:
        """Go on with a lesson where it was left; from its beginning if it never was. name: as a
        person says it."""
        self._leave_step()
        self.card, self.phase, self.trouble = None, "opening", None
        self._context.changed()
        try:
            name = (await self._context.lab.lesson(name)).name
        except LabError as error:
            self._break(await self._explained(error.failure))
            return
        record = self.journal.of(name)
        place = record.place
        if place is None or not await self._open(name, record.run, place.began):
            if place is None:
                await self.begin(name)
            return
        assert self.card is not None
        given, last = record.given, len(self.card.steps) - 1
        if place.index > last:  # the lesson was changed since
            place, given = LessonPlace(place.lesson, last, None, place.remembered), None
        self._enter(place)
        if given is not None:
            self.given, self.sure = given.answer, given.sure

    async def _open(self, name: str, run: int | None = None, step: int | None = None) -> bool:
        """Open the run of a lesson: a recorded one, or else a new one, taken to a training step."""
        self._leave_step()
        self.card, self.phase, self.trouble = None, "opening", None
        self._context.changed()
        lab = self._context.lab
        try:
            self.card = await lab.lesson(name)
            spec = self._spec(self.card)
        except LabError as error:
            self._break(error.failure)
            return False
        refused: list[Failure] = []
        with self._opening.telling(refused.append):
            recorded = run is not None and await self._opening.open_recorded(run)
            instead = refused.copy()
            refused.clear()
            opened = recorded or await self._opening.open(spec)
        if not opened:
            words = Failure("The run of this lesson cannot be opened", "Choose another lesson.")
            self._break(refused[0] if refused else words)
            return False
        if instead:
            new = f"{instead[0].title}. A new one is trained to step {step or 0:,}."
            self._context.say(Remark("The lesson goes on with another run", new))
        with suppress(LabError):
            if not recorded and step:
                await lab.advance(step)
        self._context.model.speed = 1 if self.teaching else self._context.model.speed
        return True

    async def _explained(self, failure: Failure) -> Failure:
        """Why a lesson is not there: perhaps its plugin could not be loaded."""
        if failure.kind != "input":
            return failure
        with suppress(LabError):
            catalog = await self._context.lab.get_catalog()
            if catalog.problems:
                why = ": ".join(first_problem(catalog.problems))
                return replace(failure, message=f"{failure.message.rstrip('.')}. {why}")
        return failure

    def _spec(self, card: LessonCard) -> str:
        """The settings of a lesson's run as JSON. Raises LabError."""
        from playground.lab.spec import RunSpec, SpecError  # brings pydantic

        try:
            return RunSpec.parse(json.dumps(self._base)).replace(card.run).to_json()
        except SpecError as error:
            raise LabError(
                Failure("The run of this lesson cannot be", f"{card.title}: {error}")
            ) from error

    def _refused(self, failure: Failure) -> None:
        """Stop the lesson that failed, or whose run has no worker any more. Where another worker
        takes over because the run's own was lost otherwise, the lesson goes on with that."""
        lost = failure.kind in ("dead", "hung", "cancelled") and not self._opening.gone
        if not lost or self._context.lab.lesson_trouble(self._place.lesson) is not None:
            self._break(failure)

    def _break(self, failure: Failure) -> None:
        self.phase, self.trouble = "broken", failure
        self.moved()
        self._context.changed()

    # ------------------------------------------------------------ steps

    def _leave_step(self) -> None:
        self.step, self._noted = None, None
        self.helped = False
        self._number += 1
        self._forget_answer()

    def _enter(self, place: LessonPlace) -> None:
        """Go to a step of the lesson."""
        self._leave_step()
        self.trouble = None
        self.phase = "opening"
        self._place = place
        self._wake.set()

    _place = LessonPlace("", 0)

    @property
    def index(self) -> int:
        """The present step, counted from 0."""
        return self._place.index

    @property
    def goes_on(self) -> bool:
        """True if the present step is through, and the next key is to go on."""
        done = self.phase == "task" and self.step is not None and self.step.done
        return done or self.phase in ("known", "over", "broken")

    def forward(self) -> None:
        """Go on to the next step; after the last one the lesson is over."""
        if self.card is None:
            return
        if self.testing:
            self._tested()
            return
        place = self.judged.place if self.judged is not None else self._place
        if place.index + 1 < len(self.card.steps):
            self._enter(replace(place, index=place.index + 1, began=None))
        else:
            self._end(skipped=False)

    def _tested(self) -> None:
        """End the try to skip the lesson: it is skipped, or begun."""
        self.testing = False
        right = self.judged is not None and self.judged.right and self.tries == 1
        if right and self.card is not None:
            self._end(skipped=True)
        else:
            self._enter(LessonPlace(self._place.lesson, 0))

    def _end(self, *, skipped: bool) -> None:
        assert self.card is not None
        self._leave_step()
        self.phase = "over"
        self.journal.finished(self.card.name, skipped=skipped)
        self.moved()
        self._context.changed()

    def back(self) -> bool:
        """Go back to the step before; the run stays where it is. False at the first one."""
        if self._place.index == 0 or self.testing or self.card is None:
            return False
        self._enter(replace(self._place, index=self._place.index - 1, began=None))
        return True

    def keep(self) -> None:
        """Note the present place once more: the run may have got its number since."""
        if self.step is not None and self.card is not None and not self.testing:
            self.journal.at(self.step.place, self._context.model.run)

    async def pump(self) -> None:
        """Follow the present step of the lesson; never returns."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), PACE)
            self._wake.clear()
            if self.phase in ("none", "over", "broken") or self.card is None:
                continue
            if self._place.lesson == self.card.name and self._context.model.info is not None:
                await self._look()

    async def _look(self) -> None:
        """Ask what the present step says by now."""
        number, model = self._number, self._context.model
        try:
            await self._stand_still()
            if number != self._number:
                return
            step = await self._context.lab.lesson_step(self._place)
        except LabError as error:
            if number == self._number:
                self._refused(error.failure)
            return
        if number != self._number:
            return
        before = self.step
        if before is not None and before.done and step.kind == "do":
            step = replace(step, done=True)  # a task stays done, whatever is looked at next
        self.step, self._place = step, step.place
        if before is None:
            self._begun(step)
        elif step.done and not before.done and self.phase in ("task", "wait"):
            self.moved()
        place = (step.place, model.run)
        if place != self._noted and not self.testing:
            self._noted = place
            self.journal.at(*place)
        if self.phase == "wait" and step.done:
            await self._judge()
        stuck = self.phase == "task" and not step.done and not self.helped and step.help
        if stuck and time.monotonic() - self._begun_at >= STUCK:
            self.help()
        if before != step:
            self._context.changed()

    async def _stand_still(self) -> None:
        """Pause the run as a question begins: what is asked is asked of the run as it stands, and
        the learner looks for the answer there."""
        assert self.card is not None
        kinds, index = self.card.steps, self._place.index
        begins = self.step is None and self._place.began is None
        asks = index < len(kinds) and kinds[index] in QUESTIONS
        if begins and asks and self._context.model.running:
            await self._context.lab.pause()

    def _begun(self, step: GuideStep) -> None:
        kinds: dict[str, Phase] = {"tell": "read", "do": "task"}
        self.phase = kinds.get(step.kind, "ask")
        self.curve = [None] * len(step.xs)
        self._begun_at = time.monotonic()
        if self.given is not None and step.waits:  # it was answered before a kill
            self.phase = "wait"
        self.hidden = self.teaching and self.phase == "ask"
        self.moved()

    # ------------------------------------------------------------ answering

    def pick(self, choice: int) -> None:
        """Point at a choice. One that is not there, or was wrong, is refused with a word."""
        step = self.step
        if step is None:
            return
        if choice in self.struck:
            self.hint = f"{choice + 1} was not it."
        elif 0 <= choice < len(step.choices):
            self.picked = choice
        else:
            self.hint = f"There are {len(step.choices)} choices."
        self._context.changed()

    def point(self, right: int, down: int) -> None:
        """Move what is pointed at: a choice, a cell, a place of the curve and its value."""
        step = self.step
        if step is None:
            return
        if step.kind == "choose":
            self._point_at_choice(right + down, len(step.choices))
        elif step.kind == "cell":
            row, column = self.cell or (-down if down > 0 else 0, -right if right > 0 else 0)
            self.cell = (
                min(max(row + down, 0), len(step.rows) - 1),
                min(max(column + right, 0), len(step.columns) - 1),
            )
        elif step.kind == "curve":
            self.column = min(max(self.column + right, 0), len(step.xs) - 1)
            if down:
                self._draw(step, -down)
        self._context.changed()

    def _point_at_choice(self, by: int, count: int) -> None:
        left = [choice for choice in range(count) if choice not in self.struck]
        if self.picked is None:
            self.picked = left[0 if by > 0 else -1]
        else:
            self.picked = left[(left.index(self.picked) + by) % len(left)]

    def _draw(self, step: GuideStep, up: int) -> None:
        value = self.curve[self.column]
        if value is None:  # it begins beside its neighbour
            before = [one for one in self.curve[: self.column] if one is not None]
            self.curve[self.column] = before[-1] if before else (step.low + step.high) / 2
            if not before:
                return
            value = before[-1]
        value += up * (step.high - step.low) / LEVELS
        self.curve[self.column] = min(max(value, step.low), step.high)

    def put(self, row: int, column: int) -> None:
        """Point at a cell, by mouse."""
        self.cell = (row, column)
        self._context.changed()

    def type(self, character: str) -> None:
        """Add a character to the number."""
        self.typed = (self.typed + character)[:TYPED]
        self.erasing, self.hint = False, self._advice
        self._context.changed()

    def erase(self) -> None:
        """Take away the last character of the number. Where none is left a word is said, because
        the next press goes a step back."""
        if self.typed:
            self.typed = self.typed[:-1]
            self.erasing, self.hint = not self.typed, self._advice
        else:
            leaves = "; ⌫ now goes a step back" if self.index and not self.testing else ""
            self.erasing, self.hint = False, f"Nothing is left to erase{leaves}."
        self._context.changed()

    @property
    def value(self) -> float | None:
        """The value of a sum that is typed; None of a number, or of a sum that has none yet."""
        try:
            return reckon(self.typed) if is_a_sum(self.typed) else None
        except ValueError:
            return None

    def show_choices(self) -> None:
        """Show what a teacher has kept hidden."""
        self.hidden = False
        self._context.changed()

    def help(self) -> None:
        """Tell how the task is done."""
        self.helped = True
        self._context.changed()

    @property
    def answer(self) -> Given | None:
        """What the learner answers by now; None if that is nothing yet."""
        step = self.step
        if step is None:
            return None
        if step.kind == "choose":
            return self.picked
        if step.kind == "cell":
            return self.cell
        if step.kind == "curve":
            whole = [value for value in self.curve if value is not None]
            return tuple(whole) if len(whole) == len(self.curve) else None
        return self._typed_number()

    def _typed_number(self) -> float | None:
        """The number as it is typed. A decimal comma is refused with a word."""
        if not self.typed.strip():
            return None
        try:
            return reckon(self.typed)
        except ValueError as error:
            self.hint = f"“{self.typed}” is no number{error}."
            return None

    async def confirm(self) -> None:
        """Take the answer as it stands: ask how sure the learner is, or have it judged."""
        given = self.answer
        if given is None:
            if not self.hint:
                self.hint = self._missing
            self._context.changed()
            return
        self.given, self.said, self.hint = given, self.typed, ""
        if self.sure == 0:
            self.phase = "sure"
        else:
            await self._take()
        self._context.changed()

    @property
    def _missing(self) -> str:
        step = self.step
        if step is None or step.kind == "choose":
            return "Choose one first: nothing is chosen beforehand."
        if step.kind == "cell":
            return "Point at a cell first, with the arrows."
        if step.kind == "curve":
            return "Draw a value at each place: ←→ goes to a place, ↑↓ draws there."
        return "Type a number first."

    async def be_sure(self, sure: int) -> None:
        """Take in how sure the learner is, and have the answer judged."""
        self.sure = sure
        await self._take()
        self._context.changed()

    def change(self) -> None:
        """Go back to the answer, which was not judged yet."""
        if self.phase == "sure":
            self.phase, self.given = "ask", None
            self._context.changed()

    async def _take(self) -> None:
        step = self.step
        if step is not None and step.waits and not step.done:
            self.phase = "wait"
            if self.given is not None and not self.testing:
                self.journal.gave(self._place, self.given, self.sure)
        else:
            await self._judge()

    async def show(self) -> None:
        """Show the right answer to a learner who gives up."""
        if self.tries >= TRIES:
            self.given = None
            await self._judge()
            self._context.changed()

    async def _judge(self) -> None:
        number = self._number
        try:
            judged = await self._context.lab.judge(self._place, self.given)
        except LabError as error:
            if number == self._number:
                self._refused(error.failure)
            return
        if number != self._number:
            return
        self.tries += self.given is not None
        if judged.right or judged.truth:
            self.judged, self.phase = judged, "known"
            shown = self.given is None
            self.journal.answered(judged.place, Answer(self.tries, judged.right, self.sure, shown))
            self.moved()
            return
        self.phase = "ask"
        words = {"high": "Too high.", "low": "Too low."}.get(judged.off, "No.")
        self._advice = _sentence(judged.hint)
        self.hint = f"{words} {self._advice}".strip()
        if judged.off:
            self.refused.append((self.said, judged.off))
        if isinstance(self.given, int) and self.step is not None and self.step.choices:
            self.struck[self.given] = judged.hint
            self.picked = None
        self.typed = ""


def _sentence(words: str) -> str:
    """Words of a lesson as a sentence among others. A symbol as "p" or "lm_head" keeps its
    letters."""
    first = words.partition(" ")[0]
    symbol = not first.rstrip(",.").isalpha() or (len(first) == 1 and first != "a")
    ended = not words or words[-1] in ".!?…:"
    return (words[:1] if symbol else words[:1].upper()) + words[1:] + ("" if ended else ".")
