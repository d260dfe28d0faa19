"""The columns of a table, and the cells each gets in the width there is. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "right"]

GAP = 2
"""Blank cells between two columns."""


@dataclass(frozen=True)
class Column:
    """A column and what it asks for."""

    name: str
    """By which the owner knows it."""
    title: str
    """What stands above it."""
    width: int
    """Cells it needs at least."""
    weight: float = 0.0
    """Its part of what is left over; 0 keeps it at `width`."""
    priority: int = 0
    """Where not all have room, the columns of the lowest priority go first."""
    align: Align = "left"
    sortable: bool = True
    """Does a click on its title ask for another order?"""


def share_out(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns there is room for, in their order, each with its cells.

    Together with the gaps between them they take at most `width` cells, and all of it if any
    has a weight. The most important one stays however little there is, down to one cell.
    """
    if not columns or width <= 0:
        return []
    # Of equals the right one goes first: a table is read from the left.
    ranked = sorted(range(len(columns)), key=lambda i: (-columns[i].priority, i))
    kept: set[int] = set()
    used = -GAP
    for i in ranked:
        needed = used + GAP + columns[i].width
        if kept and needed > width:
            break
        kept.add(i)
        used = needed
    if used > width:
        return [(columns[ranked[0]], width)]
    chosen = [columns[i] for i in sorted(kept)]
    return list(zip(chosen, _grown(chosen, width - used), strict=True))


def _grown(columns: Sequence[Column], spare: int) -> list[int]:
    """The widths of `columns` with `spare` cells given out by weight, none left over."""
    total = sum(column.weight for column in columns)
    widths: list[int] = []
    given, before = 0, 0.0
    for column in columns:
        before += column.weight
        until = round(spare * before / total) if total > 0 else 0
        widths.append(column.width + until - given)
        given = until
    return widths
