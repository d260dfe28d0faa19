"""The opening of runs, as the screen's process sees it: a fresh worker, and a run in it.

What the worker does with its `Open` is in opening.py.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from playground.catalog import Catalog
from playground.lab.background import Background
from playground.lab.events import LabError, LabEvent, OpenProgress
from playground.lab.link import Link
from playground.lab.openrun import OpenRun
from playground.lab.protocol import (
    Command,
    Failure,
    GetCatalog,
    Open,
    Progress,
    Reload,
    Reloaded,
    RunInfo,
)
from playground.lab.reload import Reloader
from playground.lab.workers import CLOSED, Workers

_CANCELLED = Failure("Opening was cancelled", "The run stays as it was.", kind="cancelled")

MOST_DEADLY = 8
"""Plugins that may end a process each, one after the other, before an opening is given up."""


class Opener:
    """Opens runs, one at a time; the open run is never touched by it."""

    def __init__(
        self,
        run: OpenRun,
        workers: Workers,
        background: Background,
        reloader: Reloader,
        listener: Callable[[LabEvent], None],
    ) -> None:
        self.link: Link | None = None
        """To the worker in which a run is being opened."""
        self._run = run
        self._workers = workers
        self._background = background
        self._reloader = reloader
        self._listener = listener
        self._busy = False
        self._cancelled = False

    async def open(self, opening: Open) -> tuple[Link, RunInfo, Catalog]:
        """A fresh worker with the run. Raises LabError: see Lab.open."""
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
        """Give up the opening under way, whatever it is at; False if there is none."""
        if not self._busy:
            return False
        self._cancelled = True
        if self.link is not None:
            self.link.kill(_CANCELLED)
        return True

    def close(self) -> None:
        """The Lab is closing: an opening under way comes to nothing."""
        self._cancelled = True

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise LabError(CLOSED if self._workers.closed else _CANCELLED)

    def _tell(self, progress: Progress) -> None:
        self._listener(OpenProgress(progress))

    async def _open_afresh(self, opening: Open) -> tuple[Link, RunInfo, Catalog]:
        """In a fresh worker; in the next one, if a plugin took that with it while it was loaded,
        for that plugin is passed over then."""
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
        """Open a run in this worker, which then has every plugin as it was saved last. then: what
        is to be done with the run first, if anything.

        Raises LabError, with the worker as it may be.
        """
        standing = self._reloader.standing()
        if standing:
            await link.request(Reload(standing))
        info, catalog = await asyncio.gather(
            link.request(command, tell), link.request(GetCatalog()), return_exceptions=True
        )
        if isinstance(catalog, Catalog):
            self._run.catalog = catalog
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
        self._run.catalog = catalog
        return info, catalog
