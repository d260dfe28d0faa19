"""The recorded runs: going on with one, forking one, racing two, and what the frames tell of how
the open run is recorded."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from microgpt.surgery import Operation
from playground.catalog import KnobValue
from playground.lab.client.async_store import AsyncStore
from playground.lab.paths import last_run
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.protocol.run import AGAIN, LAST, Checkpoint, Recording, RecordState, RunInfo
from playground.lab.protocol.sampling import Sampling
from playground.tui.control.context import RECORDING, WHICH_RUN, Context, Remark
from playground.tui.control.opening import Opening
from playground.tui.control.training import Training
from playground.tui.widgets.text import visible

if TYPE_CHECKING:
    from playground.lab.race import Entrant, Race
    from playground.lab.race.state import Place
    from playground.lab.store.records import RunRow


@dataclass(frozen=True, slots=True)
class Kept:
    """The side of a race that the person goes on with."""

    place: Place
    name: str
    checkpoint: Checkpoint
    sampling: Sampling | None
    run: int | None = None
    """The side's number in the store; None if it was not recorded."""
    parent: tuple[int, int] | None = None
    """The run that the side is a fork of, and the step; None once the side was trained."""


class Runs:
    """What the main screen does with the store. The person is told of trouble with the store, which
    stops nothing else."""

    def __init__(
        self, context: Context, opening: Opening, training: Training, store: Path | None
    ) -> None:
        self._context = context
        self._opening = opening
        self._training = training
        self.store = AsyncStore(store) if store is not None else None
        """The store; None if runs are not recorded."""
        self._seen: RecordState | None = None
        """The state of the recording that a frame told last."""
        self._info: RunInfo | None = None
        """The run that was open when `_seen` was told."""
        self._recorded: int | None = None
        """The number under which the open run was recorded last."""
        self._told = ""
        """The store's trouble that was told at the start, when nothing was recorded yet."""
        self._offered: int | None = None
        """The interrupted run that `resume` goes on with."""

    def close(self) -> None:
        """Close the store."""
        if self.store is not None:
            self.store.close()

    async def take_in(self, file: Path) -> None:
        """Take a recorded run into the store, and open it. Raises LabError."""
        model, changed = self._context.model, self._context.changed
        if self.store is None:
            self._context.say(
                Remark("Runs are not recorded", "Start without --no-record for that.")
            )
            return
        if model.opening is not None:
            self._context.say(Remark("One moment", "Another run is being opened."))
            return

        def tell(progress: Progress) -> None:
            model.opening = progress
            changed()

        tell(Progress("looking through the run", 0, 0))
        opening = self._opening
        opening.taking = asyncio.ensure_future(self.store.import_run(file, tell))
        try:
            await asyncio.wait({opening.taking})
            if opening.taking.cancelled():
                self._context.say(Remark("Cancelled", "The run stays as it was."))
                return
            run = opening.taking.result()
        finally:
            opening.taking.cancel()
            opening.taking = model.opening = None
            changed()
        await self._opening.open_recorded(run)

    # ------------------------------------------------------------ at the start

    async def offer(self, *, new: bool) -> None:
        """Say what there is to go on with: the run that was interrupted last, or else, at the start
        of a new run, the one that `resume` would open."""
        if self.store is None:
            return
        try:
            lost = [row for row in await self.store.interrupted() if row.step]
            last = await self._last(last_run()) if new and not lost else None
        except LabError as error:
            self._told = error.title
            on = "What is trained before that is not recorded."
            self._context.say(Remark(error.title, f"{error.message} {on}", "warning", RECORDING))
            return
        model = self._context.model
        if lost:
            self._offered = lost[0].id
            model.offer = offer_of(lost[0], others=len(lost) - 1, interrupted=True)
        elif last is not None:
            model.offer = offer_of(last)
        self._context.changed()
        with suppress(LabError):
            await self.store.tidy()

    async def _last(self, kept: Path) -> RunRow | None:
        """The run that was recorded last; None if the file `kept` is newer. Raises LabError."""
        assert self.store is not None
        row = await self.store.latest(but=self._context.model.run)
        newer = row is None or (kept.exists() and kept.stat().st_mtime > row.touched)
        return None if newer else row

    async def resume(self) -> None:
        """Go on with the run that was at work last: one of the store, or the unrecorded one that
        was kept in a file, whichever is newer."""
        from playground.lab.checkpoint import CheckpointError, read_checkpoint

        say, kept = self._context.say, last_run()
        if await self._resume_recorded(kept):
            return
        if not kept.exists():
            say(Remark("No earlier run", "What you train is kept for `o`.", about=WHICH_RUN))
            return
        try:
            checkpoint = read_checkpoint(kept)
        except CheckpointError as error:
            say(Remark("The last run cannot be opened", str(error), "error"))
            return
        if await self._opening.open(
            checkpoint.spec, checkpoint=checkpoint, sampling=checkpoint.sampling
        ):
            name = json.loads(checkpoint.spec)["dataset"]["name"]
            say(Remark("Welcome back", f"{name}, step {checkpoint.step:,}.", about=WHICH_RUN))

    async def _resume_recorded(self, kept: Path) -> bool:
        """Go on with the run that `offer` told of, or else with the one that was recorded last.

        Returns False if the store has neither, or one that is older than the file `kept`.
        """
        if self.store is None:
            return False
        offered, self._offered = self._offered, None
        try:
            rows = await self.store.interrupted() if offered is not None else []
            row = next((row for row in rows if row.id == offered), None)
            row = row or await self._last(kept)
        except LabError:
            return False
        if row is None:
            return False
        if await self._opening.open_recorded(row.id):
            self._context.say(Remark("Welcome back", f"{said(row)}.", about=WHICH_RUN))
        return True

    # ------------------------------------------------------------ forks

    async def fork(
        self,
        step: int,
        changes: Mapping[str, KnobValue],
        name: str,
        operations: Sequence[Operation] = (),
        held: Sequence[Operation] | None = None,
    ) -> None:
        """Go on from this step as a new run with these changes; the run before stays as it is.

        name: what the fork is called. operations: what is done to the weights first. held: what is
        held from there on; None for what is held. Raises LabError.
        """
        from playground.lab.fork import forked

        parent = self._parent(step)
        checkpoint = await self._training.checkpoint_at(step)
        spec, start = forked(checkpoint, changes, operations, held)
        if await self._opening.open(spec, checkpoint=start, parent=parent, name=name):
            words = "The run before stays as it was."
            self._context.say(Remark(f"Forked at step {step:,}", words, about=WHICH_RUN))

    async def go_on_changed(self, run: int, changes: Mapping[str, KnobValue], name: str) -> bool:
        """Open a recorded run at the end of its record, and fork it there with these changes; a run
        that has all of these settings is gone on with. Tells the person if the run could not be
        opened, and returns False then; the run is open at its end if it could not be forked."""
        from playground.lab.fork import flat, in_force

        if not await self._opening.open_recorded(run, LAST, looking=True):
            return False
        model = self._context.model
        try:
            checkpoint = await self._training.checkpoint_at(model.step)
            present = flat(in_force(checkpoint.spec, checkpoint))
            if all(present.get(field) == value for field, value in changes.items()):
                return await self._opening.open_recorded(run)
            await self.fork(model.step, changes, name)
        except LabError as error:
            self._context.complain(error.failure)
        return True

    def _parent(self, step: int) -> tuple[int, int] | None:
        """The recorded run that a fork at this step is a fork of, and the step; None if there is
        none. A fork of a run that is only looked at is a fork of the recorded run."""
        model = self._context.model
        record = model.frame.record if model.frame else None
        if record is None:
            return None
        if record.run is not None:
            return record.run, step
        if record.parent is not None and record.fork_step is not None:
            return record.parent, min(step, record.fork_step)
        return None

    # ------------------------------------------------------------ races

    async def race(
        self,
        step: int,
        changes: Mapping[str, KnobValue],
        name: str,
        operations: Sequence[Operation] = (),
        held: Sequence[Operation] | None = None,
    ) -> Race:
        """A race of the open run at this step against the same run with these changes, called
        `name`; both sides are forks of the open run. operations, held: as `fork` has them. Raises
        LabError."""
        from playground.lab.fork import forked
        from playground.lab.race import Entrant

        lab, model = self._context.lab, self._context.model
        parent = self._parent(step)
        checkpoint = await self._training.checkpoint_at(step)
        spec, start = forked(checkpoint, changes, operations, held)
        same, unchanged = forked(checkpoint, {})

        def entrant(name: str, spec: str, start: Checkpoint | None) -> Entrant:
            recording = Recording(lab.store, name=name) if lab.store else None
            if recording is not None and parent is not None:
                # A race that is left before its first step leaves nothing in the list of runs.
                fork = replace(recording, parent=parent[0], fork_step=parent[1])
                recording = replace(fork, looking=True)
            return Entrant(
                name, spec, start, model.sampling, recording, lab.open_run.observation.probes
            )

        return self._race(entrant("as it is", same, unchanged), entrant(name, spec, start))

    async def recorded_race(self, left: int, right: int) -> Race:
        """A race of two recorded runs from the last step that both have done; the recorded runs
        stay as they are. Raises LabError."""
        from playground.lab.race import Entrant

        assert self.store is not None
        rows = [await self.store.row(left), await self.store.row(right)]
        at = min(row.step for row in rows)
        store = self._context.lab.store
        sampling = self._context.model.sampling
        one, other = (
            Entrant(
                f"run {row.id}{f' {row.name}' if row.name else ''}",
                "",
                sampling=sampling,
                recording=Recording(store, row.id, at, looking=True),
            )
            for row in rows
        )
        return self._race(one, other)

    def _race(self, left: Entrant, right: Entrant) -> Race:
        from playground.lab.client.lab import Lab
        from playground.lab.race import Race

        lab = self._context.lab
        store = Path(lab.store) if lab.store else None
        return Race(
            left, right, make_lab=lambda heard: Lab(lab.sources, listener=heard, store=store)
        )

    async def go_on_with(self, kept: Kept) -> None:
        """Open the side of a race that the person goes on with."""
        if kept.run is not None:
            opened = await self._opening.open_recorded(kept.run)
        else:
            opened = await self._opening.open(
                kept.checkpoint.spec,
                checkpoint=kept.checkpoint,
                sampling=kept.sampling,
                parent=kept.parent,
                name=kept.name if kept.parent is not None else "",
            )
        if opened:
            number = f"It is run {kept.run}." if kept.run is not None else ""
            self._context.say(
                Remark(f"Going on with {visible(kept.name)}", number, about=WHICH_RUN)
            )

    # ------------------------------------------------------------ what frames tell

    async def follow(self) -> None:
        """Take over the state of the recording from the newest frame, and tell what is new."""
        model = self._context.model
        record = model.frame.record if model.frame else None
        before, self._seen = self._seen, record
        if self._info is not model.info:
            self._info, self._recorded = model.info, None
        if record == before:
            return
        self._say_trouble(before, record)
        if record is None or record.run is None or self.store is None:
            model.name, model.forks = "", ()
            return
        model.name = record.name
        last, self._recorded = self._recorded, record.run
        if last is not None and last == record.parent and record.fork_step is not None:
            self._context.say(
                Remark(
                    f"Run {record.run} branches off run {record.parent}",
                    f"What run {record.parent} learnt after step {record.fork_step:,} is kept "
                    "there: a shows all runs.",
                    about=WHICH_RUN,
                )
            )
        await self.look_again()

    async def look_again(self) -> None:
        """Read the open run's name and forks from the store: the list of runs, a race or another
        playground may have changed them."""
        model, run = self._context.model, self._context.model.run
        if run is None or self.store is None:
            return
        try:
            row, children = await self.store.row(run), await self.store.children(run)
        except LabError:
            return
        if run == model.run:
            model.name = row.name
            model.forks = tuple(row.fork_step for row in children if row.fork_step is not None)
            self._context.changed()

    def _say_trouble(self, before: RecordState | None, record: RecordState | None) -> None:
        was, now = (one.trouble if one else None for one in (before, record))
        if now is not None and now != was:
            if now.title != self._told:
                goes = f"Training goes on; recording is tried again every {AGAIN:.0f} seconds."
                self._context.say(Remark(now.title, f"{now.message} {goes}", "error", RECORDING))
            self._told = ""
        elif was is not None and now is None and record is not None:
            self._context.say(
                Remark("The run is recorded again", "Nothing of it is missing.", about=RECORDING)
            )


