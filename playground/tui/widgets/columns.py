"""The columns of a table, and how they share its width. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "right"]

GAP = 2
"""Blank cells between two columns."""


@dataclass(frozen=True)
class Column:
    """A column and the room that it asks for."""

    name: str
    """The name by which the table's owner knows the column."""
    title: str
    """The words above the column."""
    width: int
    """The fewest cells that the column needs."""
    weight: float = 0.0
    """The column's part of the cells left over; 0 keeps the column at `width`."""
    priority: int = 0
    """If not all columns have room, those of the lowest priority are left out first."""
    align: Align = "left"
    wish: int = 0
    """The cells that the column has before any column that is `extra` is shown."""
    extra: bool = False
    """True if the column gives way to the wishes of the others. Such columns have the lowest
    priorities."""
    sortable: bool = True
    """True if a click on the title asks for another order."""


def share_out(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns that have room, in their order, each with its width in cells.

    Columns and gaps take at most `width` cells together, and exactly `width` if any column has a
    weight. The column of the highest priority always stays, if need be narrower than it asks.
    """
    if not columns or width <= 0:
        return []
    # Of equal columns the rightmost goes first, since a table is read from the left.
    ranked = sorted(range(len(columns)), key=lambda i: (-columns[i].priority, i))
    kept: set[int] = set()
    used = -GAP
    for i in ranked:
        needed = used + GAP + columns[i].width
        wished = sum(max(0, columns[k].wish - columns[k].width) for k in kept)
        if kept and needed + columns[i].extra * wished > width:
            break
        kept.add(i)
        used = needed
    if used > width:
        return [(columns[ranked[0]], width)]
    chosen = [columns[i] for i in sorted(kept)]
    return list(zip(chosen, _grown(chosen, width - used), strict=True))


def _grown(columns: Sequence[Column], spare: int) -> list[int]:
    """The widths of `columns` with all `spare` cells given out by weight."""
    total = sum(column.weight for column in columns)
    widths: list[int] = []
    given, before = 0, 0.0
    for column in columns:
        before += column.weight
        until = round(spare * before / total) if total > 0 else 0
        widths.append(column.width + until - given)
        given = until
    return widths
