"""The sweeps that this playground has at work, each in a process of its own, which alone records
it. What a screen shows of a sweep is read from the store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgpt.shell import program
from playground.hooks.sources import PluginSources
from playground.lab.client.async_store import AsyncStore
from playground.lab.protocol.failures import Failure, LabError
from playground.words import many

if TYPE_CHECKING:
    from playground.lab.sweep.plan import Plan
    from playground.lab.sweep.process import SweepProcess

LEAVING = 2.0
"""Seconds that a sweep gets to stop when the playground is left."""


def processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Sweeps:
    """Starts, stops and ends the processes of sweeps."""

    def __init__(
        self, store: AsyncStore | None, sources: Callable[[], PluginSources] = PluginSources
    ) -> None:
        """store: where sweeps are recorded; None if nothing is. sources: tells where plugins come
        from, by now."""
        self.store = store
        self._sources = sources
        self._processes: dict[int, SweepProcess] = {}
        self.farewell: tuple[str, ...] = ()
        """What is to be said on the terminal of the sweeps that leaving has stopped."""

    async def begin(self, plan: Plan, jobs: int) -> int:
        """Record a sweep with this plan, and train it with so many worker processes; returns its
        number. Raises LabError."""
        from playground.lab.store.sweeps import begin_sweep

        assert self.store is not None
        text = await asyncio.to_thread(plan.to_json)
        sweep = await self.store.ask(lambda store: begin_sweep(store, text))
        await self.go_on(sweep, jobs)
        return sweep

    async def go_on(self, sweep: int, jobs: int) -> None:
        """Train what is missing of a sweep. Raises LabError."""
        from playground.lab.sweep.process import SweepProcess

        before = self._processes.get(sweep)
        if before is not None:
            if before.code is None and not before.stopping:
                return
            await asyncio.to_thread(before.end)
        try:
            self._processes[sweep] = await asyncio.to_thread(SweepProcess, sweep, jobs)
        except OSError as error:
            raise LabError(
                Failure("No process could be started for the sweep", f"{error}. Try it again.")
            ) from error

    def works_on(self, sweep: int) -> bool:
        """True if a process of this playground trains the sweep, or is about to."""
        process = self._processes.get(sweep)
        return process is not None and process.code is None

    def stopping(self, sweep: int) -> bool:
        """True if that process was asked to stop, and has not ended yet."""
        process = self._processes.get(sweep)
        return process is not None and process.stopping and process.code is None

    def jobs_of(self, sweep: int) -> int | None:
        """The worker processes that the sweep was given here last; None if it was not."""
        process = self._processes.get(sweep)
        return None if process is None else process.jobs

    def trouble(self, sweep: int) -> str:
        """Why a process of this playground gave the sweep up, by its own last words; "" if none
        did."""
        process = self._processes.get(sweep)
        if process is None or process.stopping or process.code in (None, 0):
            return ""
        return process.last_words or f"The process of the sweep ended with the code {process.code}."

    def stop(self, sweep: int) -> None:
        """Ask the process to stop. What is recorded by then is kept."""
        if self.works_on(sweep):
            self._processes[sweep].stop()

    async def export_as(self, run: int, name: str, options: Mapping[str, Any], path: Path) -> None:
        """Write a run of a sweep with an exporter. Raises LabError."""
        from playground.lab.client.exporting import export_as

        assert self.store is not None
        await export_as(self.store, run, name, options, path, self._sources())

    async def close(self) -> None:
        """End every process, and note what is to be said of those that were at work. What they
        have recorded is kept."""
        at_work = [one for one in self._processes.values() if one.code is None]
        for process in at_work:
            process.stop()
        for process in self._processes.values():
            await asyncio.to_thread(process.end, LEAVING)
        for process in at_work:
            self.farewell += await self._said(process)
        self._processes.clear()

    async def _said(self, process: SweepProcess) -> tuple[str, ...]:
        from playground.lab.store.sweeps import glance

        assert self.store is not None
        sweep = process.sweep
        try:
            recorded = (await self.store.ask(lambda store: glance(store, sweep))).recorded
        except LabError:
            return ()
        kept = f"{many(recorded)} of it {'is' if recorded == 1 else 'are'} kept"
        return (
            f"Sweep {sweep} was at work, and has stopped: {kept}. To go on with it:",
            f"{program()} sweep --resume {sweep} --jobs {process.jobs}",
        )
