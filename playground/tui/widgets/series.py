"""The input of a chart: named curves of several kinds, and levels to compare them with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from playground.tui.widgets.curve import Curve

Kind = Literal["envelope", "line", "dashed", "points", "hollow"]
Role = Literal["raw", "ema", "val", "accent2"]

MARKER, HOLLOW = "◆", "◇"
GLYPHS: dict[Kind, str] = {
    "envelope": "⡇", "line": "━", "dashed": "╍", "points": MARKER, "hollow": HOLLOW
}  # fmt: skip
"""The sign of each kind in the legend."""


@dataclass(frozen=True)
class Series:
    """A named curve and how it is drawn. The curve may grow in place; `Chart.set_data` with the
    same series then redraws it."""

    name: str
    curve: Curve
    kind: Kind = "line"
    role: Role = "raw"

    @classmethod
    def of(
        cls,
        name: str,
        xs: Iterable[float],
        ys: Iterable[float],
        kind: Kind = "line",
        role: Role = "raw",
    ) -> Series:
        """A series of plain numbers."""
        return cls(name, Curve(xs, ys), kind, role)


@dataclass(frozen=True)
class Upright:
    """A place on the x axis, drawn as a dotted line with its name."""

    name: str
    x: float


@dataclass(frozen=True)
class Baseline:
    """A level to compare curves with, drawn as a dashed line with its name and value."""

    name: str
    y: float
