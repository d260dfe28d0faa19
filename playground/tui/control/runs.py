"""The runs of the store: what was interrupted, where one goes on, forks, and what is told."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from playground.catalog import KnobValue
from playground.lab.client.async_store import AsyncStore
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.run import AGAIN, Checkpoint, Recording, RecordState, RunInfo
from playground.tui.control.context import Context, Remark
from playground.tui.control.opening import Opening
from playground.tui.control.training import Training
from playground.tui.widgets.text import visible

if TYPE_CHECKING:
    from playground.lab.race import Entrant, Race
    from playground.lab.store.records import RunRow
    from playground.tui.screens.race.screen import Kept


class Runs:
    """What the main screen does with the store. What the store cannot do is said, and stops
    nothing."""

    def __init__(
        self, shared: Context, opening: Opening, training: Training, store: Path | None
    ) -> None:
        self._shared = shared
        self._opening = opening
        self._training = training
        self.desk = AsyncStore(store) if store is not None else None
        """The store; None if runs are not recorded."""
        self._seen: RecordState | None = None
        self._info: RunInfo | None = None
        """The run that was open when that was seen."""
        self._recorded: int | None = None
        """The number under which its worker recorded it last."""
        self._told = ""
        """The trouble that was told of at the start, before anything was to be recorded."""
        self._offered: int | None = None
        """The interrupted run that `resume` goes on with."""

    def close(self) -> None:
        """Let go of the store."""
        if self.desk is not None:
            self.desk.close()

    # ------------------------------------------------------------ at the start

    async def offer(self) -> None:
        """Tell of the run that was interrupted last, if there is one."""
        if self.desk is None:
            return
        from playground.lab.store.errors import StoreError

        try:
            rows = [row for row in await self.desk.interrupted() if row.step]
        except StoreError as error:
            self._told = error.title
            on = "What is trained before that is not recorded."
            self._shared.say(Remark(error.title, f"{error.message} {on}", "warning"))
            return
        if rows:
            self._offer(rows)
        with suppress(StoreError):
            await self.desk.tidy()

    def _offer(self, rows: list[RunRow]) -> None:
        row = rows[0]
        self._offered = row.id
        more = f" {len(rows) - 1} more are in the list of runs (a)." if len(rows) > 1 else ""
        self._shared.say(
            Remark(
                "A run was interrupted",
                f"{said(row)}, {ago(row.touched)}. o goes on with it; nothing of it is lost.{more}",
                "warning",
            )
        )

    async def resume(self, kept: Path) -> bool:
        """Go on with the interrupted run that was offered, or with the one that was at work
        last. False if the store has none, or one that is older than the file `kept`, in which an
        unrecorded run was kept."""
        if self.desk is None:
            return False
        from playground.lab.store.errors import StoreError

        offered, self._offered = self._offered, None
        try:
            rows = await self.desk.interrupted() if offered is not None else []
            row = next((row for row in rows if row.id == offered), None)
            row = row or await self.desk.latest(but=self._shared.model.run)
        except StoreError:
            return False
        if row is None or (kept.exists() and kept.stat().st_mtime > row.touched):
            return False
        if await self._opening.open_recorded(row.id, looking=False):
            self._shared.say(Remark("Welcome back", f"{said(row)}."))
        return True

    # ------------------------------------------------------------ forks

    async def fork(self, step: int, changes: Mapping[str, KnobValue]) -> None:
        """Go on from this step as a new run, with these changes. Raises LabError."""
        from playground.lab.fork import forked
        from playground.tui.screens.fork.fields import fork_name

        parent = self._parent(step)
        checkpoint = await self._training.checkpoint_at(step)
        spec, start = forked(checkpoint, changes)
        name = fork_name(changes)
        if await self._opening.open(spec, checkpoint=start, parent=parent, name=name):
            self._shared.say(Remark(f"Forked at step {step:,}", "The run before stays as it was."))

    def _parent(self, step: int) -> tuple[int, int] | None:
        """What a fork at this step is a fork of; that of a run that is only looked at is the run
        itself."""
        model = self._shared.model
        record = model.frame.record if model.frame else None
        if record is None:
            return None
        if record.run is not None:
            return record.run, step
        if record.parent is not None and record.fork_step is not None:
            return record.parent, min(step, record.fork_step)
        return None

    # ------------------------------------------------------------ races

    async def race(self, step: int, changes: Mapping[str, KnobValue]) -> Race:
        """The open run as it is at this step, against the same with these changes; both are
        forks of it. Raises LabError."""
        from playground.lab.fork import forked
        from playground.lab.race import Entrant
        from playground.tui.screens.fork.fields import fork_name

        lab, model = self._shared.lab, self._shared.model
        parent = self._parent(step)
        checkpoint = await self._training.checkpoint_at(step)
        spec, start = forked(checkpoint, changes)
        same, unchanged = forked(checkpoint, {})

        def entrant(name: str, spec: str, start: Checkpoint | None) -> Entrant:
            recording = Recording(lab.store, name=name) if lab.store else None
            if recording is not None and parent is not None:
                # A race that is left before its first step leaves nothing in the list of runs.
                fork = replace(recording, parent=parent[0], fork_step=parent[1])
                recording = replace(fork, looking=True)
            return Entrant(name, spec, start, model.sampling, recording, lab.probe_set)

        return self._race(
            entrant("as it is", same, unchanged), entrant(fork_name(changes), spec, start)
        )

    async def recorded_race(self, left: int, right: int) -> Race:
        """Two recorded runs, from the last step that both have done; they stay as they are.
        Raises LabError."""
        from playground.lab.race import Entrant
        from playground.lab.store.errors import StoreError

        assert self.desk is not None
        try:
            rows = [await self.desk.row(left), await self.desk.row(right)]
        except StoreError as error:
            raise LabError(Failure(error.title, error.message)) from error
        at = min(row.step for row in rows)
        store = self._shared.lab.store
        sampling = self._shared.model.sampling
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

        lab = self._shared.lab
        store = Path(lab.store) if lab.store else None
        return Race(
            left, right, make_lab=lambda heard: Lab(lab.sources, listener=heard, store=store)
        )

    async def go_on_with(self, kept: Kept) -> None:
        """The side of a race that was chosen is the open run from now on."""
        if kept.run is not None:
            opened = await self._opening.open_recorded(kept.run, looking=False)
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
            self._shared.say(Remark(f"Going on with {visible(kept.name)}", number))

    # ------------------------------------------------------------ what frames tell

    async def follow(self) -> None:
        """Note how the recording stands, and say what a person should know of it."""
        model = self._shared.model
        record = model.frame.record if model.frame else None
        before, self._seen = self._seen, record
        if self._info is not model.info:
            self._info, self._recorded = model.info, None
        if record == before:
            return
        self._say_trouble(before, record)
        if record is None or record.run is None or self.desk is None:
            model.name, model.forks = "", ()
            return
        model.name = record.name
        last, self._recorded = self._recorded, record.run
        if last is not None and last == record.parent and record.fork_step is not None:
            self._shared.say(
                Remark(
                    f"Run {record.run} branches off run {record.parent}",
                    f"What run {record.parent} learnt after step {record.fork_step:,} is kept "
                    "there: a shows all runs.",
                )
            )
        await self.look_again()

    async def look_again(self) -> None:
        """The open run's name and forks, as the store has them: the list of runs, a race or
        another playground may have changed them."""
        model, run = self._shared.model, self._shared.model.run
        if run is None or self.desk is None:
            return
        from playground.lab.store.errors import StoreError

        try:
            row, children = await self.desk.row(run), await self.desk.children(run)
        except StoreError:
            return
        if run == model.run:
            model.name = row.name
            model.forks = tuple(row.fork_step for row in children if row.fork_step is not None)
            self._shared.changed()

    def _say_trouble(self, before: RecordState | None, record: RecordState | None) -> None:
        was, now = (one.trouble if one else None for one in (before, record))
        if now is not None and now != was:
            if now.title != self._told:  # once is enough
                goes = f"Training goes on; recording is tried again every {AGAIN:.0f} seconds."
                self._shared.say(Remark(now.title, f"{now.message} {goes}", "error"))
            self._told = ""
        elif was is not None and now is None and record is not None:
            self._shared.say(Remark("The run is recorded again", "Nothing of it is missing."))


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
