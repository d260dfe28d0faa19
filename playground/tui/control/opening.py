"""Opening runs: a new one, a recorded one, the one before, and one whose worker was given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playground.catalog import STAGES, Problem
from playground.lab.protocol.choices import NamedChoices
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.run import SCHEDULE, Checkpoint, Recording, RunInfo
from playground.lab.protocol.sampling import Sampling
from playground.tui.control.context import WHICH_RUN, Context, Remark
from playground.tui.control.frames import Frames


@dataclass(frozen=True, slots=True)
class Earlier:
    """The run that was open before this one, as `undo` opens it again."""

    step: int
    run: int | None = None
    """The run's number in the store; None if it was not recorded."""
    checkpoint: Checkpoint | None = None
    """The whole run, if it was not recorded and has trained."""
    spec: str = "{}"
    """The run's RunSpec as JSON."""


def _as_split(before: str, wanted: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """True if the earlier run is the open one over the same text, split as wanted."""

    def said(dataset: Mapping[str, Any]) -> dict[str, Any]:
        return {**dataset, "options": {"split": "lines", **dataset["options"]}}

    spec: dict[str, Any] = json.loads(before)
    others = {**spec, "dataset": None} == {**now, "dataset": None}
    return others and said(spec["dataset"]) == said(wanted)


def first_problem(problems: Sequence[Problem]) -> tuple[str, str]:
    """(which plugin, and what of it failed; why, and how many more there are) of problems with
    plugins, of which there is at least one."""
    first = problems[0]
    more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
    return f"Plugin {first.plugin} {STAGES[first.stage]}", f"{first.message}{more}"


class Opening:
    """Opens one run at a time; the open run stays until the next one is there."""

    def __init__(self, context: Context, frames: Frames) -> None:
        self._context = context
        self._frames = frames
        self._busy = False
        self.previous: Earlier | None = None
        """The run that was open before this one."""
        self.gone = False
        """True if the worker was given up: the next key that needs one opens the run again."""
        self._tell: Callable[[Failure], None] = self._say_refused
        """Told why a run could not be opened."""
        self.taking: asyncio.Future[int] | None = None
        """Takes in a run that is to be opened then; None if nothing is taken in."""

    async def start(self, changes: Mapping[str, Any]) -> None:
        """Open a new run: the open one with some settings changed, by their dotted names."""
        from playground.lab.spec import RunSpec, SpecError

        model = self._context.model
        changes = {"holdout_by": "text", **changes}  # the open run may be one of an earlier version
        if model.frame is not None:  # the engine may have been changed since the run was opened
            changes = {"engine": model.engine, **changes}
        try:
            spec = RunSpec.parse(model.spec).replace(changes)
        except SpecError as error:
            self._not_opened(Failure("These settings cannot be", str(error)))
            return
        await self.open(spec.to_json())

    async def split_or_join(self) -> None:
        """Open a new run over the same text file, split into windows, or into lines if the open run
        has windows."""
        if not self._context.run_is_open():
            return
        model = self._context.model
        dataset = model.spec["dataset"]
        name, options = dataset["name"], dataset["options"]
        if "split" not in options and name != "text-file":
            words = f"“{name}” comes as documents; windows are for text files."
            self._context.say(Remark("Nothing to split", words))
            return
        split = "lines" if options.get("split") == "windows" else "windows"
        wanted = {**dataset, "options": {**options, "split": split}}
        if self.previous is not None and _as_split(self.previous.spec, wanted, model.spec):
            await self.undo()  # the text was split just now: back to the run, not to its beginning
        else:
            await self.start({"dataset": wanted})

    async def open(
        self,
        spec: Mapping[str, Any] | str,
        *,
        checkpoint: Checkpoint | None = None,
        sampling: Sampling | None = None,
        parent: tuple[int, int] | None = None,
        name: str = "",
        said: NamedChoices | None = None,
    ) -> bool:
        """Open a run; the one before it stays until this one is there, and is kept for `undo`.

        checkpoint: the state to begin in. sampling: as the open run samples, if not given.
        parent: the recorded run that this one is a fork of, and the step. name: what a fork is
        called until the person calls it something else. said: what the command line names in texts,
        which only the worker can look up. Tells the person if the run could not be
        opened, and returns False then.
        """
        text = spec if isinstance(spec, str) else json.dumps(dict(spec))
        lab, model = self._context.lab, self._context.model
        wanted = sampling or model.sampling

        recording = None
        if parent is not None and lab.store:
            recording = Recording(lab.store, parent=parent[0], fork_step=parent[1], name=name)

        def opening() -> Awaitable[RunInfo]:
            return lab.open(
                text,
                checkpoint=checkpoint,
                observation=self._observation(wanted),
                recording=recording,
                said=said,
            )

        return await self._instead(opening)

    def _observation(self, sampling: Sampling | None = None) -> Observation:
        """How to look at the run to be opened: as at the open one, unless `sampling` is given."""
        model, probes = self._context.model, self._context.lab.open_run.observation.probes
        return Observation(sampling or model.sampling, model.measuring, probes)

    async def open_recorded(
        self, run: int, at: int | None = None, *, looking: bool = False
    ) -> bool:
        """Go on with a run of the store, at step `at` or where the run stood; otherwise as `open`.

        looking: the recorded run stays as it is, since it may be open elsewhere; training on makes
        a fork of it.
        """
        lab = self._context.lab
        opening = lab.look_at if looking else lab.open_recorded
        return await self._instead(lambda: opening(run, at))

    async def _instead(self, opening: Callable[[], Awaitable[RunInfo]]) -> bool:
        """Open a run, and keep the open one in `previous`."""
        lab, model = self._context.lab, self._context.model
        step, run, spec = model.step, model.run, model.info.spec if model.info else ""
        last = lab.last_checkpoint if step and run is None else None
        keeping = asyncio.ensure_future(self._keep())
        try:
            # The old worker may be busy with a long step, or hang: nobody waits longer for it.
            await asyncio.wait({keeping}, timeout=0.05)
            opened = await self._open(opening)
            if opened and spec:
                kept = keeping.result() if keeping.done() else last
                lost = self.previous is not None and self.previous.checkpoint is not None
                # A run without a step takes the place of no run that is kept nowhere else.
                if run is not None or kept is not None or not (step or lost):
                    self.previous = Earlier(step, run, kept, spec)
        finally:
            keeping.cancel()
        return opened

    async def _open(self, opening: Callable[[], Awaitable[RunInfo]]) -> bool:
        lab, model = self._context.lab, self._context.model
        if self._busy:
            busy = "Another run is being opened; esc cancels that."
            self._context.say(Remark("One moment", busy))
            return False
        given = model.sampling
        self._busy, model.opening = True, Progress("starting", 0, 0)
        self._context.changed()
        try:
            info = await opening()
        except LabError as error:
            self._not_opened(error.failure)
            return False
        finally:
            self._busy, model.opening = False, None
            self._context.changed()
        self.gone = False
        model.opened(info)
        for notice in info.notices:
            if notice.action == SCHEDULE:  # the data panel may have no room for all of it
                self._context.say(Remark("Another learning rate", notice.text))
        model.measuring = info.observation.measuring
        if info.observation.sampling != given:
            model.adopt(info.observation.sampling)
        first = model.catalog is None
        model.catalog = await lab.get_catalog()
        if first:
            self._tell_problems()
        lab.follow_plugins()
        self._frames.touch()
        return True

    def _not_opened(self, failure: Failure) -> None:
        if failure.kind == "cancelled":
            self._context.say(Remark("Cancelled", "The run stays as it was.", about=WHICH_RUN))
        else:
            self._tell(failure)
        if self._context.model.info is None:
            self._context.model.trouble = failure

    def _say_refused(self, failure: Failure) -> None:
        self._context.say(Remark(failure.title, failure.message, "error"))

    @contextmanager
    def telling(self, tell: Callable[[Failure], None]) -> Iterator[None]:
        """Call `tell` with the reason if a run cannot be opened, instead of showing a toast."""
        self._tell = tell
        try:
            yield
        finally:
            self._tell = self._say_refused

    def _tell_problems(self) -> None:
        """Say the first problem with plugins; the plugins screen lists them all."""
        catalog = self._context.model.catalog
        if catalog is None or not catalog.problems:
            return
        title, words = first_problem(catalog.problems)
        self._context.say(Remark(title, f"{words} Press p for all of it.", "warning"))

    async def _keep(self) -> Checkpoint | None:
        """The open run's state, if anything was trained and the run is not recorded."""
        model = self._context.model
        if model.info is None or model.step == 0 or model.run is not None:
            return None
        try:
            return await self._context.lab.checkpoint()
        except LabError:
            return None

    async def undo(self) -> None:
        """Open the run before this one; doing so again swaps the two back."""
        before = self.previous
        if before is None:
            self._context.say(
                Remark("Nothing to go back to", "No earlier run is kept.", about=WHICH_RUN)
            )
            return
        if before.run is not None:
            opened = await self.open_recorded(before.run)
        else:
            opened = await self.open(before.spec, checkpoint=before.checkpoint)
        if opened:
            self._context.say(
                Remark("Back to the run before", f"at step {before.step:,}", about=WHICH_RUN)
            )

    async def revive(self) -> None:
        """Open the run again if its worker was given up, in the last state that is known of it.

        Raises LabError if the run cannot be opened.
        """
        lab, model = self._context.lab, self._context.model
        info = model.info
        if not self.gone or info is None:
            return
        run, spec, checkpoint = model.run, info.spec, lab.last_checkpoint

        def opening() -> Awaitable[RunInfo]:
            if run is not None:
                return lab.open_recorded(run)
            return lab.open(spec, checkpoint=checkpoint, observation=self._observation())

        if not await self._open(opening):
            raise LabError(Failure("The run stays down", "", kind="cancelled"))
        await self._frames.pull()

    def cancel(self) -> bool:
        """Stop opening a run; False if none was being opened."""
        if self.taking is not None:
            return self.taking.cancel()
        return self._context.lab.cancel_open()
