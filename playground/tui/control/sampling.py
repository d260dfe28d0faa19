"""How the run samples: what a person sets goes to the worker, and the next token's chances return.

The model holds the sampling that the person edits; the lab's open run knows which sampling the
worker has. `Previews` sends the model's whenever the two differ. Where the worker could not keep to
what it was sent, the model adopts what the worker has: a prompt that the vocabulary lacks is
dropped, a strategy that hung is switched off.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from playground.lab.protocol.failures import LabError
from playground.lab.protocol.sampling import Sampling
from playground.tui.control.context import Context

PREVIEWS_PER_SECOND = 6


class Previews:
    """Keeps the worker's sampling and the model's the same, and the chances on screen current."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wanted = asyncio.Event()

    def set_sampling(self, sampling: Sampling) -> None:
        """Sample like this from now on; the bars follow at once."""
        self._context.model.sampling = sampling
        self.want()
        self._context.changed()

    def set_prompt(self, prompt: str) -> None:
        """Begin samples with this prompt from now on."""
        self.set_sampling(replace(self._context.model.sampling, prompt=prompt))

    def want(self) -> None:
        """Ask for the chances anew: the sampling or the step is another."""
        self._wanted.set()

    async def send(self) -> None:
        """Have the worker sample as the model says. Raises LabError."""
        lab, model = self._context.lab, self._context.model
        before = lab.open_run.observation.sampling
        if model.sampling == before:
            return
        try:
            await lab.observe(model.sampling)
        except LabError as error:
            if error.failure.kind == "hung":
                model.adopt(before)  # or it hangs the next worker too
            raise

    async def pump(self) -> None:
        """Fetch the chances whenever they are wanted, PREVIEWS_PER_SECOND times at most; never
        returns."""
        model = self._context.model
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if model.info is None:
                continue
            try:
                await self.send()
                model.preview = await self._context.lab.preview()
                model.preview_trouble = None
            except LabError as error:
                if error.failure.kind in ("dead", "hung"):
                    continue
                model.preview_trouble = error.failure
            self._context.changed()
            await asyncio.sleep(1 / PREVIEWS_PER_SECOND)
