"""The run that a Lab has open, and how a run is opened, as the screen's process sees it.

`OpenRun` knows the run and its worker; `Opener` starts a fresh worker and opens a run in it.
session.py holds what the worker does with the `Open` command.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from playground.catalog import Catalog
from playground.lab.client.events import LabEvent, OpenProgress
from playground.lab.client.reload import Reloader
from playground.lab.client.workers import CLOSED, Link, Workers
from playground.lab.protocol.commands import Command, GetCatalog, Open, Reload
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.frames import Frame
from playground.lab.protocol.observation import Observation, Part
from playground.lab.protocol.run import Recording, RecordState, Reloaded, RunInfo


class Background:
    """Tasks of one event loop that nobody awaits. This class holds them, because the loop keeps
    only weak references, and because the Lab cancels them at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task. Call it inside the event loop."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> list[asyncio.Task[Any]]:
        """Cancel all tasks, and return them; the caller awaits their end."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        return list(tasks)


R = TypeVar("R")

_NOTHING_OPEN = Failure("No run is open", "Open one first.", kind="dead")


class OpenRun:
    """The open run of one Lab. It outlives its workers: the next worker is told what is kept here.

    Everybody may read the attributes; only the methods of this class set them.
    """

    def __init__(self, workers: Workers, background: Background, store: str = "") -> None:
        """store: path of the store that runs are recorded in; "" to record none."""
        self._workers = workers
        self._background = background
        self._store = store
        self.link: Link | None = None
        """The link to the run's worker; None while the run has none."""
        self.down: Failure | None = None
        """Why the run has no worker; None while it has one, and before the first run."""
        self.info: RunInfo | None = None
        """The info of the open run, also while its worker is being restarted."""
        self.catalog: Catalog | None = None
        """The contributions that the newest worker can make."""
        self.observation = Observation()
        """How the run is looked at, as that was set last."""
        self.running = False
        self.speed: float | None = None
        """Steps a second while the run is running; None: flat out."""
        self.step = 0
        """The step at which the run was last seen."""
        self.engine = ""
        """The engine that was last seen at work."""
        self.record: RecordState | None = None
        """The state of the recording that was last seen."""
        self.asked: Recording | None = None
        """The Recording that the run was opened with."""
        self._epoch = 0
        """Added to the epochs of the worker, so that no two workers give the same epoch."""
        self._last_epoch = 0

    @property
    def wanting(self) -> bool:
        """True if the run has no worker, and the Lab is not closing."""
        return self.link is None and not self._workers.closed

    # ------------------------------------------------------------ another run, another worker

    def begin(
        self, link: Link, info: RunInfo, catalog: Catalog, recording: Recording | None
    ) -> None:
        """Make another run the open one. recording: what the worker records the run as."""
        self._take(link, info, catalog, info.observation)
        self.asked = recording
        kept = recording is not None and not recording.looking
        self.record = RecordState(recording.run) if recording is not None and kept else None
        self.step = info.resumed_at
        self.set_running(False)

    def go_on(
        self, link: Link, info: RunInfo, catalog: Catalog, observation: Observation, step: int
    ) -> None:
        """Note that another worker has the same run, with this observation, at this step."""
        self._take(link, info, catalog, observation)
        self.step = step

    def _take(self, link: Link, info: RunInfo, catalog: Catalog, observation: Observation) -> None:
        """Take the run's new worker, and retire the one before."""
        old, self.link = self.link, link
        self.info, self.catalog, self.down = info, catalog, None
        self.observation = observation
        self._epoch = self._last_epoch = self._last_epoch + 1
        if old is not None:
            self._background.spawn(self._workers.retire(old))

    def lose(self, why: Failure) -> None:
        """Note that the run has no worker. why: the failure that every request raises now."""
        self.link, self.down = None, why

    # ------------------------------------------------------------ what is known of it

    def offer(self, catalog: Catalog) -> None:
        """Note what the newest worker can make."""
        self.catalog = catalog

    def observe(self, part: Part) -> None:
        """Note that the worker has this sampling, these metrics or these probes now."""
        self.observation = self.observation.having(part)

    def work_with(self, engine: str) -> None:
        """Note that another engine is at work."""
        self.engine = engine

    def stand_at(self, step: int) -> None:
        """Note that the run stands at this step."""
        self.step = step

    @property
    def recording(self) -> Recording | None:
        """The Recording for the next worker: the recorded run, or the one that was about to be
        made. None if the Lab records none."""
        if not self._store:
            return None
        known, asked = self.record, self.asked or Recording(self._store)
        if known is not None and known.run is not None:
            return Recording(self._store, known.run)
        if known is not None and known.parent is not None:
            parent, step = known.parent, known.fork_step
        elif asked.looking and asked.run is not None:
            parent, step = asked.run, self.step
        else:
            return asked
        return Recording(
            self._store, parent=parent, fork_step=step, name=asked.name, looking=asked.looking
        )

    async def ask(
        self, command: Command, expected: type[R], tell: Callable[[Progress], None] | None = None
    ) -> R:
        """The worker's reply. Raises LabError; at once if there is no worker."""
        if self._workers.closed:
            raise LabError(CLOSED)
        if self.down is not None:
            raise LabError(self.down)
        if self.link is None:
            raise LabError(_NOTHING_OPEN)
        reply = await self.link.request(command, tell)
        assert isinstance(reply, expected), reply
        return reply

    async def ask_timed(self, command: Command, expected: type[R]) -> tuple[R, float]:
        """(the worker's reply, the seconds that it spent on it). Raises LabError."""
        link = self.link
        reply = await self.ask(command, expected)
        return reply, link.spent if link is not None else 0.0

    def set_running(self, running: bool, speed: float | None = None) -> None:
        """Note whether the run trains on by itself; if so, the watchdog keeps pinging its
        worker."""
        self.running, self.speed = running, speed
        if self.link is not None:
            self.link.watched = running

    def seen(self, frame: Frame) -> Frame:
        """Note what a frame tells; returns the frame, with an epoch that no other worker gave."""
        if frame.state != "running":
            self.set_running(False)
        self.step, self.engine, self.record = frame.step, frame.engine, frame.record
        epoch = self._epoch + frame.epoch
        self._last_epoch = max(self._last_epoch, epoch)
        return dataclasses.replace(frame, epoch=epoch)


