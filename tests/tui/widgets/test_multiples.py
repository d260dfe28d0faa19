"""Small multiples: every cell in its place, the best one marked, and the cursor in sight."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.tui.widgets.curve import Curve
from playground.tui.widgets.multiples import (
    Grid,
    Multiple,
    MultiplesState,
    SmallMultiples,
    arrange,
)
from playground.tui.widgets.text import visible
from playground.widths import cell_len


def grid(rows: int, columns: int, hole: tuple[int, int] | None = None) -> Grid:
    """Values fall to the right and down; the last cell is the best."""

    def cell(row: int, column: int) -> Multiple | None:
        end = 3 - row / 10 - column / 100
        ys = [end + math.exp(-x / 9) for x in range(100)]
        return None if (row, column) == hole else Multiple(Curve(range(100), ys), end, 3)

    return Grid(
        "n_embd", "learning_rate",
        tuple(f"r{n}" for n in range(rows)), tuple(f"c{n}" for n in range(columns)),
        tuple(tuple(cell(row, column) for column in range(columns)) for row in range(rows)),
    )  # fmt: skip


GRID = grid(50, 50)
labels = st.lists(
    st.sampled_from(["8", "0.001", "学習率", "[red]", "x" * 40]), min_size=1, max_size=50
)


@settings(max_examples=60)
@given(labels, labels, st.integers(40, 200), st.integers(6, 60), st.data())
def test_cells_stand_side_by_side_with_the_cursor_among_them(
    rows: list[str], columns: list[str], width: int, height: int, data: st.DataObject
) -> None:
    state = MultiplesState(
        data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, len(columns) - 1)),
        data.draw(st.integers(0, 60)), data.draw(st.integers(0, 60)),
    )  # fmt: skip
    some = Grid("rows", "columns", tuple(rows), tuple(columns), ())
    places = arrange(some, width, height, state)
    assert state.row in places.rows and state.column in places.columns
    assert places.rows.start >= 0 and places.rows.stop <= len(rows)
    assert places.columns.start >= 0 and places.columns.stop <= len(columns)
    assert places.gutter + places.wide * len(places.columns) <= width
    assert places.heading + places.high * len(places.rows) < height  # and the last line
    if len(places.columns) < len(columns):  # another one would have no room
        assert places.gutter + places.wide * (len(places.columns) + 1) > width
    if len(places.rows) < len(rows):
        assert places.heading + places.high * (len(places.rows) + 1) >= height
    assert places.gutter >= min(max(map(cell_len, rows)), 4) + 2
    seen = {places.cell(x, y) for x in range(width) for y in range(0, height)} - {None}
    assert seen == {(row, column) for row in places.rows for column in places.columns}


def test_the_best_cell_has_the_lowest_finite_value() -> None:
    assert grid(3, 4).best == (2, 3)
    assert grid(3, 4, hole=(2, 3)).best == (2, 2)
    nothing = Multiple(Curve(), math.nan)
    assert Grid("a", "b", ("1",), ("1", "2"), ((nothing, None),)).best is None


async def test_arrows_move_the_cursor_and_tell_the_cell(stage: Any) -> None:
    multiples = SmallMultiples()
    async with stage(multiples, (80, 24), SmallMultiples.Chosen) as app:
        multiples.set_data(grid(3, 4, hole=(1, 1)))
        multiples.focus()
        assert "n_embd r0 · learning_rate c0  3.000, mean of 3" in app.lines[-1]
        await app.pilot.press("right", "down")
        assert "no run" in app.lines[-1]
        await app.pilot.press("end", "down", "right")
        assert "2.770, mean of 3 ● best" in app.lines[-1]
        assert [(m.row, m.column) for m in app.posted] == [(0, 1), (1, 1), (2, 3)]
        assert sum("● 2.770 best" in line for line in app.lines) == 1
        assert "learning_rate" in app.lines[0] and "each 2.7" in app.lines[0]
        assert [word in app.lines[1] for word in ("n_embd", "c0", "c3")] == [True] * 3


async def test_a_large_grid_scrolls_says_so_and_keeps_its_headings(stage: Any) -> None:
    multiples = SmallMultiples()
    async with stage(multiples, (80, 12)) as app:
        multiples.set_data(GRID)
        multiples.focus()
        assert "rows 1–4 of 50, columns 1–9 of 50" in app.lines[-1]
        await app.pilot.press(*["shift+down"] * 4, *["shift+right"] * 4)
        assert (multiples.state.row, multiples.state.column) == (20, 20)
        assert "rows 18–21 of 50, columns 13–21 of 50" in app.lines[-1]
        assert "c12" in app.lines[1] and "c20" in app.lines[1] and "c21" not in app.lines[1]
        assert [f"r{n}" in "".join(app.lines[2:-1]) for n in (16, 17, 20, 21)] == [
            False, True, True, False,
        ]  # fmt: skip


async def test_a_click_chooses_a_cell(stage: Any) -> None:
    multiples = SmallMultiples()
    async with stage(multiples, (80, 24), SmallMultiples.Chosen) as app:
        multiples.set_data(grid(3, 4))
        line = next(y for y, text in enumerate(app.lines) if "2.880" in text)  # row 1, column 2
        await app.pilot.click(offset=(app.lines[line].index("2.880") + 2, line - 1))
        assert (multiples.state.row, multiples.state.column) == (1, 2)
        await app.pilot.click(offset=(2, line))  # beside the cells
        assert [(m.row, m.column) for m in app.posted] == [(1, 2)]


async def test_all_cells_have_one_scale(stage: Any) -> None:
    """The same curve is drawn alike, whatever its neighbours; a higher one is drawn higher."""
    multiples = SmallMultiples()
    flat = [Multiple(Curve(range(9), [y] * 9), y) for y in (1.0, 1.4, 1.0)]
    async with stage(multiples, (60, 12)) as app:
        multiples.set_data(Grid("a", "b", ("r",), ("x", "y", "z"), (tuple(flat),)))
        columns = [app.lines[-4 - row][app.lines[1].index("x") :] for row in range(7)]
        starts = [app.lines[1].index(name) - app.lines[1].index("x") for name in "xyz"]
        heights = [
            next(row for row, text in enumerate(columns) if "\u2800" < text[at] < "\u2900")
            for at in starts
        ]
        assert heights[0] == heights[2] < heights[1]


async def test_cursor_and_best_are_told_without_colour(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    multiples = SmallMultiples()
    async with stage(multiples, (80, 24)) as app:
        multiples.set_data(grid(3, 4))
        multiples.focus()
        await app.pilot.pause()
        reversed_texts = [
            segment.text.strip()
            for y in range(24)
            for segment in multiples.render_line(y)
            if segment.style and segment.style.reverse
        ]
        assert reversed_texts == ["3.000"]
        assert "●" in "".join(app.lines)


@pytest.mark.parametrize("size", [(40, 6), (80, 24), (121, 9), (200, 60), (9, 2), (1, 1)])
async def test_any_name_is_drawn_to_the_cell_at_any_size(stage: Any, size: tuple[int, int]) -> None:
    names = ("[red]x[/]", "\x1b[31mred\n", "学習率の値" * 9, "क्षि", "", "e\u0301")
    runs = (
        None,
        Multiple(Curve(), math.nan, 1),
        Multiple(Curve(range(3), [1.0, math.nan, math.inf]), math.inf),
        Multiple(Curve(range(500), [1e9] * 500), 1e9),
        Multiple(Curve(range(90), [2.0] * 90), 2.0),
        Multiple(Curve([5], [2.0]), 2.0),
    )
    multiples = SmallMultiples()
    async with stage(multiples, size) as app:
        multiples.set_data(Grid(names[0], names[2], names, names, (runs,) * 6))
        multiples.focus()
        for key in ("down", "right", "down", "right", "right", "right", "end", "up"):
            await app.pilot.press(key)
            app.check_widths()
            assert all(text == visible(text) for text in app.lines)
        multiples.set_data(Grid("", "", (), (), ()))
        await app.pilot.press("down")
        app.check_widths()
