"""Hands the runs of a sweep to an Executor, and records what comes back.

The coordinator alone writes the store. A run is reported when it is recorded, and its key, (sweep,
setting, seed), is unique there, so a sweep that is killed and resumed records no run twice.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playground.lab.protocol.failures import Failure
from playground.lab.store.store import Store
from playground.lab.store.sweeps import add_run, runs_of
from playground.lab.store.transfer import ENDING, import_run
from playground.lab.sweep.plan import Plan, Unit
from playground.lab.sweep.pool import submit
from playground.lab.sweep.search import next_round
from playground.lab.sweep.unit import Outcome

ATTEMPTS = 3
"""How often a run is tried whose worker is lost."""
LISTENING = 0.2
"""Seconds between two looks at whether to stop."""
END = Literal["done", "stopped", "time", "failed"]


@dataclass(slots=True)
class Progress:
    """How far a sweep is, for whoever shows it."""

    total: int
    recorded: int
    """Runs in the store, those of earlier sessions of the sweep included."""
    here: int = 0
    """Runs recorded in this session."""
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float | None:
        """At the pace of this session; None before its first run."""
        if not self.here:
            return None
        pace = (time.monotonic() - self.began) / self.here
        return pace * (self.total - self.recorded)


class Coordinator:
    """One session of a sweep: from what is recorded to its end, or until it is stopped."""

    def __init__(
        self,
        store: Store,
        sweep: int,
        plan: Plan,
        tell: Callable[[str], None],
        show: Callable[[Progress], None],
    ) -> None:
        """tell: called with a sentence for a person. show: called after each recorded run."""
        self._store, self._sweep, self.plan = store, sweep, plan
        self._tell, self._show = tell, show
        known = {(one.setting, one.seed) for one in runs_of(store, sweep)}
        units = list(plan.units())
        self._waiting = deque(unit for unit in units if unit.key not in known)
        self._lost: Counter[tuple[int, int]] = Counter()
        self._failed = False
        self.progress = Progress(plan.count * len(plan.seeds), len(units) - len(self._waiting))

    def run(
        self,
        pool: Callable[[], AbstractContextManager[Executor]],
        at_once: Callable[[], int],
        stop: Callable[[], bool],
        seconds: float | None = None,
    ) -> END:
        """Train what is missing.

        pool: makes an Executor, another one after a worker was lost. at_once: how many runs
        are handed out together, which may change. stop: asked now and then. seconds: how long no
        later than which runs at work are given up. Returns how it ended: "failed" if a run could
        not be made. Raises StoreError, and the LabError of a pool that cannot go on.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while self._waiting or self._more():
            with pool() as executor:
                end = self._with(executor, at_once, stop, until)
            if end is not None:
                return end
        return "failed" if self._failed else "done"

    def _with(
        self,
        executor: Executor,
        at_once: Callable[[], int],
        stop: Callable[[], bool],
        until: float | None,
    ) -> END | None:
        """Train with this Executor; None if all is done or the Executor is broken."""
        going: dict[Future[Outcome], Unit] = {}
        while self._waiting or going or self._more():
            if stop():
                return "stopped"
            if until is not None and time.monotonic() >= until:
                return "time"
            try:
                while len(going) < at_once() and self._waiting and not self._alone(going):
                    going[submit(executor, self._waiting[0])] = self._waiting[0]
                    self._waiting.popleft()
            except BrokenExecutor:
                self._again(list(going.values()))
                return None
            ended, _ = wait(going, LISTENING, FIRST_COMPLETED)
            broken: list[Unit] = []
            for future in ended:
                unit = going.pop(future)
                try:
                    outcome = future.result()
                except BrokenExecutor:
                    broken.append(unit)
                else:
                    self._take(unit, outcome)
            if broken:
                self._again([*broken, *going.values()])
                return None
        return None

    def _more(self) -> bool:
        """Take up the next round of a search; False if there is none. Every run before is done."""
        before = len(self.plan.settings)
        self.plan = next_round(self._store, self._sweep, self.plan, self._tell)
        self._waiting.extend(self.plan.units(before))
        self.progress.total = self.plan.count * len(self.plan.seeds)
        return bool(self._waiting)

    def _alone(self, going: dict[Future[Outcome], Unit]) -> bool:
        """True if the next run has to wait, because it, or the one at work, is on its last try: it
        then works alone, so that no other run is lost with it."""
        last = ATTEMPTS - 1
        suspect = self._lost[self._waiting[0].key] >= last
        return bool(going) and (
            suspect or any(self._lost[unit.key] >= last for unit in going.values())
        )

    def _again(self, units: list[Unit]) -> None:
        """Put the units of lost workers back, those that were lost too often left out."""
        for unit in sorted(units, key=lambda unit: unit.key, reverse=True):
            self._lost[unit.key] += 1
            if self._lost[unit.key] < ATTEMPTS:
                self._waiting.appendleft(unit)
            else:
                self._failed = True
                self._tell(
                    f"{self._name(unit)}: its worker was lost {ATTEMPTS} times, perhaps for want "
                    "of memory. The run is left out."
                )
        if self._waiting:
            self._tell("A worker was lost; the runs at work are done again.")

    def _take(self, unit: Unit, outcome: Outcome) -> None:
        if not outcome.file:
            self._failed = True
            trouble = outcome.trouble or Failure("There is no run", "The worker made none.")
            self._tell(f"{self._name(unit)}: {trouble.title}. {trouble.message}")
            return
        with tempfile.TemporaryDirectory(prefix="microgpt-sweep-") as folder:
            path = Path(folder) / f"run{ENDING}"
            path.write_bytes(outcome.file)
            import_run(
                self._store,
                path,
                also=functools.partial(
                    add_run,
                    name=self._name(unit),
                    sweep=self._sweep,
                    setting=unit.setting,
                    seed=unit.seed,
                ),
            )
        self.progress.recorded += 1
        self.progress.here += 1
        if outcome.trouble is not None:
            self._tell(f"{self._name(unit)}: {outcome.trouble.title}. {outcome.trouble.message}")
        self._show(self.progress)

    def _name(self, unit: Unit) -> str:
        """The name of the run in the store, by which `runs list` finds it."""
        words = self.plan.settings[unit.setting].words
        return f"sweep {self._sweep}: {words} seed={unit.seed}"[:200]
