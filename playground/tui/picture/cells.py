"""The cells of a screen, as they stand in the terminal: their signs, colours and styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.constants import DIM_FACTOR
from textual.geometry import Region
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import Screen
from textual.strip import Strip

NONE = Color(0, 0, 0, 0)


class Look(NamedTuple):
    """How a cell looks; the colours as "#rrggbb"."""

    ink: str
    paper: str
    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False


Run = tuple[str, Look]
"""Signs that stand side by side and look alike."""


@dataclass(frozen=True, slots=True)
class Shot:
    """All cells of a screen at one moment."""

    strips: tuple[Strip, ...]
    """The lines from above."""
    theme: TerminalTheme
    """What the sixteen colours of a terminal, and its own ink and paper, are taken for."""

    def lines(self, region: Region) -> list[list[Run]]:
        """The cells within a region, line by line. Of a wide sign that the edge cuts through, a
        blank is left, as in a terminal."""
        inside = region.intersection(Region(0, 0, region.right, len(self.strips)))
        return [
            [
                (text, look_of(style, self.theme))
                for text, style, control in strip.crop(inside.x, inside.right)
                if text and not control
            ]
            for strip in self.strips[inside.y : inside.bottom]
        ]


def taken(screen: Screen[Any]) -> Shot:
    """The cells of the screen as they are now, without the screens that lie over it."""
    app = screen.app
    # Not tinted, it is the screen itself, without its links and what its cells lead to.
    drawn = app.console.render(BackgroundScreen(screen, NONE))
    strips = tuple(Strip(line) for line in Segment.split_lines(drawn))
    return Shot(strips, app.ansi_theme)


def look_of(style: Style | None, theme: TerminalTheme) -> Look:
    """A style in colours that are the same everywhere."""
    style = style or Style.null()
    ink = _triplet(style.color, theme, foreground=True)
    paper = _triplet(style.bgcolor, theme, foreground=False)
    if style.reverse:
        ink, paper = paper, ink
    if style.dim:
        ink = [low + (high - low) * DIM_FACTOR for low, high in zip(paper, ink, strict=True)]
    return Look(
        _hex(ink),
        _hex(paper),
        bool(style.bold),
        bool(style.italic),
        bool(style.underline),
        bool(style.strike),
    )


def _triplet(color: RichColor | None, theme: TerminalTheme, *, foreground: bool) -> Sequence[float]:
    return (color or RichColor.default()).get_truecolor(theme, foreground=foreground)


def _hex(parts: Sequence[float]) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in parts)
