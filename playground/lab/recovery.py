"""What the screen's side remembers of a run, so that it survives its worker."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from array import array

from playground.catalog import BUILTIN, Entry
from playground.lab.events import Limits
from playground.lab.protocol import FALLBACK_ENGINE, Checkpoint, GetCheckpoint, Sampling


class Keeper:
    """The latest checkpoint of the open run. Its series are fetched piece by piece, so that a
    million steps cost no more than the last few hundred."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spec = ""
        self.changed = asyncio.Event()
        """Something was done to the run since the checkpoint was made."""
        self._latest: Checkpoint | None = None
        self._losses = array("d")
        self._rates = array("d")
        self._evaluations: list[tuple[int, float]] = []
        self._first = 0
        """The series begin after this step."""
        self._epoch = -1

    def reset(self, spec: str, checkpoint: Checkpoint | None) -> None:
        """Another run, opened from `checkpoint` or from its start."""
        self.__init__(self.limits)  # type: ignore[misc]
        self.spec = spec
        if checkpoint is not None:
            self.keep(dataclasses.replace(checkpoint, epoch=-1))

    def request(self) -> GetCheckpoint:
        """What to ask the worker for."""
        return GetCheckpoint(True, self._first + len(self._losses), self._epoch)

    def keep(self, checkpoint: Checkpoint) -> None:
        """Take in what came back."""
        if checkpoint.since_step != self._first + len(self._losses):
            self._losses, self._rates = array("d"), array("d")
            self._evaluations = []
            self._first = checkpoint.since_step
        self._losses.frombytes(checkpoint.losses)
        self._rates.frombytes(checkpoint.learning_rates)
        known = {step for step, _ in self._evaluations}
        self._evaluations += [pair for pair in checkpoint.evaluations if pair[0] not in known]
        self._epoch = checkpoint.epoch
        self._latest = dataclasses.replace(
            checkpoint, losses=b"", learning_rates=b"", evaluations=()
        )

    def latest(self) -> Checkpoint | None:
        """The checkpoint with all its series; None if the run has only its start."""
        if self._latest is None:
            return None
        return dataclasses.replace(
            self._latest,
            losses=self._losses.tobytes(),
            learning_rates=self._rates.tobytes(),
            evaluations=tuple(self._evaluations),
            since_step=self._first,
        )


class Lives:
    """Whether a run that lost its worker gets another one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """A run begins."""
        self._deaths = 0
        self._began: float | None = None

    def begin(self) -> None:
        """A recovered worker is at work."""
        self._began = time.monotonic()

    def spend(self) -> bool:
        """It died. True if it is worth another try."""
        lived = None if self._began is None else time.monotonic() - self._began
        if lived is not None and lived > self._limits.steady:
            self._deaths = 0
        self._deaths += 1
        if lived is not None and lived < self._limits.settle:
            return False
        return self._deaths < self._limits.deaths


def without(sampling: Sampling, blamed: str) -> tuple[Sampling, str]:
    """The same sampling with the strategy that hung switched off, and a sentence about it."""
    kind, _, name = blamed.partition(":")
    bare = name.rpartition(":")[2]
    if kind != "strategy" or not any(link.name in (name, bare) for link in sampling.chain):
        return sampling, ""
    chain = tuple(
        dataclasses.replace(link, enabled=False) if link.name in (name, bare) else link
        for link in sampling.chain
    )
    return (
        dataclasses.replace(sampling, chain=chain),
        f"The strategy {bare!r} hung and is switched off.",
    )


def without_engine(
    spec: str, checkpoint: Checkpoint | None, engine: Entry | None
) -> tuple[str, Checkpoint | None, str]:
    """The same run, with an engine of our own going on in the place of a plugin's that hung or
    crashed; and a sentence about it, empty if it was ours."""
    if engine is None or engine.plugin == BUILTIN:
        return spec, checkpoint, ""
    note = f"The engine {engine.name!r} was at work; {FALLBACK_ENGINE} goes on in its place."
    if checkpoint is None:
        return json.dumps({**json.loads(spec), "engine": FALLBACK_ENGINE}), None, note
    kept = tuple(pair for pair in checkpoint.engines if pair[0] < checkpoint.step)
    engines = (*kept, (checkpoint.step, FALLBACK_ENGINE))
    return spec, dataclasses.replace(checkpoint, engines=engines), note
