"""How the run samples: what a person sets goes to the worker, and the next token's chances return.

The model holds the sampling that the person edits; the lab's open run knows which sampling the
worker has. `Previews` sends the model's whenever the two differ. Where the worker could not keep to
what it was sent, the model adopts what the worker has: a prompt that the vocabulary lacks is
dropped, a strategy that hung is switched off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.sampling import Links, Preview, Sampling
from playground.tui.control.context import Context

PREVIEWS_PER_SECOND = 6
TRIED_PER_SECOND = 15
"""The same while a person tries a chain, and looks at nothing else."""


class Trial:
    """A chain of strategies that a person tries, and what it would do to the next token. The run
    goes on sampling by its own chain."""

    def __init__(self, chain: Links, want: Callable[[], None]) -> None:
        """want: asks for the chances anew."""
        self.chain = chain
        self.preview: Preview | None = None
        """The chances by the last chain that could be tried."""
        self.trouble: Failure | None = None
        """Why the chain cannot be tried."""
        self._want = want

    def put(self, chain: Links) -> None:
        """Try this chain."""
        if chain != self.chain:
            self.chain, self.trouble = chain, None
            self._want()

    @property
    def deadly(self) -> bool:
        """True if the worker did not survive this chain."""
        return self.trouble is not None and self.trouble.kind in ("dead", "hung")


class Previews:
    """Keeps the worker's sampling and the model's the same, and the chances on screen current."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wanted = asyncio.Event()
        self._trial: Trial | None = None

    @contextmanager
    def trying(self) -> Iterator[Trial]:
        """Let a person try other chains, beginning with the run's own."""
        self._trial = Trial(self._context.model.sampling.chain, self.want)
        self.want()
        try:
            yield self._trial
        finally:
            self._trial = None
            self.want()

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
                await self._try()
                await self.send()
                if self._trial is None or model.preview is None or model.preview.step != model.step:
                    model.preview = await self._context.lab.preview(model.candidates)
                model.preview_trouble = None
            except LabError as error:
                if error.failure.kind in ("dead", "hung"):
                    continue
                model.preview_trouble = error.failure
            self._context.changed()
            await asyncio.sleep(1 / (TRIED_PER_SECOND if self._trial else PREVIEWS_PER_SECOND))

    async def _try(self) -> None:
        """Fetch the chances by the chain that is being tried. Raises LabError if the worker does
        not survive that; the chain is not tried again then."""
        trial = self._trial
        if trial is None or trial.deadly:
            return
        chain = trial.chain
        try:
            trial.preview = await self._context.lab.preview(chain=chain)
        except LabError as error:
            if chain == trial.chain:
                trial.trouble = error.failure
            self._context.changed()
            if error.failure.kind in ("dead", "hung"):
                raise
        else:
            if chain == trial.chain:
                trial.trouble = None
        self._context.changed()
