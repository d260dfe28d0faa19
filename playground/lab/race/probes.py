"""The probes of a race: one probe set for both sides, answered after the same steps.

Each worker probes every so many steps by itself, and skips a probing that would hold up training.
The skipped steps of the two differ. So when both sides stand at a step where only one has answered,
the other is asked as well: then the answers can be compared.
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
"""The fewest seconds between two requests for a side's answers while it trains."""
KEPT = 500
"""How many steps' answers are kept for each side."""


class ProbeTracker:
    """The answers of one side that were fetched from its worker, and when to fetch more."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.answers = Answers(most=KEPT)
        self.skipped: tuple[SkippedPrompt, ...] = ()
        self.trouble: Failure | None = None
        self._to = -1
        """The last step whose answers were fetched."""
        self._heard = (-1, 0.0)
        """The side's step at the last fetch, and the time of that fetch."""

    @property
    def rested(self) -> bool:
        """True if the last fetch is at least PAUSE seconds ago."""
        return time.monotonic() - self._heard[1] >= PAUSE

    def due(self, every: int) -> bool:
        """True if the side has come to a step at which its worker probes since the last fetch.
        every: steps between two probings."""
        side, before = self.side, self._heard[0]
        ended = side.frame is not None and side.frame.state == "finished" and side.step != before
        # The worker probes a step at which it stands only when it goes on from there.
        first = before % every == 0 and side.step != before
        return ended or first or side.step // every != before // every

    async def hear(self, now: bool = False) -> None:
        """Fetch the new answers. now: first have the worker answer where it stands. Raises
        LabError."""
        side = self.side
        # A side that went back may have answered at steps that it skipped before.
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
        """The side's first answers, and its newest up to where it stands; None before the first."""
        newest = self.answers.at(self.side.step)
        first = self.answers.at(self.answers.steps[0]) if newest is not None else None
        return (first, newest) if first is not None and newest is not None else None


Each = Callable[[Sequence[Side], Callable[[Side], Awaitable[None]]], Awaitable[None]]
"""Does work for several sides at once; a side that is given up meanwhile stops no other one."""


class RaceProbing:
    """The probing of both sides. Without prompts, it does nothing."""

    def __init__(self, sides: tuple[Side, Side], each: Each) -> None:
        self.probes = ProbeSet()
        self._both = ProbeTracker(sides[0]), ProbeTracker(sides[1])
        self._each = each

    async def settle(self) -> None:
        """Give both sides the same probe set: the left entrant's, else the right's, else the one
        of a recorded run. Raises LabError."""
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
        """Where both sides should stop on their way to `target`: at the next step at which the
        workers probe, if it is time to fetch answers; else at `target`."""
        going = [one for one in self._both if one.side.usable]
        if not self.probes.prompts or not going or not all(one.rested for one in going):
            return target
        every, low = self.probes.every, min(one.side.step for one in going)
        return min(target, low - low % every + every)

    async def hear(self, side: Side | None = None, *, at_once: bool = False) -> None:
        """Fetch the answers of both sides, or of `side` alone, where they are due. at_once: even if
        the last fetch is less than PAUSE seconds ago. Raises LabError."""
        if not self.probes.prompts:
            return
        every = self.probes.every
        heard = [one for one in self._both if side in (None, one.side)]
        await self._let([one for one in heard if (at_once or one.rested) and one.due(every)])
        if side is None:
            await self._complete(missed=not at_once)

    async def _complete(self, missed: bool) -> None:
        """If both sides stand at a step where one has answered, ask the other as well. missed: at a
        step of the probe set, ask both if their last answers are from different steps. The workers
        count that time as time for probes."""
        one, other = self._both
        step = one.side.step
        if step != other.side.step:
            return
        turn = missed and step % self.probes.every == 0 and self._parted(step)
        if turn or step in one.answers or step in other.answers:
            late = [this for this in self._both if step not in this.answers]
            await self._let(late, now=True)

    def _parted(self, step: int) -> bool:
        """True if the last answers of the two sides, up to `step`, are from different steps."""
        one, other = (answered.answers.at(step) for answered in self._both)
        return (one.step if one else -1) != (other.step if other else -1)

    async def ask(self) -> None:
        """Have both sides answer where they stand. Raises LabError."""
        if self.probes.prompts:
            await self._let(self._both, now=True)

    async def _let(self, them: Sequence[ProbeTracker], now: bool = False) -> None:
        chosen = {one.side: one for one in them if one.side.usable}
        await self._each([*chosen], lambda side: chosen[side].hear(now))

    # ------------------------------------------------------------ what came of it

    def state(self, step: int) -> RaceProbes | None:
        """The probes and the answers up to `step`; None if there are no prompts."""
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
