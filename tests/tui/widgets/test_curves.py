"""A family of curves: no point is lost, no dot is made up, and one run flattens no other."""

from __future__ import annotations

import math
import random
import statistics
import time
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.tui.widgets import curves as curves_module
from playground.tui.widgets.braille import pack, unpack
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.curves import CurveFamily, Family
from playground.tui.widgets.family import Pen, framed, mean_of
from playground.tui.widgets.plot import Frame
from playground.tui.widgets.text import visible


def falling(end: float, steps: int = 300) -> Curve:
    """From 3.3 to about `end`."""
    return Curve(range(steps), [end + (3.3 - end) * math.exp(-9 * x / steps) for x in range(steps)])


def columns_of(curve: Curve, frame: Frame) -> list[set[int]]:
    """The dots of a curve, column by column."""
    packed = Pen(frame).draw(curve).dots
    return [
        {dot for dot in range(frame.dots) if column >> dot & 1}
        for column in unpack(packed, frame.columns, frame.height)
    ]


# ---------------------------------------------------------------- dots

values = st.lists(st.one_of(st.floats(0, 4), st.just(math.nan)), min_size=1, max_size=90)


@given(st.lists(st.integers(0, 2**20 - 1), max_size=9))
def test_packed_columns_are_the_columns(columns: list[int]) -> None:
    assert unpack(pack(columns, 5), len(columns), 5) == columns


@settings(max_examples=60)
@given(values, st.integers(1, 30), st.integers(1, 6), st.booleans())
def test_every_point_has_a_dot_and_every_dot_lies_on_the_line(
    ys: list[float], width: int, height: int, uneven: bool
) -> None:
    xs = [x * x / 50 if uneven else float(x) for x in range(len(ys))]
    curve = Curve(xs, ys)
    frame = Frame(0.0, max(xs[-1], 1.0), 0.0, 4.0, width, height)
    drawn = columns_of(curve, frame)
    wide = frame.x1 / frame.columns
    for x, y in zip(xs, ys, strict=True):
        if math.isfinite(y):
            assert frame.dot(y) in drawn[min(int(x / wide), frame.columns - 1)]
    # What a column may show: its points, the lines through it, and the way from the column before.
    for column, dots in enumerate(drawn):
        near = [
            y
            for start, stop in _finite(ys)
            for low, high in zip(
                range(start, stop), [*range(start + 1, stop), stop - 1], strict=True
            )
            if xs[low] < (column + 1) * wide + 1e-9 and xs[high] > (column - 1) * wide - 1e-9
            for y in (ys[low], ys[high])
        ]
        for dot in dots:
            assert frame.dot(min(near)) - 1 <= dot <= frame.dot(max(near)) + 1  # type: ignore[operator]


def _finite(ys: list[float]) -> list[tuple[int, int]]:
    """The stretches between NaNs, as half-open ranges."""
    out, at = [], 0
    for finite, run in groupby(ys, math.isfinite):
        size = len(list(run))
        if finite:
            out.append((at, at + size))
        at += size
    return out


@settings(max_examples=30)
@given(st.lists(st.floats(0, 4), min_size=2, max_size=90), st.integers(2, 30), st.integers(1, 6))
def test_a_curve_without_gaps_is_one_unbroken_line(
    ys: list[float], width: int, height: int
) -> None:
    frame = Frame(0.0, len(ys) - 1.0, 0.0, 4.0, width, height)
    drawn = columns_of(Curve(range(len(ys)), ys), frame)
    for before, after in pairwise(drawn):
        assert min(after) <= max(before) + 1 and max(after) >= min(before) - 1


def test_a_spike_of_one_point_among_thousands_is_drawn() -> None:
    ys = [1.0] * 5_000
    ys[3_217] = 3.0
    curve = Curve(range(5_000), ys)
    frame = Frame(0, 4_999, 0.0, 4.0, 40, 10)
    assert frame.dot(3.0) in columns_of(curve, frame)[int(3_217 / 4_999 * 80)]


def test_a_gap_is_a_gap() -> None:
    ys = [2.0] * 100 + [math.nan] * 100 + [2.0] * 100
    drawn = columns_of(Curve(range(300), ys), Frame(0, 299, 0.0, 4.0, 30, 4))
    assert [bool(dots) for dots in drawn] == [True] * 20 + [False] * 20 + [True] * 20


