"""The run that a Lab has open, and the way to its worker: who is asked, and what is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

from playground.catalog import Catalog
from playground.lab.background import Background
from playground.lab.events import LabError
from playground.lab.link import Link
from playground.lab.protocol import (
    Command,
    Failure,
    Frame,
    Measuring,
    ProbeSet,
    Progress,
    Recording,
    RecordState,
    RunInfo,
    Sampling,
)
from playground.lab.workers import CLOSED, Workers

R = TypeVar("R")

_NOTHING_OPEN = Failure("No run is open", "Open one first.", kind="dead")


class OpenRun:
    """Belongs to one Lab, and outlives its workers: the next one is told what is kept here."""

    def __init__(self, workers: Workers, background: Background) -> None:
        self._workers = workers
        self._background = background
        self.link: Link | None = None
        """To its worker; None while it has none."""
        self.down: Failure | None = None
        """Why it has no worker just now."""
        self.info: RunInfo | None = None
        """The open run, also while its worker is being restarted."""
        self.catalog: Catalog | None = None
        """What the newest worker can make."""
        self.sampling = Sampling()
        self.measuring = Measuring()
        self.probes = ProbeSet()
        self.running = False
        self.speed: float | None = None
        """Steps a second while it runs; None: flat out."""
        self.step = 0
        """Where it was when last seen."""
        self.engine = ""
        """The one at work when last seen."""
        self.store = ""
        """Path of the store that runs are recorded in; "" if they are not."""
        self.record: RecordState | None = None
        """How the recording stood when last seen."""
        self.asked: Recording | None = None
        """As what it was to be recorded when it was opened."""
        self._epoch = 0
        """Added to the worker's epochs, so that none comes twice."""
        self._last_epoch = 0

    @property
    def wanting(self) -> bool:
        """It has no worker, and the Lab is not closing."""
        return self.link is None and not self._workers.closed

    def take(self, link: Link, info: RunInfo, catalog: Catalog) -> None:
        """From now on, this is the open run; the worker of the one before is retired."""
        old, self.link = self.link, link
        self.info, self.catalog, self.down = info, catalog, None
        self._epoch = self._last_epoch = self._last_epoch + 1
        if old is not None:
            self._background.spawn(self._workers.retire(old))

    @property
    def recording(self) -> Recording | None:
        """What the next worker is to record it as: the run that it is, or was about to be."""
        if not self.store:
            return None
        known, asked = self.record, self.asked or Recording(self.store)
        if known is not None and known.run is not None:
            return Recording(self.store, known.run)
        if known is not None and known.parent is not None:
            parent, step = known.parent, known.fork_step
        elif asked.looking and asked.run is not None:
            parent, step = asked.run, self.step
        else:
            return asked
        return Recording(
            self.store, parent=parent, fork_step=step, name=asked.name, looking=asked.looking
        )

    async def ask(
        self, command: Command, expected: type[R], tell: Callable[[Progress], None] | None = None
    ) -> R:
        """The worker's reply. Raises LabError, at once if there is no worker."""
        if self._workers.closed:
            raise LabError(CLOSED)
        if self.down is not None:
            raise LabError(self.down)
        if self.link is None:
            raise LabError(_NOTHING_OPEN)
        reply = await self.link.request(command, tell)
        assert isinstance(reply, expected), reply
        return reply

    def set_running(self, running: bool, speed: float | None = None) -> None:
        """Whether it trains on by itself; its worker is watched more closely then."""
        self.running, self.speed = running, speed
        if self.link is not None:
            self.link.watched = running

    def seen(self, frame: Frame) -> Frame:
        """Note what a frame of its worker tells; the frame, its epoch one that never came."""
        if frame.state != "running":
            self.set_running(False)
        self.step, self.engine, self.record = frame.step, frame.engine, frame.record
        epoch = self._epoch + frame.epoch
        self._last_epoch = max(self._last_epoch, epoch)
        return dataclasses.replace(frame, epoch=epoch)
