"""`microgpt-play export`: a saved run in a format of others."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import click

from playground.api import RunExport
from playground.cli.choices import chosen
from playground.cli.failures import printable, say, warn
from playground.cli.loading import load
from playground.cli.one_line import OneLine
from playground.cli.supervisor import activity
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources, expanded, plugin_words
from playground.lab.checkpoint import CheckpointError
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.sampling import SampleBatch
from playground.lab.record.export import with_series
from playground.lab.record.origin import origin_of_recorded, origin_of_saved
from playground.lab.run.export import BY_SUFFIX, export, run_export
from playground.lab.run.origin import data_again, precision
from playground.lab.store.store import Store

_NOTICED = 0.5
"""Seconds before progress is shown."""


def export_run(words: str, path: Path, sources: PluginSources, *, wanted: str | None) -> int:
    """Write the run to `path`; returns the exit code. Raises LabError.

    words: the path of a saved model or of an exported run, or else what names a recorded run.
    wanted: "csv", "mine:knob=value".
    """
    registry = load(sources)
    warn(registry.problems)
    name, options = _chosen(registry, wanted, path)
    _spare(Path(words), path)
    run = _run(words, registry, plugin_words(sources))
    with Telling() as tell:
        target = export(registry, name, options, run, path, tell, activity)
    say(f"Exported step {run.step:,} to {target}")
    if not run.losses and run.step:
        say("The saved run holds no losses of its steps, so there are none in it.")
    return 0


def _run(words: str, registry: Registry, plugins: str) -> RunExport:
    """The run that the words mean. Raises LabError."""
    from playground.cli.named_model import named_model  # which shows its progress by Telling

    found = named_model(words, registry)
    assert found is not None  # None is for no words
    checkpoint, batches = found.checkpoint, list[SampleBatch]()
    origin = origin_of_saved(checkpoint, plugins)
    if "run" in found.source:
        run = int(found.source["run"])
        with Store.open() as store:
            checkpoint = with_series(store, run, checkpoint)
            origin = origin_of_recorded(store, run, plugins)
            batches += [kept.batch for kept in store.samples(run)]
    samples = (batch for batch in batches if batch.step <= checkpoint.step)
    origin = replace(
        origin,
        precision=precision(checkpoint, registry),
        data=data_again(checkpoint, registry, activity, found.text),
    )
    return run_export(checkpoint, samples, origin)


def _chosen(registry: Registry, wanted: str | None, path: Path) -> tuple[str, dict[str, object]]:
    """The exporter that --as or the path's ending names, and its knobs. Raises click.UsageError."""
    if wanted is None:
        wanted = BY_SUFFIX.get(path.suffix.lower())
    if wanted is None:
        there = ", ".join(entry.name for entry in registry.catalog().of("exporter"))
        *others, last = BY_SUFFIX
        suffixes = f"{', '.join(others)} or {last}"
        raise click.UsageError(
            f"'{printable(path.name)}' does not say which format: end it in {suffixes}, or name "
            f"one with --as ({there})."
        )
    entry, options = chosen(registry, "exporter", wanted, "--as")
    return entry.qualified, dict(options)


def _spare(checkpoint: Path, path: Path) -> None:
    """Raise CheckpointError if `path` is the checkpoint itself."""
    source, target = expanded(checkpoint), expanded(path)
    try:
        same = source.exists() and target.exists() and source.samefile(target)
    except OSError:
        return  # opening the file tells why
    if same:
        raise CheckpointError(
            "The model would be overwritten", f"{target} is the saved model itself. Name another."
        )


class Telling:
    """Shows progress on one line of the terminal, if the work takes longer than _NOTICED."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = 0.0
        self._line = OneLine(sys.stderr)
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if not self._live or now - self._began < _NOTICED or now - self._last < 0.1:
            return
        self._last = now
        amount = f" {progress.done:,}/{progress.total:,}" if progress.total else ""
        self._line.draw(printable(progress.stage), amount)

    def __enter__(self) -> Telling:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()
