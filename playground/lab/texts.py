"""The texts of a run: sampled by themselves every so many steps, and on demand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from playground.lab.protocol import Preview, SampleBatch
from playground.lab.sampler import Sampler
from playground.lab.speed import Ration

KEPT_BATCHES = 200


class Texts:
    """Samples, and keeps what was sampled. Never touches training.

    heard: called with each new batch, and what made it: "automatic", "on demand 2".
    """

    def __init__(self, sampler: Sampler, heard: Callable[[str, SampleBatch], None]) -> None:
        self.sampler = sampler
        self.batches: list[SampleBatch] = []
        """Oldest first."""
        self._heard = heard
        self._number = 0
        self._ration = Ration()
        self._on_demand: tuple[int, int] = (0, 0)
        """At which step there were how many."""

    def recall(self, batches: Iterable[SampleBatch]) -> None:
        """What was sampled before the run was opened again, numbered from 1."""
        self.batches = list(batches)
        self._number = len(self.batches)

    def forget_after(self, step: int) -> None:
        """Another future begins after `step`."""
        self.batches = [batch for batch in self.batches if batch.step <= step]

    # ------------------------------------------------------------ by themselves

    def until(self, step: int, most: int) -> int:
        """Steps from `step` to the next batch, at most `most`."""
        every = self.sampler.sampling.every
        return min(most, every - step % every) if every else most

    def earn(self, seconds: float) -> None:
        """Training went on for so long."""
        self._ration.earn(seconds)

    def after(self, step: int) -> None:
        """A batch, if it is this step's turn. Raises PluginError."""
        every = self.sampler.sampling.every
        if not every or step % every or not self._ration.left:
            return
        began = time.perf_counter()
        try:
            self._batch(step, "automatic")
        finally:
            self._ration.spend(time.perf_counter() - began)

    # ------------------------------------------------------------ on demand

    def sample(self, step: int) -> SampleBatch:
        """A batch now; another one each time. Raises PluginError."""
        at, count = self._on_demand
        self._on_demand = (step, count + 1 if at == step else 1)
        return self._batch(step, f"on demand {self._on_demand[1]}")

    def preview(self, step: int, limit: int) -> Preview:
        """What may follow the prompt. Raises LabError, PluginError."""
        return self.sampler.preview(step, limit)

    def _batch(self, step: int, occasion: str) -> SampleBatch:
        self._number += 1
        batch = self.sampler.batch(self._number, step, occasion)
        self.batches = [*self.batches[-KEPT_BATCHES + 1 :], batch]
        self._heard(occasion, batch)
        return batch
