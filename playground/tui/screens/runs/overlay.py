"""Several runs over each other: the curves of the chart, and the runs as a table, best first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from textual.content import Content

from playground.lab.store.overlay import Laid, Overlay
from playground.tui.model import AXES, Axis
from playground.tui.panels.zoomed.loss import TITLES, Rescaled
from playground.tui.screens.dialog import MUTED
from playground.tui.styles import CAUTION
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.series import ONES, Kind, Role, Series
from playground.tui.widgets.text import fit, visible
from playground.words import many

Measure = Literal["average", "held out", "bits"]
"""What the curves are: averages of the training loss, held-out losses, or the latter in bits a
character."""
MEASURES: tuple[Measure, ...] = ("average", "held out", "bits")
UNITS: dict[Measure, str] = {
    "average": "average loss, nats a token",
    "held out": "held out, nats a token",
    "bits": "held out, bits a character",
}
LETTERS = "ABCDEFGH"


@dataclass(frozen=True, slots=True)
class View:
    """How several runs are looked at."""

    measure: Measure = "average"
    axis: Axis = "steps"


@dataclass(frozen=True, slots=True)
class _Reading:
    """One run's value where the cursor stands."""

    place: int
    value: float | None
    """None where the run has no value there."""
    ended: bool
    """True if the run ends before the cursor."""
    comparable: bool


class Curves:
    """The curves of several runs as they are looked at."""

    def __init__(self, overlay: Overlay, view: View) -> None:
        self.overlay, self.view = overlay, view
        self._curves = [_over(_values(one, view.measure), one, view.axis) for one in overlay.runs]

    def series(self) -> list[Series]:
        """The curves of the chart, each with its letter. Two runs have room for both of what is
        known: beside the averages, their held-out losses are marked."""
        found = [
            Series(
                _name(one, self.view.measure),
                curve,
                "dashed" if place % 2 else "line",
                _role(place),
                LETTERS[place],
            )
            for place, (one, curve) in enumerate(zip(self.overlay.runs, self._curves, strict=True))
        ]
        if len(found) == 2 and self.view.measure == "average":
            for place, one in enumerate(self.overlay.runs):
                marks = _over(_values(one, "held out"), one, self.view.axis)
                kind: Kind = "hollow" if place else "points"
                found.append(Series(_name(one, "held out"), marks, kind, _role(place)))
        return found

    def heading(self, cursor: float | None) -> str:
        """What the numbers of the table are, and where."""
        unit = UNITS[self.view.measure]
        if cursor is None:
            return f"{unit}, at the end of each run"
        if self.view.axis == "steps":
            return f"{unit}, at step {cursor:,.0f}"
        return f"{unit}, at {cursor:,.4g} {TITLES[self.view.axis]}"

    def table(self, cursor: float | None, width: int) -> Iterator[Content]:
        """The runs by their values at the cursor, the best first, a line each; after them those
        that cannot be compared with most of them, or have no value there."""
        readings = sorted(self._readings(cursor), key=_rank)
        best = readings[0].value if readings and readings[0].comparable else None
        numbers = max(len(str(one.row.id)) for one in self.overlay.runs)
        room = max(6, width - 2 - numbers - 2 - 2 - 7 - 2 - 8)
        for one in readings:
            run = self.overlay.runs[one.place]
            value = "–" if one.value is None else f"{one.value:.4f}"
            yield Content.assemble(
                (f"{LETTERS[one.place]} ", f"bold {ONES[one.place]}"),
                (f"{run.row.id:>{numbers}}  ", MUTED),
                (fit(visible(run.told), room), ""),
                (f"  {value:>7}", "bold" if one is readings[0] else ""),
                (f"  {self._gap(one, best)}", MUTED),
            )

    def _gap(self, one: _Reading, best: float | None) -> str:
        """How far a run is behind the best, or why that cannot be said."""
        if one.ended:
            return "ended"
        if not one.comparable:
            return "≠"
        if one.value is None or best is None or not math.isfinite(one.value - best):
            return ""
        return f"+{one.value - best:.4f}" if one.value > best else "best"

    def _readings(self, cursor: float | None) -> Iterator[_Reading]:
        for place, (one, curve) in enumerate(zip(self.overlay.runs, self._curves, strict=True)):
            end = _over(([one.row.step], [0.0]), one, self.view.axis)
            ended = cursor is not None and bool(end) and end.xs[-1] < cursor
            at = math.inf if cursor is None else cursor
            value = None if ended else curve.value_at(at)
            alike = one.same_text if self.view.measure == "bits" else one.comparable
            yield _Reading(place, value, ended, alike)

    def remarks(self, marked: int) -> Iterator[Content]:
        """What to mind. marked: how many runs were asked for."""
        overlay = self.overlay
        if overlay.left_out:
            words = f"Of {many(marked)} the first {len(overlay.runs)} of the list are drawn."
            yield Content.styled(words, CAUTION)
        bits = self.view.measure == "bits"
        for remark in (*(() if bits else overlay.remarks), overlay.about_text):
            if remark:
                yield Content.styled(remark, CAUTION)
        if not all(one.same_text if bits else one.comparable for one in overlay.runs):
            words = (
                "≠ other texts are held out than of most of these runs"
                if bits
                else "≠ cannot be compared with most of these runs"
            )
            yield Content.styled(words, MUTED)


def next_measure(present: Measure, overlay: Overlay) -> Measure:
    """The next thing to draw; bits a character only where they are known of all runs."""
    there = MEASURES if overlay.bits else MEASURES[:2]
    return there[(there.index(present) + 1) % len(there)] if present in there else there[0]


def next_axis(present: Axis) -> Axis:
    """What x counts next."""
    return AXES[(AXES.index(present) + 1) % len(AXES)]


def _rank(one: _Reading) -> tuple[bool, bool, float, int]:
    value = one.value
    known = value is not None and not math.isnan(value)
    return not known, not one.comparable, (value or 0.0) if known else 0.0, one.place


def _role(place: int) -> Role:
    return cast(Role, f"one-{place + 1}")


def _name(one: Laid, measure: Measure) -> str:
    return f"run {one.row.id}" + ("" if measure == "average" else f" {measure}")


def _values(one: Laid, measure: Measure) -> tuple[Sequence[float], Sequence[float]]:
    """The steps and the values of a run."""
    if measure == "average":
        return one.average_steps, one.averages
    share = (one.bits_per_nat or math.nan) if measure == "bits" else 1.0
    return [step for step, _ in one.evaluations], [loss * share for _, loss in one.evaluations]


def _over(values: tuple[Sequence[float], Sequence[float]], one: Laid, axis: Axis) -> Curve:
    """The values as a curve over `axis`; what the run's clock does not know has no point."""
    curve = Curve(*values)
    return curve if axis == "steps" else Rescaled(curve).follow(one.clock, axis)
