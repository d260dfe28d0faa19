"""Messages of a command on standard error: what failed, why, and what to do."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from microgpt.terminal import printable as printable

if TYPE_CHECKING:
    from playground.catalog import Problem
    from playground.lab.protocol.failures import Failure


def say(text: str) -> None:
    """Print one line on standard error."""
    click.echo(printable(text), err=True)


def fail(message: str) -> int:
    """Print the message on standard error; returns 1, the exit code of a failure."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()  # earlier output comes first
    say(f"microgpt-play: {message}")
    return 1


def fail_with(failure: Failure) -> int:
    """Print a Failure, its traceback first for the author of a plugin; returns 1."""
    if failure.detail:
        click.echo(printable(failure.detail.rstrip(), keep="\n"), err=True)
    return fail(f"{failure.title}. {failure.message}")


def warn(problems: Iterable[Problem]) -> None:
    """Print which plugins could not be used, and why."""
    for problem in problems:
        say(f"! {problem.plugin} ({problem.origin}): {problem.message}")
