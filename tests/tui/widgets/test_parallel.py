"""Parallel coordinates: a brush selects what it shows, and every dot lies on a line."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.tui.widgets.parallel import (
    Axis,
    Brushes,
    Lines,
    ParallelCoordinates,
    ParallelState,
    positions,
)
from playground.tui.widgets.parallel_plot import APART, Scale, Strands, place, tick_rows
from playground.tui.widgets.text import visible
from playground.widths import cell_len

RATES = Axis("learning_rate", ((0.0, "0.003"), (0.5, "0.01"), (1.0, "0.03")))
WIDTHS = Axis("n_embd", ((0.0, "8"), (0.5, "16"), (1.0, "32")))
LOSS = Axis("loss", ((0.0, "2.000"), (1.0, "3.000")), lambda at: f"{2 + at:.3f}")
NINE = Lines(
    (RATES, WIDTHS, LOSS),
    tuple((a / 2, b / 2, (3 * a + b) / 8) for a in range(3) for b in range(3)),
)
HOSTILE = ["[red]x[/]", "\x1b[31mred", "学習率の値", "a\nb\tc", "क्षि", "", "e\u0301" * 9, "x" * 50]

places_on_an_axis = st.one_of(st.floats(0, 1), st.just(math.nan))


def made_of(runs: list[tuple[float, float, float]]) -> Lines:
    return Lines((LOSS, LOSS, LOSS), tuple(runs))


runs_of_three = st.lists(st.tuples(*[places_on_an_axis] * 3), min_size=1, max_size=12).map(made_of)


# ---------------------------------------------------------------- brushes


@given(
    runs_of_three, st.dictionaries(st.integers(0, 2), st.tuples(st.floats(0, 1), st.floats(0, 1)))
)
def test_a_run_is_selected_if_it_lies_in_every_brush(
    lines: Lines, wanted: dict[int, tuple[float, float]]
) -> None:
    brushes = Brushes()
    for axis, ends in wanted.items():
        brushes.set(axis, *ends)
    within = [
        all(min(ends) - 1e-9 <= run[axis] <= max(ends) + 1e-9 for axis, ends in wanted.items())
        for run in lines.values
    ]
    assert brushes.selected(lines) == within
    for axis in wanted:
        brushes.clear(axis)
    assert not brushes and all(brushes.selected(lines))


def test_a_run_without_a_value_is_never_selected_by_a_brush_of_that_axis() -> None:
    brushes = Brushes({0: (0.0, 1.0)})
    assert brushes.selected(made_of([(math.nan, 0, 0), (0, math.nan, 0)])) == [False, True]


def test_positions_follow_the_scale_and_leave_out_what_has_no_place() -> None:
    assert positions([2.0, 2.5, 3.0, math.nan], 2.0, 3.0)[:3] == [0.0, 0.5, 1.0]
    assert positions([0.001, 0.01, 0.1], 0.001, 0.1, log=True) == pytest.approx([0, 0.5, 1])
    assert math.isnan(positions([0.0], 0.001, 0.1, log=True)[0])
    assert positions([7.0], 7.0, 7.0) == [0.5]


# ---------------------------------------------------------------- dots


@settings(max_examples=50)
@given(runs_of_three, st.integers(1, 12), st.integers(21, 60))
def test_every_dot_lies_on_a_line_and_every_line_has_dots(
    lines: Lines, rows: int, width: int
) -> None:
    scale = Scale(rows)
    where = place(lines.axes, width, 0, 0)
    assert where is not None and len(where.columns) >= 2
    columns = Strands(lines, where, scale).columns()
    for gap, (before, after) in enumerate(pairwise(where.columns)):
        number, way = where.first + gap, 2 * (after - before)
        for column in range(2, way):
            spans = []
            for run in lines.values:
                ends = [scale.dot(at) for at in run[number : number + 2]]
                if ends[0] is None or ends[1] is None:
                    continue
                here = [ends[0] + (ends[1] - ends[0]) * (column + d) / way for d in (-1, 0)]
                spans.append((min(here), max(here)))
            dots = {dot for dot in range(scale.dots) if columns[2 * before + column] >> dot & 1}
            if column in (2, way - 1):  # here, too, are values without a neighbour
                dots &= {dot for low, high in spans for dot in range(int(low), int(high) + 2)}
            for dot in dots:
                assert any(low - 1 <= dot <= high + 1 for low, high in spans)
            for low, high in spans:
                assert any(low - 1 <= dot <= high + 1 for dot in dots)


@settings(max_examples=30)
@given(runs_of_three, st.data())
def test_the_dots_of_two_halves_are_the_dots_of_all(lines: Lines, data: st.DataObject) -> None:
    where = place(lines.axes, 50, 0, 0)
    assert where is not None
    strands = Strands(lines, where, Scale(5))
    some = data.draw(
        st.lists(st.booleans(), min_size=len(lines.values), max_size=len(lines.values))
    )
    rest = [not one for one in some]
    both = [a | b for a, b in zip(strands.columns(some), strands.columns(rest), strict=True)]
    assert both == strands.columns()


# ---------------------------------------------------------------- places

names = st.sampled_from([*HOSTILE, "seed", "learning_rate", "0.0003", "plugin.schedule.warmup"])


@settings(max_examples=60)
@given(
    st.lists(st.tuples(names, st.lists(names, min_size=1, max_size=3)), min_size=1, max_size=12),
    st.integers(40, 200),
    st.integers(0, 11),
)
def test_no_name_or_label_overlaps_another(
    wanted: list[tuple[str, list[str]]], width: int, cursor: int
) -> None:
    axes = [
        Axis(name, tuple((n / len(labels), text) for n, text in enumerate(labels)))
        for name, labels in wanted
    ]
    where = place(axes, width, min(cursor, len(axes) - 1), 0)
    assert where is not None and min(cursor, len(axes) - 1) in where.shown
    ends = [start + cell_len(text) for start, text in where.names]
    for end, (start, _) in zip(ends, where.names[1:], strict=False):
        assert end < start
    assert ends[-1] <= width
    for before, after in pairwise(where.columns):
        assert after - before >= APART
        assert before + 2 + where.room < after - 1  # the label, its blank, and some line
    assert where.columns[-1] + 2 + where.room <= width
    if len(axes) <= 6 and width >= 80:
        assert len(where.columns) == len(axes)


def test_of_ticks_that_share_a_line_the_one_under_the_cursor_is_labelled() -> None:
    axis = Axis("seed", tuple((n / 99, str(n)) for n in range(100)))
    for cursor in (0.0, 0.5, 1.0):
        rows = tick_rows(axis, Scale(6), 5, cursor)
        assert len(rows) == 6 and axis.tick(cursor) in rows.values()
    assert {0, 99} <= set(tick_rows(axis, Scale(6), 5, None).values())


# ---------------------------------------------------------------- the widget


async def test_keys_brush_and_the_last_line_tells_how_many_are_selected(stage: Any) -> None:
    parallel = ParallelCoordinates()
    async with stage(
        parallel, (80, 14), ParallelCoordinates.Brushed, ParallelCoordinates.AxisMoved
    ) as app:
        parallel.set_data(NINE)
        parallel.focus()
        assert "9 runs" in app.lines[-1] and "learning_rate 0.03" in app.lines[-1]
        await app.pilot.press("space", "down", "enter")
        assert parallel.state.brushes.ranges == {0: (0.5, 1.0)}
        assert "0.01 to 0.03" in app.lines[-1] and "6 of 9 runs" in app.lines[-1]
        await app.pilot.press("down", "right", "up", "space", "space", "down")
        assert parallel.state.brushes.ranges == {0: (0.5, 1.0), 1: (0.5, 0.5)}
        assert "2 of 9 runs" in app.lines[-1]
        assert [sum(parallel.selected), parallel.selected[4]] == [2, True]
        await app.pilot.press("escape", "backspace")
        assert parallel.state.brushes.ranges == {0: (0.5, 1.0)}
        await app.pilot.press("delete")
        assert not parallel.state.brushes and "9 runs" in app.lines[-1]
        brushed = [m.ranges for m in app.posted if isinstance(m, ParallelCoordinates.Brushed)]
        assert brushed[:2] == [{0: (1.0, 1.0)}, {0: (0.5, 1.0)}] and brushed[-1] == {}
        moved = [m.axis for m in app.posted if isinstance(m, ParallelCoordinates.AxisMoved)]
        assert moved[0] == 0 and moved[-1] == 1


async def test_a_brush_of_a_continuous_axis_selects_what_meets_its_lines(stage: Any) -> None:
    """What is brushed is whole lines of text: a run is selected if its line ends in one of them."""
    rng = random.Random(1)
    lines = Lines((RATES, LOSS), tuple((0.5, rng.random()) for _ in range(200)))
    parallel = ParallelCoordinates(ParallelState(axis=1))
    async with stage(parallel, (60, 12)) as app:
        parallel.set_data(lines)
        parallel.focus()
        await app.pilot.press("down", "down", "space", "down", "down", "space")
        scale = Scale(10)
        meets = [2 <= scale.row(run[1]) <= 4 for run in lines.values]
        assert list(parallel.selected) == meets
        column = app.lines[4].index("█")
        drawn = [line[column] for line in app.lines]
        assert drawn.count("█") == 2 and drawn[5] == "◆"  # the cursor is the third


async def test_enter_is_for_the_screen_while_no_brush_is_drawn(stage: Any) -> None:
    parallel = ParallelCoordinates()
    async with stage(parallel, (60, 12)) as app:
        parallel.set_data(NINE)
        parallel.focus()
        assert not parallel.check_action("finish", ())
        await app.pilot.press("space")
        assert parallel.check_action("finish", ())
        await app.pilot.press("enter")
        assert not parallel.check_action("finish", ()) and parallel.state.brushes


async def test_the_mouse_brushes_an_axis_and_a_click_clears_it(stage: Any) -> None:
    parallel = ParallelCoordinates()
    async with stage(parallel, (80, 14)) as app:
        parallel.set_data(NINE)
        column = app.lines[1].index("32") - 2
        await app.pilot.mouse_down(offset=(column, 12))
        await app.pilot.hover(offset=(column, 7))
        await app.pilot.mouse_up(offset=(column, 7))
        assert parallel.state.brushes.ranges == {1: (0.0, 0.5)}
        assert "6 of 9 runs" in app.lines[-1]
        await app.pilot.hover(offset=(column, 1))  # the button is up
        assert parallel.state.brushes.ranges == {1: (0.0, 0.5)}
        await app.pilot.click(offset=(column, 3))
        assert not parallel.state.brushes


async def test_more_axes_than_have_room_scroll_with_the_cursor(stage: Any) -> None:
    axes = tuple(Axis(f"axis{n}", RATES.ticks) for n in range(9))
    parallel = ParallelCoordinates()
    async with stage(parallel, (40, 10)) as app:
        parallel.set_data(Lines(axes, ((0.5,) * 9,)))
        parallel.focus()
        assert "axis0" in app.lines[0] and "axis8" not in app.lines[0]
        assert "axes 1–4 of 9" in app.lines[-1]
        await app.pilot.press("end")
        assert "axis8" in app.lines[0] and "axes 6–9 of 9" in app.lines[-1]


async def test_what_is_not_selected_is_told_without_colour(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    parallel = ParallelCoordinates()
    async with stage(parallel, (80, 14)) as app:
        parallel.set_data(NINE)
        whole = sum(glyph > "\u2800" for line in app.lines for glyph in line)
        parallel.state.brushes.set(0, 1.0, 1.0)
        parallel.changed()
        lines = app.lines
        assert sum("\u2800" < glyph < "\u2900" for line in lines for glyph in line) < 0.8 * whole
        assert sum(line.count("█") for line in lines) == 0  # the cursor is on the brush
        assert "3 of 9 runs" in lines[-1]


@pytest.mark.parametrize("size", [(40, 6), (41, 7), (80, 24), (121, 9), (200, 60), (9, 2), (1, 1)])
async def test_any_size_and_any_name_is_drawn_to_the_cell(
    stage: Any, size: tuple[int, int]
) -> None:
    axes = tuple(
        Axis(name, tuple((n / 7, text) for n, text in enumerate(HOSTILE))) for name in HOSTILE
    )
    rng = random.Random(2)
    runs = tuple(tuple(rng.choice([n / 7, math.nan]) for n in range(8)) for _ in range(30))
    parallel = ParallelCoordinates()
    async with stage(parallel, size) as app:
        parallel.set_data(Lines(axes, runs), chosen=3)
        parallel.focus()
        for key in ("space", "down", "right", "space", "up", "end", "home"):
            await app.pilot.press(key)
            app.check_widths()
            assert all(text == visible(text) for text in app.lines)
        if size[0] >= 80:
            assert "[red]x" in app.lines[0]


async def test_without_runs_it_says_so(stage: Any) -> None:
    parallel = ParallelCoordinates()
    async with stage(parallel, (40, 6)) as app:
        await app.pilot.press("down", "space", "right", "backspace", "end")
        assert "no runs yet" in "".join(app.lines)
        parallel.set_data(Lines((RATES,), ()))
        await app.pilot.press("space", "down")
        assert "no runs yet" in "".join(app.lines)
        app.check_widths()


async def test_fewer_axes_drop_the_brushes_of_the_others(stage: Any) -> None:
    parallel = ParallelCoordinates()
    async with stage(parallel, (60, 10)) as app:
        parallel.set_data(NINE)
        parallel.state.axis = 2
        parallel.state.brushes.set(2, 0.0, 0.1)
        parallel.set_data(Lines((RATES, WIDTHS), ((0.0, 0.5), (1.0, 1.0))))
        assert parallel.state.axis == 1 and not parallel.state.brushes
        assert "2 runs" in app.lines[-1]
