"""Sweeps in a store that nothing has trained: rows and series by the store's own functions."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec
from playground.lab.store.records import Batch, NewRun
from playground.lab.store.store import Store
from playground.lab.store.sweeps import add_run, begin_sweep
from playground.lab.sweep.plan import Plan, Unit
from playground.lab.sweep.vary import planned

STEPS = 40
RATES = {"learning_rate": ["0.003", "0.01", "0.03"]}


def plan_of(vary: Mapping[str, Sequence[str]], seeds: int = 2, steps: int = STEPS) -> Plan:
    """A plan over these values."""
    return planned(RunSpec(steps=steps), vary, seeds, lambda _, name: name, PluginSources())


def final(unit: Unit) -> float:
    """The held-out loss of a run: the less, the later its setting; the second seed 0.01 more."""
    return 3.0 - 0.1 * unit.setting + 0.01 * (unit.seed % 2)


def record(store: Store, sweep: int, unit: Unit, steps: int | None = None) -> int:
    """Record a run of the sweep, which made so many steps, or all; returns its number."""
    spec = RunSpec.parse(unit.spec)
    made = spec.steps if steps is None else steps
    end = final(unit)
    losses = array("d", (end + 2 * math.exp(-step / 10) for step in range(1, made + 1)))
    run = store.create(NewRun(unit.spec, "names", 4192, "{}", "0" * 64, (), "{}", ""), "")
    store.append(
        run,
        Batch(
            at=made,
            status="finished" if made == spec.steps else "failed",
            losses=losses,
            learning_rates=array("d", [0.01] * made),
            tokens_seen=7 * made,
            seconds=made / 100,
            loss=end,
            evaluations=((made, end),) if made else (),
        ),
    )
    with store.database.writing() as db:
        add_run(db, run, f"sweep {sweep}", sweep, unit.setting, unit.seed)
    return run


def record_sweep(path: Path, plan: Plan, units: Iterable[Unit] | None = None) -> int:
    """Record a sweep with these runs, or with all; returns its number."""
    with Store.open(path) as store:
        sweep = begin_sweep(store, plan.to_json())
        for unit in plan.units() if units is None else units:
            record(store, sweep, unit)
    return sweep
