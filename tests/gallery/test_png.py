"""PNGs: the words are really in them, in their cells, and what is missing is said."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from playground.hooks import png
from playground.hooks.builtins import chart
from playground.hooks.builtins.chart import ChartPng, ChartPngKnobs
from playground.hooks.png import NoPngError, png_of
from playground.testing import Check, checks_of
from playground.testing.made_up import run_exports
from playground.tui.picture.cells import Look
from playground.tui.picture.shapes import HEIGHT, WIDTH
from playground.tui.picture.svg import FONTS, MARGIN, svg_of

pytest.importorskip("resvg_py", reason="the gallery is not installed: make gallery")
Image = pytest.importorskip("PIL.Image", reason="the gallery is not installed: make gallery")

needs_a_font = pytest.mark.skipif(
    not png._has_letters(FONTS, True), reason="this machine has no monospace font"
)
WHITE = Look("#ffffff", "#000000")


@needs_a_font
def test_each_word_has_ink_in_its_cells_and_blanks_have_none() -> None:
    svg = svg_of([[("loss", WHITE), ("    ", WHITE), ("日é", WHITE)], [("████", WHITE)]], "", "")
    picture = Image.open(io.BytesIO(png_of(svg, FONTS, 2, monospace=True))).convert("L")
    assert picture.size == (2 * (11 * WIDTH + 2 * MARGIN), 2 * (2 * HEIGHT + 2 * MARGIN))

    def ink(column: int, row: int, wide: int) -> float:
        """The share of white in these cells."""
        left, top = MARGIN + column * WIDTH, MARGIN + row * HEIGHT
        box = (2 * left, 2 * top, 2 * (left + wide * WIDTH), 2 * (top + HEIGHT))
        values = picture.crop(box).tobytes()
        return sum(values) / 255 / len(values)

    assert all(0.04 < ink(column, 0, 1) < 0.6 for column in (0, 1, 2, 3, 10))
    assert ink(4, 0, 4) == 0 and ink(0, 1, 4) == 1 and ink(4, 1, 7) == 0


@needs_a_font
@pytest.mark.parametrize(
    "check", [one for one in checks_of(chart) if one.subject == "chart-png"], ids=lambda c: c.name
)
def test_the_contract(check: Check) -> None:
    check()


@needs_a_font
def test_a_chart_is_drawn_at_the_scale_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for scale in (1, 3):
        ChartPng(ChartPngKnobs(scale=scale)).export(
            run_exports()["a run of 100 steps"], path, lambda *_: None
        )
        assert struct.unpack(">II", path.read_bytes()[16:24]) == (752 * scale, 430 * scale)


def test_without_a_monospace_font_it_says_so_and_what_to_do() -> None:
    with pytest.raises(NoPngError, match=r"no monospace font.*fonts-dejavu-core.*or write an SVG"):
        png_of(svg_of([[("words", WHITE)]], "", ""), "'No Such Font'", monospace=True)


def test_a_drawing_that_is_too_large_is_scaled_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "MOST", 5_000)
    monkeypatch.setattr(png, "_has_letters", lambda *_: True)
    data = png_of(svg_of([[("█" * 20, WHITE)]], "", ""), FONTS)
    wide, high = struct.unpack(">II", data[16:24])
    assert wide * high <= 5_500 and wide > 2 * high
