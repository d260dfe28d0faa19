"""The curve's blocks give exactly the extremes that a look at every point gives."""

from __future__ import annotations

import math
import tracemalloc
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tui.widgets.curve import BLOCK, Curve

values = st.floats(allow_nan=True, allow_infinity=True, width=32)
gaps = st.integers(0, 3)


def brute_extent(ys: list[float]) -> tuple[float, float] | None:
    finite = [y for y in ys if math.isfinite(y)]
    return (min(finite), max(finite)) if finite else None


def test_the_extremes_of_any_stretch_of_a_long_curve_are_exact() -> None:
    count = BLOCK * BLOCK * 3 + 77
    ys = [math.sin(i * i % 977) * (i % 131) for i in range(count)]
    curve = Curve(range(count), ys)
    for start, stop in ((0, count), (1, count - 1), (63, 64), (64, 8192), (4095, 12290), (9, 9)):
        assert curve.extent(start, stop) == brute_extent(ys[start:stop])


@given(st.lists(st.tuples(gaps, values), max_size=400), st.integers(1, 40), st.data())
def test_the_envelope_is_what_brute_force_finds(
    steps: list[tuple[int, float]], columns: int, data: st.DataObject
) -> None:
    xs: list[float] = []
    for gap, _ in steps:
        xs.append((xs[-1] if xs else 0) + gap)
    ys = [y for _, y in steps]
    curve = Curve(xs, ys)
    x0 = data.draw(st.integers(-5, 50))
    x1 = x0 + data.draw(st.integers(1, 600))
    width = (x1 - x0) / columns
    for column, found in enumerate(curve.envelope(x0, x1, columns)):
        low, high = x0 + column * width, x0 + (column + 1) * width
        last = column == columns - 1
        inside = [
            y for x, y in zip(xs, ys, strict=True) if low <= x and (x <= x1 if last else x < high)
        ]
        assert found == brute_extent(inside)


@given(st.lists(values, max_size=300), st.integers(-1, 300))
def test_a_truncated_curve_is_as_if_it_was_never_longer(ys: list[float], x: int) -> None:
    curve = Curve(range(len(ys)), ys)
    curve.truncate_after(x)
    kept = ys[: max(0, x + 1)]
    assert len(curve) == len(kept)
    assert curve.extent(0, len(kept)) == brute_extent(kept)
    curve.extend(range(len(kept), len(kept) + 200), [1e9] * 200)
    assert curve.extent(0, len(curve)) == brute_extent([*kept, 1e9])


@given(st.lists(st.lists(values, max_size=200), max_size=5), st.integers(0, 900), gaps)
def test_many_points_at_once_are_the_same_as_one_by_one(
    pieces: list[list[float]], start: int, width: int
) -> None:
    at_once, one_by_one = Curve(), Curve()
    for piece in pieces:
        xs = range(len(at_once), len(at_once) + len(piece))
        at_once.extend(xs, piece)
        for x, y in zip(xs, piece, strict=True):
            one_by_one.append(x, y)
    assert at_once.has_gaps == one_by_one.has_gaps
    for stop in (start + width, start + 100, len(at_once)):
        assert at_once.extent(start, stop) == one_by_one.extent(start, stop)


def test_points_out_of_order_change_nothing() -> None:
    curve = Curve(range(20), [1.0] * 20)
    for xs in ([*range(20, 40), 39, 38], [5, *range(20, 40)], [*range(20, 40), math.nan]):
        with pytest.raises(ValueError, match="finite and not lie before"):
            curve.extend(xs, [0.0] * len(xs))
    with pytest.raises(ValueError, match="2 places for 1 value"):
        curve.extend([30, 31], [0.0])
    assert len(curve) == 20 and curve.extent(0, 20) == (1.0, 1.0)


def test_a_value_holds_until_the_next_point() -> None:
    curve = Curve([0, 10, 20], [1.0, 2.0, math.nan])
    assert curve.value_at(-1) is None
    assert curve.value_at(0) == 1.0
    assert curve.value_at(19.9) == 2.0
    assert curve.value_at(25) is None  # not finite: a gap


def test_an_x_before_the_last_one_is_refused() -> None:
    curve = Curve([1, 2], [0, 0])
    with pytest.raises(ValueError, match="not decrease"):
        curve.append(1.5, 0)
    with pytest.raises(ValueError, match="not decrease"):
        curve.append(math.nan, 0)


def test_every_change_is_told_by_the_revision() -> None:
    curve = Curve()
    seen = {curve.revision}
    for change in (lambda: curve.append(0, 1), lambda: curve.append(0, 1), curve.clear):
        change()
        assert curve.revision not in seen
        seen.add(curve.revision)
    assert len(curve) == 0 and curve.envelope(0, 1, 3) == [None] * 3


@given(st.lists(st.sampled_from(["steps", "gap", "halves", "one", "cut"]), max_size=8))
def test_steps_one_after_the_other_are_kept_as_the_same_places(parts: list[str]) -> None:
    curve, xs = Curve(), list[float]()
    for part in parts:
        at = xs[-1] if xs else 0
        if part == "cut":
            curve.truncate_after(at - 5)
            xs = [x for x in xs if x <= at - 5]
            continue
        more: Sequence[float] = {
            "steps": range(int(at) + 1, int(at) + 30),
            "gap": range(int(at) + 9, int(at) + 30),
            "halves": [at + number / 2 for number in range(20)],
            "one": [at + 1],
        }[part]
        curve.extend(more, [float(x) for x in more])
        xs += more
    assert [*curve.xs] == xs == [*curve.ys]
    for x in (-1.0, 0.5, 7.0, 29.0, 31.5, 1e9):
        below = [one for one in xs if one <= x]
        assert curve.value_at(x) == (below[-1] if below else None)


def test_the_steps_of_a_run_take_the_memory_of_their_values_alone() -> None:
    tracemalloc.start()
    curve = Curve()
    for first in range(0, 100_000, 20_000):
        curve.extend(range(first, first + 20_000), array("d", [2.5]) * 20_000)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size < 9.5 * 100_000