def offer_of(row: RunRow, *, others: int = 0, interrupted: bool = False) -> tuple[str, ...]:
    """What there is to go on with, the longest form first. others: how many more were
    interrupted."""
    name = f" “{visible(row.name)}”" if row.name else ""
    run = f"run {row.id}{name} ({visible(row.dataset)})"
    at = f"step {row.at:,} of {row.steps:,}"
    when = f"{'interrupted' if interrupted else 'left'} {ago(row.touched)}"
    does = "goes on with"
    if row.at >= row.steps:
        does, at = "opens", f"all {row.steps:,} steps done"
    lost = "; nothing of it is lost" if interrupted else ""
    more = f" {others} more in the list of runs (a)." if others else " a shows all runs."
    return (
        f"o {does} {run}, {at}, {when}{lost}.{more} space trains this new run.",
        f"o {does} {run}, {at}, {when}{lost}.{more}",
        f"o {does} {run}, {at}, {when}.{more}",
        f"o {does} {run}, {at}, {when}.",
        f"o {does} run {row.id}, {at}, {when}.",
        f"o {does} run {row.id}, {at}.",
    )


def said(row: RunRow) -> str:
    """A run in a few words: "kafka (names), step 312 of 1,000"."""
    name = f"{visible(row.name)} ({visible(row.dataset)})" if row.name else visible(row.dataset)
    return f"{name}, step {row.at:,} of {row.steps:,}"


def ago(then: float) -> str:
    """How long ago that was: "3 minutes ago"."""
    seconds = max(0.0, time.time() - then)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s'[: count > 1]} ago"
    return "a moment ago"
