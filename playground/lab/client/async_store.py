"""The store for the screen's process: it is read and managed in threads, so that neither a query
nor a lock holds the screen up. Recording is the worker's part."""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from playground.lab.protocol.failures import Failure, LabError, Progress

if TYPE_CHECKING:
    from playground.lab.protocol.probes import ProbeAnswers
    from playground.lab.store.overlay import Overlay
    from playground.lab.store.query import Query
    from playground.lab.store.records import RunRecord, RunRow, StoredSamples
    from playground.lab.store.store import Store
    from playground.lab.store.summaries import About, Outline, Overview, Pair

T = TypeVar("T")
_OPEN_AT_MOST = 20
"""Runs, touched last of all, among which one that nobody has open is looked for."""


class AsyncStore:
    """The runs of one store. The first call opens the store, and makes it if there is none. Every
    method raises LabError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store: Store | None = None
        self._turn = asyncio.Lock()

    async def _do(self, work: Callable[[Store], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(self._work, work)

    def _work(self, work: Callable[[Store], T]) -> T:
        if self._store is not None and self._store.moved:  # the worker opens the new file, too
            self._store.close()
            self._store = None
        from playground.lab.store.database import understood

        if self._store is None:
            from playground.lab.store.store import Store

            self._store = Store.open(self.path)
        with understood(self.path):
            return work(self._store)

    async def _apart(self, work: Callable[[Store], T]) -> T:
        """Do slow work on a connection of its own, so that other calls do not wait for it."""

        def do() -> T:
            from playground.lab.store.database import understood
            from playground.lab.store.store import Store

            with Store.open(self.path) as store, understood(self.path):
                return work(store)

        return await asyncio.to_thread(do)

    async def ask(self, work: Callable[[Store], T]) -> T:
        """What `work` makes of the store, in a thread: for what has no method here."""
        return await self._do(work)

    async def ask_apart(self, work: Callable[[Store], T]) -> T:
        """The same on a connection of its own, for slow work that other calls do not wait for."""
        return await self._apart(work)

    def close(self) -> None:
        """Close the store."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    # ------------------------------------------------------------ reading

    async def runs(self, query: Query | None = None) -> list[RunRow]:
        """The runs that fit the query, as the query sorts them."""
        return await self._do(lambda store: store.runs(query))

    async def overview(
        self, query: Query, here: int | None, *, tree: bool, group: str | None = None
    ) -> Overview:
        """The runs that fit the query, with who has each open. tree: forks stand under their
        parents. here: the run that is open in this playground. group: the field that the runs are
        grouped by."""
        from playground.lab.store.summaries import overview

        return await self._do(lambda store: overview(store, query, here, tree=tree, group=group))

    async def row(self, run: int) -> RunRow:
        """The row of a run."""
        return await self._do(lambda store: store.row(run))

    async def record(self, run: int) -> RunRecord:
        """All that is recorded of a run, without keyframes and samples."""
        return await self._do(lambda store: store.record(run))

    async def curve(self, run: int) -> tuple[int, array[float], array[float]]:
        """The step before the first loss, the losses in nats a token, the learning rates."""
        return await self._do(lambda store: store.curve(run))

    async def outline(self, run: int) -> Outline:
        """The losses of a run, in as many blocks as a chart shows."""
        from playground.lab.store.summaries import outline

        return await self._do(lambda store: outline(store, run))

    async def about(self, run: int) -> About:
        """What the screen says of a run beside its curve."""
        from playground.lab.store.summaries import about

        return await self._do(lambda store: about(store, run))

    async def pair(self, left: int, right: int) -> Pair:
        """Two runs, compared."""
        from playground.lab.store.summaries import pair

        return await self._do(lambda store: pair(store, left, right))

    async def overlay(self, runs: Sequence[int]) -> Overlay:
        """Several runs over each other."""
        from playground.lab.store.overlay import overlay

        return await self._do(lambda store: overlay(store, runs))

    async def samples(self, run: int, since_step: int = 0) -> list[StoredSamples]:
        """The samples of a run at step `since_step` and later."""
        return await self._do(lambda store: store.samples(run, since_step))

    async def probes(self, run: int) -> list[ProbeAnswers]:
        """The answers of a run to its probes."""
        return await self._do(lambda store: store.probes(run))

    async def children(self, run: int) -> list[RunRow]:
        """The forks of a run."""
        return await self._do(lambda store: store.children(run))

    async def interrupted(self) -> list[RunRow]:
        """The runs that were open in a process that has died, newest first."""
        return await self._do(lambda store: store.interrupted())

    async def latest(self, but: int | None = None) -> RunRow | None:
        """The run that was touched last, of those that nobody has open, other than `but`."""
        from playground.lab.store.query import Query

        rows = await self.runs(Query(sort="touched", descending=True, limit=_OPEN_AT_MOST))
        return next((row for row in rows if row.id != but and not row.owner), None)

    # ------------------------------------------------------------ managing

    async def rename(self, run: int, name: str) -> None:
        """Name a run."""
        await self._do(lambda store: store.rename(run, name))

    async def annotate(self, run: int, note: str) -> None:
        """Replace the note of a run."""
        await self._do(lambda store: store.annotate(run, note))

    async def delete(self, runs: Iterable[int]) -> None:
        """Delete runs; `restore` brings them back for a week."""
        wanted = tuple(runs)
        await self._do(lambda store: store.delete(wanted))

    async def restore(self, runs: Iterable[int]) -> None:
        """Bring deleted runs back."""
        wanted = tuple(runs)
        await self._do(lambda store: store.restore(wanted))

    async def tidy(self) -> None:
        """Remove for good the runs that were deleted long ago, keyframes of old runs beyond the
        budget, and copies of texts that no run needs."""
        from playground.lab.store.housekeeping import purge, thin
        from playground.lab.store.texts import forget_copies

        def work(store: Store) -> None:
            purge(store)
            thin(store)
            forget_copies(store)

        await self._apart(work)

    async def export_run(self, run: int, path: Path) -> None:
        """Write a run as one file."""
        from playground.lab.store.transfer import export_run

        await self._apart(lambda store: export_run(store, run, path))

    async def import_run(
        self, path: Path, tell: Callable[[Progress], None] = lambda _: None
    ) -> int:
        """Take in a run from a file of `export_run`; returns the run's number. tell: hears how far
        that is. Cancelled, it takes in nothing."""
        from playground.lab.store.transfer import import_run

        loop = asyncio.get_running_loop()

        def told(done: int, total: int) -> None:
            if stopped.is_set():
                raise LabError(Failure("Cancelled", "Nothing was taken in.", "cancelled"))
            loop.call_soon_threadsafe(tell, Progress("taking in the run", done, total))

        stopped = threading.Event()
        try:
            return await self._apart(lambda store: import_run(store, path, told))
        except asyncio.CancelledError:
            stopped.set()
            raise

    async def undelete(self) -> tuple[int, ...]:
        """Bring back the runs that were deleted last, all that went together; returns their
        numbers, none if no run is deleted."""

        def work(store: Store) -> tuple[int, ...]:
            found = store.deleted()
            last = tuple(row.id for row, when in found if when == found[0][1])
            store.restore(last)
            return last

        return await self._do(work)

    async def export_metrics(self, run: int, path: Path, kind: Literal["csv", "jsonl"]) -> None:
        """Write what was measured of a run at each step to a file."""

        def work(store: Store) -> None:
            from playground.lab.record.export import export_metrics

            export_metrics(store, run, path, kind)

        await self._do(work)

    async def export_model(self, run: int, path: Path) -> None:
        """Write the model of the step at which the run stands to a file."""

        def work(store: Store) -> None:
            from playground.lab.record.export import save_model
            from playground.lab.store.errors import StoreError

            at = store.row(run).at
            if save_model(store, run, at, path) is None:
                raise StoreError(
                    "The model of this step was not kept",
                    f"Run {run} stands at step {at:,}, which must be trained again from an "
                    "earlier state. Open the run and save it there with ctrl+s.",
                )

        await self._do(work)
