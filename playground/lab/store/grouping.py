"""Recorded runs in groups by a setting, with the best, the mean and the spread of the held-out loss
of each group."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from playground.lab.store import runlist
from playground.words import many

if TYPE_CHECKING:
    from playground.lab.store.records import RunRow

Value = str | int | float | None
Figure = Literal["heldout", "bits_per_character"]

FIELDS = (*runlist.SETTINGS, "parent", "status")
"""The fields of a row that runs may be grouped by."""
SPREAD = "± is the standard deviation between the runs of a group."


@dataclass(frozen=True, slots=True)
class Group:
    """The runs that have one value of a setting."""

    field: str
    value: Value
    rows: tuple[RunRow, ...]
    """In the order of the list."""
    figure: Figure | None
    """What `best`, `mean` and `spread` are of: nats a token where the runs' losses can be compared,
    bits a character where only these can be; None where neither can be, or there are none."""
    best: float | None
    """The lowest held-out loss; None without a figure."""
    mean: float | None
    spread: float | None
    """The standard deviation between the runs; None of fewer than two losses."""
    measured: int
    """How many of the runs have a held-out loss that is a number."""


def differing(rows: Iterable[RunRow]) -> dict[str, int]:
    """The fields of FIELDS in which these runs differ, each with its number of values."""
    rows = tuple(rows)
    counts = {field: len({getattr(row, field) for row in rows}) for field in FIELDS}
    return {field: count for field, count in counts.items() if count > 1}


def grouped(rows: Sequence[RunRow], field: str) -> tuple[Group, ...]:
    """The runs in groups by a field of FIELDS, the smallest value first and the runs without a
    value last."""
    by_value: dict[Value, list[RunRow]] = {}
    for row in rows:
        by_value.setdefault(getattr(row, field), []).append(row)
    ordered = sorted(
        by_value, key=lambda value: (value is None, 0 if isinstance(value, str) else value or 0,
                                     str(value))
    )  # fmt: skip
    return tuple(_group(field, value, by_value[value]) for value in ordered)


def _group(field: str, value: Value, rows: list[RunRow]) -> Group:
    figure = _figure(rows)
    found = [] if figure is None else _finite(getattr(row, figure) for row in rows)
    return Group(
        field,
        value,
        tuple(rows),
        figure if found else None,
        min(found, default=None),
        statistics.fmean(found) if found else None,
        statistics.stdev(found) if len(found) > 1 else None,
        len(found),
    )


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _figure(rows: Iterable[RunRow]) -> Figure | None:
    """What these runs can be compared by: losses in nats a token if all are measured on the same
    tokens, or, as far as their rows tell, on other documents of the same data by the same tokenizer
    and context; bits a character if they have the same data or the same held-out text."""
    rows = [row for row in rows if row.heldout is not None]
    if _is_one(row.heldout_tokens for row in rows):
        return "heldout"
    if len({_data(row) for row in rows}) > 1 and not _is_one(row.heldout_text for row in rows):
        return None
    contexts = {row.block_size: row for row in rows}.values()
    alike = all(_same_context(one, other) for one, other in combinations(contexts, 2))
    if len({row.tokenizer for row in rows}) <= 1 and alike and not _cut_otherwise(rows):
        return "heldout"
    known = all(row.bits_per_character is not None for row in rows)
    return "bits_per_character" if known else None


def _is_one(fingerprints: Iterable[str]) -> bool:
    """True if all are the same, and known."""
    found = set(fingerprints)
    return len(found) == 1 and "" not in found


def _data(row: RunRow) -> str:
    """What tells the data of a run: a text file may have changed under its name."""
    return row.data_sha256 or row.dataset


def _cut_otherwise(rows: Iterable[RunRow]) -> bool:
    """True if the same held-out text is known to be other tokens in two of the runs: tokenizers of
    one name may have been trained otherwise."""
    tokens: dict[str, str] = {}
    known = (row for row in rows if row.heldout_text)
    return any(tokens.setdefault(row.heldout_text, row.heldout_tokens) != row.heldout_tokens
               for row in known)  # fmt: skip


def _same_context(one: RunRow, other: RunRow) -> bool:
    return runlist.contexts(one, other) is None


def name_of(field: str) -> str:
    """A field in words: "lr" for "learning_rate"."""
    return _NAMES.get(field, field.replace("_", " "))


_NAMES = {
    "learning_rate": "lr",
    "dataset": "data set",
    "n_layer": "layers",
    "n_embd": "width",
    "n_head": "heads",
    "block_size": "context",
    "batch_size": "batch",
    "status": "state",
    "parent": "forked from",
}


def heading(group: Group) -> str:
    """What the runs of a group have in common: "lr 0.01", "forked from run 3"."""
    value = group.value
    if group.field == "parent":
        return "no forks" if value is None else f"forked from run {value}"
    if group.field in ("dataset", "tokenizer", "status"):
        return f"{name_of(group.field)} {value}"
    return runlist.SETTINGS[group.field](value)


def figures(group: Group) -> str:
    """How well the runs of a group do: "held out: best 2.31, mean 2.34 ± 0.02"; why that is not
    said, or "" if nothing was measured."""
    if group.figure is None:
        compared = any(row.heldout is not None for row in group.rows)
        return "held-out losses cannot be compared" if compared else ""
    assert group.best is not None and group.mean is not None  # where there is a figure
    unit = "" if group.figure == "heldout" else ", bits a character"
    if group.measured == 1:
        return f"held out{unit}: {group.best:.3f}"
    spread = "" if group.spread is None else f" ± {group.spread:.3f}"
    of = "" if group.measured == len(group.rows) else f" of {group.measured:,}"
    return f"held out{unit}: best {group.best:.3f}, mean{of} {group.mean:.3f}{spread}"


def counted(group: Group) -> str:
    """ "5 runs"."""
    return many(len(group.rows))
