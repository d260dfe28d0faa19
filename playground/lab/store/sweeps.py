"""The sweeps of the store: what each one is to train, and which runs it has recorded so far."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from playground.lab.store.errors import missing
from playground.lab.store.store import Store


@dataclass(frozen=True, slots=True)
class SweptRun:
    """A run that a sweep has recorded, as the table of the sweep needs it."""

    setting: int
    """Which setting of the plan, counted from 0."""
    seed: int
    run: int
    loss: float | None
    """The smoothed training loss at the end, in nats a token."""
    heldout: float | None
    """The last hold-out loss, in nats a token; None if none was measured."""
    step: int
    """The steps that are recorded; fewer than the run was to have if a step failed."""
    steps: int


def begin_sweep(store: Store, plan: str) -> int:
    """Record that a sweep with this plan, as JSON, begins; returns its id. Raises StoreError."""
    with store.database.writing() as db:
        made = db.execute("INSERT INTO sweeps (created, plan) VALUES (?, ?)", (time.time(), plan))
        return int(made.lastrowid or 0)


def change_plan(store: Store, sweep: int, plan: str) -> None:
    """Put this plan, as JSON, in the place of the sweep's, whose lock the caller holds. Raises
    StoreError."""
    with store.database.writing() as db:
        db.execute("UPDATE sweeps SET plan = ? WHERE id = ?", (plan, sweep))


def plan_of(store: Store, sweep: int) -> str:
    """The plan of a sweep, as JSON. Raises StoreError "missing", which names the last sweeps."""
    with store.database.reading() as db:
        found = db.execute("SELECT plan FROM sweeps WHERE id = ?", (sweep,)).fetchone()
        last = [str(one[0]) for one in db.execute("SELECT id FROM sweeps ORDER BY id DESC LIMIT 5")]
    if found is None:
        there = f"The last sweeps are {', '.join(last)}." if last else "There are no sweeps yet."
        raise missing("There is no such sweep", f"No sweep has the number {sweep}. {there}")
    return str(found[0])


def add_run(
    db: sqlite3.Connection, run: int, name: str, sweep: int, setting: int, seed: int
) -> None:
    """Within the transaction that completes an imported run, make it the sweep's run of this
    setting and seed, and name it. Raises sqlite3.IntegrityError if the sweep has that run."""
    db.execute("INSERT INTO sweep_runs VALUES (?, ?, ?, ?)", (sweep, setting, seed, run))
    db.execute("UPDATE runs SET name = ? WHERE id = ?", (name, run))


def runs_of(store: Store, sweep: int) -> list[SweptRun]:
    """The recorded runs of a sweep, by setting and seed. Raises StoreError."""
    with store.database.reading() as db:
        found = db.execute(
            "SELECT setting, sweep_runs.seed, run, loss, heldout, step, steps FROM sweep_runs "
            "JOIN runs ON runs.id = run WHERE sweep = ? AND ready "
            "ORDER BY setting, sweep_runs.seed",
            (sweep,),
        )
        return [SweptRun(*row) for row in found]
