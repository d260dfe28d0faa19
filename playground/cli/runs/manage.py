"""`runs delete`, `restore`, `rename`, `note` and `check`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click

from microgpt.terminal import json_text
from playground.cli.failures import fail, printable, say
from playground.cli.runs.list import numbers, opened, places
from playground.lab.store import housekeeping, runlist
from playground.lab.store.records import RunRow
from playground.words import many, size


def delete(words: Sequence[str], *, yes: bool, as_json: bool) -> int:
    """Put the runs away, all or none; returns the exit code.

    Raises StoreError, and click.UsageError if nobody can be asked.
    """
    if not yes and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("There is nobody here to ask; --yes deletes without asking.")
    with opened() as store:
        rows = _distinct(store.find(word) for word in words)
        where = places(store, rows)
        for row in rows:
            if where.get(row.id) == "elsewhere":
                return fail(
                    f"run {row.id} is open in {row.owner}, and would go on unrecorded. Close "
                    "it there first. Nothing was deleted."
                )
        if not yes:
            for row in rows:
                say(_told(row))
            if not click.confirm(f"Delete {_these(rows)}?", err=True):
                say("Nothing was deleted.")
                return 0
        store.delete(row.id for row in rows)
    ids = [row.id for row in rows]
    if as_json:
        click.echo(json_text({"deleted": ids}))
    else:
        back = f"microgpt-play runs restore {' '.join(map(str, ids))}"
        say(f"Deleted {numbers(ids)}. This brings {_them(ids)} back: {back}")
    return 0


def restore(words: Sequence[str], *, as_json: bool) -> int:
    """Bring the runs back, all or none; returns the exit code. Raises StoreError."""
    with opened() as store:
        rows = _distinct(store.find(word, deleted=True) for word in words)
        store.restore(row.id for row in rows)
    ids = [row.id for row in rows]
    if as_json:
        click.echo(json_text({"restored": ids}))
    else:
        say(f"Brought back {numbers(ids)}.")
    return 0


def rename(words: str, name: str) -> int:
    """Give a run a name, or take it away with ""; returns the exit code. Raises StoreError."""
    with opened() as store:
        row = store.find(words)
        store.rename(row.id, name)
        name = store.row(row.id).name
    say(f"Run {row.id} is called {name!r} now." if name else f"Run {row.id} has no name any more.")
    return 0


def annotate(words: str, text: str) -> int:
    """Replace the note of a run; returns the exit code. Raises StoreError."""
    with opened() as store:
        row = store.find(words)
        store.annotate(row.id, text)
    say(f"Run {row.id} has {'a' if text else 'no'} note now.")
    return 0


def check(*, purge: bool, as_json: bool) -> int:
    """Check the whole store; returns 1 if anything in it is damaged. Raises StoreError.

    purge: first give up what was deleted long ago.
    """
    with opened() as store:
        purged = housekeeping.purge(store) if purge else 0
        wrong = store.check()
        count, bytes_ = store.totals()
        put_away = len(store.deleted())
        path = store.path
    if as_json:
        told = {"path": str(path), "bytes": bytes_, "runs": count, "deleted": put_away,
                "purged": purged, "problems": wrong}  # fmt: skip
        click.echo(json_text(told))
        return 1 if wrong else 0
    click.echo(f"{printable(str(path))}: {many(count)}, {size(bytes_)}")
    if purge:
        click.echo(f"{many(purged)} given up for good")
    if put_away:
        click.echo(f"{many(put_away)} deleted, and still to be brought back")
    for problem in wrong:
        click.echo(f"✗ {printable(problem)}")
    click.echo("damaged: move the file away, or put a copy in its place" if wrong else "sound")
    return 1 if wrong else 0


def _distinct(rows: Iterable[RunRow]) -> list[RunRow]:
    """Each row once, even if a run was named twice."""
    return list({row.id: row for row in rows}.values())


def _told(row: RunRow) -> str:
    name = row.name or row.dataset
    return f"  {row.id}  {name}, {runlist.steps(row)} steps"


def _these(rows: Sequence[RunRow]) -> str:
    return "this run" if len(rows) == 1 else f"these {many(len(rows))}"


def _them(ids: Sequence[int]) -> str:
    return "it" if len(ids) == 1 else "them"
