"""`microgpt-play export`: a saved run in a format of others."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click

from playground.cli.choices import chosen
from playground.cli.failures import printable, say, warn
from playground.cli.loading import load
from playground.cli.one_line import OneLine
from playground.cli.supervisor import activity
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources, expanded
from playground.lab.checkpoint import CheckpointError, read_checkpoint
from playground.lab.protocol.failures import Progress
from playground.lab.run.export import BY_SUFFIX, export, run_export

_NOTICED = 0.5
"""Seconds before progress is shown."""


def export_run(checkpoint: Path, path: Path, sources: PluginSources, *, wanted: str | None) -> int:
    """Write the run to `path`; returns the exit code. Raises LabError.

    wanted: "csv", "mine:knob=value".
    """
    registry = load(sources)
    warn(registry.problems)
    name, options = _chosen(registry, wanted, path)
    _spare(checkpoint, path)
    run = run_export(read_checkpoint(checkpoint))
    with Telling() as tell:
        target = export(registry, name, options, run, path, tell, activity)
    say(f"Exported step {run.step:,} to {target}")
    if not run.losses and run.step:
        say("The saved run holds no losses of its steps, so there are none in it.")
    return 0


def _chosen(registry: Registry, wanted: str | None, path: Path) -> tuple[str, dict[str, object]]:
    """The exporter that --as or the path's ending names, and its knobs. Raises click.UsageError."""
    if wanted is None:
        wanted = BY_SUFFIX.get(path.suffix.lower())
    if wanted is None:
        there = ", ".join(entry.name for entry in registry.catalog().of("exporter"))
        suffixes = " or ".join(BY_SUFFIX)
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
