"""CPU milliseconds for one refresh of each widget, at the size that its budget is for.

Run as `python tools/bench_widgets.py`; `main()` returns the figures for other tools.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import statistics
import time
from array import array
from collections.abc import Callable

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from playground.lab.protocol.inside import (
    AttentionCell,
    AttentionReading,
    Inside,
    Look,
    Position,
    Shape,
)
from playground.tui.screens.inside.page import Page
from playground.tui.screens.inside.screen import VIEW_PAGES
from playground.tui.screens.inside.state import InsideState
from playground.tui.widgets.bars import Bar, Bars
from playground.tui.widgets.chart import Baseline, Chart, Series
from playground.tui.widgets.columns import Column
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.curves import CurveFamily, Family
from playground.tui.widgets.family import Pen, framed
from playground.tui.widgets.gauge import ProgressLine
from playground.tui.widgets.heatmap import HeatMap
from playground.tui.widgets.multiples import Grid, Multiple, SmallMultiples
from playground.tui.widgets.parallel import Axis, Lines, ParallelCoordinates
from playground.tui.widgets.scrubber import Mark, Scrubber
from playground.tui.widgets.sheet import Sheet
from playground.tui.widgets.slider import Slider
from playground.tui.widgets.table import Cell, RowList, Sort
from playground.tui.widgets.tiles import Tile, TokenTiles

ROUNDS = 30
BUDGETS = {
    "chart 100x25, 1,000 points": 4.0,
    "heat map 64x64": 8.0,
    "bars 27": 2.0,
    "table 120x41, 10,000 rows": 20.0,
    "microscope 200x60, 8 heads x 63": 10.0,
    "brush 120x40, 1,000 runs": 50.0,
    "brush 200x60, 1,000 runs": 50.0,
    "choose 200x60, 1,000 curves": 50.0,
}
"""The most milliseconds of a refresh, from the design and from the screen of a sweep."""

Change = Callable[[int], None]
"""Gives a widget data that differ from round to round."""
Case = tuple[str, tuple[int, int], Widget, Change]


def _chart(points: int, name: str) -> Case:
    rng = random.Random(1)
    raw, ema, val = Curve(), Curve(), Curve()
    mean = 3.3
    for step in range(points):
        loss = 2.3 + math.exp(-step / points * 7) + rng.gauss(0, 0.3)
        mean += (loss - mean) * 0.03
        raw.append(step, loss)
        ema.append(step, mean)
        if step % 50 == 0:
            val.append(step, mean)
    series = [
        Series("loss", raw, "envelope", "raw"),
        Series("ema", ema, "line", "ema"),
        Series("val", val, "points", "val"),
    ]
    lines = [Baseline("uniform", 3.296), Baseline("unigram", 2.83), Baseline("bigram", 2.45)]
    chart = Chart()

    def change(turn: int) -> None:
        raw.append(points + turn, 2.3)
        ema.append(points + turn, 2.3)
        chart.set_data(series, lines)

    return name, (100, 25), chart, change


def _heatmap() -> Case:
    rng = random.Random(2)
    matrices = [array("d", (rng.gauss(0, 0.1) for _ in range(64 * 64))) for _ in range(4)]
    heatmap = HeatMap()
    return (
        "heat map 64x64",
        (64, 33),
        heatmap,
        lambda turn: heatmap.set_matrix(matrices[turn % 4], 64, 64, 0.31),
    )


def _bars() -> Case:
    rng = random.Random(3)
    bars = Bars()

    def change(turn: int) -> None:
        values = [rng.random() / 10 for _ in range(27)]
        rows = [Bar(chr(97 + i % 26), v, v * 0.8, i == turn % 27) for i, v in enumerate(values)]
        bars.set_rows(rows)

    return "bars 27", (36, 27), bars, change


def _small() -> list[Case]:
    tiles = TokenTiles()
    slider = Slider("temperature", 0.5, minimum=0.05, maximum=2.0, step=0.05)
    line = ProgressLine()
    text = "emma olivia ava isabella sophia"

    def retile(turn: int) -> None:
        tiles.set_tiles([Tile(c, (i * 7 + turn) % 33 / 10) for i, c in enumerate(text)], 3.3)

    return [
        ("tiles 31", (60, 8), tiles, retile),
        ("slider", (40, 1), slider, lambda turn: slider.set_value(0.1 + turn % 30 * 0.05)),
        ("progress line", (80, 1), line, lambda turn: line.set_fraction(turn % 100 / 100)),
    ]


def _timelines() -> list[Case]:
    """A handle that moves over marks that stay, and one whose marks are new every time."""
    marks = [Mark(step, "edit" if step % 700 == 0 else "sample") for step in range(0, 10**6, 100)]
    still, fresh = Scrubber(), Scrubber()

    def renew(turn: int) -> None:
        fresh.set_state(0, 10**6, 10**6, turn, [*marks, Mark(turn, "fork")])

    kept = tuple(marks[:1_000])
    return [
        ("timeline, 1,000 marks", (120, 1), still,
         lambda turn: still.set_state(0, 10**5 + turn, 10**6, turn * 1_000, kept)),
        ("timeline, 10,000 new marks", (120, 1), fresh, renew),
    ]  # fmt: skip


def _tables() -> list[Case]:
    """Rows given anew, as a search does, and a cursor that moves through them."""
    names = ("name", "status", "steps", "loss", "data set", "note")
    columns = [Column(name, name, 12, weight=i % 3, priority=-i) for i, name in enumerate(names)]
    keys = list(range(10_000))
    given, moved = RowList[int](), RowList[int]()

    def cell(key: int, column: Column) -> Cell:
        return Cell(f"{column.name} of {key}", "good" if key % 3 else "quiet")

    moved.set_rows(keys, columns, cell)
    return [
        ("table 120x41, 10,000 rows", (120, 41), given,
         lambda turn: given.set_rows(keys[turn:], columns, cell, sort=Sort("loss"))),
        ("table 120x41, cursor", (120, 41), moved, lambda turn: moved.action_move(turn % 7)),
    ]  # fmt: skip


def _microscope(heads: int = 8, count: int = 63) -> Case:
    """Attention in the microscope on a screen of 200x60, with other weights every time."""
    rng = random.Random(4)
    positions = tuple(
        Position(chr(97 + p % 26), p % 26, "b", 1, 0.1, 2.3, "c", 2, 0.2) for p in range(count)
    )
    shape = Shape(27, count, 64, heads, 2)
    cell = AttentionCell((0.1,) * 8, (0.2,) * 8, (0.3,) * 8, 0.16, 0.06, 0.1, 0.2, 0.3)

    def row(length: int) -> tuple[float, ...]:
        scores = [math.exp(rng.gauss(0, 2)) for _ in range(length)]
        return tuple(score / sum(scores) for score in scores)

    looks = []
    for _ in range(4):
        read = tuple(tuple(row(p + 1) for p in range(count)) for _ in range(heads))
        reading = AttentionReading("weight", read, cell, "b")
        look = Look("attention", position=count - 1, token=1)
        looks.append(Inside(look, 1, 0, "", shape, positions, 0, reading))
    sheet, state = Sheet(), InsideState(Look("attention"))

    def change(turn: int) -> None:
        page = Page(198, 51)
        VIEW_PAGES["attention"].draw(page, looks[turn % 4], state)
        sheet.show(page.lines, page.hits)

    return "microscope 200x60, 8 heads x 63", (198, 51), sheet, change


def _parallel(size: tuple[int, int]) -> Case:
    """A brush on the loss that grows and shrinks over 1,000 runs, two settings brushed as well."""
    rng = random.Random(5)
    ticks = tuple((index / 4, str(index)) for index in range(5))
    loss = Axis("loss", ((0.0, "2.1"), (1.0, "3.4")), lambda at: f"{2.1 + at * 1.3:.3f}")
    axes = (*(Axis(f"setting {n}", ticks) for n in range(4)), loss)
    runs = tuple((*(rng.randrange(5) / 4 for _ in range(4)), rng.random()) for _ in range(1_000))
    widget = ParallelCoordinates()
    widget.state.axis, widget.state.at = 4, 1.0
    widget.state.brushes.set(0, 0.0, 0.75)
    widget.state.brushes.set(1, 0.25, 1.0)
    widget.set_data(Lines(axes, runs), 500)

    def change(turn: int) -> None:
        if widget.state.anchor is None:
            widget.action_brush()
        widget.action_along(-1 if turn // 15 % 2 == 0 else 1)

    return f"brush {size[0]}x{size[1]}, 1,000 runs", size, widget, change


def _thousand_curves() -> tuple[Curve, ...]:
    rng = random.Random(6)
    shape = [math.exp(-step / 150) for step in range(1_000)]

    def curve() -> Curve:
        end = 2.1 + rng.random()
        return Curve(range(1_000), [end + (3.3 - end) * y + rng.gauss(0, 0.03) for y in shape])

    return tuple(curve() for _ in range(1_000))


def first_picture(width: int, height: int) -> float:
    """CPU milliseconds of drawing 1,000 curves of 1,000 steps for the first time, in one go."""
    curves = _thousand_curves()
    started = time.process_time()
    frame = framed(curves, width, height)
    assert frame is not None
    pen = Pen(frame)
    for curve in curves:
        pen.draw(curve)
    return (time.process_time() - started) * 1000


def _families() -> list[Case]:
    """1,000 curves of 1,000 steps: another curve and group chosen, and others selected."""
    curves = _thousand_curves()
    chosen, brushed = CurveFamily(), CurveFamily()
    chosen.set_data(Family(curves))
    brushed.set_data(Family(curves))

    def choose(turn: int) -> None:
        group = tuple(range(turn * 10, turn * 10 + 10))
        chosen.set_data(Family(curves, chosen=turn * 10, group=group))

    def select(turn: int) -> None:
        brushed.set_data(Family(curves, tuple(n % 30 <= turn for n in range(1_000)), chosen=turn))

    return [
        ("choose 200x60, 1,000 curves", (200, 60), chosen, choose),
        ("select 200x60, 1,000 curves", (200, 60), brushed, select),
    ]


def _multiples() -> Case:
    """A cursor that moves over a grid of 50 x 50, and scrolls it."""
    curves = [Curve(range(300), [math.exp(-x / (9 + n)) for x in range(300)]) for n in range(50)]
    cells = tuple(tuple(Multiple(one, one.ys[-1], 3) for one in curves) for _ in range(50))
    names = tuple(map(str, range(50)))
    widget = SmallMultiples()
    widget.set_data(Grid("n_embd", "learning_rate", names, names, cells))
    return "multiples 200x60, 50 x 50", (200, 60), widget, lambda _: widget.action_move(1, 1)


async def answer(case: Case, keys: str, rounds: int = 20) -> tuple[float, float]:
    """(median, longest) CPU milliseconds from a key to the widget's finished strips."""
    _, (width, height), widget, _ = case
    drawn = [0.0]

    class Bench(App[None]):
        def compose(self) -> ComposeResult:
            yield widget

    painted = widget.render_lines

    def render_lines(crop: Region) -> list[Strip]:
        lines = painted(crop)
        drawn[0] = time.process_time()
        return lines

    async with Bench().run_test(size=(width, height)) as pilot:
        widget.styles.height = height
        widget.focus()
        await pilot.press("space")
        widget.render_lines = render_lines  # type: ignore[method-assign]
        figures = []
        for _ in range(rounds):
            for key in keys.split():
                started, drawn[0] = time.process_time(), 0.0
                await pilot.press(key)
                while not drawn[0]:
                    await asyncio.sleep(0.001)
                figures.append((drawn[0] - started) * 1000)
    return statistics.median(figures), max(figures)


