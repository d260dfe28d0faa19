"""The heat map tells sign and size, keeps its cursor in sight, and can do without colour."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color, rgb_to_lab

from playground.tui.widgets.colors import diverging
from playground.tui.widgets.heatmap import HeatMap, glyph_of
from playground.tui.widgets.matrix import HOLE, STEPS, ZERO, largest, levels, pool, signed, window


def ramp(rows: int, cols: int) -> array[float]:
    return array("d", (index / (rows * cols) * 2 - 1 for index in range(rows * cols)))


def colours(app: Any, y: int) -> list[tuple[Any, Any]]:
    """(upper, lower) colour of every cell of a line."""
    return [
        (segment.style.color, segment.style.bgcolor)
        for segment in app.widget.render_line(y)
        for _ in segment.text
    ]


async def test_sixteen_by_sixteen_is_eight_lines_of_thirty_two_cells(stage: Any) -> None:
    heatmap = HeatMap()
    async with stage(heatmap, (40, 10)) as app:
        heatmap.set_matrix(ramp(16, 16), 16, 16, 1.0)
        assert [line.count("▀") for line in app.lines[:8]] == [32] * 8
        assert app.lines[8].startswith("-1.00 ") and "+1.00" in app.lines[8]
        app.check_widths()


async def test_colours_tell_sign_and_size(stage: Any) -> None:
    heatmap = HeatMap()
    async with stage(heatmap, (12, 4)) as app:
        heatmap.set_matrix([0.0, -1.0, -0.5, 0.0, 0.5, 1.0], 1, 6, 1.0)
        seen = [Color.from_rich_color(upper) for upper, _ in colours(app, 0)[::2]][1:]
        blueness = [-rgb_to_lab(colour).b for colour in seen]
        assert blueness == sorted(blueness, reverse=True)
        assert blueness[0] > 20 and blueness[-1] < -20


async def test_keys_move_the_cursor_and_say_the_value(stage: Any) -> None:
    heatmap = HeatMap()
    matrix = ramp(16, 16)
    async with stage(heatmap, (40, 10), HeatMap.CellHighlighted) as app:
        heatmap.set_matrix(matrix, 16, 16, 1.0)
        await app.pilot.press("down", "right", "shift+down", "shift+right", "left", "up")
        assert heatmap.cursor == (8, 8)
        await app.pilot.press("end", "down", "right", "home", "up")
        assert heatmap.cursor == (0, 0)
        last = app.posted[5]
        assert (last.row, last.col, last.value) == (8, 8, matrix[8 * 16 + 8])
        assert (app.posted[-2].row, app.posted[-2].col) == (15, 15)


async def test_a_large_matrix_scrolls_with_the_cursor_and_says_so(stage: Any) -> None:
    heatmap = HeatMap()
    async with stage(heatmap, (64, 9)) as app:
        heatmap.set_matrix(ramp(64, 64), 64, 64, 1.0)
        assert "rows 0–15 of 64" in app.lines[-1]
        await app.pilot.press("end")
        assert "rows 48–63 of 64" in app.lines[-1]
        await app.pilot.press("shift+up", "shift+up")
        assert "rows 46–61 of 64" in app.lines[-1]


async def test_the_mouse_reaches_both_rows_of_a_line(stage: Any) -> None:
    heatmap = HeatMap()
    async with stage(heatmap, (40, 10)) as app:
        heatmap.set_matrix(ramp(16, 16), 16, 16, 1.0)
        await app.pilot.hover(heatmap, offset=(7, 3))
        assert heatmap.cursor == (6, 3)
        await app.pilot.click(heatmap, offset=(7, 3))
        assert heatmap.cursor == (7, 3)
        await app.pilot.hover(heatmap, offset=(38, 3))  # beyond the matrix
        assert heatmap.cursor == (7, 3)


async def test_fit_shows_the_whole_matrix_by_the_values_farthest_from_zero(stage: Any) -> None:
    heatmap = HeatMap(fit=True)
    matrix = array("d", [0.0] * 4096)
    matrix[63 * 64 + 63] = -1.0
    async with stage(heatmap, (40, 9)) as app:
        heatmap.set_matrix(matrix, 64, 64, 1.0)
        assert "4×2 in one" in app.lines[-1]
        assert sum("▀" in line for line in app.lines) == 8
        assert colours(app, 7)[31][1] != colours(app, 7)[30][1]
        await app.pilot.press("down")
        assert heatmap.cursor == (4, 0)
        app.check_widths()


async def test_without_colour_glyphs_tell_sign_and_size(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    heatmap = HeatMap()
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage(heatmap, (20, 6)) as app:
        heatmap.set_matrix([0.0, -1.0, -0.2, 0.0, 0.2, 1.0, math.nan], 1, 7, 1.0)
        assert app.lines[0].startswith("  ▤▤╌╌  ··██??")
        assert next(iter(heatmap.render_line(0))).style.reverse  # the cursor


async def test_an_ansi_theme_has_glyphs_too(stage: Any) -> None:
    heatmap = HeatMap()
    async with stage(heatmap, (6, 3)) as app:
        heatmap.set_matrix([1.0, -1.0], 1, 2, 1.0)
        assert "▀" in app.lines[0]
        app.theme = "ansi-dark"
        await app.pilot.pause()
        assert app.lines[0].startswith("██▤▤")


async def test_nan_infinity_and_no_numbers_do_not_break_a_heat_map(stage: Any) -> None:
    heatmap = HeatMap()
    async with stage(heatmap, (40, 10)) as app:
        for scale in (0.0, math.nan, math.inf, -1.0):
            heatmap.set_matrix([math.nan, math.inf, -math.inf, 0.0], 2, 2, scale)
            app.check_widths()
        with pytest.raises(ValueError, match="3 values do not make 2 rows of 2"):
            heatmap.set_matrix([1, 2, 3], 2, 2, 1.0)
        heatmap.set_matrix([], 0, 0, 1.0)
        await app.pilot.press("down", "end", "home")
        app.check_widths()
        assert heatmap.value is None


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 3), (5, 2), (9, 3), (33, 17), (140, 40)])
@pytest.mark.parametrize("fit", [False, True])
async def test_every_size_is_filled_exactly(stage: Any, size: tuple[int, int], fit: bool) -> None:
    heatmap = HeatMap(fit=fit)
    async with stage(heatmap, size) as app:
        for rows, cols in ((1, 1), (16, 16), (65, 33), (3, 200)):
            heatmap.set_matrix(ramp(rows, cols), rows, cols, 0.5)
            app.check_widths()
            await app.pilot.press("end")
            app.check_widths()
            for glyphs in (True, False):
                app.no_color = glyphs
                heatmap.changed()
                app.check_widths()


@given(st.lists(st.floats(), max_size=50), st.floats(1e-6, 1e6))
def test_levels_keep_sign_and_order(values: list[float], scale: float) -> None:
    found = levels(values, scale)
    for value, level in zip(values, found, strict=True):
        if value != value:
            assert level == HOLE
        else:
            assert 0 <= level <= 2 * STEPS
            assert (level - ZERO) * value >= 0
            if abs(value) >= scale:
                assert level in (0, 2 * STEPS)
    ordered = sorted(value for value in values if value == value)
    assert levels(ordered, scale) == sorted(levels(ordered, scale))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.data())
def test_pooling_keeps_the_farthest(
    rows: int, cols: int, down: int, across: int, data: st.DataObject
) -> None:
    size = rows * cols
    values = data.draw(st.lists(st.floats(-9, 9), min_size=size, max_size=size))
    pooled = pool(values, rows, cols, down, across)
    wide = -(-cols // across)
    assert len(pooled) == wide * -(-rows // down)
    for row in range(rows):
        for col in range(cols):
            assert abs(pooled[row // down * wide + col // across]) >= abs(values[row * cols + col])
    assert largest(pooled) == largest(values)
    assert math.isnan(pool([0.0, math.nan], 1, 2, 1, 2)[0])


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 120))
def test_the_window_holds_the_cursor(cursor: int, first: int, shown: int) -> None:
    top = window(cursor, first, shown, 100)
    assert 0 <= top <= cursor < top + shown
    assert top + shown <= 100 or top == 0


@pytest.mark.parametrize("ground", ["#121212", "#1e1e1e", "#e0e0e0", "#2e3440", "#fdf6e3"])
@pytest.mark.parametrize(
    "ends", [("#0178D4", "#ffa62b"), ("#F5C2E7", "#FAE3B0"), ("#808080", "#808080")]
)
def test_the_ends_of_the_scale_differ_for_every_theme(ground: str, ends: tuple[str, str]) -> None:
    low, high = (Color.parse(end) for end in ends)
    scale = [rgb_to_lab(colour) for colour in diverging(low, Color.parse(ground), high)]
    assert len(scale) == 2 * STEPS + 1
    assert abs(scale[0].b - scale[-1].b) > 30  # blue against yellow, which all can see
    assert abs(scale[0].L - scale[-1].L) < 8  # neither sign looks greater
    assert min(abs(scale[0].L - scale[ZERO].L), abs(scale[-1].L - scale[ZERO].L)) > 25


def test_glyphs_differ_by_sign_and_grow() -> None:
    positive = [glyph_of(level) for level in range(ZERO, 2 * STEPS + 1)]
    negative = [glyph_of(level) for level in range(ZERO, -1, -1)]
    assert positive[0] == negative[0] == " "
    assert not set(positive[1:]) & set(negative[1:])
    assert positive[-1] == "█" and negative[-1] == "▤"


def test_numbers_carry_their_sign() -> None:
    assert [signed(x) for x in (0.31, -0.0812, 0.0, 1e-5, math.nan)] == [
        "+0.31", "-0.081", "0", "+1.0e-5", "nan",
    ]  # fmt: skip


async def test_a_small_matrix_is_magnified_whole_cells_and_all_of_it_in_sight(stage: Any) -> None:
    heatmap = HeatMap()
    async with stage(heatmap, (34, 10)) as app:
        heatmap.set_matrix([1.0, -1.0, 0.5, 0.0, 0.2, -0.3], 3, 2, 1.0)
        # 2 columns fill 34 cells up to 4 times, 3 rows 18 half lines up to twice as much.
        assert sum("▀" in line for line in app.lines) == 9
        assert app.lines[0].count("▀") == 2 * 8
        await app.pilot.press("down", "right")
        assert heatmap.cursor == (1, 1)
        app.check_widths()


async def test_cells_are_square_where_there_is_room(stage: Any) -> None:
    heatmap = HeatMap()
    async with stage(heatmap, (66, 50)) as app:
        heatmap.set_matrix(ramp(16, 16), 16, 16, 1.0)
        lines = sum("▀" in line for line in app.lines)
        assert (app.lines[0].count("▀") / 16, lines / 16) == (4, 2), "a line is two cells high"


@pytest.mark.parametrize(("size", "cols"), [((34, 9), 16), ((70, 60), 16), ((70, 60), 8)])
async def test_the_label_of_a_line_is_that_of_the_row_that_the_mouse_finds_there(
    stage: Any, size: tuple[int, int], cols: int
) -> None:
    """The three cases: scrolled with two rows in a line, and magnified by two and by four."""
    heatmap = HeatMap()
    letters = "abcdefghijklmnopqrstuvwxyz·"
    async with stage(heatmap, size) as app:
        heatmap.set_matrix(ramp(27, cols), 27, cols, 1.0, letters)
        await app.pilot.press("end")
        lines = [y for y, line in enumerate(app.lines) if "▀" in line]
        assert "".join(app.lines[y][:2].strip() for y in lines) in letters
        for y in (lines[0], lines[len(lines) // 2], lines[-2]):
            label = app.lines[y][:1].strip()
            await app.pilot.hover(heatmap, offset=(2, y))
            assert not label or letters[heatmap.cursor[0]] == label
            assert heatmap.cursor[1] == 0
        app.check_widths()


@pytest.mark.parametrize(
    ("width", "cols", "labels", "begins"),
    [
        (33, 16, "abcdefghijklmnop", ["▀▀", "▀▀"]),
        (34, 16, "abcdefghijklmnop", ["a ▀", "b ▀"]),
        (21, 8, [f"to{row}" for row in range(16)], ["to0  ▀", "to1  ▀"]),
        (20, 8, [f"to{row}" for row in range(16)], ["▀▀", "▀▀"]),
    ],
)
async def test_labels_stand_only_where_the_map_stays_as_large(
    stage: Any, width: int, cols: int, labels: Sequence[str], begins: list[str]
) -> None:
    heatmap = HeatMap()
    async with stage(heatmap, (width, 20)) as app:
        heatmap.set_matrix(ramp(16, cols), 16, cols, 1.0, labels)
        assert app.lines[0].count("▀") == 2 * cols
        assert app.lines[0].startswith(begins[0]) and app.lines[1].startswith(begins[1])


async def test_a_part_of_a_matrix_is_shown_where_it_belongs_and_the_rest_stays_empty(
    stage: Any,
) -> None:
    part = array("d", [1.0] * 100)
    heatmap = HeatMap()
    async with stage(heatmap, (40, 10)) as app:
        heatmap.set_matrix(ramp(100, 100), 100, 100, 1.0)
        heatmap.cursor = (99, 99)
        heatmap.set_matrix(part, 100, 100, 1.0, part=(90, 90, 10, 10))
        assert heatmap.value == 1.0
        full, empty = colours(app, 6)[-2], colours(app, 6)[0]
        assert full != empty and colours(app, 0)[0] == empty
        heatmap.cursor = (0, 0)
        assert heatmap.value is not None and math.isnan(heatmap.value), "not known"
        app.check_widths()
