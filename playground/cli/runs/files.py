"""`runs export` and `runs import`: from the store to a file, and from a file to the store."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click

from microgpt.terminal import json_text
from playground.cli.export import Telling
from playground.cli.failures import fail, printable, say, warn
from playground.cli.loading import load
from playground.cli.runs.list import opened
from playground.cli.runs.state import check_step, trained_again
from playground.hooks.sources import PluginSources, expanded
from playground.lab.checkpoint import check_place
from playground.lab.record.export import EXPORTERS, export_metrics, save_model
from playground.lab.spec import SpecError
from playground.lab.store.records import RunRow
from playground.lab.store.store import Store
from playground.lab.store.transfer import ENDING
from playground.lab.store.transfer import export_run as write_run
from playground.lab.store.transfer import import_run as read_run

ENDINGS = {ENDING: "run", ".csv": "csv", ".jsonl": "jsonl", ".safetensors": "model"}


def export_run(
    words: str,
    path: Path,
    sources: PluginSources,
    *,
    kind: str | None,
    step: int | None,
    force: bool,
    as_json: bool,
) -> int:
    """Write a run, its figures or its model to `path`; returns the exit code.

    Raises LabError, and click.UsageError for options that contradict each other.
    """
    kind = kind or ENDINGS.get(path.suffix.lower())
    printed = str(path) == "-"
    if printed and (as_json or kind not in (None, *EXPORTERS)):
        raise click.UsageError(
            "'-' prints the figures, as --as csv or jsonl. For anything else name a file."
        )
    if kind is None:
        raise click.UsageError(
            f"'{printable(path.name)}' does not say what to write: end it in "
            f"{', '.join(ENDINGS)}, or say --as run, csv, jsonl or model."
        )
    if step is not None and kind != "model":
        raise click.UsageError("--step is for models: end PATH in .safetensors, or say --as model.")
    if kind == "run" and path.suffix != ENDING:
        path = path.with_name(path.name + ENDING)
    try:
        with opened() as store:
            row = store.find(words)
            if printed:
                _print(store, row, kind)
                return 0
            if not force and expanded(path).is_file():
                return fail(f"there is a file {path} already. --force replaces it.")
            at = row.at if step is None else step
            target = _write(store, row, path, kind, at, sources).absolute()
    except SpecError as error:
        return fail(f"The recorded settings cannot be. {error}.")
    what = {"run": f"run {row.id}", "model": f"step {at:,} of run {row.id}"}
    if as_json:
        told = {"run": row.id, "as": kind, "path": str(target)}
        click.echo(json_text({**told, "step": at} if kind == "model" else told))
    else:
        say(f"Exported {what.get(kind, f'the metrics of run {row.id}')} to {target}")
    return 0


def _write(
    store: Store, row: RunRow, path: Path, kind: str, at: int, sources: PluginSources
) -> Path:
    if kind == "run":
        return write_run(store, row.id, path)
    if kind in EXPORTERS:
        with Telling() as tell:
            return export_metrics(store, row.id, path, "csv" if kind == "csv" else "jsonl", tell)
    target = check_place(path)  # before a minute of training, not after it
    check_step(row, at)
    written = save_model(store, row.id, at, target)
    if written is None:
        registry = load(sources)
        warn(registry.problems)
        with Telling() as tell:
            session = trained_again(store, row, at, registry, tell)
        session.save(str(target))
    return written or target


def _print(store: Store, row: RunRow, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = _write(store, row, Path(folder) / "figures", kind, row.at, PluginSources())
        if sys.stdout.isatty():  # what the file holds is shown there, and never obeyed
            click.echo(whole.read_text(encoding="utf-8"), nl=False)
            return
        with whole.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)


def import_run(path: Path, *, as_json: bool) -> int:
    """Take in the run in a file; returns the exit code. Raises StoreError."""
    with opened(create=True) as store:
        row = store.row(read_run(store, path))
    if as_json:
        click.echo(json_text({"run": row.id, "uid": row.uid, "name": row.name}))
    else:
        name = f" “{row.name}”" if row.name else ""
        say(f"Imported as run {row.id}{name}, {row.step:,} of {row.steps:,} steps recorded.")
    return 0