def test_a_run_that_diverges_flattens_no_other_and_is_counted_as_above() -> None:
    calm = [falling(2.0 + n / 10) for n in range(6)]
    wild = Curve(range(300), [2.0 + x * x for x in range(300)])
    alone, both = framed(calm, 40, 20), framed([*calm, wild], 40, 20)
    assert alone is not None and both == alone
    drawn = Pen(both).draw(wild)
    assert drawn.above == set(range(40)) and Pen(both).draw(calm[0]).above == set()
    rows = unpack(drawn.dots, both.columns, both.height)
    assert not any(rows[2:])  # far above the frame, nothing is drawn at its edge


def test_the_best_run_is_in_sight_however_far_below_the_others() -> None:
    frame = framed([*(falling(3.0) for _ in range(40)), falling(0.1)], 40, 20)
    assert frame is not None and frame.y0 <= 0.1 and frame.y1 >= 3.3


@settings(max_examples=40)
@given(st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=20), min_size=2, max_size=6))
def test_mean_and_spread_are_those_of_the_steps_that_all_have(ys: list[list[float]]) -> None:
    found = mean_of([Curve(range(len(one)), one) for one in ys])
    assert found is not None
    columns = list(zip(*ys, strict=False))
    assert list(found.mean.ys) == pytest.approx([statistics.fmean(c) for c in columns])
    spread = [high - mean for high, mean in zip(found.high.ys, found.mean.ys, strict=True)]
    assert spread == pytest.approx([statistics.stdev(c) for c in columns], abs=1e-6)
    assert list(found.low.ys) == pytest.approx(
        [mean - one for mean, one in zip(found.mean.ys, spread, strict=True)]
    )


def test_the_mean_has_the_gaps_of_each_and_the_steps_in_common() -> None:
    found = mean_of([Curve([0, 2, 4], [1, math.nan, 3]), Curve([0, 1, 2, 4], [3, 9, 9, 5])])
    assert found is not None
    assert list(found.mean.xs) == [0, 2, 4]
    assert found.mean.ys[0] == 2 and math.isnan(found.mean.ys[1]) and found.mean.ys[2] == 4
    assert mean_of([falling(2)]) is None


# ---------------------------------------------------------------- the widget


def family(**more: Any) -> Family:
    return Family(tuple(falling(2.0 + n / 10) for n in range(9)), **more)


async def test_the_legend_tells_the_chosen_curve_and_the_mean_with_its_spread(stage: Any) -> None:
    curves = CurveFamily()
    async with stage(curves, (90, 20)) as app:
        runs = (Curve([0, 100], [3.0, 2.0]), Curve([0, 100], [3.0, 2.4]))
        curves.set_data(Family(runs, None, 0, (0, 1), "2 seeds of n_embd 16", "seed 1"))
        top = app.lines[0]
        assert top.startswith("nats")
        assert "━ seed 1 2.000" in top
        assert "mean ± 1 sd of 2 seeds of n_embd 16 2.200 ± 0.283" in top
        assert any("┤" in line and "3.0" in line for line in app.lines)
        assert app.lines[-1].rstrip().endswith("steps")
        curves.focus()
        await app.pilot.press("right")
        assert "seed 1 3.000" in app.lines[0] and "3.000 ± 0.000" in app.lines[0]
        await app.pilot.press("backspace")
        assert "seed 1 2.000" in app.lines[0]


async def test_the_cursor_stops_at_the_points_of_the_chosen_curve(stage: Any) -> None:
    curves = CurveFamily()
    async with stage(curves, (60, 12)) as app:
        curves.set_data(Family((falling(2), Curve([0, 40, 299], [3, 2.5, 2])), chosen=1))
        curves.focus()
        seen = []
        for key in ("right", "right", "right", "right", "left"):
            await app.pilot.press(key)
            seen.append(curves.state.cursor)
        assert seen == [0, 40, 299, 299, 40]
        assert " 40 " in app.lines[-1]
        await app.pilot.click(offset=(59, 5))
        assert curves.state.cursor == 299


