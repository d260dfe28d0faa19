"""A family of curves in braille: all thin, a selection brighter, one bright, and a mean with its
spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.curve import Curve
from playground.tui.widgets.line_widget import LineWidget, WidgetOptions


@dataclass(frozen=True, slots=True)
class Family:
    """What is drawn: curves over a common x, and what is said of some of them."""

    curves: tuple[Curve, ...]
    """One for each run. A y that is not finite is a gap. A curve may grow in place; `set_data`
    with the same family then draws the new points."""
    selected: tuple[bool, ...] | None = None
    """For each curve whether it is brighter than the rest; None where nothing is selected."""
    chosen: int | None = None
    """The curve that is bright."""
    group: tuple[int, ...] = ()
    """The curves, such as the seeds of the chosen setting, whose mean is drawn, within a band of
    one standard deviation above and below."""
    group_name: str = ""
    """What the group is called, as "3 seeds of learning_rate 0.01"."""
    chosen_name: str = ""
    """What the chosen curve is called, as "seed 2"."""


class CurveFamily(LineWidget):
    """A family of curves: x in steps, y in nats unless `y_unit` says otherwise."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"curves--rest"}

    def __init__(self, *, y_unit: str = "nats", **widget_options: Unpack[WidgetOptions]) -> None:
        super().__init__(**widget_options)
        self._y_unit = y_unit
        self._family = Family(())

    def set_data(self, family: Family) -> None:
        """Draw `family`; what has not changed since the last call is not computed again."""
        self._family = family
        self.changed()

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        return []
