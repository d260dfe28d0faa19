"""A drawing as a PNG: the library of the extra `png` draws an SVG, with the fonts of this machine.

The library is loaded when the first PNG is made, in 1 ms; a screen of 120 x 40 takes it 0.3 s.
"""

from __future__ import annotations

import re
from functools import cache

from playground.hooks.gallery import lacking_extra

MODULE = "resvg_py"
SCALE = 2
"""Pixels a unit of the SVG, for screens of today."""
MOST = 40_000_000
"""Pixels that no PNG has more of; a larger drawing is scaled less."""
_PROBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} 0 {wide} 24" width="{wide}" '
    'height="24"><text y="18" font-size="20" font-family="{fonts}">{text}</text></svg>'
)
_THIN, _ANYWHERE, _AT_THE_21ST = "i" * 20 + "H", (0, 300), (195, 80)
"""A line, and where one looks for its letters: the last of them stands far to the right only where
all letters are equally wide."""
_SIZE = re.compile(r'<svg [^>]*?\bwidth="(\d+)" height="(\d+)"')


class NoPngError(Exception):
    """No PNG can be made here: in `title` what is missing, in `message` why and what to do."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(f"{title}. {message}")
        self.title, self.message = title, message


def lacking() -> str:
    """Why no PNG can be made, in words that follow "it"; "" if the library is there."""
    return lacking_extra("png", MODULE)


def png_of(svg: str, fonts: str, scale: float = SCALE, *, monospace: bool = False) -> bytes:
    """The SVG as a PNG, in pixels `scale` times its width and height; a drawing of more than MOST
    pixels gets a smaller scale. Raises NoPngError.

    fonts: what the letters are drawn in, as CSS has it; one of them must be there. monospace: the
    letters of that one must be equally wide.
    """
    missing = lacking()
    if missing:
        raise NoPngError("There is no PNG without its library", f"It {missing}.")
    import resvg_py

    if not _has_letters(fonts, monospace):
        raise NoPngError(
            "There is no font for the letters",
            f"This machine has no {'monospace ' * monospace}font, so that the words would be "
            "missing in the PNG. Install one, for example DejaVu Sans Mono (in the package "
            "fonts-dejavu-core of Debian and Ubuntu), or write an SVG, which is drawn with the "
            "fonts of its reader.",
        )
    found = _SIZE.search(svg)
    if found is not None:
        area = int(found[1]) * int(found[2])
        scale = min(scale, (MOST / max(area, 1)) ** 0.5)
    try:
        data: bytes = resvg_py.svg_to_bytes(svg_string=svg, zoom=scale)
    except (ValueError, RuntimeError) as error:
        raise NoPngError("The PNG could not be drawn", f"{MODULE} says: {error}.") from error
    return data


@cache
def _has_letters(fonts: str, monospace: bool) -> bool:
    """True if one of these fonts is there. Where none is, the library leaves words out, and says
    nothing."""
    import resvg_py

    left, wide = _AT_THE_21ST if monospace else _ANYWHERE
    seen, blank = (
        resvg_py.svg_to_bytes(
            svg_string=_PROBE.format(left=left, wide=wide, fonts=fonts, text=text)
        )
        for text in (_THIN, "")
    )
    return bool(seen != blank)
