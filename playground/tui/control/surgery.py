"""Surgery: parts of the model are cut, set and held by a person, and tried, ranked and patched
first.

What is done goes to the worker as any other edit of the run. What is only tried changes nothing; of
each kind of such work one piece at most is under way, and the sheet that wants it gives it up when
it closes.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from microgpt.surgery import Component, Operation, done, held, words_of
from playground.lab.protocol.commands import Patch
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.surgery import (
    Cut,
    Patching,
    Ranked,
    RankProgress,
    Trial,
    Tried,
    dearness,
)
from playground.tui.control.context import WHERE, Context, Remark
from playground.tui.control.training import Training
from playground.tui.model import PlaygroundModel

if TYPE_CHECKING:
    from playground.tui.control.tasks import BackgroundTasks

REST = 4
"""The worker rests after a trial that no key asked for, so many times as long as the trial took."""


def moment(model: PlaygroundModel) -> tuple[object, ...]:
    """The weights that the run has now: what was found for one moment is true of no other."""
    frame = model.frame
    if frame is None:
        return (model.info,)
    return (model.info, frame.epoch, frame.step, frame.by_hand, frame.held)


class Asking:
    """One piece of work that the worker does for a sheet; asking again replaces it."""

    def __init__(self, context: Context, tasks: BackgroundTasks) -> None:
        self._context = context
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self.progress: Progress | None = None
        """How far the work is; None if none is under way."""
        self.trouble: Failure | None = None
        """Why the work brought nothing."""
        self.began_at: tuple[object, ...] = ()
        """The moment that the last work was begun at."""
        self._rested = 0.0

    @property
    def busy(self) -> bool:
        return self._task is not None

    @property
    def overdue(self) -> bool:
        """True if the run has other weights by now, and the worker has rested."""
        now = asyncio.get_running_loop().time()
        stale = self.began_at != moment(self._context.model)
        return stale and not self.busy and now >= self._rested

    def ask(self, work: Coroutine[Any, Any, None], stage: str) -> None:
        """Have the worker do this, in place of what it did before. work: takes in what comes.
        stage: what is being done, in words."""
        self.give_up()
        self.trouble, self.progress = None, Progress(stage, 0, 0)
        self.began_at = moment(self._context.model)
        self._task = self._tasks.spawn(self._ask(work))
        self._task.add_done_callback(lambda _: work.close())

    def give_up(self) -> None:
        """End the work under way, if there is any."""
        task, self._task, self.progress = self._task, None, None
        if task is not None:
            task.cancel()

    def tell(self, progress: Progress) -> None:
        """Note how far the work is."""
        if self._task is not None:
            self.progress = progress
            self._context.changed()

    async def _ask(self, work: Coroutine[Any, Any, None]) -> None:
        mine, now = asyncio.current_task(), asyncio.get_running_loop().time
        began = now()
        try:
            await work
        except LabError as error:
            if self._task is mine and error.failure.kind != "cancelled":
                self.trouble = error.failure
        finally:
            if self._task is mine:
                self._task = self.progress = None
                self._rested = now() + REST * (now() - began)
            self._context.changed()


class Cutting:
    """What a person tries on one part of the model, and what it would do."""

    def __init__(self, context: Context, tasks: BackgroundTasks, text: str | None) -> None:
        """text: read before and after; None for the present document."""
        self.text = text
        self.asking = Asking(context, tasks)
        self.tried: Tried | None = None
        """What the last trial found, if it was of what is tried now."""
        self.fetched: Operation | None = None
        """The part of other weights that was fetched last."""
        self._trials: tuple[Trial, ...] = ()
        self._context = context

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What is being tried; empty for nothing."""
        return self._trials

    def put(self, trials: Sequence[Trial]) -> None:
        """Try this; nothing, if it is empty."""
        if tuple(trials) != self._trials:
            self._trials, self.tried = tuple(trials), None
            self._try()

    def follow(self) -> None:
        """Try the same again, if the run has moved on."""
        if self._trials and self.asking.overdue:
            self._try()

    def _try(self) -> None:
        if not self._trials:
            self.asking.give_up()
            self.asking.trouble = None
            self._context.changed()
            return
        self.asking.ask(self._tried(self._trials), "trying")

    async def _tried(self, trials: tuple[Trial, ...]) -> None:
        try:
            found = await self._context.lab.try_out(trials, self.text, self.asking.tell)
        except LabError:
            if trials == self._trials:
                self.tried = None
            raise
        if trials == self._trials:
            self.tried = found

    def fetch(self, component: Component, step: int, run: int | None) -> None:
        """Fetch the part as it is after a step of this or another run, and try it."""
        self._trials, self.tried, self.fetched = (), None, None
        self.asking.ask(self._fetch(component, step, run), f"fetching it from step {step:,}")

    async def _fetch(self, component: Component, step: int, run: int | None) -> None:
        lab, tell = self._context.lab, self.asking.tell
        self.fetched = await lab.part_at(component, step, tell, run)
        self._trials = (self.fetched,)
        await self._tried(self._trials)

    def close(self) -> None:
        """Give up what is under way."""
        self.asking.give_up()


