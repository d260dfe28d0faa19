"""`runs list` and `runs tree`, and what the other commands on runs share with them: opening the
store, finding a run, and showing runs as rows, JSON or words.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from microgpt.terminal import json_text
from playground.cli.failures import printable, say
from playground.cli.listing import echo_line, in_columns, terminal_width
from playground.lab.store import grouping, runlist
from playground.lab.store.errors import StoreError
from playground.lab.store.locks import is_open
from playground.lab.store.query import ALIASES, Query, QueryError, field_of
from playground.lab.store.store import Store
from playground.widths import cell_len, fit
from playground.words import age, many, number

if TYPE_CHECKING:
    from playground.lab.store.records import RunRow


_GAP = "  "
_NONE_FIT = "No run fits that. There are {there}."
NONE_YET = "There are no runs yet. Train something in microgpt-play, and it is kept."


@contextlib.contextmanager
def opened(*, create: bool = False) -> Iterator[Store]:
    """Open the store. create: make a store where there is none, instead of raising StoreError."""
    with Store.open(create=create) as store:
        yield store


def find_run(store: Path, words: str) -> int:
    """The id of the run that a number, a name or a beginning of a uid means. Raises StoreError."""
    with Store.open(store) as opened:
        return opened.find(words).id


def named_or_newest(store: Store, words: str | None) -> RunRow | None:
    """The run that the words mean, or the one that was trained last; None if there is no run.
    Raises StoreError."""
    if words is not None:
        return store.find(words)
    return next(iter(store.runs(Query(sort="touched", limit=1))), None)


def places(store: Store, rows: Sequence[RunRow]) -> dict[int, runlist.Place]:
    """Where each run is open that was not closed, by its id."""
    held = {row.id: is_open(store.lock_folder, row.uid) for row in rows if row.owner}
    return runlist.places(rows, held)


# ---------------------------------------------------------------- lists


def list_runs(
    text: str, *, sort: str | None, limit: int | None, group: str | None = None, as_json: bool
) -> int:
    """Print the runs as a table, in groups if `group` names a field, or as one JSON object a line;
    returns the exit code."""
    field = None if group is None else _group_field(group)
    found = _found(_query(text, sort, limit), as_json=as_json)
    if isinstance(found, int):
        return found
    rows, where = found
    if field is not None:
        groups = grouping.grouped(rows, field)
        if as_json:
            for one in groups:
                click.echo(as_json_text(_group_object(one, where)))
        elif rows:
            _print_groups(groups, where)
        return 0
    if as_json:
        for row in rows:
            click.echo(as_json_text(as_object(row, where.get(row.id, ""))))
        return 0
    if rows:
        _print_table(rows, where, {})
    return 0


def _group_field(name: str) -> str:
    """The field that runs are grouped by. Raises click.BadParameter."""
    try:
        field = field_of(name, name, 0)
    except QueryError:
        field = ""
    if field not in grouping.FIELDS:
        aliases = {field: alias for alias, field in ALIASES.items()}
        known = ", ".join(aliases.get(field, field) for field in grouping.FIELDS)
        raise click.BadParameter(
            printable(f"runs are not grouped by {name!r}; they are by: {known}"),
            param_hint="--group",
        )
    return field


def _group_object(group: grouping.Group, where: dict[int, runlist.Place]) -> dict[str, Any]:
    """A group as JSON shows it."""
    return {
        "group": group.field,
        "value": group.value,
        "count": len(group.rows),
        "figure": group.figure,
        "measured": group.measured,
        "best": group.best,
        "mean": group.mean,
        "standard_deviation": group.spread,
        "runs": [as_object(row, where.get(row.id, "")) for row in group.rows],
    }


def _print_groups(groups: Sequence[grouping.Group], where: dict[int, runlist.Place]) -> None:
    """Print each group below its heading, all in one table's columns."""
    rows = [row for group in groups for row in group.rows]
    titles, *lines = _table_lines(rows, where, {}, len(_GAP))
    echo_line(f"{_GAP}{titles}")
    for group in groups:
        words = (grouping.heading(group), grouping.counted(group), grouping.figures(group))
        echo_line(in_columns("  ·  ".join(one for one in words if one)))
        own, lines = lines[: len(group.rows)], lines[len(group.rows) :]
        for line in own:
            echo_line(f"{_GAP}{line}")
    if any(group.spread is not None for group in groups):
        say(grouping.SPREAD)


