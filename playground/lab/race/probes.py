"""What both sides of a race are asked: one probe set, answered after the same steps.

The workers ask by themselves every so many steps, and leave out what would hold up training:
each for itself. So that their answers can be laid beside each other, what one of them was asked
where both stand, the other is asked as well.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from playground.lab.probe_answers import Answers
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.lab.race.side import Side
from playground.lab.race.state import AnswerPair, RaceProbes

PAUSE = 0.3
"""Seconds between two looks at what a side answered, at the least, while it trains."""
KEPT = 500
"""Steps whose answers are held, of each side."""


class ProbeTracker:
    """What one side answered, as far as it was heard."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.answers = Answers(most=KEPT)
        self.skipped: tuple[SkippedPrompt, ...] = ()
        self.trouble: Failure | None = None
        self._to = -1
        """The last step whose answers were heard."""
        self._heard = (-1, 0.0)
        """Where it stood when it was heard last, and when that was."""

    @property
    def rested(self) -> bool:
        """Is it long enough ago that it was heard?"""
        return time.monotonic() - self._heard[1] >= PAUSE

    def due(self, every: int) -> bool:
        """Was it asked since it was heard, if its worker found the time?"""
        side, before = self.side, self._heard[0]
        ended = side.frame is not None and side.frame.state == "finished" and side.step != before
        # Its start is asked about when it goes on from there.
        first = before % every == 0 and side.step != before
        return ended or first or side.step // every != before // every

    async def hear(self, now: bool = False) -> None:
        """Take in what is new. now: let it be asked where it stands, too. Raises LabError."""
        side = self.side
        # After going back it may be asked what it was not asked before.
        since = min(self._to, side.lowest - 1, *([side.step - 1] if now else []))
        state = await side.ask(partial(side.lab.probes, since, now))
        questions = state.probes.questions
        for answers in state.answers:
            if answers.questions == questions:
                self.answers.keep(answers)
        if state.answers:
            self._to = state.answers[-1].step
        self.skipped, self.trouble = state.skipped, state.trouble
        self._heard, side.lowest = (side.step, time.monotonic()), side.step

    def own(self) -> tuple[ProbeAnswers, ProbeAnswers] | None:
        """The first answers, and the newest where it stands."""
        newest = self.answers.at(self.side.step)
        first = self.answers.at(self.answers.steps[0]) if newest is not None else None
        return (first, newest) if first is not None and newest is not None else None


Each = Callable[[Sequence[Side], Callable[[Side], Awaitable[None]]], Awaitable[None]]
"""Lets sides do something at once; who is given up meanwhile leaves the others going."""


class RaceProbing:
    """Asks nothing while there are no prompts."""

    def __init__(self, sides: tuple[Side, Side], each: Each) -> None:
        self.probes = ProbeSet()
        self._both = ProbeTracker(sides[0]), ProbeTracker(sides[1])
        self._each = each

    async def settle(self) -> None:
        """Let both be asked the same: what the left brings, else the right, else what one of
        them was asked when it was recorded. Raises LabError."""
        sides = [one.side for one in self._both]
        brought = [side.entrant.probes for side in sides]
        recorded = [side.lab.open_run.observation.probes for side in sides]
        found = (one for one in (*brought, *recorded) if one is not None and one.prompts)
        wanted = next(found, None)
        if wanted is None:
            return
        for side in sides:
            if side.lab.open_run.observation.probes != wanted:
                await side.ask(partial(side.lab.observe, wanted))
        self.probes = wanted
        await self._let(self._both)

    # ------------------------------------------------------------ hearing

    def before(self, target: int) -> int:
        """The step at or before `target` at which both should stand to be asked the same: the
        one where they are asked by themselves, if it is time to hear what they say."""
        going = [one for one in self._both if one.side.usable]
        if not self.probes.prompts or not going or not all(one.rested for one in going):
            return target
        every, low = self.probes.every, min(one.side.step for one in going)
        return min(target, low - low % every + every)

    async def hear(self, side: Side | None = None, *, at_once: bool = False) -> None:
        """Take in what they answered, or what that side did, if there is likely something new;
        at_once: even if it was looked for a moment ago. Raises LabError."""
        if not self.probes.prompts:
            return
        every = self.probes.every
        heard = [one for one in self._both if side in (None, one.side)]
        await self._let([one for one in heard if (at_once or one.rested) and one.due(every)])
        if side is None:
            await self._complete(missed=not at_once)

    async def _complete(self, missed: bool) -> None:
        """Where both stand, and one was asked, the other is asked as well; missed: and where it
        is their turn, both, if they were asked at different steps before. Their workers take
        all of it from the time that they have for asking."""
        one, other = self._both
        step = one.side.step
        if step != other.side.step:
            return
        turn = missed and step % self.probes.every == 0 and self._parted(step)
        if turn or step in one.answers or step in other.answers:
            late = [this for this in self._both if step not in this.answers]
            await self._let(late, now=True)

    def _parted(self, step: int) -> bool:
        """Was one of them asked, up to `step`, where the other was not, since both were?"""
        one, other = (answered.answers.at(step) for answered in self._both)
        return (one.step if one else -1) != (other.step if other else -1)

    async def ask(self) -> None:
        """Ask both where they stand. Raises LabError."""
        if self.probes.prompts:
            await self._let(self._both, now=True)

    async def _let(self, them: Sequence[ProbeTracker], now: bool = False) -> None:
        chosen = {one.side: one for one in them if one.side.usable}
        await self._each([*chosen], lambda side: chosen[side].hear(now))

    # ------------------------------------------------------------ what came of it

    def state(self, step: int) -> RaceProbes | None:
        """As it is after `step` steps; None if there are no probes."""
        if not self.probes.prompts:
            return None
        one, other = self._both
        pairs: list[AnswerPair | None] = []
        for common in reversed(one.answers.steps):
            if common <= step and common in other.answers:
                left, right = one.answers.at(common), other.answers.at(common)
                if left is not None and right is not None:
                    pairs.append(AnswerPair(left, right))
            if len(pairs) == 2:
                break
        newest, before, *_ = *pairs, None, None
        return RaceProbes(
            asked=self.probes,
            newest=newest,
            before=before,
            own=(one.own(), other.own()),
            skipped=(one.skipped, other.skipped),
            troubles=(one.trouble, other.trouble),
        )
