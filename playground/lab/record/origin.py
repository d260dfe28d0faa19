"""Where an exported run comes from, as the record tells: its name, its command, and the settings of
the runs that it was forked from."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path

from playground.catalog import BUILTIN
from playground.lab.protocol.run import Checkpoint, RecordState
from playground.lab.run.origin import Origin
from playground.lab.spec import RunSpec, SpecError
from playground.lab.store.errors import StoreError
from playground.lab.store.records import PluginUse, RunRecord
from playground.lab.store.remake import of_record, remake
from playground.lab.store.store import Store


def origin_of_recorded(store: Store, run: int, plugins: str = "") -> Origin:
    """The origin of a recorded run. plugins: the options that choose the plugins. Raises
    StoreError."""
    record = store.record(run)
    made = of_record(record, plugins)
    return Origin(
        record.row.name,
        made.command if made.exact else "",
        earlier_settings(store, record),
    )


def origin_of_saved(checkpoint: Checkpoint, plugins: str = "") -> Origin:
    """The origin of a run of which there is nothing but a saved state."""
    made = remake(
        checkpoint.spec, checkpoint.edits.made, from_start=checkpoint.repeatable, plugins=plugins
    )
    return Origin(how=made.command if made.exact else "")


def origin_of_open_run(
    checkpoint: Checkpoint,
    store: Path | None,
    recorded: RecordState | None,
    text: bytes | None,
    used: Iterable[PluginUse],
) -> Origin:
    """The origin of the run of a session. store, recorded: where and as what the run is recorded,
    if it is. text: what it learns from, if that is kept."""
    made = remake(
        checkpoint.spec,
        checkpoint.edits.until(checkpoint.step).made,
        from_start=checkpoint.repeatable,
        text=hashlib.sha256(text).hexdigest() if text is not None else "",
        used={one.plugin for one in used if one.plugin != BUILTIN},
    )
    how = made.command if made.exact else ""
    if store is None or recorded is None:
        return Origin(how=how)
    earlier: tuple[tuple[int, RunSpec], ...] = ()
    if not checkpoint.repeatable:
        # The session's own trouble with the store is told elsewhere.
        with (
            contextlib.suppress(StoreError, SpecError),
            contextlib.closing(Store.open(store)) as opened,
        ):
            earlier = _earlier_of_open_run(opened, recorded, checkpoint.data)
    return Origin(recorded.name, how, earlier)


def _earlier_of_open_run(
    store: Store, recorded: RecordState, data: str
) -> tuple[tuple[int, RunSpec], ...]:
    """Raises StoreError, SpecError."""
    if recorded.run is not None:
        return earlier_settings(store, store.record(recorded.run))
    if recorded.parent is None or recorded.fork_step is None:
        return ()
    parent = store.record(recorded.parent)
    before = earlier_settings(store, parent)
    if (parent.earliest > 0 and not before) or parent.data != data:
        return ()
    return (*before, (recorded.fork_step, RunSpec.parse(parent.spec)))


def earlier_settings(store: Store, record: RunRecord) -> tuple[tuple[int, RunSpec], ...]:
    """For a run that goes on from steps of other runs: (the step up to which they held, the
    settings) of each of these, the first steps first. Empty if the run has its settings from the
    first step on, and if a run that it came from is gone or learnt from other data."""
    found: list[tuple[int, RunSpec]] = []
    while record.earliest > 0:
        row = record.row
        if row.parent is None or row.fork_step is None:
            return ()
        try:
            parent = store.record(row.parent)
            settings = RunSpec.parse(parent.spec)
        except (StoreError, SpecError):
            return ()
        if parent.data != record.data:
            return ()
        found.append((row.fork_step, settings))
        record = parent
    return tuple(reversed(found))
