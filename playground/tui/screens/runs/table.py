"""The table of runs: its columns, the words in its cells, and the orders it is sorted in."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from textual.binding import Binding, BindingType

from playground.lab.store import grouping, runlist
from playground.lab.store.records import RunRow
from playground.lab.store.summaries import Overview
from playground.tui.widgets.columns import Column
from playground.tui.widgets.table import Cell, Heading, RowList, Tone
from playground.widths import cell_len
from playground.words import age, number

COLUMNS = (
    Column("id", "no", 3, priority=10, align="right"),
    Column("name", "name", 14, weight=1, priority=9),
    Column("dataset", "data set", 8, priority=3),
    Column("parameters", "model", 15, priority=1, extra=True),
    Column("learning_rate", "lr", 6, priority=7, align="right"),
    Column("engine", "engine", 6, priority=2, extra=True),
    Column("step", "step", 11, priority=6, align="right"),
    Column("loss", "loss", 6, priority=8, align="right"),
    Column("heldout", "held out", 8, priority=4, align="right"),
    Column("bits_per_character", "bits/char", 9, priority=0, align="right", extra=True),
    Column("touched", "age", 6, priority=5, align="right", extra=True),
    Column("status", "state", 10, priority=9),
)
"""Each column has the name of the field of RunRow that it is sorted by. The name of a run takes the
room that the others leave."""
GROWING = {"dataset": 16, "engine": 12, "status": 19}
"""Columns that are as wide as the longest of their words, and the most cells of each."""
LONGEST_NAME = 32
"""Cells that a name has before the columns of the least use are shown."""
WIDEST = 19
"""Cells of the largest number of a run."""
SMALL_FIRST = frozenset(
    {"name", "dataset", "engine", "loss", "heldout", "bits_per_character", "status"}
)
"""Columns that are first sorted from the smallest value on; the others from the largest."""
FAMILIES = frozenset({"id", "touched"})
"""Sorted by one of these columns, the list may show forks below the run they come from."""

_TONES: dict[str, Tone] = {
    "running": "good",
    "finished": "plain",
    "failed": "bad",
    "interrupted": "warn",
}


Head = tuple[str, grouping.Value]
"""The key of a group's heading: the field that the runs are grouped by, and the group's value."""
Key = int | Head
FOLDED, UNFOLDED = "▸", "▾"


class RunList(RowList[Key]):
    """A list of runs, by their numbers, and of the headings of their groups; it names its key for
    the line of keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark", id="runs.mark",
                tooltip="Mark the run, or all of a group: marked runs are drawn over each other, "
                "raced, deleted"),
        Binding("left", "screen.fold(True)", "fold", id="runs.fold", key_display="←→",
                tooltip="Fold the group away, so that only its heading is listed"),
        Binding("right", "screen.fold(False)", "unfold", id="runs.unfold", show=False,
                tooltip="List the runs of the group again"),
    ]  # fmt: skip


class Table:
    """The cells of one overview of the runs."""

    def __init__(
        self, overview: Overview | None = None, folded: Collection[Head] = frozenset()
    ) -> None:
        """folded: the headings of the groups that are folded away."""
        self.overview = overview or Overview((), {}, {}, 0, 0)
        self.rows = {row.id: row for row in self.overview.rows}
        self.groups: dict[Head, grouping.Group] = {
            (one.field, one.value): one for one in self.overview.groups
        }
        self._folded = folded
        keys: list[Key] = [] if self.groups else list(self.rows)
        for head, group in self.groups.items():
            keys.append(head)
            keys += () if head in folded else (row.id for row in group.rows)
        self.keys: tuple[Key, ...] = tuple(keys)
        self.now = time.time()
        self._unlike = runlist.unlike(self.overview.rows)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """COLUMNS, the first as wide as the largest number, and those of GROWING as their words;
        the names wish to be whole."""

        def longest(column: Column) -> int:
            return max((cell_len(self.cell(key, column).text) for key in self.rows), default=0)

        found = []
        for one in COLUMNS:
            if one.name == "name":
                one = replace(one, wish=min(LONGEST_NAME, longest(one)))
            elif one.name == "id" or one.name in GROWING:
                most = GROWING.get(one.name, WIDEST)
                one = replace(one, width=max(one.width, min(most, longest(one))))
            found.append(one)
        return tuple(found)

    def standing(self, row: RunRow) -> runlist.Standing:
        """Whether a run is running, finished, failed or interrupted, in words with a sign."""
        return runlist.standing(row, self.overview.places.get(row.id, ""))

    def told(self, run: int) -> str:
        """The name of a run, or what is unlike in it; "" for neither."""
        row = self.rows.get(run)
        return "" if row is None else row.name or self._unlike[run]

    def head_of(self, run: int) -> Head | None:
        """The heading of the group that a run is in; None if runs are not grouped."""
        found = (head for head, one in self.groups.items() if run in {row.id for row in one.rows})
        return next(found, None)

    def heading(self, key: Key) -> Heading[Key] | None:
        """The heading that `key` stands for; None for a run."""
        if isinstance(key, int):
            return None
        group = self.groups[key]
        sign = FOLDED if key in self._folded else UNFOLDED
        words = (grouping.heading(group), grouping.counted(group), grouping.figures(group))
        text = f"{sign} {'  ·  '.join(one for one in words if one)}"
        return Heading(text, tuple(row.id for row in group.rows))

    def cell(self, key: Key, column: Column) -> Cell:
        """The cell of the run with the number `key`."""
        assert isinstance(key, int)  # a heading has no cells
        row = self.rows[key]
        match column.name:
            case "id":
                return Cell(str(row.id), "quiet")
            case "name":
                unlike = self._unlike[key]
                name = row.name or (f"({unlike})" if unlike else "–")
                text = f"{self.overview.drawn.get(key, '')}{name}"
                return Cell(text, "strong" if row.name else "quiet")
            case "dataset":
                return Cell(row.dataset)
            case "parameters":
                return Cell(runlist.shape(row), "quiet")
            case "learning_rate":
                return Cell(f"{row.learning_rate:g}")
            case "engine":
                return Cell(row.engine, "quiet")
            case "step":
                return Cell(runlist.steps(row, column.width))
            case "loss":
                return Cell(number(row.loss), "strong")
            case "heldout":
                return Cell(number(row.heldout))
            case "bits_per_character":
                return Cell(number(row.bits_per_character))
            case "touched":
                return Cell(age(self.now - row.touched), "quiet")
        standing = self.standing(row)
        return Cell(f"{standing.sign} {standing.words}", _TONES.get(standing.kind, "plain"))
