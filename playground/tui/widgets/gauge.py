"""A thin line of progress."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Unpack

from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.line_widget import LineWidget, WidgetOptions, strip_of

FULL, HALF, EMPTY = "━", "╾", "─"


def progress_cells(fraction: float, width: int) -> tuple[str, str]:
    """The done and the remaining part of a line `width` cells long, to half a cell.

    `fraction` is clamped to 0..1, and NaN counts as 0. The line is full only when all is done,
    and begun as soon as anything is done.
    """
    width = max(0, width)
    if not fraction > 0:  # also NaN
        halves = 0
    elif fraction >= 1:
        halves = 2 * width
    else:
        halves = min(max(1, math.floor(2 * width * fraction)), 2 * width - 1) if width else 0
    full, half = divmod(halves, 2)
    return FULL * full + HALF * half, EMPTY * (width - full - half)


def progress_text(fraction: float, width: int) -> str:
    """A progress line as plain text: heavy where done, light where not (`━━━╾───`)."""
    return "".join(progress_cells(fraction, width))


class ProgressLine(LineWidget):
    """A thin progress line, with the percentage at its end where there is room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "progress--done",
        "progress--rest",
        "progress--percent",
    }
    DEFAULT_CSS = """
    ProgressLine {
        height: 1;
        & > .progress--done { color: $text-accent; }
        & > .progress--rest { color: $foreground 30%; }
        & > .progress--percent { color: $foreground; }
        &:ansi > .progress--rest { text-style: dim; }
    }
    """

    def __init__(
        self,
        fraction: float = 0.0,
        *,
        show_percent: bool = True,
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**widget_options)
        self._fraction = fraction
        self._show_percent = show_percent

    @property
    def fraction(self) -> float:
        """How much is done, 0..1."""
        return self._fraction

    def set_fraction(self, fraction: float) -> None:
        """Show `fraction` (0..1) as done."""
        if fraction != self._fraction:
            self._fraction = fraction
            self.changed()

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        known = self._fraction if self._fraction == self._fraction else 0.0
        percent = f" {min(max(known, 0.0), 1.0):4.0%}"
        if not self._show_percent or width < 12:
            percent = ""
        done, rest = progress_cells(self._fraction, width - len(percent))
        runs = [
            (done, self.ink("progress--done")),
            (rest, self.ink("progress--rest")),
            (percent, self.ink("progress--percent")),
        ]
        return [strip_of(runs, width, self.ink())]