_CANCELLED = Failure("Opening was cancelled", "The run stays as it was.", kind="cancelled")

MOST_DEADLY = 8
"""How many plugins may end the process, one after the other, before an opening is given up."""


class Opener:
    """Opens runs, one at a time, and never touches the open run."""

    def __init__(
        self,
        run: OpenRun,
        workers: Workers,
        background: Background,
        reloader: Reloader,
        listener: Callable[[LabEvent], None],
    ) -> None:
        self.link: Link | None = None
        """The link to the worker in which a run is being opened."""
        self._run = run
        self._workers = workers
        self._background = background
        self._reloader = reloader
        self._listener = listener
        self._busy = False
        self._cancelled = False

    async def open(self, opening: Open) -> tuple[Link, RunInfo, Catalog]:
        """Open a run in a fresh worker. Raises LabError: see Lab.open."""
        if self._busy:
            raise LabError(Failure("Another run is being opened", "Wait for it, or cancel it."))
        self._busy, self._cancelled = True, False
        try:
            opened = await self._open_afresh(opening)
            self._check_cancelled()
        except BaseException as error:
            if self.link is not None:
                self.link.kill(_CANCELLED)
            if self._run.wanting and isinstance(error, LabError):
                self._background.spawn(self._workers.prepare())
            raise
        finally:
            self.link, self._busy = None, False
        return opened

    def cancel(self) -> bool:
        """Give up the opening under way; returns False if there is none."""
        if not self._busy:
            return False
        self._cancelled = True
        if self.link is not None:
            self.link.kill(_CANCELLED)
        return True

    def close(self) -> None:
        """Give up the opening under way, because the Lab is closing."""
        self._cancelled = True

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise LabError(CLOSED if self._workers.closed else _CANCELLED)

    def _tell(self, progress: Progress) -> None:
        self._listener(OpenProgress(progress))

    async def _open_afresh(self, opening: Open) -> tuple[Link, RunInfo, Catalog]:
        """Open a run in a fresh worker. If a plugin ends that worker while it is loaded, try the
        next one, which passes over that plugin."""
        for tries in itertools.count(1):
            link = self.link = await self._workers.fresh()
            self._check_cancelled()
            try:
                return link, *await self.open_in(link, opening, self._tell)
            except LabError:
                if self._cancelled or tries > MOST_DEADLY or not link.lost_while_loading():
                    raise
                self._tell(Progress("a plugin ended the process; trying without it", 0, 0))
        raise AssertionError("unreachable")

    async def open_in(
        self,
        link: Link,
        command: Open,
        tell: Callable[[Progress], None] | None = None,
        then: Callable[[RunInfo], Command | None] = lambda _: None,
    ) -> tuple[RunInfo, Catalog]:
        """Open a run in this worker, with every plugin as it was saved last. then: gives the first
        command to the open run, or None.

        Raises LabError; the caller ends the worker then.
        """
        standing = self._reloader.standing()
        if standing:
            await link.request(Reload(standing))
        info, catalog = await asyncio.gather(
            link.request(command, tell), link.request(GetCatalog()), return_exceptions=True
        )
        if isinstance(catalog, Catalog):
            self._run.offer(catalog)
        for outcome in (info, catalog):
            if isinstance(outcome, BaseException):
                raise outcome
        assert isinstance(info, RunInfo) and isinstance(catalog, Catalog)
        following = then(info)
        if following is not None:
            await link.request(following)
        while standing != (standing := self._reloader.standing()):  # saved meanwhile
            reloaded = await link.request(Reload(standing))
            assert isinstance(reloaded, Reloaded)
            catalog = reloaded.catalog
        self._run.offer(catalog)
        return info, catalog
