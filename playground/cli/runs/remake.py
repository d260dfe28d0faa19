"""`runs command`: the command that makes a recorded run again."""

from __future__ import annotations

import click

from playground.cli.failures import say
from playground.cli.runs.list import opened
from playground.hooks.sources import PluginSources, plugin_words
from playground.lab.store.remake import of_record


def print_command(words: str, sources: PluginSources) -> int:
    """Print the command on standard output, and on standard error what it cannot do; returns the
    exit code. Raises StoreError."""
    with opened() as store:
        row = store.find(words)
        made = of_record(store.record(row.id), plugin_words(sources))
    for reason in made.reasons:
        say(f"! No one command makes run {row.id} again: {reason}.")
    if made.reasons:
        say(
            "This takes it to another machine, where `microgpt-play runs import "
            f"run-{row.id}.microgpt-run` goes on with it, bit for bit:"
        )
    if made.needs:
        say(f"! It needs the plugins {', '.join(made.needs)}.")
    click.echo(made.command)
    return 0