async def test_a_value_is_read_where_the_curve_is_and_nowhere_else(stage: Any) -> None:
    curves = CurveFamily()
    runs = (Curve([0, 300], [3.0, 2.0]), Curve([0, 100], [3.0, 2.4]))
    async with stage(curves, (90, 20)) as app:
        curves.set_data(Family(runs, None, 1, (), "", "seed 1"))
        assert "seed 1 2.400 at 100" in app.lines[0]
        curves.state.cursor = 200.0
        curves.changed()
        assert "seed 1 –" in app.lines[0]
        curves.set_data(Family(runs, None, 0, (0, 1), "2 seeds", "seed 0"))
        assert "seed 0 3.000" in app.lines[0] and "2 seeds –" in app.lines[0]


async def test_a_diverged_run_is_marked_and_counted(stage: Any) -> None:
    curves = CurveFamily()
    async with stage(curves, (80, 20)) as app:
        calm = family().curves
        curves.set_data(Family((*calm, Curve(range(300), [9.0] * 300))))
        assert "▴ 1 of 10 above 3.35" in app.lines[0]
        assert app.lines[1].count("▴") > 60
        curves.set_data(Family(calm))
        assert "▴" not in "".join(app.lines)


async def test_another_choice_changes_no_other_curve(stage: Any) -> None:
    curves = CurveFamily()
    async with stage(curves, (80, 20)) as app:
        data = family()
        curves.set_data(data)
        plain = app.lines
        curves.set_data(Family(data.curves, chosen=8))
        bright = app.lines
        assert bright[0] != plain[0] and bright[-2:] == plain[-2:]
        curves.set_data(data)
        assert app.lines == plain


async def test_a_curve_that_grows_in_place_is_drawn_on(stage: Any) -> None:
    curves = CurveFamily()
    async with stage(curves, (80, 20)) as app:
        grows = Curve(range(100), [2.7] * 100)
        data = Family((falling(2.0), grows), chosen=0)
        curves.set_data(data)
        before = app.lines
        grows.extend(range(100, 200), [2.7] * 100)
        curves.set_data(data)
        assert app.lines[0] == before[0]  # the frame is the same
        longer = [now for now, then in zip(app.lines, before, strict=True) if now != then]
        assert len(longer) == 1 and sum("\u2800" < glyph < "\u2900" for glyph in longer[0]) >= 50


async def test_what_is_not_selected_is_told_without_colour(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    curves = CurveFamily()
    async with stage(curves, (80, 20)) as app:

        def dots() -> int:
            return sum("\u2800" < glyph < "\u2900" for line in app.lines for glyph in line)

        data = Family((falling(2.0), falling(3.0)))
        curves.set_data(data)
        whole = dots()
        curves.set_data(Family(data.curves, selected=(True, False)))
        assert 0.7 * whole < dots() < 0.9 * whole


async def test_keys_are_heard_while_many_curves_are_drawn(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curves_module, "AT_ONCE", 0.0)
    curves, at_once = CurveFamily(), CurveFamily()
    data = family(chosen=5, chosen_name="run 5")
    async with stage(curves, (80, 20)) as app:
        curves.set_data(data)
        assert "… 1 of 9 drawn" in app.lines[0] and "run 5" in app.lines[0]
        until = time.monotonic() + 20
        while curves.drawing and time.monotonic() < until:
            await app.pilot.pause()
        assert not curves.drawing
        slowly = app.lines
    monkeypatch.undo()
    async with stage(at_once, (80, 20)) as app:
        at_once.set_data(data)
        assert app.lines == slowly


@pytest.mark.parametrize("size", [(40, 6), (80, 24), (121, 9), (200, 60), (9, 2), (1, 1)])
async def test_any_name_is_drawn_to_the_cell_at_any_size(stage: Any, size: tuple[int, int]) -> None:
    rng = random.Random(3)
    runs = tuple(
        Curve(range(n), [rng.choice([1.0, 2.5, 3.0, 1e30, math.inf, math.nan]) for _ in range(n)])
        for n in (0, 1, 2, 50, 700)
    )
    curves = CurveFamily()
    async with stage(curves, size) as app:
        for name in ("[red]x[/]", "\x1b[31mred\n", "学習率の値" * 9, "क्षि"):
            for chosen in range(5):
                curves.set_data(Family(runs, None, chosen, (3, 4), name, name))
                curves.state.cursor = chosen * 10.0
                curves.changed()
                app.check_widths()
                assert all(text == visible(text) for text in app.lines)
        curves.set_data(Family(()))
        app.check_widths()
        if size[0] >= 40:
            assert "no losses yet" in "".join(app.lines)
