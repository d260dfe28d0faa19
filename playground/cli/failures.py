"""How a command says that something failed: on standard error, what, why and what to do."""

from __future__ import annotations

import click

from playground.lab.protocol import Failure


def fail(message: str) -> int:
    """Say it; the exit code of a failure."""
    click.echo(f"microgpt-play: {message}", err=True)
    return 1


def fail_with(failure: Failure) -> int:
    """The same for a Failure, its traceback first."""
    if failure.detail:
        click.echo(failure.detail.rstrip(), err=True)
    return fail(f"{failure.title}. {failure.message}")
