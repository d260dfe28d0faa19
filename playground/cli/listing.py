"""The listing commands: what there is, and from where."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from typing import cast

import click

from playground.catalog import KINDS, Catalog, Entry, Kind
from playground.hooks.manager import load
from playground.hooks.names import range_of
from playground.hooks.sources import PluginSources

KIND_PLURALS: dict[Kind, str] = {
    "dataset": "data sets",
    "tokenizer": "tokenizers",
    "strategy": "sampling strategies",
    "engine": "engines",
}


def list_entries(kind: str, sources: PluginSources, *, as_json: bool) -> int:
    """Print the contributions of one kind."""
    catalog = load(sources).catalog()
    entries = catalog.of(cast(Kind, kind))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2))
    else:
        _print_table(entries)
        for entry in entries:
            _print_knobs(entry)
    _warn(catalog)
    return 0


def list_plugins(sources: PluginSources, *, as_json: bool) -> int:
    """Print every plugin with what it contributes. Exit code 1 if one could not be loaded."""
    catalog = load(sources).catalog()
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(catalog), indent=2, default=str))
    else:
        for kind in KINDS:
            entries = catalog.of(kind)
            if entries:
                click.echo(f"{KIND_PLURALS[kind]}:")
                _print_table(entries, indent=2)
    _warn(catalog)
    return 1 if catalog.problems else 0


def _print_table(entries: tuple[Entry, ...], indent: int = 0) -> None:
    # Whoever reads from a pipe wants the whole line.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    names = max((len(entry.name) for entry in entries), default=0)
    origins = max((len(entry.origin) for entry in entries), default=0)
    for entry in entries:
        line = f"{' ' * indent}{entry.name:<{names}}  {entry.origin:<{origins}}  {entry.summary}"
        click.echo(line if len(line) <= width else line[: max(width - 1, 20)] + "…")


def _print_knobs(entry: Entry) -> None:
    for control in entry.controls:
        value = "none" if control.default in ("", None) else control.default
        allowed = range_of(control)
        click.echo(
            f"  {entry.name}:{control.name}={value}"
            + (f"  ({allowed})" if allowed else "")
            + (f"  {control.help}" if control.help else "")
        )


def _warn(catalog: Catalog) -> None:
    for problem in catalog.problems:
        click.echo(f"! {problem.plugin} ({problem.origin}): {problem.message}", err=True)
