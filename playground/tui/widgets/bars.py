"""Horizontal bars of labelled values, each with a tick at the value before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.line_widget import LineWidget, Run, WidgetOptions, strip_of
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

EIGHTHS = " ▏▎▍▌▋▊▉"
GHOST = "│"


@dataclass(frozen=True)
class Bar:
    """One row: a label and its value (0..1)."""

    label: str
    value: float
    ghost: float | None = None
    """The value before (0..1), drawn as a thin tick."""
    mark: bool = False
    """True points at this row."""


def bar_cells(value: float, width: int) -> str:
    """A bar as long as `value` (0..1) of `width` cells, to an eighth of a cell; not padded.

    A value above 0 has a bar of at least an eighth, so that it differs from 0.
    """
    if not value > 0 or width <= 0:  # also NaN
        return ""
    eighths = max(1, round(min(value, 1.0) * width * 8))
    full, rest = divmod(eighths, 8)
    return "█" * full + (EIGHTHS[rest] if rest else "")


def share(value: float | None) -> float:
    """`value` clamped to 0..1; None and NaN count as 0."""
    return min(value, 1.0) if value is not None and value > 0 else 0.0


def summary(rows: Sequence[Bar], rest: tuple[int, float] = (0, 0.0)) -> str:
    """One line for the rows that did not fit: their number and their sum.

    rest: number and sum of further values, which have no rows.
    """
    count, total = len(rows) + rest[0], sum(row.value for row in rows) + rest[1]
    return f"… {count:,} more, {total:.2f} in all"


class Bars(LineWidget):
    """Rows of `label ███▌ 0.13`; the longest value or ghost fills the width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "bars--label",
        "bars--bar",
        "bars--ghost",
        "bars--number",
        "bars--mark",
        "bars--rest",
    }
    DEFAULT_CSS = """
    Bars {
        & > .bars--label { color: $foreground; }
        & > .bars--bar { color: $text-primary 80%; }
        & > .bars--ghost { color: $foreground 60%; }
        & > .bars--number { color: $foreground 75%; }
        & > .bars--mark { color: $text-accent; text-style: bold; }
        & > .bars--rest { color: $foreground 55%; }
        &:ansi > .bars--rest { text-style: dim; }
    }
    """

    def __init__(
        self,
        rows: Sequence[Bar] = (),
        *,
        placeholder: str = "",
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        """`placeholder` is shown while there are no rows."""
        super().__init__(**widget_options)
        self._rows = tuple(rows)
        self._rest = (0, 0.0)
        self._placeholder = visible(placeholder)

    @property
    def rows(self) -> tuple[Bar, ...]:
        """The rows shown, first at the top."""
        return self._rows

    def set_rows(self, rows: Sequence[Bar], rest: tuple[int, float] = (0, 0.0)) -> None:
        """Show `rows`, first at the top. rest: how many more there are, and their sum."""
        rows = tuple(rows)
        if rows != self._rows or rest != self._rest:
            layout = len(rows) != len(self._rows)
            self._rows, self._rest = rows, rest
            self.changed(layout)

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._rows) + (self._rest[0] > 0))

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        rest = self.ink("bars--rest")
        if not self._rows:
            return [strip_of([(fit(self._placeholder, width), rest)], width, self.ink())]
        shown = self._rows
        if len(shown) + (self._rest[0] > 0) > height:
            shown = shown[: height - 1]
        labels = [visible(row.label, spaces=row.label.isspace()) for row in shown]
        number_width = 5 if width >= 12 else 0
        # the mark's column, the label, a gap
        label_width = min(
            max((cell_len(label) for label in labels), default=0),
            max(1, (width - number_width) // 3),
        )
        room = max(0, width - label_width - 3 - number_width)
        longest = max(max(share(row.value), share(row.ghost)) for row in self._rows)
        scale = 1 / longest if longest > 1e-9 else 0.0
        lines: list[Strip] = []
        for row, label in zip(shown, labels, strict=True):
            name = self.ink("bars--mark" if row.mark else "bars--label")
            runs = [(f"{'▸' if row.mark else ' '}{fit(label, label_width)} ", name)]
            runs += self._bar(row, room, scale, self.ink("bars--mark" if row.mark else "bars--bar"))
            if number_width:
                number = f" {row.value:.2f}"
                runs.append((number, self.ink("bars--mark" if row.mark else "bars--number")))
            lines.append(strip_of(runs, width, self.ink()))
        if len(shown) < len(self._rows) or self._rest[0]:
            left_over = summary(self._rows[len(shown) :], self._rest)
            lines.append(strip_of([(fit(" " + left_over, width), rest)], width, self.ink()))
        return lines

    def _bar(self, row: Bar, room: int, scale: float, ink: Style) -> list[Run]:
        """The bar and its ghost in exactly `room + 1` cells; the last cell is for a ghost at the
        end of the longest bar."""
        bar = bar_cells(share(row.value) * scale, room)
        at = len(bar)
        if row.ghost is None or not row.ghost >= 0 or not room:
            return [(bar + " " * (room + 1 - at), ink)]
        tick = min(int(share(row.ghost) * scale * room), room)
        if tick >= at:
            space = " " * (tick - at)
            return [(bar + space, ink), (GHOST + " " * (room - tick), self.ink("bars--ghost"))]
        if tick == at - 1:  # the bar ends in the cell of the ghost: both show the same value
            return [(bar + " " * (room + 1 - at), ink)]
        # A tick within the bar is drawn in reverse, so that it shows without colour too.
        cut = ink + Style(reverse=True)
        after = bar[tick + 1 :] + " " * (room + 1 - at)
        return [(bar[:tick], ink), (GHOST, cut), (after, ink)]
