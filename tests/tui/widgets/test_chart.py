"""The chart shows curves, levels to beat, and the values under the cursor."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style

from playground.tui.widgets import plot
from playground.tui.widgets.braille import cells, run
from playground.tui.widgets.canvas import labels_of
from playground.tui.widgets.chart import Baseline, Chart, Kind, Lane, Series
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.lanes import LanePlot, share
from playground.tui.widgets.ticks import value_text
from playground.widths import cell_len

LEVELS = [Baseline("uniform", 3.296), Baseline("unigram", 2.83), Baseline("bigram", 2.45)]


def is_braille(glyph: str) -> bool:
    return 0x2800 < ord(glyph) <= 0x28FF


def falling(count: int) -> list[Series]:
    raw, ema, val = Curve(), Curve(), Curve()
    for step in range(count):
        level = 2.3 + math.exp(-step / 150)
        raw.append(step, level + 0.3 * math.sin(step * 1.7))
        ema.append(step, level)
        if step % 50 == 0:
            val.append(step, level)
    return [
        Series("loss", raw, "envelope", "raw"),
        Series("ema", ema, "line", "ema"),
        Series("val", val, "points", "val"),
    ]


async def shown(stage: Any, chart: Chart, size: tuple[int, int], *data: Any) -> list[str]:
    async with stage(chart, size) as app:
        chart.set_data(*data)
        app.check_widths()
        return list(app.lines)


async def test_an_empty_chart_says_so(stage: Any) -> None:
    lines = await shown(stage, Chart(), (40, 12), [], [])
    assert any("no data yet" in line for line in lines)
    assert not any(glyph.isdigit() for glyph in "".join(lines)), "nothing was measured"


async def test_a_falling_curve_starts_high_and_ends_low(stage: Any) -> None:
    series = Series.of("ema", range(100), [3 - step / 50 for step in range(100)], "line", "ema")
    lines = await shown(stage, Chart(), (60, 16), [series], [])
    rows = [y for y, line in enumerate(lines) if any(map(is_braille, line))]
    first, last = lines[rows[0]], lines[rows[-1]]
    where = [[x for x, glyph in enumerate(line) if is_braille(glyph)] for line in (first, last)]
    assert max(where[0]) < min(where[1])
    assert rows == list(range(rows[0], rows[-1] + 1))  # connected


async def test_the_first_point_of_a_line_is_a_dot_that_one_sees(stage: Any) -> None:
    for count in (1, 2):
        line = Series.of("ema", range(1, count + 1), [3.3, 3.2][:count], "line", "ema")
        lines = await shown(stage, Chart(), (60, 16), [line], LEVELS)
        assert sum(line.count("●") for line in lines) == (count == 1)


async def test_a_dashed_line_and_hollow_points_are_told_from_the_others_without_colour(
    stage: Any,
) -> None:
    flat = [Series.of("a", range(100), [2.0] * 100, "line", "ema")]
    dashed = [Series.of("b", range(100), [2.0] * 100, "dashed", "val")]
    points = [Series.of("c", range(0, 100, 50), [2.0, 2.0], "hollow", "val")]

    def drawn(lines: list[str]) -> str:
        return next(line for line in lines if any(map(is_braille, line))).rstrip()

    whole = drawn(await shown(stage, Chart(), (60, 16), flat, []))
    parts = drawn(await shown(stage, Chart(), (60, 16), dashed, []))
    assert " " not in whole.partition("┤")[2].strip() and len(parts.split()) > 10
    both = "\n".join(await shown(stage, Chart(), (60, 16), [*flat, *dashed, *points], []))
    assert "━ a  ╍ b  ◇ c" in both and both.count("◇") == 3


async def test_legend_ticks_and_labelled_levels_are_all_there(stage: Any) -> None:
    lines = await shown(stage, Chart(), (100, 25), falling(1000), LEVELS)
    assert lines[0].rstrip().endswith("⡇ loss  ━ ema  ◆ val")
    text = "\n".join(lines)
    for label in ("uniform 3.296", "unigram 2.830", "bigram 2.450"):
        assert text.count(label) == 1
    assert "┄┄┄" in text and "◆" in text
    assert "2.5 ┤" in text and "3.0 ┤" in text
    assert "200" in lines[-1] and "800" in lines[-1]


async def test_far_away_levels_do_not_flatten_the_curve(stage: Any) -> None:
    series = Series.of("ema", range(100), [1 + step / 100 for step in range(100)])
    lines = await shown(stage, Chart(), (60, 16), [series], [Baseline("far", 40.0)])
    assert not any("far" in line for line in lines)
    few = Series.of("ema", range(5), [1, 1.1, 1.2, 1.1, 1])
    lines = await shown(stage, Chart(), (60, 16), [few], [Baseline("far", 40.0)])
    assert any("far 40.00" in line for line in lines)  # at the start it tells what to beat


async def test_a_few_points_have_more_than_one_of_few_lines(stage: Any) -> None:
    falling = Series.of("ema", range(11), [3.3 - 0.04 * step for step in range(11)])
    levels = [Baseline(name, y) for name, y in (("blind", 3.3), ("letters", 2.8), ("pairs", 2.2))]
    lines = await shown(stage, Chart(), (38, 6), [falling], levels)
    plotted = lines[:4]
    assert sum(any("\u2800" < glyph <= "\u28ff" for glyph in line) for line in plotted) >= 3
    assert any("blind 3.3" in line for line in plotted), "the nearest level tells where it stands"


async def test_one_wild_point_is_pointed_at_and_does_not_flatten_the_rest(stage: Any) -> None:
    ys = [2 + 0.5 * math.sin(i) for i in range(1000)]
    ys[400] = 80.0
    series = Series.of("loss", range(1000), ys, "envelope", "raw")
    lines = await shown(stage, Chart(), (60, 16), [series], [])
    assert sum(line.count("▴") for line in lines) == 1
    assert sum(any(map(is_braille, line)) for line in lines) > 8


async def test_gaps_and_infinities_are_left_out(stage: Any) -> None:
    ys = [1.0, math.nan, 2.0, math.inf, -math.inf, 1.5]
    for kind in ("line", "envelope", "points"):
        chart = Chart(log_y=True)
        await shown(stage, chart, (40, 12), [Series.of("x", range(6), ys, kind)], [])
    nothing = [Series.of("x", range(6), [math.nan] * 6), Series.of("y", [1], [-1.0])]
    await shown(stage, Chart(log_y=True), (40, 12), nothing, [Baseline("zero", 0.0)])


async def test_a_line_is_broken_where_a_value_is_missing(stage: Any) -> None:
    ys = [1.0] * 20 + [math.nan] * 20 + [1.0] * 20
    lines = await shown(stage, Chart(), (60, 8), [Series.of("x", range(60), ys)], [])
    drawn = next(line for line in lines if sum(map(is_braille, line)) > 5)
    middle = drawn[28:38]
    assert not any(map(is_braille, middle))


async def test_the_cursor_reads_every_curve(stage: Any) -> None:
    chart = Chart()
    async with stage(chart, (60, 16), Chart.CursorMoved) as app:
        chart.set_data(falling(101), LEVELS)
        await app.pilot.press("right")
        assert chart.cursor == 0
        assert "loss 3.300  ━ ema 3.300  ◆ val 3.300" in app.lines[0]
        await app.pilot.press("escape", "left")
        assert chart.cursor == 100 and " 100" in app.lines[-1]
        await app.pilot.press("left", "shift+left")
        assert 0 < chart.cursor < 98
        assert sum("│" in line[8:] for line in app.lines) >= 5
        await app.pilot.press("escape")
        assert chart.cursor is None
        assert [m.x for m in app.posted][:3] == [0, None, 100] and app.posted[-1].x is None


async def test_enter_chooses_the_place_under_the_cursor(stage: Any) -> None:
    chart = Chart()
    async with stage(chart, (60, 16), Chart.Picked) as app:
        chart.set_data(falling(101), LEVELS)
        await app.pilot.press("enter")
        assert app.posted == []
        await app.pilot.press("right", "enter")
        assert [message.x for message in app.posted] == [0]


async def test_the_cursor_stops_at_points_even_where_they_are_rare(stage: Any) -> None:
    chart = Chart()
    async with stage(chart, (60, 16)) as app:
        chart.set_data([Series.of("x", [0, 10, 20], [1, 2, 3])], [])
        await app.pilot.press("right", "right")
        assert chart.cursor == 10
        await app.pilot.press("right", "right", "right")
        assert chart.cursor == 20
        await app.pilot.press("left")
        assert chart.cursor == 10


async def test_the_mouse_moves_the_cursor_and_a_click_keeps_it_there(stage: Any) -> None:
    chart = Chart()
    async with stage(chart, (60, 16), Chart.CursorMoved) as app:
        chart.set_data(falling(101))
        await app.pilot.hover(chart, offset=(30, 6))
        assert chart.cursor is not None
        await app.pilot.click(chart, offset=(40, 6))
        here = chart.cursor
        await app.pilot.hover(chart, offset=(20, 6))
        assert chart.cursor != here
        await app.pilot.hover(chart, offset=(0, 6))  # off the plot
        assert chart.cursor == here


async def test_only_the_last_n_are_shown_when_asked(stage: Any) -> None:
    chart = Chart(last_n=100)
    lines = await shown(stage, chart, (60, 16), falling(1000), [])
    assert "900" in lines[-1] and "500" not in lines[-1]


async def test_a_log_axis_has_a_tick_for_each_decade(stage: Any) -> None:
    series = Series.of("x", range(100), [10 ** (step / 25) for step in range(100)])
    lines = await shown(stage, Chart(log_y=True), (60, 20), [series], [])
    ticks = [line.split("┤")[0].strip() for line in lines if "┤" in line]
    assert len(ticks) >= 4


async def test_the_same_data_is_not_drawn_twice(stage: Any) -> None:
    chart = Chart()
    async with stage(chart, (60, 16)):
        series = falling(50)
        chart.set_data(series, LEVELS)
        before = chart.render_line(3)
        chart.set_data(list(series), list(LEVELS))
        assert chart.render_line(3) is before
        series[0].curve.append(50, 2.0)
        chart.set_data(series, LEVELS)
        assert chart.render_line(3) is not before


@pytest.mark.parametrize("width", [1, 2, 5, 11, 19, 21, 40, 130])
@pytest.mark.parametrize("height", [1, 2, 3, 6, 7, 8, 30])
async def test_every_size_is_filled_exactly(stage: Any, width: int, height: int) -> None:
    chart = Chart()
    async with stage(chart, (width, height)) as app:
        for count in (0, 1, 2, 300):
            chart.set_data(falling(count), [*LEVELS, Baseline("日本\x1b[0m", 3.0)])
            app.check_widths()
            chart.cursor = count / 2
            app.check_widths()


extents = st.none() | st.tuples(st.floats(-5, 5), st.floats(0, 5)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)


@settings(max_examples=60)
@given(st.lists(extents, min_size=2, max_size=40), st.booleans(), st.booleans())
def test_traces_never_leave_the_frame(found: list[Any], joined: bool, over: bool) -> None:
    frame = plot.Frame(0, 1, -1, 1, len(found) // 2 + 1, 5)
    columns = plot.trace_extents(found, frame, joined, over)
    assert all(0 <= column < 1 << frame.dots for column in columns)
    for extent, column in zip(found, columns, strict=True):
        if extent is not None:  # the whole of the extent is drawn
            low, high = frame.dot(extent[0]), frame.dot(extent[1])
            assert column & run(low, high) == run(low, high)


@given(st.lists(st.integers(0, (1 << 12) - 1), max_size=30))
def test_braille_shows_exactly_the_dots(columns: list[int]) -> None:
    lines = cells(columns, 3)
    dots = sum((ord(c) - 0x2800).bit_count() for line in lines for c in line if c != " ")
    assert dots == sum(column.bit_count() for column in columns)
    assert all(len(line) == (len(columns) + 1) // 2 for line in lines)


# ---------------------------------------------------------------- labels


class Plain(Chart):
    """A chart without colours, which is drawn without an app."""

    def ink(self, *_: str) -> Style:
        return Style.null()

    def drawn(self, width: int, height: int) -> tuple[list[str], plot.Frame]:
        """The lines as text, and the frame they were drawn in."""
        lines = [strip.text for strip in self.paint(width, height)]
        assert self._frame is not None
        return lines, self._frame


def line_of(y: float, frame: plot.Frame) -> int:
    """The line of the plot that a value lies on, from the range of the axis alone."""
    part = ((math.log10(y) if frame.log else y) - frame.y0) / (frame.y1 - frame.y0)
    return frame.height - 1 - math.floor(part * (4 * frame.height - 1) + 0.5) // 4


KINDS: tuple[Kind, ...] = ("envelope", "line", "dashed", "points")
NAMES = ("uniform", "unigram on train", "bigram", "日本")


@st.composite
def charts(draw: st.DrawFn) -> tuple[Plain, int, int]:
    """A chart of any size, with curves, levels and lanes of any range."""
    log, size = draw(st.booleans()), 10.0 ** draw(st.integers(-7, 12))
    within = st.floats(0.001 if log else -1, 1).map(lambda part: part * size)
    ys = draw(st.lists(within, max_size=60))
    levels = draw(st.lists(within | st.sampled_from(ys or [size]), max_size=len(NAMES)))
    chart = Plain(log_y=log)
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=3))
    chart.set_data(
        [Series.of(f"curve {at}", range(len(ys)), ys, kind) for at, kind in enumerate(kinds)],
        [Baseline(name, y) for name, y in zip(NAMES, levels, strict=False)],
        [
            Lane(f"metric {number}", Curve(range(len(ys)), ys))
            for number in range(draw(st.integers(0, 3)))
        ],
    )
    if ys and draw(st.booleans()):
        chart.cursor = draw(st.integers(0, len(ys)))
    return chart, draw(st.integers(8, 200)), draw(st.integers(1, 60))


@settings(max_examples=150, deadline=None)
@given(charts())
def test_each_label_stands_in_the_line_of_its_level(drawn: tuple[Plain, int, int]) -> None:
    chart, width, height = drawn
    lines, frame = chart.drawn(width, height)
    top = bool(height >= 8 and width >= 16 and chart._series)
    rows = lines[top : top + frame.height]
    levels: dict[int, list[Baseline]] = {}
    for level in chart._baselines:
        there = [at for at, line in enumerate(rows) if level.name.split()[0] in line]
        scaled = plot.scale(level.y, chart.log_y)
        if scaled is None or not frame.y0 <= scaled <= frame.y1:
            assert there == []
            continue
        own = line_of(level.y, frame)
        assert there in ([], [own]), "nowhere but in its own line"
        levels.setdefault(own, []).append(level)
    for own, sharing in levels.items():
        lowest = min(reversed(sharing), key=lambda level: level.y)
        if frame.width >= cell_len(labels_of(lowest)[-1]):
            assert lowest.name.split()[0] in rows[own], "the lowest stays"


LABEL = re.compile(r" *(\w+(?: on train)?) (-?[\d.]+(?:e[+-]\d+)?)(?= |$)")


@settings(max_examples=200, deadline=None)
@given(charts())
def test_a_label_that_is_drawn_is_a_whole_name_and_its_value(
    drawn: tuple[Plain, int, int],
) -> None:
    chart, width, height = drawn
    lines, frame = chart.drawn(width, height)
    top = bool(height >= 8 and width >= 16 and chart._series)
    known = {level.name: level for level in chart._baselines}
    known |= {level.name.removesuffix(" on train"): level for level in chart._baselines}
    for line in lines[top : top + frame.height]:
        plot = line[chart._plot_left :]
        for name, number in LABEL.findall(plot):
            level = known.pop(name)
            known = {one: other for one, other in known.items() if other is not level}
            mantissa, _, power = number.partition("e")
            last = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
            assert abs(float(number) - level.y) <= last * 0.501, "the value is that of the level"
        rest = LABEL.sub("", plot).replace(chart._placeholder, "")
        assert not any(map(str.isalnum, rest)), "no part of a label"


@pytest.mark.parametrize("width", range(24, 60, 3))
def test_a_curve_along_a_level_leaves_the_label_whole(width: int) -> None:
    chart = Plain()
    chart.set_data([Series.of("ema", range(90), [3.3] * 80 + [2.9] * 10, "line", "ema")], LEVELS)
    lines, _ = chart.drawn(width, 9)
    assert any(re.search(r" uniform 3\.(3|30|296)( |$)", line) for line in lines)


@pytest.mark.parametrize("width", range(24, 60, 3))
def test_no_label_covers_a_point_that_is_seen_nowhere_else(width: int) -> None:
    chart = Plain()
    ema = Series.of("ema", range(1, 4), [3.3] * 3, "line", "ema")
    chart.set_data([ema, Series.of("held out", [0], [3.3], "points", "val")], LEVELS)
    lines, _ = chart.drawn(width, 7)
    assert "◆" in "".join(lines)


def test_a_level_makes_no_hole_in_a_thin_curve_that_crosses_it() -> None:
    chart = Plain()
    chart.set_data([Series.of("loss", [0, 1, 2, 3], [3.6, 2.9, 2.9, 2.9], "envelope")], LEVELS)
    lines, frame = chart.drawn(100, 20)
    plots = [line[chart._plot_left :] for line in lines[1 : 1 + frame.height]]
    crossing = range(frame.width // 3)  # from the first point to the second
    assert all(any(is_braille(line[column]) for line in plots) for column in crossing)
    level = next(line for line in plots if "uniform" in line)
    assert level.count("┄") > frame.width // 2, "and the level is drawn beside it"


def number_of(text: str) -> float:
    """The number that stands at an axis."""
    return float(text.rstrip("kM")) * {"k": 1e3, "M": 1e6}.get(text[-1], 1.0)


@settings(max_examples=150, deadline=None)
@given(charts())
def test_each_number_of_an_axis_stands_in_the_line_of_its_value(
    drawn: tuple[Plain, int, int],
) -> None:
    chart, width, height = drawn
    lines, frame = chart.drawn(width, height)
    top = bool(height >= 8 and width >= 16 and chart._series)
    written = [line.partition("┤")[0].strip() if "┤" in line else "" for line in lines]
    for row, text in enumerate(written[top : top + frame.height]):
        if text:
            value = number_of(text)
            slack = 1e-6 * abs(value)
            assert line_of(value + slack, frame) <= row <= line_of(value - slack, frame)
    count, each = share(len(chart._lanes), height)
    for number, lane in enumerate(chart._lanes[:count]):
        scale = LanePlot.of(lane, chart._span(), width, each)
        start = top + frame.height + number * each + 1
        numbers = written[start : start + each - 1]
        if scale.level is not None:
            said = [text for text in numbers if text]
            assert said == ([value_text(scale.level)] if each > 2 and width >= 20 else [])
            continue
        for at, end in ((0, scale.y1), (-1, scale.y0)) if each > 2 else ():
            text = numbers[at]
            assert not text or number_of(text) == pytest.approx(end, rel=1e-6)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("height", [3, 6, 9, 24, 60])
def test_a_curve_lies_in_the_line_of_its_value(height: int, log: bool) -> None:
    for y in (0.011, 0.3, 1.0, 2.7, 3.9):
        chart = Plain(log_y=log)
        chart.set_data([
            Series.of("ends", [0, 1, 2], [0.01, math.nan, 4.0]),
            Series.of("flat", [0, 1, 2], [math.nan, y, y]),
        ])  # fmt: skip
        lines, frame = chart.drawn(60, height)
        flat = [at for at, line in enumerate(lines) if sum(map(is_braille, line)) > 10]
        assert flat == [line_of(y, frame) + (height >= 8)]


@pytest.mark.parametrize("size", [(36, 4), (36, 6), (56, 15), (100, 5), (100, 40)])
def test_all_levels_are_named_where_there_is_room(size: tuple[int, int]) -> None:
    chart = Plain()
    chart.set_data(falling(400), LEVELS)
    lines, frame = chart.drawn(*size)
    for level in LEVELS:
        own = line_of(level.y, frame)
        if [line_of(other.y, frame) for other in LEVELS].count(own) == 1:
            assert level.name in lines[own + (size[1] >= 8)]
    assert "bigram" in "".join(lines)


def put(wanted: list[str], busy: str, margin: int | None = None) -> str:
    """The line that `plot.place_labels` makes; # in `busy` are the cells of a curve. Of each label
    the text without its last two letters is the shorter one."""
    texts = [(name, name[:-2]) for name in wanted]
    line = list(busy)
    width = len(busy) if margin is None else margin
    for start, text in plot.place_labels(texts, [glyph == "#" for glyph in busy], width):
        line[start : start + len(text)] = text
    assert len(line) == len(busy)
    return "".join(line)


def test_a_label_gives_way_to_curves_and_to_the_label_before_it() -> None:
    assert put(["low 1.25"], "." * 12) == "....low 1.25"
    assert put(["low 1.25"], "............", margin=2) == "..low 1.25.."
    assert put(["low 1.25"], "..........###") == ".low 1.25.###"
    assert put(["low 1.25"], "#........####") == "#.low 1..####"
    assert put(["low 1.25"], "############") == "low 1.######", "the newest stays in sight"
    assert put(["low 1.25"], ".......") == ".low 1." and put(["low 1.25"], ".....") == "....."
    assert put(["low 1.25", "high 2.25"], "." * 24) == "....high 2.25...low 1.25"
    assert put(["low 1.25", "high 2.25"], ".......######.........") == ".......######.low 1.25"
    assert put(["low 1.25", "high 2.25"], "#" * 21) == "low 1." + "#" * 15
    assert put(["low 1.25", "high 2.25"], "." * 19) == ".high 2....low 1.25"


def test_what_stands_for_no_data_covers_no_label() -> None:
    for height in range(1, 9):
        chart = Plain(placeholder="no data at all")
        chart.set_data([], LEVELS)
        lines, _ = chart.drawn(24, height)
        text = "\n".join(lines)
        for level in LEVELS:
            assert text.count(level.name) == sum(map(text.count, labels_of(level)[:1]))
        assert "bigram" in text
    assert "no data at all" in text


async def test_no_number_is_too_odd_to_draw(stage: Any) -> None:
    odd = [0.0, -0.0, 1e308, -1e308, 5e-324, 1e-9, 1.0, 1.0 + 1e-15, math.nan, math.inf, 1e15]
    chart = Chart()
    async with stage(chart, (48, 12)) as app:
        for log in (False, True):
            chart.log_y = log
            for first in odd:
                for second in odd:
                    data = [
                        Series.of("a", [0, 1, 2], [first, second, first], "envelope", "raw"),
                        Series.of("b", range(400), [first, second] * 200, "line", "ema"),
                        Series.of("c", [-1e300, 0, 1e300], [second, first, second], "points"),
                    ]
                    chart.set_data(data[:2], [Baseline("x", second)])
                    app.check_widths()
                    chart.set_data(data, [Baseline("x", first)])
                    app.check_widths()
                    chart.set_data(
                        [Series.of("d", [first], [second])] if math.isfinite(first) else []
                    )
                    app.check_widths()


def test_a_lane_of_one_value_tells_that_value_and_no_range() -> None:
    same = LanePlot.of(Lane("B - A", Curve(range(20), [0.0] * 20)), (0, 19), 60, 5)
    assert list(same.texts.values()) == ["0.000"]
    apart = LanePlot.of(Lane("B - A", Curve(range(20), [0.0, 0.2] * 10)), (0, 19), 60, 5)
    assert len(apart.texts) == 2
