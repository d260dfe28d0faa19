"""The input of a chart: named curves of several kinds, and levels to compare them with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from playground.tui.widgets.curve import Curve

Kind = Literal["envelope", "line", "dashed", "points", "hollow"]
Role = Literal[
    "raw", "ema", "val", "accent2",
    "one-1", "one-2", "one-3", "one-4", "one-5", "one-6", "one-7", "one-8",
]  # fmt: skip
"""What a curve is, which decides its colour; "one-1" to "one-8" are curves of one kind, of eight
runs."""

ONES = (
    "$text-accent", "$text-secondary", "$text-success", "$text-error", "$foreground",
    "$text-secondary 60%", "$text-error 60%", "$foreground 60%",
)  # fmt: skip
"""The colours of the roles "one-1" to "one-8"."""

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
    sign: str = ""
    """A letter that stands on the curve, at its end and on the way, so that it is told from others
    without colour; "" for none."""

    @classmethod
    def of(
        cls,
        name: str,
        xs: Iterable[float],
        ys: Iterable[float],
        kind: Kind = "line",
        role: Role = "raw",
        sign: str = "",
    ) -> Series:
        """A series of plain numbers."""
        return cls(name, Curve(xs, ys), kind, role, sign)


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
