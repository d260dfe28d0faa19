"""How good the model is: the worker computes it on request, and the last score is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playground.lab.protocol.score import Scored
from playground.tui.control.context import Context
from playground.tui.control.surgery import Asking, moment

if TYPE_CHECKING:
    from playground.tui.control.tasks import BackgroundTasks


class Scoring:
    """What the screen of the score asks of the lab."""

    def __init__(self, context: Context, tasks: BackgroundTasks) -> None:
        self._context = context
        self.asking = Asking(context, tasks)
        self.rule: str | None = None
        """The rule for valid samples that a person typed; None for the run's own."""
        self._scored: Scored | None = None
        self._scored_at: tuple[object, ...] = ()
        """The moment that it is of."""

    @property
    def scored(self) -> Scored | None:
        """The last score of this run; None if there is none."""
        info = self._context.model.info
        return self._scored if self._scored_at[:1] == (info,) else None

    @property
    def up_to_date(self) -> bool:
        """True if the last score is of the run as it stands."""
        return self._scored is not None and self._scored_at == moment(self._context.model)

    def begin(self) -> None:
        """Score the run as it stands."""
        self.asking.ask(self._score(), "scoring")

    async def _score(self) -> None:
        at = self.asking.began_at
        self._scored = await self._context.lab.score(self.asking.tell, rule=self.rule)
        self._scored_at = at