def show_tree(text: str) -> int:
    """Print the runs, each fork below its parent; returns the exit code."""
    found = _found(_query(text, None, None), as_json=False)
    if isinstance(found, int):
        return found
    rows, drawn = runlist.branches(found[0])
    if rows:
        _print_table(rows, found[1], drawn)
    return 0


def _query(text: str, sort: str | None, limit: int | None) -> Query:
    """The query of a command line. Raises click.BadParameter."""
    try:
        if sort is None:
            return Query.parse(text, limit=limit)
        wanted = sort.lstrip("-")
        query = Query.parse(text, limit=limit)
    except QueryError as error:
        raise click.BadParameter(printable(str(error)), param_hint="QUERY") from None
    try:
        return dataclasses.replace(query, sort=wanted, descending=sort.startswith("-"))
    except QueryError as error:
        raise click.BadParameter(printable(str(error)), param_hint="--sort") from None


def _found(query: Query, *, as_json: bool) -> tuple[list[RunRow], dict[int, runlist.Place]] | int:
    """(the rows, where they are open), or an exit code if there is no store.

    Prints that there are no such runs, unless as_json. Raises StoreError.
    """
    try:
        with opened() as store:
            rows = store.runs(query)
            if not rows and not as_json:
                there = store.totals()[0]
                say(_NONE_FIT.format(there=many(there)) if there else NONE_YET)
            return rows, places(store, rows)
    except StoreError as error:
        if error.kind != "missing":
            raise
        if not as_json:
            say(NONE_YET)
        return 0


def as_object(row: RunRow, place: runlist.Place) -> dict[str, Any]:
    """A row as JSON shows it: its fields, and its "state" in words ("interrupted")."""
    return {**dataclasses.asdict(row), "state": runlist.standing(row, place).words}


def as_json_text(value: Any) -> str:
    """The value as JSON. A loss that is infinite or NaN becomes null, since JSON has neither."""
    return json_text(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


# ---------------------------------------------------------------- a table


_TITLES = (
    *("", "name", "data set", "model", "lr", "engine", "step", "loss", "held out", "bits/char"),
    *("age", ""),
)
_RIGHT = {0, 4, 6, 7, 8, 9, 10}
_DROPPED = (3, 9, 8, 5, 10, 2, 4, 7)
"""Columns that are left out where there is no room, in this order."""


def _print_table(
    rows: Sequence[RunRow], where: dict[int, runlist.Place], drawn: dict[int, str]
) -> None:
    for line in _table_lines(rows, where, drawn):
        echo_line(line)


def _table_lines(
    rows: Sequence[RunRow],
    where: dict[int, runlist.Place],
    drawn: dict[int, str],
    indent: int = 0,
) -> Iterator[str]:
    """The titles, and a line for each run. indent: cells that the caller writes before a line."""
    width = terminal_width() - indent
    unlike = runlist.unlike(rows)
    lines = [
        _cells(row, where.get(row.id, ""), drawn.get(row.id, ""), unlike[row.id]) for row in rows
    ]
    columns = list(range(len(_TITLES)))
    widths = [max(cell_len(line[n]) for line in (_TITLES, *lines)) for n in columns]
    for gone in _DROPPED:
        if sum(widths[n] + len(_GAP) for n in columns) - len(_GAP) <= width:
            break
        columns.remove(gone)
    room = width - sum(widths[n] + len(_GAP) for n in columns if n != 1)
    widths[1] = min(widths[1], max(room, 8))
    for line in (_TITLES, *lines):
        parts = [fit(line[n], widths[n], n in _RIGHT) for n in columns]
        yield _GAP.join(parts).rstrip()


def _cells(row: RunRow, place: runlist.Place, branch: str, unlike: str) -> tuple[str, ...]:
    """unlike: what tells a run without a name from the others."""
    state = runlist.standing(row, place)
    return (
        str(row.id),
        branch + (in_columns(row.name or unlike) or "–"),
        in_columns(row.dataset),
        runlist.shape(row),
        f"{row.learning_rate:g}",
        in_columns(row.engine),
        runlist.steps(row),
        number(row.loss),
        number(row.heldout),
        number(row.bits_per_character),
        age(time.time() - row.touched),
        f"{state.sign} {state.words}",
    )


def numbers(runs: Iterable[int]) -> str:
    """ "run 3", "runs 3, 4 and 7"."""
    *most, last = [str(run) for run in runs]
    return f"runs {', '.join(most)} and {last}" if most else f"run {last}"
