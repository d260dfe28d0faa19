"""Between the keys and the worker: it carries out what a person asks for, and pulls frames.

The controller owns the Lab and the model. It knows no widget: it reports by three callbacks,
`changed` (draw again), `say` (tell the person) and `failed` (a defect: leave with its
traceback), which the app supplies.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from playground.catalog import STAGES, KnobValue
from playground.lab.events import (
    RESTARTING,
    LabError,
    LabEvent,
    OpenProgress,
    PluginSaved,
    PluginsUnwatched,
    WorkerBack,
    WorkerGone,
    WorkerLost,
)
from playground.lab.protocol import Checkpoint, Failure, Measuring, Progress, Sampling
from playground.tui.model import SPEEDS, PlaygroundModel
from playground.tui.patience import NOTICED, Patience
from playground.tui.previews import Previews
from playground.tui.reloads import Reloads, cure

if TYPE_CHECKING:
    from playground.lab.client import Lab

FRAMES_PER_SECOND = 12

Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to tell the person. Plain text, never markup."""

    title: str
    message: str = ""
    severity: Severity = "information"


class Controller:
    """Carries out what is asked for; one call a key."""

    def __init__(
        self,
        lab_factory: Callable[[Callable[[LabEvent], None]], Lab],
        model: PlaygroundModel,
        *,
        changed: Callable[[], None],
        say: Callable[[Remark], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.model = model
        self.lab = lab_factory(self._heard)
        self.changed = changed
        self.say = say
        self.failed = failed
        self.previous: Checkpoint | None = None
        """The run before this one, for undo."""
        self._wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._turn = asyncio.Lock()
        self._previews = Previews(self.lab, model, changed)
        self._reloads = Reloads(
            model, self._previews, lambda title, text, severity: say(Remark(title, text, severity))
        )
        self._interrupted = False
        """The run was running when its trouble came."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._told: Failure | None = None
        """The trouble that was said last; once is enough."""
        self._told_of_metrics: list[Failure] = []
        self._opening = False
        self._making: Progress | None = None
        """What was told first of the engine that was asked for last."""
        self._gone = False
        """The worker was given up: the next key that needs one opens the run again."""
        self._patience = Patience(self._wait)
        self.ready = asyncio.Event()
        """Set once the first frame of a run is in the model."""

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Begin pulling. Call once, inside the event loop."""
        self._spawn(self._pump())
        self._spawn(self._previews.pump())

    async def close(self) -> None:
        """End everything."""
        for task in list(self._tasks):
            task.cancel()
        await self.lab.close()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A task that fell over is a defect of ours: it is shown, never swallowed."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed(error)

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Carry out work in the background; what fails is said, never lost."""
        self._spawn(self._guarded(work))

    async def _guarded(self, work: Awaitable[Any]) -> None:
        try:
            await work
        except LabError as error:
            self._complain(error.failure)

    def _complain(self, failure: Failure) -> None:
        if failure == RESTARTING:
            self.say(Remark("One moment", failure.title + "."))
        elif failure.kind not in ("cancelled", "dead", "hung"):  # a death is told by its event
            self.say(Remark(failure.title, failure.message, "error"))

    def _wait(self, seconds: float) -> None:
        self.model.waiting = seconds
        self.changed()

    # ------------------------------------------------------------ opening

    async def open(
        self,
        spec: Mapping[str, Any] | str,
        *,
        checkpoint: Checkpoint | None = None,
        sampling: Sampling | None = None,
    ) -> bool:
        """Open a run; the one before it stays until this one is there. False if it failed.

        sampling: how it samples; as the open run does if not given.
        """
        last = self.lab.last_checkpoint if self.model.step else None
        keeping = asyncio.ensure_future(self._keep())
        try:
            # The old worker may be busy with a long step, or stopped: it is not waited for.
            await asyncio.wait({keeping}, timeout=0.05)
            opened = await self._open(spec, checkpoint, sampling)
            if opened and (kept := keeping.result() if keeping.done() else last) is not None:
                self.previous = kept
        finally:
            keeping.cancel()
        return opened

    async def _open(
        self,
        spec: Mapping[str, Any] | str,
        checkpoint: Checkpoint | None,
        wanted: Sampling | None = None,
    ) -> bool:
        if self._opening:
            self.say(Remark("One moment", "Another run is being opened; esc cancels that."))
            return False
        text = spec if isinstance(spec, str) else json.dumps(dict(spec))
        sampling, measuring = self.model.sampling, self.model.measuring
        self._opening, self.model.opening = True, Progress("starting", 0, 0)
        self.changed()
        try:
            info = await self.lab.open(
                text, checkpoint=checkpoint, sampling=wanted or sampling, measuring=measuring
            )
        except LabError as error:
            self._not_opened(error.failure)
            return False
        finally:
            self._opening, self.model.opening = False, None
            self.changed()
        self._gone = False
        self.model.opened(info)
        self._previews.taken(sampling, info.sampling)
        first = self.model.catalog is None
        self.model.catalog = await self.lab.get_catalog()
        if first:
            self._tell_problems()
        self.lab.follow_plugins()
        self.touch()
        return True

    def _not_opened(self, failure: Failure) -> None:
        if failure.kind == "cancelled":
            self.say(Remark("Cancelled", "The run stays as it was."))
        else:
            self.say(Remark(failure.title, failure.message, "error"))
        if self.model.info is None:
            self.model.trouble = failure

    def _tell_problems(self) -> None:
        """What is wrong with plugins is said once; the plugins screen has the rest."""
        problems = self.model.catalog.problems if self.model.catalog else ()
        if not problems:
            return
        first = problems[0]
        more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
        self.say(
            Remark(
                f"Plugin {first.plugin} {STAGES[first.stage]}",
                f"{first.message}{more} Press p for all of it.",
                "warning",
            )
        )

    async def _keep(self) -> Checkpoint | None:
        """The open run as it stands, if anything was trained."""
        if self.model.info is None or self.model.step == 0:
            return None
        try:
            return await self.lab.checkpoint()
        except LabError:
            return None

    async def undo(self) -> None:
        """Go back to the run before this one; doing it again swaps them back."""
        if self.previous is None:
            self.say(Remark("Nothing to go back to", "No earlier run is kept."))
            return
        checkpoint = self.previous
        if await self.open(checkpoint.spec, checkpoint=checkpoint):
            self.say(Remark("Back to the run before", f"at step {checkpoint.step:,}"))

    def cancel_open(self) -> bool:
        """Stop opening; False if nothing was being opened."""
        return self.lab.cancel_open()

    # ------------------------------------------------------------ training

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """One command after the other, each from the state that the one before led to: five
        quick presses are five steps, also while the run is still being opened."""
        async with self._turn:
            if self.model.info is None:
                await self.ready.wait()
            await self._revive()
            if self.model.frame is None:
                await self._pull()
            yield
            await self._pull()
            self.changed()

    async def _revive(self) -> None:
        """Open the run again whose worker was given up, where it is known to have been."""
        info = self.model.info
        if self._gone and info is not None:
            if not await self._open(info.spec, self.lab.last_checkpoint):
                raise LabError(Failure("The run stays down", "", kind="cancelled"))
            await self._pull()

    async def step(self, steps: int = 1) -> None:
        """Exactly so many steps, then pause."""
        async with self._in_turn():
            if not self._at_end():
                await self._patience.for_(self.lab.advance(steps))

    async def back(self, steps: int = 1) -> None:
        """Exactly so many steps back."""
        async with self._in_turn():
            await self._go_back(max(0, self.model.step - steps))

    async def reset(self) -> None:
        """Back to step 0. Nothing is lost: the same steps come again."""
        async with self._in_turn():
            await self._go_back(0)

    async def _go_back(self, step: int) -> None:
        if self.model.step == 0:
            self.say(Remark("This is the beginning", "No step has been done yet."))
        else:
            await self._patience.for_(self.lab.go_to(step))

    async def toggle(self) -> None:
        """Run, or pause."""
        async with self._in_turn():
            if self.model.running:
                await self._patience.for_(self.lab.pause())
            elif not self._at_end():
                await self._patience.for_(self.lab.run(SPEEDS[self.model.speed]))
        self.touch()

    def _at_end(self) -> bool:
        frame = self.model.frame
        if frame is None or frame.state != "finished":
            return False
        self.say(
            Remark(
                f"All {frame.steps:,} steps are done",
                "b steps back, r returns to the beginning, h sets more steps.",
            )
        )
        return True

    async def set_speed(self, speed: int) -> None:
        """An index into SPEEDS; ends are kept to."""
        self.model.speed = min(max(speed, 0), len(SPEEDS) - 1)
        async with self._in_turn():
            if self.model.running:
                await self._patience.for_(self.lab.run(SPEEDS[self.model.speed]))
        self.touch()

    async def edit(self, changes: Mapping[str, KnobValue]) -> None:
        """Change live settings at once."""
        async with self._in_turn():
            await self._patience.for_(self.lab.edit(changes))

    async def use_engine(self, name: str) -> None:
        """Let another engine go on, in the state of the run, as soon as it is made. The run
        goes on meanwhile; a failure leaves it the engine it had."""
        model = self.model
        entry = model.catalog.find("engine", name) if model.catalog else None
        key = entry.qualified if entry else name

        def tell(progress: Progress) -> None:
            # The worker tells the full name; the person chose a shorter one.
            stage = progress.stage.removeprefix(key).removeprefix(name).removeprefix(": ")
            model.making = replace(progress, stage=f"{name}: {stage}")
            self.changed()

        async with self._in_turn():
            pass  # what was asked for before is done, and there is a worker
        mine = model.making = Progress(f"{name}: getting ready", 0, 0)
        self._making = mine
        self.changed()
        try:
            await self.lab.use_engine(name, tell)
        except LabError as error:
            self._engine_refused(key, error.failure)
        else:
            model.engine_troubles.pop(key, None)
            self.say(
                Remark(f"The {name} engine goes on", "It took over the weights and Adam's moments.")
            )
        finally:
            if self._making is mine:
                model.making = None
        self.touch()

    def _engine_refused(self, key: str, failure: Failure) -> None:
        if failure.kind == "cancelled":
            return
        self.model.engine_troubles[key] = failure.message
        words = f"{failure.message} The run goes on with the {self.model.engine} engine."
        self.say(Remark(failure.title, words, "error"))

    async def save(self, path: str) -> bool:
        """Write a checkpoint; says where it went, or why not."""
        try:
            await self._revive()
            await self._patience.for_(self.lab.save(path))
        except LabError as error:
            self._complain(error.failure)
            return False
        self.say(Remark(f"Saved step {self.model.step:,}", path))
        return True

    async def export(self, path: str, name: str, options: Mapping[str, KnobValue]) -> bool:
        """Write the run with an exporter; says where it went, or why not."""
        model, told = self.model, asyncio.get_running_loop().time()

        def tell(progress: Progress) -> None:
            if asyncio.get_running_loop().time() - told > NOTICED:
                model.making = progress
                self.changed()

        try:
            await self._revive()
            await self._patience.for_(self.lab.export(path, name, options, tell))
        except LabError as error:
            self._complain(error.failure)
            return False
        finally:
            model.making = None
        self.say(Remark(f"Exported step {model.step:,}", path))
        return True

    def allow_panel(self, name: str) -> None:
        """A panel that was switched off for hanging is drawn again: a person chose it."""
        self.lab.panels.allow(name)

    # ------------------------------------------------------------ sampling

    def set_sampling(self, sampling: Sampling) -> None:
        """From now on sample like this; the bars follow at once."""
        self.model.sampling = sampling
        self._previews.want()
        self.changed()

    async def go_on_without(self, strategy: str) -> None:
        """Switch a strategy off, by its qualified name, and train on if it was that which
        stopped the run."""
        self.set_sampling(self.model.without_strategy(strategy))
        async with self._in_turn():
            await self._previews.send()
            if self._interrupted:
                self._interrupted = False
                await self._patience.for_(self.lab.run(SPEEDS[self.model.speed]))
        self.touch()

    def set_prompt(self, prompt: str) -> None:
        self.set_sampling(replace(self.model.sampling, prompt=prompt))

    async def set_metrics(self, measuring: Measuring) -> None:
        """From now on measure these, and draw them below the loss."""
        async with self._in_turn():
            await self._patience.for_(self.lab.set_metrics(measuring))
            self.model.measuring = measuring
        self.touch()

    async def sample(self) -> None:
        """A batch of texts now."""
        await self._revive()
        await self._previews.send()
        batch = await self._patience.for_(self.lab.sample())
        if batch.note:
            self.say(Remark("No samples", batch.note, "warning"))
        self.touch()

    # ------------------------------------------------------------ frames

    def touch(self) -> None:
        """A person did something that changes what is seen: look again, at once."""
        self._wanted.set()
        self._hurry.set()

    async def _breathe(self, seconds: float) -> None:
        """The pace of the pictures, which a person's key cuts short."""
        self._hurry.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    async def _pump(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self.model.info is None:
                continue
            try:
                await self._pull()
            except LabError as error:
                if error.failure.kind not in ("dead", "hung"):
                    self._complain(error.failure)
                continue
            self.changed()
            await self._breathe(1 / FRAMES_PER_SECOND)

    async def _pull(self) -> None:
        before, running = (self.model.step, self.model.frame is None), self.model.running
        frame = await self._patience.for_(self.lab.frame(self.model.request()))
        if not self.model.take(frame):
            frame = await self.lab.frame(self.model.request())
            self.model.take(frame)
        if frame.trouble is not None and frame.trouble != self._told:
            self._interrupted = running
            words = frame.trouble.message + cure(frame.trouble)
            self.say(Remark(frame.trouble.title, words, "error"))
        self._told = frame.trouble
        for meter in frame.meters:  # the worker keeps it off; it is said once
            if meter.trouble is not None and meter.trouble not in self._told_of_metrics:
                self._told_of_metrics.append(meter.trouble)
                self.say(Remark(meter.trouble.title, meter.trouble.message, "warning"))
        late = frame.panel is not None and frame.panel.step != frame.step
        if frame.state == "running" or late:  # a slow panel is drawn when its turn comes
            self._wanted.set()
        if (self.model.step, False) != before:
            self._previews.want()
        self.ready.set()

    # ------------------------------------------------------------ what the lab reports

    def _heard(self, event: LabEvent) -> None:
        match event:
            case OpenProgress(progress):
                self.model.opening = progress
            case PluginSaved() | PluginsUnwatched():
                self._reloads.heard(event)
                self.touch()
            case WorkerLost(failure, step):
                self.model.trouble = failure
                self.say(Remark(failure.title, failure.message, "error"))
            case WorkerBack(info, step, running, note):
                self.model.opened(info)
                self.model.catalog = self.lab.catalog or self.model.catalog
                self._previews.taken(None, info.sampling)
                goes = "It trains on" if running else "It waits, paused,"
                self.say(
                    Remark("A fresh worker has taken over", f"{goes} from step {step:,}. {note}")
                )
                self.touch()
            case WorkerGone(failure):
                self._gone = True
                self.model.went_down(failure)
                words = f"{failure.message} Press s or space for that."
                self.say(Remark(failure.title, words, "error"))
        self.changed()