class Surgery:
    """What the sheets of surgery ask of the lab."""

    def __init__(self, context: Context, training: Training, tasks: BackgroundTasks) -> None:
        self._context = context
        self._training = training
        self._tasks = tasks
        self.held: tuple[Operation, ...] = ()
        """What is held where the run stands, once `look` has asked."""
        self._held_at: tuple[object, ...] = ()
        self.ranking = Asking(context, tasks)
        self.ranked: Ranked | None = None
        """The last ranking, kept while the playground runs."""
        self.ranked_at: tuple[object, ...] = ()
        """The moment that it is of."""
        self.ranked_so_far: list[Cut] = []
        """Of the ranking that was begun last: the parts that are done, the dearest first."""
        self.patching = Asking(context, tasks)
        self.patched: Patching | None = None
        """What the last two texts showed."""

    def cutting(self, text: str | None) -> Cutting:
        """Trials for a sheet, on this text; None for the present document."""
        return Cutting(self._context, self._tasks, text)

    # ------------------------------------------------------------ done

    async def operate(self, operations: Sequence[Operation]) -> None:
        """Do this to the weights, as an edit of the run, and say so."""
        await self._by_hand(self._context.lab.operate, operations, done(operations))

    async def hold(self, operation: Operation) -> None:
        """Hold this from here on, with what is held already."""
        others = [one for one in await self._all() if one.component != operation.component]
        words = f"held from here on: {held([operation])}"
        await self._by_hand(self._context.lab.hold, [*others, operation], words)

    async def release(self, component: Component) -> None:
        """Hold this no longer; the rest is held on."""
        kept = [one for one in await self._all() if one.component != component]
        words = f"{words_of(component)} released"
        await self._by_hand(self._context.lab.hold, kept, words)

    async def _by_hand(
        self,
        do: Callable[[Sequence[Operation]], Coroutine[Any, Any, None]],
        operations: Sequence[Operation],
        words: str,
    ) -> None:
        model = self._context.model
        async with self._training.turn():
            await self._context.patience.for_(do(operations))
        frame = model.frame
        at = frame.edits[-1][0] if frame is not None and frame.edits else model.step
        if at == model.step and not model.running:
            back = "u takes it back, in the sheet or on the main screen"
        else:
            back = f"go back to step {at:,}, and u takes it back there"
        title = f"{words[:1].upper()}{words[1:]}"
        self._context.say(Remark(title, f"After step {at:,}: {back}.", about=WHERE))
        await self.look()

    async def look(self) -> None:
        """Ask what is held, if the run stands elsewhere than when it was asked. Raises LabError."""
        now = moment(self._context.model)
        if self.held_is_stale:
            self._held_at = now
            self.held = await self._all() if now[-1] else ()
            self._context.changed()

    @property
    def held_is_stale(self) -> bool:
        """True if the run stands elsewhere than when `look` asked."""
        return self._held_at != moment(self._context.model)

    async def _all(self) -> tuple[Operation, ...]:
        return await self._context.patience.for_(self._context.lab.held())

    # ------------------------------------------------------------ ranked, patched

    @property
    def ranked_now(self) -> Ranked | None:
        """The ranking, if it is of the run as it stands."""
        return self.ranked if self.ranked_at == moment(self._context.model) else None

    @property
    def ranking_now(self) -> bool:
        """True while a ranking of the run as it stands is under way."""
        return self.ranking.busy and self.ranking.began_at == moment(self._context.model)

    def rank(self) -> None:
        """Rank every part of the model as it stands."""
        self.ranked_so_far = []
        self.ranking.ask(self._rank(), "trying each part")

    async def _rank(self) -> None:
        at = self.ranking.began_at
        self.ranked = await self._context.lab.rank((), self._rank_on)
        self.ranked_at = at

    def _rank_on(self, progress: Progress) -> None:
        """Note how far the ranking is, and what it has found."""
        if isinstance(progress, RankProgress):
            for cut in progress.found:
                insort(self.ranked_so_far, cut, key=dearness)
        self.ranking.tell(progress)

    def patch(self, patch: Patch) -> None:
        """Find which activation carries the difference between two texts."""
        self.patched = None
        self.patching.ask(self._patch(patch), "patching")

    async def _patch(self, patch: Patch) -> None:
        self.patched = await self._context.lab.patch(patch, self.patching.tell)
