"""The race: what its two sides do together, and its state as the screen shows it.

In lock-step both sides make the same number of steps between two pictures, as many as the slower
side can; the faster side waits. Flat out, each side trains as fast as it can. If one side is given
up, the other goes on. `remarks` says what a person must mind in comparing the two runs.
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
from playground.lab.protocol.sampling import Links, Preview, SampleBatch, Sampling
from playground.lab.race.comparison import Comparison
from playground.lab.race.probes import RaceProbing
from playground.lab.race.side import LabFactory, Side
from playground.lab.race.state import (
    Entrant,
    Place,
    RaceState,
    SamplePair,
    SideState,
    incomparable,
)

PICTURE = 0.08
"""Seconds that the slower side trains between two pictures of a race in lock-step."""
FASTER = 4
"""The largest factor by which the steps in a picture grow from one picture to the next."""
KEPT_PAIRS = 50
FAREWELL = 0.3
"""Seconds that the workers have to take over the sampling for the time after the race."""
SHARE = 0.2
"""The largest share of the race's time that automatic samples may take."""


class Race:
    """Two runs. Belongs to one event loop; no method blocks it.

    changed: called in the event loop whenever `state` has changed.
    make_lab: makes each side's Lab, given the Lab's listener. Methods raise LabError, and the race
    can go on afterwards.
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
        self._pace: float | None = None
        self._halted = asyncio.Event()
        self._driving: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._trouble: Failure | None = None
        self._spent, self._driven = 0.0, 0.0
        """Seconds that automatic samples took, and that the race took in all."""

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """Open both sides. Raises LabError naming the side that cannot be opened, and closes
        both then."""
        outcomes = await asyncio.gather(
            *(side.open(self._sampling) for side in self._sides), return_exceptions=True
        )
        for side, outcome in zip(self._sides, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                await self.close()
                if isinstance(outcome, LabError):
                    raise LabError(_of(side, outcome.failure)) from outcome
                raise outcome
        # Both are sampled alike: with the first sampling that both workers accept.
        infos = [side.lab.open_run.info for side in self._sides]
        for sampling in [info.observation.sampling for info in infos if info] + [Sampling(every=0)]:
            with contextlib.suppress(LabError):
                await self._set_sampling(replace(sampling, every=0))
                break
        try:
            await self._probing.settle()
        except LabError as error:  # the race goes on without probes
            self._trouble = error.failure
        steps = [side.step for side in self._sides]
        earliest = max(side.earliest for side in self._sides)
        self._start = steps[0] if steps[0] == steps[1] else earliest
        self._tell()

    async def close(self) -> None:
        """End both sides, within two seconds."""
        self._running = False
        driving = self._driving
        if driving is not None:
            driving.cancel()
            await asyncio.wait({driving}, timeout=FAREWELL)
        # A side that is opened again later has automatic samples, as it had before the race.
        with contextlib.suppress(LabError, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._set_sampling(self.sampling)
        await asyncio.gather(*(side.close() for side in self._sides))
        if driving is not None:
            await asyncio.gather(driving, return_exceptions=True)

    # ------------------------------------------------------------ what there is to see

    @property
    def state(self) -> RaceState:
        """The race at this moment."""
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
            pace=self._pace,
            beyond=dict(comparison.beyond),
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
        """Train both sides, in lock-step or each flat out."""
        async with self._turn:
            await self._halt()
            self._lockstep = lockstep
            self._begin()
            self._running = True
            self._halted.clear()
            drive = self._in_lockstep() if lockstep else self._flat_out()
            self._driving = asyncio.create_task(self._drive(drive))
        self._tell()

    def set_lockstep(self, lockstep: bool) -> None:
        """Set what `state` says of lock-step; `run` makes it so."""
        self._lockstep = lockstep
        self._tell()

    def set_pace(self, pace: float | None) -> None:
        """Make so many steps a second in lock-step, from the next step on; None for as many as
        the slower side can."""
        self._pace = pace
        self._tell()

    @property
    def sampling(self) -> Sampling:
        """The sampling of both sides."""
        return replace(self._sampling, every=self._every)

    async def pause(self) -> None:
        """Stop both sides after the step under way."""
        async with self._turn:
            await self._halt()

    async def step(self) -> None:
        """Make one step on both sides; if one side is behind, on that side alone."""
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
        self._halted.set()
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
            if self._pace is not None:
                count = max(1, min(count, int(self._pace * PICTURE)))
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
                if self._pace is not None:
                    await self._rest(began + made / self._pace)

    async def _rest(self, until: float) -> None:
        """Wait until the clock shows that time, or the race is halted."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - time.perf_counter())):
                await self._halted.wait()

    async def _round(self, count: int) -> None:
        """Bring both sides up to `count` steps further, to the same step. A side that is behind
        first catches up."""
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
            except LabError as error:  # training goes on without samples
                self._trouble = error.failure
            self._spent += time.perf_counter() - began

    @property
    def _any_can_go(self) -> bool:
        return any(side.can_go for side in self._sides)

    def _is_paired(self, step: int, prompt: str) -> bool:
        """True if there is a pair of samples at this step with this prompt."""
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
        """Train one side flat out, until it stops or the race does."""
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
        """Pair the automatic batches that both sides made at the same step with the same prompt.
        A batch may come twice, because a worker that took over sends all that it knows."""
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
        """Do `work` for all these sides at once. A side that is given up meanwhile stops no other
        one. Raises the first LabError of a side that is still usable."""
        outcomes = await asyncio.gather(*(work(side) for side in sides), return_exceptions=True)
        for side, outcome in zip(sides, outcomes, strict=True):
            if isinstance(outcome, LabError):
                if side.usable:
                    raise outcome
            elif isinstance(outcome, BaseException):
                raise outcome

    # ------------------------------------------------------------ to and fro

    async def go_to(self, step: int) -> None:
        """Put both sides into their exact state after `step` steps."""
        async with self._turn:
            await self._halt()
            usable = [side for side in self._sides if side.usable]
            await self._each(usable, lambda side: side.go_to(step))
            await self._probing.hear(at_once=True)
        self._tell()

    async def go_to_start(self) -> None:
        """Go back to the step at which the race began; from there, to the earliest step that both
        sides can go back to."""
        begin = self._start
        if all(side.step <= begin for side in self._sides):
            begin = max(side.earliest for side in self._sides)
        await self.go_to(begin)

    # ------------------------------------------------------------ sampling

    async def sample(self) -> None:
        """Sample both sides at the same step, another batch each time, and have both answer the
        probes there. The side that is ahead goes back for that, and then returns."""
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
        """Begin the samples of both sides with this prompt. Raises LabError if a side refuses the
        prompt, and changes nothing then."""
        async with self._turn:
            await self._set_sampling(replace(self._sampling, prompt=prompt))
        self._tell()

    async def set_chain(self, chain: Links) -> None:
        """Sample both sides with these strategies. Raises LabError if a side refuses them, and
        changes nothing then."""
        async with self._turn:
            await self._set_sampling(replace(self._sampling, chain=chain))
        self._tell()

    @property
    def tried_on(self) -> Place:
        """The side that a chain is tried on: the first that is usable."""
        return 0 if self._sides[0].usable else 1

    async def preview(self, chain: Links) -> Preview:
        """The next token's chances by this chain on the side `tried_on`, where it stands; the race
        goes on sampling by its own. Raises LabError."""
        return await self._sides[self.tried_on].lab.preview(chain=chain)

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
        """The whole state of one side, with which it can be opened as a run. Raises LabError."""
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
    """The same failure, with the name of the side in its title."""
    return replace(failure, title=f"{side.entrant.name}: {failure.title}")


