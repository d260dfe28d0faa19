"""Plugin files that are saved while a run is open: its worker uses them at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from playground.catalog import Catalog
from playground.lab.background import Background
from playground.lab.events import LabError, LabEvent, PluginSaved, PluginsUnwatched
from playground.lab.openrun import OpenRun
from playground.lab.protocol import Reload, Reloaded, SavedPlugin
from playground.lab.recovery import PanelWatch
from playground.lab.reload import Reloader
from playground.lab.workers import Workers


class Follower:
    """Hands what the Reloader notices to the worker of the open run, and tells the listener."""

    def __init__(
        self,
        run: OpenRun,
        workers: Workers,
        background: Background,
        reloader: Reloader,
        panels: PanelWatch,
        listener: Callable[[LabEvent], None],
    ) -> None:
        self._run = run
        self._workers = workers
        self._background = background
        self._reloader = reloader
        self._panels = panels
        self._listener = listener
        self._following = False

    def start(self) -> None:
        """From now on, once a run was opened; more calls change nothing."""
        catalog = self._run.catalog
        if not self._following and self._reloader.wanted and catalog is not None:
            self._following = True
            self._background.spawn(self._follow(catalog))

    async def _follow(self, catalog: Catalog) -> None:
        reloader, sources = self._reloader, self._workers.sources
        async with contextlib.aclosing(reloader.changes(catalog)) as changes:
            async for saved in changes:
                self._workers.sources = reloader.sources(sources)
                with contextlib.suppress(LabError):  # the next worker is told when it opens
                    await self._reload(saved)
        self._listener(PluginsUnwatched(reloader.trouble))

    async def _reload(self, saved: SavedPlugin) -> None:
        reloaded = await self._run.ask(Reload((saved,)), Reloaded)
        for path, problem in reloaded.refused.items():
            saved = self._reloader.refuse(path, problem)
        if reloaded.sampling is not None:
            self._run.sampling = reloaded.sampling
        self._run.catalog = reloaded.catalog
        for entry in reloaded.catalog.of("panel"):
            if entry.origin == saved.path:
                self._panels.allow(entry.name)  # it may have been mended
        self._listener(PluginSaved(saved, reloaded))
