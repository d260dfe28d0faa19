"""What the microscope asks of a run's past: the run without a step, and what taught a prediction.

Both are replays, which the worker makes between steps and other commands. What they will take is
asked first. Of one dialog's work at most one piece is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from playground.lab.protocol.commands import Influence
from playground.lab.protocol.failures import Failure, Progress
from playground.lab.protocol.influence import Cost, Influences, LeftOut
from playground.tui.control.context import Context
from playground.tui.control.surgery import Asking

if TYPE_CHECKING:
    from playground.tui.control.tasks import BackgroundTasks

PACE, REPLAY = "measuring the pace", "replaying"
AT_ONCE = 1.0
"""Seconds of work below which nobody is asked whether to begin."""


class Replaying:
    """One question about the past of the open run, while a dialog shows it."""

    def __init__(self, context: Context, tasks: BackgroundTasks) -> None:
        self._context = context
        self.asking = Asking(context, tasks)
        self.cost: Cost | None = None
        """What the work would take; None until that is known."""
        self.found: LeftOut | Influences | None = None
        self._work: Callable[[], Coroutine[Any, Any, LeftOut | Influences]] | None = None
        """What is asked of the worker."""

    @property
    def progress(self) -> Progress | None:
        """How far the work is; None while none is under way."""
        return self.asking.progress

    @property
    def trouble(self) -> Failure | None:
        """Why nothing came."""
        return self.asking.trouble

    @property
    def waits(self) -> bool:
        """True if the work is long enough to ask before, and has not been begun."""
        return self.cost is not None and not self.asking.busy and self._nothing

    @property
    def _nothing(self) -> bool:
        return self.found is None and self.trouble is None

    def without(self, step: int, to: int) -> None:
        """Ask for the run without this step, up to step `to`."""
        self._work = lambda: self._context.lab.without(step, self.asking.tell, to)
        self.asking.ask(self._priced(step, to), PACE)

    def influence(self, asked: Influence) -> None:
        """Ask for what taught this prediction."""
        self._work = lambda: self._context.lab.influence(asked, self.asking.tell)
        self.asking.ask(self._priced(None, None), PACE)

    def go_on(self) -> None:
        """Begin the work, after its cost was told."""
        if self.waits:
            self.asking.ask(self._found(), REPLAY)

    def give_up(self) -> None:
        """End the work under way, if there is any."""
        self.asking.give_up()

    async def _priced(self, step: int | None, to: int | None) -> None:
        self.cost = await self._context.lab.cost(step, to)
        if self.cost.seconds < AT_ONCE:
            await self._found()

    async def _found(self) -> None:
        assert self._work is not None
        self.found = await self._work()
