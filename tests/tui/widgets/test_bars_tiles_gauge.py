"""Bars, token tiles and the progress line."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tui.widgets.bars import EIGHTHS, Bar, Bars, bar_cells
from playground.tui.widgets.gauge import ProgressLine, progress_text
from playground.tui.widgets.tiles import Tile, TokenTiles, flow
from playground.widths import cell_len


async def test_bars_are_as_long_as_their_values_and_numbered(stage: Any) -> None:
    bars = Bars([Bar("a", 0.4), Bar("b", 0.2), Bar("c", 0.0)])
    async with stage(bars, (40, 3)) as app:
        lengths = [line.count("█") for line in app.lines]
        assert lengths[0] == pytest.approx(2 * lengths[1], abs=1)
        assert lengths[2] == 0
        assert [line[-4:] for line in app.lines] == ["0.40", "0.20", "0.00"]


async def test_the_value_before_is_a_tick_inside_or_beyond_the_bar(stage: Any) -> None:
    bars = Bars([Bar("a", 0.4, ghost=0.2), Bar("b", 0.2, ghost=0.3), Bar("c", 0.1, ghost=0.4)])
    async with stage(bars, (40, 3)) as app:
        inside, beyond, far = app.lines
        assert inside.index("│") < inside.rindex("█")
        assert beyond.index("│") > beyond.rindex("█")
        assert far.index("│") == pytest.approx(inside.rindex("█"), abs=1)


async def test_a_marked_row_is_pointed_at(stage: Any) -> None:
    async with stage(Bars([Bar("a", 0.4), Bar("b", 0.2, mark=True)]), (40, 2)) as app:
        assert app.lines[0].startswith(" a") and app.lines[1].startswith("▸b")


async def test_rows_without_room_are_summed_up(stage: Any) -> None:
    rows = [Bar(str(i), 0.1 if i < 3 else 0.01) for i in range(15)]
    async with stage(Bars(rows), (40, 4)) as app:
        assert app.lines[3].strip() == "… 12 more, 0.12 in all"


async def test_values_without_a_row_are_counted_in_the_last_line(stage: Any) -> None:
    bars = Bars()
    async with stage(bars, (40, 2)) as app:
        bars.set_rows([Bar("a", 0.2), Bar("b", 0.1)], rest=(2998, 0.7))
        await app.pilot.pause()
        assert app.lines[1].strip() == "… 2,999 more, 0.80 in all"


async def test_labels_are_data_not_markup(stage: Any) -> None:
    async with stage(Bars([Bar("[b]\x1b", 0.5), Bar(" ", 0.5), Bar("日", 0.5)]), (60, 3)) as app:
        assert "[b]\\x1b" in app.lines[0]
        assert app.lines[1].startswith(" ␠")
        app.check_widths()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (7, 3), (12, 5), (36, 27), (90, 40)])
async def test_bars_fill_every_size_exactly(stage: Any, size: tuple[int, int]) -> None:
    odd = [math.nan, math.inf, -1.0, 2.0, 0.0, 1e-9]
    rows = [Bar(chr(97 + i), v, w) for i, v in enumerate(odd) for w in (None, 0.5, *odd)]
    bars = Bars()
    async with stage(bars, size) as app:
        for some in ([], rows[:1], rows):
            bars.set_rows(some)
            app.check_widths()


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 60))
def test_the_longer_bar_belongs_to_the_greater_value(a: float, b: float, width: int) -> None:
    def eighths(bar: str) -> int:
        return sum(8 if glyph == "█" else EIGHTHS.index(glyph) for glyph in bar)

    low, high = sorted((a, b))
    assert eighths(bar_cells(low, width)) <= eighths(bar_cells(high, width))
    assert len(bar_cells(high, width)) <= width


async def test_tokens_stand_above_their_numbers(stage: Any) -> None:
    tiles = TokenTiles([Tile("e", 2.9), Tile("mm", 2.25), Tile("\n", None)], 3.3)
    async with stage(tiles, (40, 2)) as app:
        above, below = app.lines
        assert above.split() == ["e", "mm", "⏎"] and below.split() == ["2.9", "2.2"]
        assert abs(above.index("mm") - below.index("2.2")) <= 1


async def test_the_more_surprising_the_deeper_the_tint(stage: Any) -> None:
    tiles = TokenTiles([Tile("a", 0.0), Tile("b", 1.0), Tile("c", 3.0), Tile("d", 99.0)], 3.0)
    async with stage(tiles, (40, 2)) as app:
        grounds = [s.style.bgcolor for s in app.widget.render_line(0) if s.text.strip()]
        assert len(set(grounds)) == 3 and grounds[2] == grounds[3]


async def test_tiles_wrap_and_count_what_has_no_room(stage: Any) -> None:
    tiles = TokenTiles([Tile("ab", 1.0) for _ in range(30)], 3.0)
    async with stage(tiles, (20, 4)) as app:
        shown = sum(line.count("ab") for line in app.lines)
        assert app.lines[2].rstrip().endswith(f"…+{30 - shown}")
        app.check_widths()


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 2), (4, 1), (11, 5), (80, 9)])
async def test_tiles_fill_every_size_exactly(stage: Any, size: tuple[int, int]) -> None:
    texts = ["", " the", "日本語日本語", "\x00", "\u0301", "a" * 50, "[/]"]
    numbers = [None, 0.0, -3.0, math.nan, math.inf, 1e9]
    tiles = TokenTiles()
    async with stage(tiles, size) as app:
        for scale in (3.0, 0.0, math.nan):
            tiles.set_tiles([Tile(t, n, n is None) for t in texts for n in numbers], scale)
            app.check_widths()
            app.no_color = not app.no_color
        tiles.set_tiles([], 1.0)
        app.check_widths()


@given(st.lists(st.text(max_size=12), max_size=40), st.integers(1, 40))
def test_flow_loses_no_tile_and_overlaps_none(texts: list[str], width: int) -> None:
    lines = flow([Tile(text, 1.0) for text in texts], width)
    assert [placed.index for line in lines for placed in line] == list(range(len(texts)))
    for line in lines:
        for before, after in pairwise(line):
            assert before.start + before.width < after.start
        assert line[-1].start + line[-1].width <= width


@given(st.floats(), st.integers(0, 80))
def test_progress_is_exactly_as_wide_as_asked(fraction: float, width: int) -> None:
    assert cell_len(progress_text(fraction, width)) == width


def test_progress_is_full_only_at_the_end_and_begun_at_the_start() -> None:
    assert progress_text(0, 6) == "──────"
    assert progress_text(1e-9, 6) == "╾─────"
    assert progress_text(0.5, 6) == "━━━───"
    assert progress_text(0.999999, 6) == "━━━━━╾"
    assert progress_text(1, 6) == "━━━━━━"
    assert progress_text(math.nan, 3) == "───"


async def test_the_progress_line_says_the_percentage(stage: Any) -> None:
    line = ProgressLine(0.312)
    async with stage(line, (30, 1)) as app:
        assert app.lines[0].endswith(" 31%")
        line.set_fraction(2.0)
        assert app.lines[0].endswith("100%") and "─" not in app.lines[0]
        app.check_widths()


async def test_tiles_without_numbers_stand_line_under_line(stage: Any) -> None:
    tiles = TokenTiles([Tile(letter) for letter in "abcdefgh"])
    async with stage(tiles, (16, 4)) as app:
        assert [line.split() for line in app.lines] == [list("abcd"), list("efgh"), [], []]
        tiles.set_tiles([Tile(letter, 1.0) for letter in "abcdefgh"], 5.0)
        await app.pilot.pause()
        assert [line.split()[:1] for line in app.lines] == [["a"], ["1.0"], ["e"], ["1.0"]]
