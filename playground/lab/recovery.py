"""What the screen's side remembers of a run, so that it survives its worker."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import time
from array import array
from collections.abc import Iterator
from itertools import chain

from playground.catalog import BUILTIN, Catalog, Entry
from playground.lab.events import Limits
from playground.lab.protocol import (
    FALLBACK_ENGINE,
    FALLBACK_SCHEDULE,
    Checkpoint,
    Failure,
    FrameRequest,
    GetCheckpoint,
    Measuring,
    PanelFrame,
    Sampling,
)


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
        self._measured: dict[str, dict[float, float]] = {}
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

    def another_worker(self) -> None:
        """The epochs of the next one have nothing to do with those so far: ask for everything."""
        self._epoch = -1

    def keep(self, checkpoint: Checkpoint) -> None:
        """Take in what came back."""
        kept = checkpoint.since_step - self._first
        if checkpoint.epoch == self._epoch and 0 <= kept <= len(self._losses):
            # Less than is known by now, if another one was asked for at the same time.
            del self._losses[kept:], self._rates[kept:]
        else:
            self._losses, self._rates = array("d"), array("d")
            self._evaluations, self._measured = [], {}
            self._first = checkpoint.since_step
        self._losses.frombytes(checkpoint.losses)
        self._rates.frombytes(checkpoint.learning_rates)
        known = {step for step, _ in self._evaluations}
        self._evaluations += [pair for pair in checkpoint.evaluations if pair[0] not in known]
        for label, data in checkpoint.measured:
            pairs = array("d", data)
            values = self._measured.setdefault(label, {})
            values.update(zip(pairs[::2], pairs[1::2], strict=True))
        self._epoch = checkpoint.epoch
        self._latest = dataclasses.replace(
            checkpoint, losses=b"", learning_rates=b"", evaluations=(), measured=()
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
            measured=tuple(
                (label, array("d", chain.from_iterable(known.items())).tobytes())
                for label, known in self._measured.items()
            ),
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


def without_metric(measuring: Measuring, blamed: str) -> tuple[Measuring, str]:
    """The same metrics without the one that hung, and a sentence about it."""
    kind, _, name = blamed.partition(":")
    rest = tuple(one for one in measuring.metrics if one.name not in (name, _bare(name)))
    if kind != "metric" or len(rest) == len(measuring.metrics):
        return measuring, ""
    return (
        dataclasses.replace(measuring, metrics=rest),
        f"The metric {_bare(name)!r} hung and is switched off.",
    )


class PanelWatch:
    """Which contributed panels may be drawn. One that hung, or was being drawn when its worker
    crashed, is switched off until a person chooses it again: it would take the next one too."""

    def __init__(self) -> None:
        self._off: dict[str, Failure] = {}
        """Why, by the panel's name."""
        self._asked: list[str] = []
        """Panels of the frames that are under way."""

    def allow(self, name: str) -> None:
        """Draw it again."""
        self._off.pop(_bare(name), None)

    @contextlib.contextmanager
    def asked(self, request: FrameRequest) -> Iterator[tuple[FrameRequest, PanelFrame | None]]:
        """The frame to ask for, and what to show in the place of a panel that is off."""
        view = request.panel
        if view is None:
            yield request, None
        elif (failure := self._off.get(_bare(view.name))) is not None:
            yield (
                dataclasses.replace(request, panel=None),
                PanelFrame(view.name, 0, trouble=failure),
            )
        else:
            self._asked.append(view.name)
            try:
                yield request, None
            finally:
                self._asked.remove(view.name)

    def culprit(self, blamed: str, lost: Failure, catalog: Catalog | None) -> str:
        """The panel that took a worker down; "" if none did. A crash names nobody: then it is
        the plugin's panel that was being drawn, if there was one."""
        kind, _, name = blamed.partition(":")
        if kind == "panel":
            return name
        if blamed or lost.kind != "dead" or not self._asked:
            return ""
        entry = catalog.find("panel", self._asked[-1]) if catalog else None
        return entry.qualified if entry is not None and entry.plugin != BUILTIN else ""

    def switch_off(self, name: str, lost: Failure) -> str:
        """Draw this panel no more; a sentence about it. "" for ""."""
        bare = _bare(name)
        if not bare:
            return ""
        self._off[bare] = Failure(
            f"The panel {bare!r} is switched off", lost.message, kind=lost.kind, detail=lost.detail
        )
        return f"The panel {bare!r} is switched off; choosing it again (5) gives it another try."


def wrote_nothing(blamed: str) -> str:
    """A sentence about an exporter that hung; empty if none did."""
    kind, _, name = blamed.partition(":")
    return f"The exporter {_bare(name)!r} hung, and wrote nothing." if kind == "exporter" else ""


def _bare(name: str) -> str:
    """ "spark" for "file:spark"."""
    return name.rpartition(":")[2]


def without_schedule(
    spec: str, checkpoint: Checkpoint | None, blamed: str
) -> tuple[str, Checkpoint | None, str]:
    """The same run under microgpt's own schedule, in the place of one that hung; and a sentence
    about it, empty if none did."""
    kind, _, name = blamed.partition(":")
    if kind != "schedule":
        return spec, checkpoint, ""
    spec = json.dumps({**json.loads(spec), "schedule": {"name": FALLBACK_SCHEDULE}})
    if checkpoint is not None:
        checkpoint = dataclasses.replace(checkpoint, spec=spec, repeatable=False)
    words = f"The schedule {_bare(name)!r} hung; the {FALLBACK_SCHEDULE} one goes on in its place."
    return spec, checkpoint, words


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
