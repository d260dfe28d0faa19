"""The race: what both do together, and what is seen of it.

In lock-step both get the same number of steps, as many as the slower one makes in a picture;
the faster one waits. Flat out each trains as fast as it goes. Whatever befalls one side, the
other goes on.

What must be minded in comparing two runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from playground.hooks.sources import PluginSources
from playground.lab.fork import Setting, differences
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import SampleBatch, Sampling
from playground.lab.race.comparison import Comparison
from playground.lab.race.probes import RaceProbing
from playground.lab.race.side import LabFactory, Side
from playground.lab.race.state import Entrant, Place, RaceState, SamplePair, SideState

PICTURE = 0.08
"""Seconds that the slower side trains between two pictures of a race in lock-step."""
FASTER = 4
"""Times as many steps as in the picture before, at most."""
KEPT_PAIRS = 50
FAREWELL = 0.3
"""Seconds that workers are given to hear how they are sampled after the race."""
SHARE = 0.2
"""Of the time, that sampling by itself may take."""


class Race:
    """Two runs. Belongs to one event loop; no method blocks it.

    changed: called in the event loop whenever there is something new to see in `state`.
    make_lab: makes each side's Lab, given its listener. Methods raise LabError, and leave the
    race in order.
    """

    def __init__(
        self,
        left: Entrant,
        right: Entrant,
        sources: PluginSources | None = None,
        *,
        changed: Callable[[], None] = lambda: None,
        make_lab: LabFactory | None = None,
    ) -> None:
        self.changed = changed
        make = make_lab or _lab_factory(sources)
        self._sides = (Side(left, make, self._tell), Side(right, make, self._tell))
        one, other = self._sides
        self._comparison = Comparison(one.track, other.track)
        for side in self._sides:
            side.rewound = self._comparison.rewound
        self._probing = RaceProbing(self._sides, self._each)
        self._sampling = left.sampling or right.sampling or Sampling()
        self._every = self._sampling.every
        self._sampling = replace(self._sampling, every=0)
        self._pairs: list[SamplePair] = []
        self._settings: tuple[tuple[str, ...], tuple[Setting, ...]] = ((), ())
        self._start = 0
        self._running = False
        self._lockstep = True
        self._driving: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._trouble: Failure | None = None
        self._spent, self._driven = 0.0, 0.0
        """Seconds of sampling by itself, and of the race in all."""

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """Open both. Raises LabError naming the side that cannot be opened; then neither is."""
        outcomes = await asyncio.gather(
            *(side.open(self._sampling) for side in self._sides), return_exceptions=True
        )
        for side, outcome in zip(self._sides, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                await self.close()
                if isinstance(outcome, LabError):
                    raise LabError(_of(side, outcome.failure)) from outcome
                raise outcome
        # What one of them cannot be asked, neither is.
        infos = [side.lab.open_run.info for side in self._sides]
        for sampling in [info.observation.sampling for info in infos if info] + [Sampling(every=0)]:
            with contextlib.suppress(LabError):
                await self._set_sampling(replace(sampling, every=0))
                break
        try:
            await self._probing.settle()
        except LabError as error:  # a race without probes is one, too
            self._trouble = error.failure
        steps = [side.step for side in self._sides]
        earliest = max(side.earliest for side in self._sides)
        self._start = steps[0] if steps[0] == steps[1] else earliest
        self._tell()

    async def close(self) -> None:
        """End both, within two seconds."""
        self._running = False
        driving = self._driving
        if driving is not None:
            driving.cancel()
            await asyncio.wait({driving}, timeout=FAREWELL)
        # Who opens one of them later has it sampled by itself, as it was before the race.
        with contextlib.suppress(LabError, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._set_sampling(self.sampling)
        await asyncio.gather(*(side.close() for side in self._sides))
        if driving is not None:
            await asyncio.gather(driving, return_exceptions=True)

    # ------------------------------------------------------------ what there is to see

    @property
    def state(self) -> RaceState:
        """As it is now."""
        self._comparison.update()
        one, other = (side.state() for side in self._sides)
        comparison = self._comparison
        return RaceState(
            sides=(one, other),
            running=self._running,
            lockstep=self._lockstep,
            start=self._start,
            step=min(one.step, other.step),
            epoch=comparison.epoch,
            difference_first=comparison.first,
            difference=comparison.difference,
            parted=comparison.parted,
            largest=comparison.largest,
            average=comparison.average(min(one.step, other.step)),
            recorded=comparison.step,
            settings=self._differing(),
            samples=tuple(reversed(self._pairs)),
            prompt=self._sampling.prompt,
            remarks=remarks(one, other, self._differing()),
            trouble=self._trouble,
            probes=self._probing.state(min(one.step, other.step)),
        )

    def _differing(self) -> tuple[Setting, ...]:
        now = [side.in_force() for side in self._sides]
        key = tuple(json.dumps(values, sort_keys=True) for values in now)
        if key != self._settings[0]:
            self._settings = (key, differences(*now))
        return self._settings[1]

    def _tell(self) -> None:
        self.changed()

    # ------------------------------------------------------------ forward

    async def run(self, lockstep: bool = True) -> None:
        """Train from now on: both at the same step, or each flat out."""
        async with self._turn:
            await self._halt()
            self._lockstep = lockstep
            self._begin()
            self._running = True
            drive = self._in_lockstep() if lockstep else self._flat_out()
            self._driving = asyncio.create_task(self._drive(drive))
        self._tell()

    def set_lockstep(self, lockstep: bool) -> None:
        """How `state` says that it goes, before it does."""
        self._lockstep = lockstep
        self._tell()

    @property
    def sampling(self) -> Sampling:
        """How both are sampled."""
        return replace(self._sampling, every=self._every)

    async def pause(self) -> None:
        """Stop both after the step under way."""
        async with self._turn:
            await self._halt()

    async def step(self) -> None:
        """One step of both; where one is behind, of that one alone."""
        async with self._turn:
            await self._halt()
            self._begin()
            await self._round(1)
            await self._probing.hear(at_once=True)
        self._tell()

    def _begin(self) -> None:
        self._trouble = None
        for side in self._sides:
            side.try_again()

    async def _halt(self) -> None:
        self._running = False
        driving, self._driving = self._driving, None
        if driving is not None:
            await driving
        self._tell()

    async def _drive(self, way: Awaitable[None]) -> None:
        try:
            await way
            await self._probing.hear(at_once=True)
        except LabError as error:
            self._trouble = error.failure
        finally:
            self._running = False
            self._tell()

    async def _in_lockstep(self) -> None:
        count = 1
        while self._running and any(side.can_go for side in self._sides):
            began = time.perf_counter()
            before = [side.step for side in self._sides]
            await self._round(count)
            self._tell()
            made = max(side.step - at for side, at in zip(self._sides, before, strict=True))
            seconds = time.perf_counter() - began
            self._driven += seconds
            await self._probing.hear()
            if made > 0:
                fits = int(PICTURE * made / max(seconds, 1e-6))
                count = max(1, min(fits, FASTER * count))

    async def _round(self, count: int) -> None:
        """Up to `count` steps, to the same step; who is behind comes up first."""
        going = [side for side in self._sides if side.can_go]
        if not going:
            return
        steps = [side.step for side in going]
        target = self._probing.before(min(steps) + count)
        if max(steps) > min(steps):
            target = min(target, max(steps))
        if self._every and self._may_sample:
            target = min(target, min(steps) - min(steps) % self._every + self._every)
        await self._each(going, lambda side: side.reach(target))
        one, other = (side.step for side in self._sides)
        due = self._every and one == other and (one % self._every == 0 or not self._any_can_go)
        if due and self._may_sample and not self._is_paired(one, self._sampling.prompt):
            began = time.perf_counter()
            try:
                await self._sample_here()
            except LabError as error:  # training goes on without
                self._trouble = error.failure
            self._spent += time.perf_counter() - began

    @property
    def _any_can_go(self) -> bool:
        return any(side.can_go for side in self._sides)

    def _is_paired(self, step: int, prompt: str) -> bool:
        """Have both been here before, and asked the same?"""
        return any((pair.step, pair.prompt) == (step, prompt) for pair in self._pairs)

    @property
    def _may_sample(self) -> bool:
        return self._spent <= 0.1 + SHARE * self._driven

    async def _flat_out(self) -> None:
        going = [side for side in self._sides if side.can_go]
        await self._set_sampling(replace(self._sampling, every=self._every))
        try:
            await self._each(going, self._alone)
        finally:
            with contextlib.suppress(LabError):
                await self._set_sampling(replace(self._sampling, every=0))

    async def _alone(self, side: Side) -> None:
        """One side, as fast as it goes, until it stands or all shall."""
        await side.ask(side.lab.run)
        try:
            while self._running and (await side.pull()).state == "running":
                self._pair_up()
                await self._probing.hear(side)
                self._tell()
                await asyncio.sleep(PICTURE)
        finally:
            if side.usable:
                await side.ask(side.lab.pause)
                await side.pull()
                self._pair_up()

    def _pair_up(self) -> None:
        """Batches that came by themselves, of both sides at the same step. A worker that took
        over tells all that it knows, what was seen before as well."""
        left, right = (
            {(batch.step, batch.prompt): batch for batch in side.batches} for side in self._sides
        )
        both = left.keys() & right.keys()
        for step, prompt in sorted(both):
            if not self._is_paired(step, prompt):
                self._add(SamplePair(step, prompt, left[step, prompt], right[step, prompt]))
        for side in self._sides:
            side.batches = [one for one in side.batches if (one.step, one.prompt) not in both]

    async def _each(self, sides: Sequence[Side], work: Callable[[Side], Awaitable[None]]) -> None:
        """Let all do it; who is given up meanwhile leaves the others going."""
        outcomes = await asyncio.gather(*(work(side) for side in sides), return_exceptions=True)
        for side, outcome in zip(sides, outcomes, strict=True):
            if isinstance(outcome, LabError):
                if side.usable:
                    raise outcome
            elif isinstance(outcome, BaseException):
                raise outcome

    # ------------------------------------------------------------ to and fro

    async def go_to(self, step: int) -> None:
        """Put both to where they are after `step` steps, exactly."""
        async with self._turn:
            await self._halt()
            usable = [side for side in self._sides if side.usable]
            await self._each(usable, lambda side: side.go_to(step))
            await self._probing.hear(at_once=True)
        self._tell()

    async def go_to_start(self) -> None:
        """Back to where the race began; from there, as far back as both go."""
        begin = self._start
        if all(side.step <= begin for side in self._sides):
            begin = max(side.earliest for side in self._sides)
        await self.go_to(begin)

    # ------------------------------------------------------------ sampling

    async def sample(self) -> None:
        """Texts of both at the same step, another batch each time, and their answers to the
        probes: who is ahead goes back for that, and comes to where it was again."""
        async with self._turn:
            again = self._running
            await self._halt()
            usable = [side for side in self._sides if side.usable]
            stood = {side: side.step for side in usable}
            try:
                low = min(stood.values(), default=0)
                await self._each(usable, lambda side: side.go_to(low))
                await self._sample_here()
                await self._probing.ask()
            finally:
                await self._each(usable, lambda side: side.go_to(stood[side]))
        if again:
            await self.run(self._lockstep)
        self._tell()

    async def _sample_here(self) -> None:
        usable = [side for side in self._sides if side.usable]
        times = 1 + max((side.sampled for side in usable), default=0)
        batches: dict[Side, SampleBatch] = {}

        async def take(side: Side) -> None:
            batches[side] = await side.sample(times)

        await self._each(usable, take)
        if batches:
            step, prompt = next((batch.step, batch.prompt) for batch in batches.values())
            left, right = (batches.get(side) for side in self._sides)
            self._add(SamplePair(step, prompt, left, right))

    def _add(self, pair: SamplePair) -> None:
        self._pairs = [*self._pairs[1 - KEPT_PAIRS :], pair]

    async def set_prompt(self, prompt: str) -> None:
        """Both begin with this from now on. Raises LabError if one of them cannot; then nothing
        has changed."""
        async with self._turn:
            await self._set_sampling(replace(self._sampling, prompt=prompt))
        self._tell()

    async def _set_sampling(self, sampling: Sampling) -> None:
        before, done = self._sampling, list[Side]()
        try:
            for side in self._sides:
                if side.usable:
                    await side.ask(partial(side.lab.observe, sampling))
                    done.append(side)
        except LabError as error:
            for side in done:
                await side.ask(partial(side.lab.observe, before))
            failed = self._sides[len(done)]
            raise LabError(_of(failed, error.failure)) from error
        self._sampling = sampling

    # ------------------------------------------------------------ going on with one

    async def checkpoint(self, place: Place) -> Checkpoint:
        """The whole state of one side: to go on with it as the open run. Raises LabError."""
        side = self._sides[place]
        async with self._turn:
            await self._halt()
            try:
                return await side.ask(side.lab.checkpoint)
            except LabError:
                known = side.lab.last_checkpoint
                if known is None:
                    raise
                return known


def _lab_factory(sources: PluginSources | None) -> LabFactory:
    from playground.lab.client.lab import Lab

    return lambda listener: Lab(sources, listener=listener)


def _of(side: Side, failure: Failure) -> Failure:
    """The same, said of this side."""
    return replace(failure, title=f"{side.entrant.name}: {failure.title}")


_ORDER = ("seed", "dataset", "batch_size", "holdout")
"""With another one of these, the documents of a step are others."""
_HELD_OUT = ("seed", "dataset", "holdout")


def remarks(left: SideState, right: SideState, settings: Sequence[Setting]) -> tuple[str, ...]:
    """A sentence each; none where a lower loss simply is a better one."""
    parts = {setting.field.partition(".")[0] for setting in settings}
    found = []
    one, other = left.info, right.info
    if one is not None and other is not None and one.vocabulary != other.vocabulary:
        found.append(
            "Their tokens differ, and the losses are nats a token: compare what they write, not "
            "the numbers."
        )
    elif parts & {*_ORDER}:
        found.append(
            "They learn from other documents at each step: compare averages, not single steps."
        )
    if "tokenizer" not in parts and parts & {*_HELD_OUT}:
        found.append("Their held-out documents differ too.")
    return tuple(found)
