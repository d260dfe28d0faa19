"""Signs that are drawn as shapes: blocks, the lines of frames, and dots of braille.

Fonts leave gaps between these signs, or draw them larger than a cell. As shapes they join, and a
heat map has no seams. A cell is WIDTH x HEIGHT units, so that an eighth of it is a whole number.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

WIDTH, HEIGHT = 8, 16
Rect = tuple[int, int, int, int]
"""Left, top, width and height."""

_HALF_W, _HALF_H = WIDTH // 2, HEIGHT // 2
_MIDDLE_X, _MIDDLE_Y = 3, 7
"""Where a thin line begins, 1 unit wide; a heavy one has one unit more."""
_QUARTERS: dict[str, Rect] = {
    "1": (0, 0, _HALF_W, _HALF_H),
    "2": (_HALF_W, 0, _HALF_W, _HALF_H),
    "3": (0, _HALF_H, _HALF_W, _HALF_H),
    "4": (_HALF_W, _HALF_H, _HALF_W, _HALF_H),
}
_OF_QUARTERS = {"▖": "3", "▗": "4", "▘": "1", "▙": "134", "▚": "14", "▛": "123", "▜": "124",
                "▝": "2", "▞": "23", "▟": "234"}  # fmt: skip
_ARMS = {  # left, up, right, down: 1 is a thin line, 2 a heavy one
    "─": (1, 0, 1, 0), "│": (0, 1, 0, 1), "┌": (0, 0, 1, 1), "┐": (1, 0, 0, 1),
    "└": (0, 1, 1, 0), "┘": (1, 1, 0, 0), "├": (0, 1, 1, 1), "┤": (1, 1, 0, 1),
    "┬": (1, 0, 1, 1), "┴": (1, 1, 1, 0), "┼": (1, 1, 1, 1), "╴": (1, 0, 0, 0),
    "╵": (0, 1, 0, 0), "╶": (0, 0, 1, 0), "╷": (0, 0, 0, 1),
    "━": (2, 0, 2, 0), "┃": (0, 2, 0, 2), "┏": (0, 0, 2, 2), "┓": (2, 0, 0, 2),
    "┗": (0, 2, 2, 0), "┛": (2, 2, 0, 0), "┣": (0, 2, 2, 2), "┫": (2, 2, 0, 2),
    "┳": (2, 0, 2, 2), "┻": (2, 2, 2, 0), "╋": (2, 2, 2, 2), "╸": (2, 0, 0, 0),
    "╹": (0, 2, 0, 0), "╺": (0, 0, 2, 0), "╻": (0, 0, 0, 2),
    "╼": (1, 0, 2, 0), "╽": (0, 1, 0, 2), "╾": (2, 0, 1, 0), "╿": (0, 2, 0, 1),
}  # fmt: skip
SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
"""How much of a shaded cell is ink."""
_X, _Y = _MIDDLE_X + 0.5, _MIDDLE_Y + 0.5
ARCS = {
    "╭": f"m{_X} {HEIGHT}v-4q0-4.5 4.5-4.5",
    "╮": f"m0 {_Y}q{_X} 0 {_X} 4.5v4",
    "╯": f"m0 {_Y}q{_X} 0 {_X}-4.5v-3",
    "╰": f"m{_X} 0v3q0 4.5 4.5 4.5",
}
"""The corners of frames, as lines of 1 unit from the corner of their cell."""
_DOTS = ((0x01, 0, 0), (0x02, 0, 1), (0x04, 0, 2), (0x08, 1, 0), (0x10, 1, 1), (0x20, 1, 2),
         (0x40, 0, 3), (0x80, 1, 3))  # fmt: skip


@cache
def rects(sign: str) -> tuple[Rect, ...] | None:
    """The rectangles that a sign is made of, () for an empty one; None for a sign that is drawn as
    a letter, or by ARCS."""
    found = _rects(sign)
    return None if found is None else tuple(found)


def _rects(sign: str) -> Iterable[Rect] | None:
    code = ord(sign) if len(sign) == 1 else 0
    if sign in _ARMS:
        return _lines(*_ARMS[sign])
    if 0x2800 <= code <= 0x28FF:
        return [
            (1 + 4 * column, 1 + 4 * row, 2, 2)
            for bit, column, row in _DOTS
            if (code - 0x2800) & bit
        ]
    if sign == "█" or sign in SHADES:
        return [(0, 0, WIDTH, HEIGHT)]
    if sign == "═":
        return [(0, _MIDDLE_Y - 2, WIDTH, 1), (0, _MIDDLE_Y + 2, WIDTH, 1)]
    if sign == "▀":
        return [(0, 0, WIDTH, _HALF_H)]
    if sign == "▐":
        return [(_HALF_W, 0, _HALF_W, HEIGHT)]
    if sign == "▔":
        return [(0, 0, WIDTH, HEIGHT // 8)]
    if sign == "▕":
        return [(WIDTH * 7 // 8, 0, WIDTH // 8, HEIGHT)]
    if 0x2581 <= code < 0x2588:  # so many eighths from below
        high = (code - 0x2580) * HEIGHT // 8
        return [(0, HEIGHT - high, WIDTH, high)]
    if 0x2589 <= code < 0x2590:  # so many eighths from the left
        return [(0, 0, (0x2590 - code) * WIDTH // 8, HEIGHT)]
    if sign in _OF_QUARTERS:
        return [_QUARTERS[quarter] for quarter in _OF_QUARTERS[sign]]
    return None


def _lines(left: int, up: int, right: int, down: int) -> list[Rect]:
    """Arms from the edges to the middle, each up to the far side of the lines that it meets."""
    found = []
    wide, high = max(up, down, 1), max(left, right, 1)
    if left:
        found.append((0, _MIDDLE_Y, _MIDDLE_X + wide, left))
    if right:
        found.append((_MIDDLE_X, _MIDDLE_Y, WIDTH - _MIDDLE_X, right))
    if up:
        found.append((_MIDDLE_X, 0, up, _MIDDLE_Y + high))
    if down:
        found.append((_MIDDLE_X, _MIDDLE_Y, down, HEIGHT - _MIDDLE_Y))
    return found


def merged(found: Iterable[Rect]) -> list[Rect]:
    """Rectangles that cover the same, with neighbours that make a larger one as one."""
    rows: list[Rect] = []
    for left, top, wide, high in sorted(set(found), key=lambda one: (one[1], one[3], one[0])):
        if rows:
            x, y, w, h = rows[-1]
            if (y, h) == (top, high) and x + w >= left:
                rows[-1] = (x, y, max(w, left + wide - x), h)
                continue
        rows.append((left, top, wide, high))
    columns: list[Rect] = []
    for left, top, wide, high in sorted(rows, key=lambda one: (one[0], one[2], one[1])):
        if columns:
            x, y, w, h = columns[-1]
            if (x, w) == (left, wide) and y + h >= top:
                columns[-1] = (x, y, w, max(h, top + high - y))
                continue
        columns.append((left, top, wide, high))
    return columns