async def measure(case: Case) -> tuple[float, float]:
    """(best, median) CPU milliseconds from new data to the finished strips."""
    _, (width, height), widget, change = case

    class Bench(App[None]):
        def compose(self) -> ComposeResult:
            yield widget

    async with Bench().run_test(size=(width, height)) as pilot:
        widget.styles.height = height
        await pilot.pause()
        crop = Region(0, 0, width, height)
        figures = []
        for turn in range(ROUNDS):
            started = time.process_time()
            change(turn)
            widget.render_lines(crop)
            figures.append((time.process_time() - started) * 1000)
            await pilot.pause()
    return min(figures), statistics.median(figures)


def main() -> dict[str, float]:
    """Print a line for each widget; returns the median milliseconds by name."""
    os.environ.setdefault("COLORTERM", "truecolor")
    os.environ.setdefault("TERM", "xterm-256color")
    cases = [_chart(1_000, "chart 100x25, 1,000 points"), _heatmap(), _bars(), *_small()]
    cases += [*_timelines(), *_tables(), _microscope()]
    cases += [_parallel((120, 40)), _parallel((200, 60)), *_families(), _multiples()]
    cases.append(_chart(1_000_000, "chart 100x25, 1,000,000 points"))
    medians: dict[str, float] = {}
    for case in cases:
        name = case[0]
        best, median = asyncio.run(measure(case))
        medians[name] = median
        budget = BUDGETS.get(name)
        verdict = "" if budget is None else f"   budget {budget:g} ms"
        print(f"{name:<32} best {best:6.2f} ms   median {median:6.2f} ms{verdict}")
    for size in ((80, 24), (200, 60)):
        name = f"1,000 new curves {size[0]}x{size[1]}"
        print(f"{name:<32} {first_picture(*size):6.1f} ms, in pieces of 60 ms")
        median, longest = asyncio.run(answer(_parallel(size), "down down up up"))
        name = f"key to brush {size[0]}x{size[1]}"
        print(f"{name:<32} median {median:4.1f} ms   longest {longest:6.2f} ms   budget 50 ms")
    return medians


if __name__ == "__main__":
    main()
