"""The worker processes of a Lab: started fresh, retired, and all ended in the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from playground.hooks.sources import PluginSources
from playground.lab.events import LabError, Limits
from playground.lab.link import Link
from playground.lab.process import WorkerProcess, spawn_worker
from playground.lab.protocol import Failure

CLOSED = Failure("The playground is closing", "There is nothing left to ask.", kind="dead")


class Workers:
    """Every process that was started and is not over yet."""

    def __init__(
        self,
        sources: PluginSources,
        prewarmed: WorkerProcess | None,
        limits: Limits,
        lost: Callable[[Link, Failure], None],
    ) -> None:
        """lost: see Link."""
        self.sources = sources
        self.idle: Link | None = None
        """One without a run: for catalogues, and for the next run if it is still fresh."""
        self.closed = False
        self._prewarmed = prewarmed
        self._limits = limits
        self._lost = lost
        self._links: set[Link] = set()

    async def fresh(self) -> Link:
        """One that has not been told anything, so that its plugins are read now.

        Raises LabError if no process can be started.
        """
        if self.idle is not None and self.idle.alive and self.idle.process.fresh:
            link, self.idle = self.idle, None
            return link
        process, self._prewarmed = self._prewarmed, None
        if process is not None and process.popen.poll() is not None:
            process.discard_log()
            process = None
        if process is None and not self.closed:
            process = await self._spawn()
        if self.closed or process is None:
            if process is not None:
                process.kill()
                process.discard_log()
            raise LabError(CLOSED)
        link = Link(process, self._limits, self._on_lost)
        self._links.add(link)
        return link

    async def _spawn(self) -> WorkerProcess:
        job = asyncio.ensure_future(asyncio.to_thread(spawn_worker, self.sources, eager=False))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            job.add_done_callback(_throw_away)
            raise
        except OSError as error:
            raise LabError(
                Failure("No training process could be started", str(error), kind="internal")
            ) from error

    async def prepare(self) -> None:
        """Have one ready for the next run."""
        if self.idle is None:
            with contextlib.suppress(LabError):
                self.idle = await self.fresh()

    async def retire(self, link: Link) -> None:
        """End one that is not needed any more."""
        await link.close()
        self._links.discard(link)

    def _on_lost(self, link: Link, failure: Failure) -> None:
        if link is self.idle:
            self.idle = None
        self._lost(link, failure)

    async def close(self) -> None:
        """End them all, within two seconds whatever they do."""
        self.closed = True
        process, self._prewarmed = self._prewarmed, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.reap, 1.0)
            process.discard_log()
        await asyncio.gather(*(link.close() for link in self._links))
        self._links.clear()
        self.idle = None


def _throw_away(job: asyncio.Future[WorkerProcess]) -> None:
    """A process that nobody waits for any more."""
    if not job.cancelled() and job.exception() is None:
        process = job.result()
        process.kill()
        process.discard_log()
