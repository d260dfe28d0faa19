"""The state of a recorded run after any of its steps: as it was kept, or trained there again."""

from __future__ import annotations

import gc
from collections.abc import Callable

from microgpt.collector import SELDOM
from playground.cli.export import Telling
from playground.cli.supervisor import activity
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.run import Checkpoint
from playground.lab.record.export import state_at
from playground.lab.session import Session, session_at
from playground.lab.store.errors import StoreError
from playground.lab.store.records import RunRow
from playground.lab.store.store import Store


def check_step(row: RunRow, step: int) -> None:
    """Raise StoreError for a step beyond the record."""
    if not row.step >= step:
        raise StoreError(
            "There is no such step",
            f"Run {row.id} was recorded up to step {row.step:,}, and step {step:,} was asked for.",
        )


def state_after(store: Store, row: RunRow, step: int, registry: Registry) -> Checkpoint:
    """The state after `step` steps, equal to the bit to what it was. Raises LabError."""
    kept = state_at(store, row.id, step)
    if kept is not None:
        return kept
    with Telling() as tell:
        return trained_again(store, row, step, registry, tell).checkpoint(series=False)


def trained_again(
    store: Store, row: RunRow, step: int, registry: Registry, tell: Callable[[Progress], None]
) -> Session:
    """A session of the run after `step` steps, trained there from the last state before that was
    kept. Raises LabError."""
    gc.set_threshold(*SELDOM)
    return session_at(store, row.id, step, registry, tell, activity)
