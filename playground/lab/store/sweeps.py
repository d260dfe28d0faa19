"""The sweeps of the store: what each one is to train, and which runs it has recorded so far."""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from playground.lab.floats import floats_of
from playground.lab.store.errors import missing
from playground.lab.store.locks import is_open
from playground.lab.store.rows import bytes_of
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


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One line in a list of sweeps."""

    id: int
    created: float
    """In seconds since 1970."""
    plan: str
    """The plan, as JSON."""
    recorded: int
    """The runs that are recorded."""
    at_work: bool
    """True if a process trains the sweep."""


@dataclass(frozen=True, slots=True)
class Glance:
    """How far a sweep is: what changes while it is at work."""

    recorded: int
    at_work: bool


def lock_of(sweep: int) -> str:
    """The name of the lock that a process holds while it trains the sweep; see RunLock."""
    return f"{sweep:032x}"


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


def sweeps(store: Store) -> list[SweepRow]:
    """The sweeps, newest first. Raises StoreError."""
    with store.database.reading() as db:
        found = db.execute(
            "SELECT id, created, plan, (SELECT count(*) FROM sweep_runs JOIN runs ON runs.id = run "
            "WHERE sweep = sweeps.id AND ready) FROM sweeps ORDER BY id DESC"
        ).fetchall()
    return [
        SweepRow(sweep, created, plan, recorded, _at_work(store, sweep))
        for sweep, created, plan, recorded in found
    ]


def glance(store: Store, sweep: int) -> Glance:
    """How far the sweep is, by one count and one lock. Raises StoreError."""
    at_work = _at_work(store, sweep)  # first, so that what ends in between is counted
    with store.database.reading() as db:
        count = db.execute(
            "SELECT count(*) FROM sweep_runs JOIN runs ON runs.id = run WHERE sweep = ? AND ready",
            (sweep,),
        ).fetchone()
    return Glance(int(count[0]), at_work)


def _at_work(store: Store, sweep: int) -> bool:
    return is_open(store.lock_folder, lock_of(sweep))


def clocks_of(store: Store, sweep: int) -> list[tuple[float, float]]:
    """(when the run was recorded, in seconds since 1970; the seconds that its training took) of
    each run of the sweep, in order. Raises StoreError."""
    with store.database.reading() as db:
        return list(
            db.execute(
                "SELECT touched, seconds FROM sweep_runs JOIN runs ON runs.id = run "
                "WHERE sweep = ? AND ready ORDER BY touched",
                (sweep,),
            )
        )


def losses_of(store: Store, runs: Sequence[int]) -> Iterator[tuple[int, int, array[float]]]:
    """(run, the step before the first loss, the loss of each step in nats a token) of each of these
    runs that has a step, in no order. Raises StoreError."""
    marks = ", ".join("?" * len(runs))
    with store.database.reading() as db:
        found: dict[int, tuple[int, array[float]]] = {}
        for run, first, losses in db.execute(
            f"SELECT run, first, losses FROM chunks WHERE run IN ({marks}) ORDER BY run, first",
            tuple(runs),
        ):
            found.setdefault(run, (first, array("d")))[1].extend(
                floats_of(bytes_of(losses, "losses"))
            )
    for run, (first, losses) in found.items():
        yield run, first, losses
