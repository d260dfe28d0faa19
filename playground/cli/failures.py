"""How a command says that something failed: on standard error, what, why and what to do."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from playground.catalog import Problem
    from playground.lab.protocol.failures import Failure


def printable(text: str, keep: str = "") -> str:
    """Text from a file, a name or a plugin, with nothing in it that steers a terminal.

    keep: control characters that may stay.
    """
    if text.isprintable():
        return text
    return "".join(
        ch if ch.isprintable() or ch in keep else ch.encode("unicode_escape").decode("ascii")
        for ch in text
    )


def say(text: str) -> None:
    """One line on standard error."""
    click.echo(printable(text), err=True)


def fail(message: str) -> int:
    """Say it; the exit code of a failure."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()  # what came before it is read before it
    say(f"microgpt-play: {message}")
    return 1


def fail_with(failure: Failure) -> int:
    """The same for a Failure, its traceback first: a plugin's author needs it."""
    if failure.detail:
        click.echo(printable(failure.detail.rstrip(), keep="\n"), err=True)
    return fail(f"{failure.title}. {failure.message}")


def warn(problems: Iterable[Problem]) -> None:
    """Say which plugins could not be used, and why. The others work."""
    for problem in problems:
        say(f"! {problem.plugin} ({problem.origin}): {problem.message}")
