"""Exports of a recorded run, its metrics or its model, made from the record alone."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from playground.api import RunExport
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import as_array, write_checkpoint
from playground.lab.floats import as_bytes
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.run import Checkpoint
from playground.lab.record.load import checkpoint_at
from playground.lab.run.export import export, run_export
from playground.lab.store.keyframes import keyframe_of
from playground.lab.store.records import RunRecord
from playground.lab.store.store import Store
from playground.lab.timeline import Keyframe

Metrics = Literal["csv", "jsonl"]
EXPORTERS: dict[Metrics, str] = {"csv": "csv", "jsonl": "json-lines"}


def _ignore(progress: Progress) -> None:
    """Show no progress."""


def export_metrics(
    store: Store,
    run: int,
    path: Path | str,
    kind: Metrics,
    report: Callable[[Progress], None] = _ignore,
) -> Path:
    """Write the record of each step with the built-in exporter; a file of that name is replaced.
    Returns the path. Raises StoreError, LabError."""
    registry = load(PluginSources(entry_points=False))
    made = as_export(store, run)
    return export(registry, EXPORTERS[kind], {}, made, path, report)


def as_export(store: Store, run: int) -> RunExport:
    """The run at the end of its record, without weights, which exporters of metrics do not need.
    Raises StoreError, LabError."""
    record = store.record(run)
    nothing = Keyframe(record.row.step, record.tokens_seen, array("d"), array("d"), array("d"))
    batches = [kept.batch for kept in store.samples(run)]
    return run_export(checkpoint_at(record, nothing), batches)


def state_at(store: Store, run: int, step: int) -> Checkpoint | None:
    """The state after exactly `step` steps, with the record up to there; None if that state was
    not kept, so that training must go there from an earlier one. Raises StoreError."""
    stored = store.keyframe(run, step)
    if stored is None:
        return None
    return _until(store.record(run), keyframe_of(stored))


def with_series(store: Store, run: int, checkpoint: Checkpoint) -> Checkpoint:
    """A state of a recorded run with the run's record up to there. Raises StoreError, LabError."""
    frame = Keyframe(checkpoint.step, checkpoint.tokens_seen, array("d"), array("d"), array("d"))
    known = _until(store.record(run), frame)
    return replace(
        checkpoint,
        since_step=known.since_step,
        losses=known.losses,
        learning_rates=known.learning_rates,
        evaluations=known.evaluations,
        measured=known.measured,
    )


def save_model(store: Store, run: int, step: int, path: Path | str) -> Path | None:
    """Write the state after `step` steps as .safetensors; None if the state was not kept. Raises
    StoreError, CheckpointError."""
    checkpoint = state_at(store, run, step)
    return None if checkpoint is None else write_checkpoint(path, checkpoint)


def _until(record: RunRecord, frame: Keyframe) -> Checkpoint:
    """The checkpoint as `Session.checkpoint` returns it: the series end at the state's step."""
    whole = checkpoint_at(record, frame)
    end = 8 * max(0, frame.step - record.first)
    measured = []
    for label, data in whole.measured:
        kept = array("d")
        values = as_array(data)
        for at, value in zip(values[::2], values[1::2], strict=True):
            if at <= frame.step:
                kept.extend((at, value))
        if kept:
            measured.append((label, as_bytes(kept)))
    return replace(
        whole,
        losses=whole.losses[:end],
        learning_rates=whole.learning_rates[:end],
        evaluations=tuple(pair for pair in whole.evaluations if pair[0] <= frame.step),
        measured=tuple(measured),
    )
