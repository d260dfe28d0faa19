"""A text as tiles: its tokens, and beneath each a number that also tints it."""

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

SHADES = 16
"""Steps of the tint."""


@dataclass(frozen=True)
class Tile:
    """One token."""

    text: str
    """The text itself; a character that cannot be seen is drawn as a stand-in."""
    value: float | None = None
    """The number beneath the token; None leaves that place empty."""
    faded: bool = False
    """True draws the token as not taking part."""


@dataclass(frozen=True)
class Placed:
    """A tile's text and number as shown: `width` cells from column `start` of a line."""

    index: int
    text: str
    number: str
    start: int
    width: int


def shown_text(text: str) -> str:
    """A token's text with stand-ins; an empty one is shown as ∅."""
    return visible(text, spaces=True) or "∅"


def number_text(value: float | None) -> str:
    """A number with one decimal, "" for None."""
    return "" if value is None else f"{value:.1f}" if abs(value) < 1000 else f"{value:.0e}"


def flow(tiles: Sequence[Tile], width: int) -> list[list[Placed]]:
    """The tiles in lines of at most `width` cells, one cell between neighbours; a tile wider
    than a line is cut to it."""
    if width <= 0:
        return []
    lines: list[list[Placed]] = []
    at = 0
    for index, tile in enumerate(tiles):
        text, number = shown_text(tile.text), number_text(tile.value)
        size = min(max(cell_len(text) + (2 if width >= 12 else 0), len(number)), width)
        if not lines or at + size > width:
            lines.append([])
            at = 0
        lines[-1].append(Placed(index, text, number, at, size))
        at += size + 1
    return lines


def centred(text: str, width: int) -> str:
    """`text` in the middle of exactly `width` cells, cut where it is longer."""
    length = cell_len(text)
    if length >= width:
        return fit(text, width)
    left = (width - length) // 2
    return " " * left + text + " " * (width - length - left)


class TokenTiles(LineWidget):
    """Tokens in the order of the text, wrapped to the width, each with its number beneath.

    The tint goes from none at 0 to the full accent at `scale` and beyond. Tiles without room are
    counted: `…+12`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tiles--token",
        "tiles--number",
        "tiles--tint",
        "tiles--ground",
        "tiles--faded",
        "tiles--more",
    }
    DEFAULT_CSS = """
    TokenTiles {
        height: auto;
        & > .tiles--token { color: $foreground; }
        & > .tiles--number { color: $foreground 70%; }
        & > .tiles--tint { color: $accent; }
        & > .tiles--ground { color: $surface-lighten-1; }
        & > .tiles--faded { color: $foreground 45%; }
        & > .tiles--more { color: $foreground 60%; }
        &:ansi > .tiles--faded { text-style: dim; }
    }
    """

    def __init__(
        self,
        tiles: Sequence[Tile] = (),
        scale: float = 1.0,
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        super().__init__(**widget_options)
        self._tiles = tuple(tiles)
        self._scale = scale
        self._shades: list[Style] = []

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles shown, in order."""
        return self._tiles

    def set_tiles(self, tiles: Sequence[Tile], scale: float) -> None:
        """Show `tiles`; a value of `scale` or more has the full tint."""
        tiles = tuple(tiles)
        if tiles != self._tiles or scale != self._scale:
            self._tiles, self._scale = tiles, scale
            self.changed(layout=True)

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, (2 if self._numbered else 1) * len(flow(self._tiles, width)))

    @property
    def _numbered(self) -> bool:
        """True if any tile has a number."""
        return any(tile.value is not None for tile in self._tiles)

    @override
    def forget(self) -> None:
        super().forget()
        self._shades = []

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        lines = flow(self._tiles, width)
        numbered = height >= 2 and self._numbered
        fitting = height // 2 if numbered else height
        shown, more = lines[:fitting], ""
        if len(lines) > fitting:
            last = shown[-1]
            while True:  # take tiles away until the count of the missing ones has room
                missing = len(self._tiles) - (
                    last[-1].index + 1 if last else lines[fitting - 1][0].index
                )
                more = f"…+{missing}"
                end = last[-1].start + last[-1].width + 1 if last else 0
                if end + len(more) <= width or not last:
                    break
                last = last[:-1]
            shown = [*shown[:-1], last]
        out: list[Strip] = []
        for number, line in enumerate(shown):
            above, below = self._line(line)
            if more and number == len(shown) - 1:
                above.append((more, self.ink("tiles--more")))
            out.append(strip_of(above, width, self.ink()))
            if numbered:
                out.append(strip_of(below, width, self.ink()))
        return out

    def _line(self, line: Sequence[Placed]) -> tuple[list[Run], list[Run]]:
        """The runs of the tokens and of the numbers beneath, each tile and the gap after it."""
        above: list[Run] = []
        below: list[Run] = []
        gap: Run = (" ", self.ink())
        for placed in line:
            tile = self._tiles[placed.index]
            faded = self.ink("tiles--faded") if tile.faded else None
            token = faded or self._shade(tile.value)
            above += [(centred(placed.text, placed.width), token), gap]
            number = centred(placed.number, placed.width)
            below += [(number, faded or self.ink("tiles--number")), gap]
        return above, below

    def _shade(self, value: float | None) -> Style:
        """The style of a token by its value."""
        known = value if value is not None and value == value else 0.0
        fraction = min(max(known / self._scale, 0.0), 1.0) if self._scale > 0 else 0.0
        token = self.ink("tiles--token")
        if self.monochrome:  # without a tint, high values are bold, and the highest underlined too
            return token + Style(bold=fraction >= 0.5, underline=fraction >= 0.8)
        if not self._shades:
            below = self.background_colors[1]
            ground, tint = (
                below + self.get_component_styles(f"tiles--{part}").color
                for part in ("ground", "tint")
            )
            for step in range(SHADES + 1):
                colour = ground.blend(tint, 0.85 * step / SHADES)
                ink = colour + colour.get_contrast_text(0.9)
                self._shades.append(Style.from_color(ink.rich_color, colour.rich_color))
        return self._shades[round(fraction * SHADES)]
