"""The Lab: what the screen holds. It opens runs, asks them things, and keeps them alive.

Every run has a worker process of its own, and opening another run starts another process: until
that has succeeded, the open run is untouched by whatever happens. If the worker of the open
run dies or hangs, the Lab says so, starts a fresh one and goes on from the last checkpoint it
holds; training is deterministic, so the losses that follow are the ones that would have been.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from playground.catalog import Catalog, KnobValue
from playground.hooks.sources import PluginSources
from playground.lab.events import (
    CLOSED_RUN,
    RESTARTING,
    LabError,
    LabEvent,
    Limits,
    OpenProgress,
    PluginSaved,
    PluginsUnwatched,
    WorkerBack,
    WorkerGone,
    WorkerLost,
)
from playground.lab.link import Link
from playground.lab.process import WorkerProcess
from playground.lab.protocol import (
    Advance,
    Checkpoint,
    Command,
    Done,
    Edit,
    Export,
    Failure,
    Frame,
    FrameRequest,
    GetCatalog,
    GetCheckpoint,
    GetFrame,
    GetPreview,
    GoTo,
    Measuring,
    Open,
    Pause,
    Preview,
    Progress,
    Reload,
    Reloaded,
    Run,
    RunInfo,
    Sample,
    SampleBatch,
    Sampling,
    Save,
    SavedPlugin,
    SetMetrics,
    SetSampling,
    UseEngine,
)
from playground.lab.recovery import (
    Keeper,
    Lives,
    PanelWatch,
    without,
    without_engine,
    without_metric,
    without_schedule,
    wrote_nothing,
)
from playground.lab.reload import Reloader
from playground.lab.workers import CLOSED, Workers

__all__ = [
    "Lab",
    "LabError",
    "LabEvent",
    "Limits",
    "OpenProgress",
    "WorkerBack",
    "WorkerGone",
    "WorkerLost",
]

R = TypeVar("R")

_NOTHING_OPEN = Failure("No run is open", "Open one first.", kind="dead")
_CANCELLED = Failure("Opening was cancelled", "The run stays as it was.", kind="cancelled")

MOST_DEADLY = 8
"""Plugins that may end a process each, one after the other, before an opening is given up."""


class Lab:
    """Runs, each in a process of its own. Belongs to one event loop; no method blocks it.

    listener: called in the event loop with each LabEvent.
    prewarmed: a worker started earlier with `spawn_worker`, for the first run.
    Every method that asks the worker something raises LabError, at once if there is no worker.
    """

    def __init__(
        self,
        sources: PluginSources | None = None,
        *,
        listener: Callable[[LabEvent], None] = lambda _: None,
        prewarmed: WorkerProcess | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.info: RunInfo | None = None
        """The open run, also while its worker is being restarted."""
        self.catalog: Catalog | None = None
        """What the newest worker can make."""
        self._listener = listener
        self._limits = limits or Limits()
        self._workers = Workers(sources or PluginSources(), prewarmed, self._limits, self._on_lost)
        self._current: Link | None = None
        self._opening: Link | None = None
        self._busy_opening = False
        self._cancelled = False
        self._down: Failure | None = None
        """Why the open run has no worker just now."""
        self._sampling = Sampling()
        self._measuring = Measuring()
        self._running = False
        self._speed: float | None = None
        self._epoch = 0
        """Added to the worker's epochs, so that none comes twice."""
        self._last_epoch = 0
        self._last_step = 0
        self._engine = ""
        """The one at work when last seen."""
        self._keeper = Keeper(self._limits)
        self._lives = Lives(self._limits)
        self.panels = PanelWatch()
        """Which panels are switched off, because they took a worker with them."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reloader = Reloader(self.sources, time.time())
        self._following = False

    @property
    def sources(self) -> PluginSources:
        """Where plugins come from; may be replaced, the next process takes the new ones."""
        return self._workers.sources

    @sources.setter
    def sources(self, sources: PluginSources) -> None:
        self._workers.sources = sources

    # ------------------------------------------------------------ opening

    async def open(
        self,
        spec: str,
        *,
        checkpoint: Checkpoint | None = None,
        sampling: Sampling | None = None,
        measuring: Measuring | None = None,
    ) -> RunInfo:
        """Open a run in a fresh worker; the one before is closed when that has succeeded.

        spec: RunSpec as JSON. Raises LabError, with the open run untouched: for bad settings or
        data, a plugin that fails or hangs, `cancel_open`, or another opening under way.
        """
        if self._busy_opening:
            raise LabError(Failure("Another run is being opened", "Wait for it, or cancel it."))
        sampling, measuring = sampling or Sampling(), measuring or Measuring()
        self._busy_opening, self._cancelled = True, False
        try:
            opening = Open(spec, checkpoint, sampling, measuring)
            link, info, catalog = await self._open_afresh(opening)
            self._check_cancelled()
        except BaseException as error:
            if self._opening is not None:
                self._opening.kill(_CANCELLED)
            if self._current is None and not self._workers.closed and isinstance(error, LabError):
                self._spawn_task(self._workers.prepare())
            raise
        finally:
            self._opening, self._busy_opening = None, False
        self._take(link, info, catalog)
        self._sampling, self._measuring = info.sampling, measuring
        self._running, self._speed = False, None
        self._last_step = info.resumed_at
        self._keeper.reset(spec, checkpoint)
        self._lives.reset()
        return info

    def cancel_open(self) -> bool:
        """Give up the opening under way, whatever it is at; `open` then raises LabError with
        kind "cancelled". False if there is none."""
        if not self._busy_opening:
            return False
        self._cancelled = True
        if self._opening is not None:
            self._opening.kill(_CANCELLED)
        return True

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise LabError(CLOSED if self._workers.closed else _CANCELLED)

    def _tell(self, progress: Progress) -> None:
        self._listener(OpenProgress(progress))

    async def _open_afresh(self, opening: Open) -> tuple[Link, RunInfo, Catalog]:
        """In a fresh worker; in the next one, if a plugin took that with it while it was loaded,
        for that plugin is passed over then."""
        for tries in itertools.count(1):
            link = self._opening = await self._workers.fresh()
            self._check_cancelled()
            try:
                return link, *await self._open_in(link, opening, self._tell)
            except LabError:
                if self._cancelled or tries > MOST_DEADLY or not link.lost_while_loading():
                    raise
                self._tell(Progress("a plugin ended the process; trying without it", 0, 0))
        raise AssertionError("unreachable")

    async def _open_in(
        self, link: Link, command: Open, tell: Callable[[Progress], None] | None = None
    ) -> tuple[RunInfo, Catalog]:
        standing = self._reloader.standing()
        if standing:
            await link.request(Reload(standing))
        info, catalog = await asyncio.gather(
            link.request(command, tell), link.request(GetCatalog()), return_exceptions=True
        )
        if isinstance(catalog, Catalog):
            self.catalog = catalog
        for outcome in (info, catalog):
            if isinstance(outcome, BaseException):
                raise outcome
        assert isinstance(info, RunInfo) and isinstance(catalog, Catalog)
        while standing != (standing := self._reloader.standing()):  # saved meanwhile
            reloaded = await link.request(Reload(standing))
            assert isinstance(reloaded, Reloaded)
            catalog = reloaded.catalog
        self.catalog = catalog
        return info, catalog

    def _take(self, link: Link, info: RunInfo, catalog: Catalog) -> None:
        """From now on, this is the open run."""
        old, self._current = self._current, link
        self.info, self.catalog, self._down = info, catalog, None
        self._epoch = self._last_epoch = self._last_epoch + 1
        if old is not None:
            self._spawn_task(self._workers.retire(old))
        self._spawn_task(self._keep_checkpoints(link))

    # ------------------------------------------------------------ asking

    async def frame(self, request: FrameRequest | None = None) -> Frame:
        """A picture of the run, with what is new since the one before."""
        link = self._current
        with self.panels.asked(request or FrameRequest()) as (wanted, instead):
            frame = await self._ask(GetFrame(wanted), Frame)
        if link is not self._current:  # of the run before: another was opened meanwhile
            raise LabError(CLOSED_RUN)
        if frame.state != "running":
            self._set_running(False)
        self._last_step, self._engine = frame.step, frame.engine
        self._last_epoch = max(self._last_epoch, self._epoch + frame.epoch)
        panel = dataclasses.replace(instead, step=frame.step) if instead else frame.panel
        return dataclasses.replace(frame, epoch=self._epoch + frame.epoch, panel=panel)

    async def advance(self, steps: int = 1) -> None:
        """Do so many steps, then pause. Returns when they are done."""
        self._set_running(False)
        await self._change(Advance(steps))

    async def run(self, speed: float | None = None) -> None:
        """Train from now on, at so many steps a second or flat out."""
        await self._change(Run(speed))
        self._set_running(True, speed)

    async def pause(self) -> None:
        """Stop after the step under way."""
        await self._change(Pause())
        self._set_running(False)

    async def go_to(self, step: int) -> None:
        """Put the run back (or on) to where it is after `step` steps, exactly, and pause."""
        self._set_running(False)
        await self._change(GoTo(step))

    async def set_sampling(self, sampling: Sampling) -> None:
        """How texts are sampled from now on."""
        await self._ask(SetSampling(sampling), Done)
        self._sampling = sampling

    async def set_metrics(self, measuring: Measuring) -> None:
        """Which metrics are on from now on."""
        await self._ask(SetMetrics(measuring), Done)
        self._measuring = measuring

    async def sample(self) -> SampleBatch:
        """A batch of texts, now."""
        return await self._ask(Sample(), SampleBatch)

    async def preview(self, limit: int = 64) -> Preview:
        """What may follow the prompt."""
        return await self._ask(GetPreview(limit), Preview)

    async def edit(self, changes: Mapping[str, KnobValue]) -> None:
        """Change live settings, by dotted field."""
        await self._change(Edit(dict(changes)))
        if self._current is not None:  # the one thing that a replay cannot know of
            await self._keep_checkpoint(self._current)

    async def use_engine(self, name: str, tell: Callable[[Progress], None]) -> None:
        """Let another engine go on, in the same state, as soon as it is made; tell: how far
        that is. Training goes on meanwhile, and a failure leaves the engine that is at work."""
        link = self._current
        if link is not None:  # compiled code may take the process with it
            await self._keep_checkpoint(link)
        await self._ask(UseEngine(name), Done, tell)
        if link is not None and link is self._current:
            self._engine = name
            await self._keep_checkpoint(link)

    async def checkpoint(self) -> Checkpoint:
        """The whole state of the run."""
        return await self._ask(GetCheckpoint(), Checkpoint)

    async def save(self, path: str) -> None:
        """Write the run to a .safetensors file."""
        await self._ask(Save(path), Done)

    async def export(
        self,
        path: str,
        name: str,
        options: Mapping[str, KnobValue],
        tell: Callable[[Progress], None],
    ) -> None:
        """Write the run with an exporter; tell: how far that is."""
        await self._ask(Export(path, name, dict(options)), Done, tell)

    async def get_catalog(self, *, fresh: bool = False) -> Catalog:
        """What there is to choose from. fresh: read the plugins anew, in a new process."""
        if fresh or self._current is None or not self._current.alive:
            if fresh and self._workers.idle is not None:
                self._spawn_task(self._workers.retire(self._workers.idle))
                self._workers.idle = None
            link = await self._workers.fresh() if self._workers.idle is None else self._workers.idle
            self._workers.idle = link
        else:
            link = self._current
        reply = await link.request(GetCatalog())
        assert isinstance(reply, Catalog)
        self.catalog = reply
        return reply

    # ------------------------------------------------------------ plugins that are saved

    def follow_plugins(self) -> None:
        """From now on, plugin files that are saved are used at once; the listener hears of
        each. Call when a run is open."""
        if not self._following and self._reloader.wanted and self.catalog is not None:
            self._following = True
            self._spawn_task(self._follow_plugins(self.catalog))

    async def _follow_plugins(self, catalog: Catalog) -> None:
        reloader, sources = self._reloader, self.sources
        async with contextlib.aclosing(reloader.changes(catalog)) as changes:
            async for saved in changes:
                self.sources = reloader.sources(sources)
                with contextlib.suppress(LabError):  # the next worker is told when it opens
                    await self._reload(saved)
        self._listener(PluginsUnwatched(reloader.trouble))

    async def _reload(self, saved: SavedPlugin) -> None:
        reloaded = await self._ask(Reload((saved,)), Reloaded)
        for path, problem in reloaded.refused.items():
            saved = self._reloader.refuse(path, problem)
        if reloaded.sampling is not None:
            self._sampling = reloaded.sampling
        self.catalog = reloaded.catalog
        for entry in reloaded.catalog.of("panel"):
            if entry.origin == saved.path:
                self.panels.allow(entry.name)  # it may have been mended
        self._listener(PluginSaved(saved, reloaded))

    async def _ask(
        self, command: Command, expected: type[R], tell: Callable[[Progress], None] | None = None
    ) -> R:
        if self._workers.closed:
            raise LabError(CLOSED)
        if self._down is not None:
            raise LabError(self._down)
        if self._current is None:
            raise LabError(_NOTHING_OPEN)
        reply = await self._current.request(command, tell)
        assert isinstance(reply, expected), reply
        return reply

    async def _change(self, command: Command) -> None:
        try:
            await self._ask(command, Done)
        finally:
            self._keeper.changed.set()

    def _set_running(self, running: bool, speed: float | None = None) -> None:
        self._running, self._speed = running, speed
        if self._current is not None:
            self._current.watched = running

    def _on_lost(self, link: Link, failure: Failure) -> None:
        if link is self._current and not self._workers.closed:
            self._current, self._down = None, RESTARTING
            # Now: the requests under way, which tell what was being drawn, are about to end.
            panel = self.panels.culprit(link.blamed, failure, self.catalog)
            aside = self.panels.switch_off(panel, failure) or wrote_nothing(link.blamed)
            self._spawn_task(self._recover(link, failure, aside))

    # ------------------------------------------------------------ recovery

    async def _keep_checkpoints(self, link: Link) -> None:
        """Hold a recent state of the run, at a pace that costs it next to nothing."""
        keeper = self._keeper
        while link is self._current and link.alive:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(keeper.changed.wait(), self._limits.checkpoint)
            if link is self._current and (self._running or keeper.changed.is_set()):
                with contextlib.suppress(LabError):
                    await self._keep_checkpoint(link)
                await asyncio.sleep(link.spent / self._limits.share)

    async def _keep_checkpoint(self, link: Link) -> None:
        keeper = self._keeper
        keeper.changed.clear()
        reply = await link.request(keeper.request())
        if link is self._current and isinstance(reply, Checkpoint):
            keeper.keep(reply)

    async def _recover(self, lost: Link, failure: Failure, aside: str) -> None:
        """aside: a sentence about what took the worker down without being part of the run."""
        assert self.info is not None
        running, speed, seen = self._running, self._speed, self._last_step
        self._set_running(False)
        checkpoint, spec = self._keeper.latest(), self._keeper.spec
        step = checkpoint.step if checkpoint else 0
        if not self._lives.spend():
            self._give_up(failure)
            return
        self._listener(WorkerLost(failure, step))
        sampling, note = without(self._sampling, lost.blamed)
        measuring, off = without_metric(self._measuring, lost.blamed)
        aside = aside or off
        running = running and (lost.external or aside != "")  # what looks on stops no training
        note = note or aside
        blameless = lost.external or note != ""
        if not blameless and lost.blamed.partition(":")[0] in ("", "engine"):
            engine = self.catalog.find("engine", self._engine) if self.catalog else None
            spec, checkpoint, note = without_engine(spec, checkpoint, engine)
        elif not blameless:
            spec, checkpoint, note = without_schedule(spec, checkpoint, lost.blamed)
        self._keeper.spec = spec
        link: Link | None = None
        try:
            link = await self._workers.fresh()
            info, catalog = await self._open_in(link, Open(spec, checkpoint, sampling, measuring))
            if running:
                await link.request(Run(speed))
            elif blameless and seen > step:  # training is not to blame
                await link.request(GoTo(seen))
                step = seen
        except LabError as error:
            if link is not None:
                link.kill(RESTARTING)
            if not self._workers.closed and self._current is None:
                self._give_up(error.failure)
            return
        if self._workers.closed or self._current is not None:  # another run was opened meanwhile
            self._spawn_task(self._workers.retire(link))
            return
        self._take(link, info, catalog)
        self._sampling, self._measuring = sampling, measuring
        self._last_step = step
        self._set_running(running, speed)
        self._lives.begin()
        self._keeper.changed.set()
        self._listener(WorkerBack(info, step, running, note))

    def _give_up(self, failure: Failure) -> None:
        again = "Open the run again to go on from the last state that is known."
        self._down = dataclasses.replace(failure, message=f"{failure.message} {again}")
        self._listener(WorkerGone(self._down))

    @property
    def last_checkpoint(self) -> Checkpoint | None:
        """What a run that went down can be opened from again."""
        return self._keeper.latest()

    # ------------------------------------------------------------ the end

    async def close(self) -> None:
        """End every process, within two seconds whatever they do."""
        self._workers.closed = self._cancelled = True
        self._down = CLOSED
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await self._workers.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._current = None

    def _spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