_ORDER = ("seed", "dataset", "batch_size", "holdout", "holdout_by")
"""The settings that decide which documents each step learns from."""
_HELD_OUT = ("seed", "dataset", "holdout", "holdout_by")
"""The settings that decide which documents are held out."""


def remarks(left: SideState, right: SideState, settings: Sequence[Setting]) -> tuple[str, ...]:
    """What to mind in comparing the two runs, a sentence each; empty if the lower loss is simply
    the better one."""
    parts = {setting.field.partition(".")[0] for setting in settings}
    found = []
    why = incomparable(left.info, right.info)
    if why:
        found.append(why)
    elif parts & {*_ORDER}:
        found.append(
            "They learn from other documents at each step: compare averages, not single steps."
        )
    one, other = left.scored, right.scored
    if one is None or other is None:
        if "tokenizer" not in parts and parts & {*_HELD_OUT}:
            found.append("Their held-out documents differ too.")
    elif one.sha256 != other.sha256:
        found.append(
            f"Their held-out losses are measured on other text ({one.characters:,} and "
            f"{other.characters:,} characters), and cannot be compared either."
            if why
            else "Their held-out losses are measured on other text, and cannot be compared."
        )
    elif why and one.tokens_sha256 and one.tokens_sha256 == other.tokens_sha256:
        found.append("The held-out tokens are the same for both: held-out losses compare.")
    elif why:
        found.append("The held-out text is the same for both: bits a character compare there.")
    return tuple(found)
