"""What the person set for sampling goes to the worker, and the next token's chances come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from playground.lab.protocol.failures import LabError
from playground.lab.protocol.sampling import Sampling
from playground.tui.model import PlaygroundModel

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab

PREVIEWS_PER_SECOND = 6


class Previews:
    """Keeps worker and model of one mind about the sampling."""

    def __init__(self, lab: Lab, model: PlaygroundModel, changed: Callable[[], None]) -> None:
        self._lab = lab
        self._model = model
        self._changed = changed
        self._wanted = asyncio.Event()
        self._sent: Sampling | None = None
        """What the worker samples by."""

    def want(self) -> None:
        """The chances may be others now."""
        self._wanted.set()

    def taken(self, given: Sampling | None, taken: Sampling) -> None:
        """A worker was opened with the sampling `given` (None: with what was sent last), and
        made `taken` of it: a prompt that a vocabulary lacks is dropped, a strategy that hung is
        off. What the person has changed meanwhile is sent again."""
        given = self._sent if given is None else given
        self._sent = taken
        if taken != given:
            self._model.adopt(taken)

    async def send(self) -> None:
        """Have the worker sample as the screen says. Raises LabError."""
        sampling = self._model.sampling
        if sampling == self._sent:
            return
        try:
            await self._lab.set_sampling(sampling)
        except LabError as error:
            if error.failure.kind == "hung" and self._sent is not None:
                self._model.adopt(self._sent)  # or it hangs the next worker too
            raise
        self._sent = sampling

    async def pump(self) -> None:
        """Ask for chances, forever, as often as they are wanted."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._model.info is None:
                continue
            try:
                await self.send()
                self._model.preview = await self._lab.preview()
                self._model.preview_trouble = None
            except LabError as error:
                if error.failure.kind in ("dead", "hung"):
                    continue
                self._model.preview_trouble = error.failure
            self._changed()
            await asyncio.sleep(1 / PREVIEWS_PER_SECOND)
