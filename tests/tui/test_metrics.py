"""Metrics are drawn below the loss, in a lane each, and the key m chooses them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.sampling import Measuring, MetricChoice
from playground.tui.screens.pick.metrics import MetricsScreen
from playground.tui.widgets.chart import Chart, Lane, Series
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.lanes import share
from playground.tui.widgets.slider import Slider
from tests.tui.watched import WatchedApp, playing, seen
from tests.tui.widgets.conftest import Open, stage

__all__ = ["stage"]  # a fixture


def measuring(*names: str) -> Measuring:
    return Measuring(tuple(MetricChoice(name) for name in names))


def chart_lines(app: WatchedApp) -> list[str]:
    chart = app.main.query_one("#loss-chart", Chart)
    return [chart.render_line(y).text for y in range(chart.size.height)]


async def measured(app: WatchedApp, pilot: Any, *names: str, steps: int = 300) -> list[str]:
    """Train with these metrics on; return the lines of the loss chart."""
    await app.controller.training.set_metrics(measuring(*names))
    await app.controller.training.step(steps)
    app.controller.frames.touch()
    wanted = f"{names[0]} 1." if names else ""
    await seen(pilot, lambda: wanted in "".join(chart_lines(app)))
    return chart_lines(app)


def is_braille(text: str) -> bool:
    return any(0x2800 < ord(glyph) <= 0x28FF for glyph in text)


def falling(count: int = 200) -> Curve:
    return Curve(range(count), [3 - step / count for step in range(count)])


# ---------------------------------------------------------------- the chart


async def shown(
    stage: Open, size: tuple[int, int], *lanes: Lane, cursor: float | None = None
) -> Any:
    chart = Chart()
    async with stage(chart, size) as app:
        chart.set_data([Series("loss", falling())], [], lanes)
        chart.cursor = cursor
        app.check_widths()
        return list(app.lines), chart


async def test_a_lane_has_its_name_its_last_value_and_a_scale_of_its_own(stage: Open) -> None:
    lane = Lane("norm", Curve(range(200), [1000 + step for step in range(200)]))
    lines, _ = await shown(stage, (60, 24), lane)
    head = next(y for y, line in enumerate(lines) if "norm 1199" in line)
    below = lines[head + 1 : -2]
    assert len(below) == 4 and is_braille("".join(below))
    first, last = min(map(first_dot, below)), max(map(last_dot, below))
    loss = [line for line in lines[1:head] if is_braille(line)]
    assert first == min(map(first_dot, loss)), "beneath the same steps"
    assert last == max(map(last_dot, loss))
    assert "1210 ┤" in below[0] and "990 ┤" in below[-1]
    assert not any("00 ┤" in line for line in lines[:head])


def first_dot(line: str) -> int:
    return next((x for x, glyph in enumerate(line) if is_braille(glyph)), 999)


def last_dot(line: str) -> int:
    return max((x for x, glyph in enumerate(line) if is_braille(glyph)), default=-1)


async def test_the_cursor_goes_through_the_lanes_and_reads_them_out(stage: Open) -> None:
    lane = Lane("norm", Curve(range(0, 200, 10), [step / 10 for step in range(20)]))
    lines, chart = await shown(stage, (60, 24), lane, cursor=55)
    assert any("norm 0.500" in line for line in lines)
    assert chart.values_at(55)["norm"] == 0.5
    column = next(line.index("│", 8) for line in lines[1:4] if "│" in line[8:])
    in_lanes = [line for line in lines[-6:-2] if len(line) > column and line[column] in "│⠤⠒⡠"]
    assert len(in_lanes) >= 3


async def test_without_lanes_the_chart_is_what_it_was(stage: Open) -> None:
    plain, _ = await shown(stage, (60, 24))
    empty = Chart()
    async with stage(empty, (60, 24)) as app:
        empty.set_data([Series("loss", falling())], [])
        assert app.lines == plain


async def test_a_lane_without_values_yet_says_so(stage: Open) -> None:
    lines, _ = await shown(stage, (60, 24), Lane("new-share", Curve()))
    assert any("new-share –" in line for line in lines)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e300, 1e-300])
async def test_a_lane_that_never_changes_is_drawn(stage: Open, value: float) -> None:
    lines, _ = await shown(stage, (60, 24), Lane("flat", Curve([0, 100], [value, value])))
    assert any(is_braille(line) for line in lines[-6:-2])


async def test_a_name_from_a_plugin_is_shown_as_it_is(stage: Open) -> None:
    lines, _ = await shown(stage, (60, 24), Lane("[red]x[/]\x1b[2J", falling()))
    assert any("[red]x[/]" in line for line in lines)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("lanes", [1, 2, 5, 50])
def test_the_loss_keeps_most_of_the_room(lanes: int) -> None:
    for height in range(1, 60):
        count, lines = share(lanes, height)
        assert 0 <= count <= lanes and 2 <= lines <= 5, "a headline and a curve"
        assert count * lines <= max(0, height - 7)
        if lines > 2:
            assert count == lanes and count * lines <= 0.45 * height


@pytest.mark.parametrize("size", [(9, 3), (12, 5), (20, 7), (36, 6), (36, 7), (60, 9), (200, 50)])
@pytest.mark.parametrize("count", [1, 3, 12])
async def test_a_chart_with_lanes_fills_every_size_exactly(
    stage: Open, size: tuple[int, int], count: int
) -> None:
    lines, _ = await shown(stage, size, *(Lane(f"metric-{n}", falling()) for n in range(count)))
    assert len(lines) == size[1]
    named = "".join(line for line in lines if "metric" in line)
    assert not any(0x2800 < ord(glyph) < 0x2900 for glyph in named), "no curve behind a name"
    if size[1] >= 6 and size[0] >= 36:
        assert "metric-0" in "".join(lines)


# ---------------------------------------------------------------- the main screen


async def test_metrics_are_drawn_below_the_loss_and_gone_when_they_are_off() -> None:
    async with playing((120, 40)) as (app, pilot):
        before = await measured(app, pilot)
        lines = await measured(app, pilot, "gradient-norm", "perplexity", steps=10)
        text = "\n".join(lines)
        assert text.index("gradient-norm") < text.index("perplexity")
        assert "uniform" in text[: text.index("gradient-norm")]
        await app.controller.training.set_metrics(Measuring())
        app.controller.frames.touch()
        await seen(pilot, lambda: "gradient-norm" not in "".join(chart_lines(app)))
        assert len(chart_lines(app)) == len(before)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_a_metric_is_in_sight_at_every_size(size: tuple[int, int]) -> None:
    async with playing(size) as (app, pilot):
        lines = await measured(app, pilot, "gradient-norm")
        line = next(line for line in lines if "gradient-norm" in line)
        value = 1.5 + math.sin(300 / 40) / (1 + 300 / 200)
        assert f"{value:.3f}" in line


async def test_the_cursor_reads_metrics_out_in_the_frame() -> None:
    async with playing((200, 60)) as (app, pilot):
        await measured(app, pilot, "gradient-norm")
        await pilot.press("2", "left")
        await pilot.pause()
        panel = app.main.focused_panel
        assert panel is not None
        assert "gradient-norm 1." in str(panel.border_subtitle)


async def test_stepping_back_takes_a_metric_back() -> None:
    async with playing((120, 40)) as (app, pilot):
        await measured(app, pilot, "gradient-norm")
        await app.controller.training.back(200)
        assert app.model.metrics["gradient-norm"].xs[-1] == 100


async def test_a_metric_that_failed_is_said_once_and_drawn_no_more() -> None:
    async with playing((120, 40)) as (app, pilot):
        app.lab.metric_trouble = Failure("The metric 'perplexity' is switched off", "It [b]broke.")
        await app.controller.training.set_metrics(measuring("perplexity", "gradient-norm"))
        await app.controller.training.step(20)
        await app.controller.training.step(20)
        assert app.said.count("The metric 'perplexity' is switched off It [b]broke.") == 1
        app.controller.frames.touch()
        await seen(pilot, lambda: "gradient-norm" in "".join(chart_lines(app)))
        assert "perplexity" not in "".join(chart_lines(app))
        assert app.model.measuring == measuring("gradient-norm")
        await pilot.press("m")
        await pilot.pause()
        await pilot.press("down")
        await pilot.pause()
        trouble = app.screen.query_one("#metrics-trouble")
        assert "It [b]broke." in trouble.words  # type: ignore[attr-defined]


# ---------------------------------------------------------------- choosing


async def test_key_m_turns_metrics_on() -> None:
    async with playing((120, 40)) as (app, pilot):
        await pilot.press("m")
        assert isinstance(app.screen, MetricsScreen)
        await pilot.press("space", "down", "down", "space", "enter")
        await seen(pilot, lambda: "new-share" in "".join(chart_lines(app)))
        assert app.lab.measuring == measuring("gradient-norm", "new-share")


async def test_knobs_and_how_often_are_chosen_too() -> None:
    async with playing((120, 40)) as (app, pilot):
        await pilot.press("m", "down", "down", "space")
        await pilot.pause()
        length = app.screen.query_one("KnobForm Slider", Slider)
        length.focus()
        await pilot.press("right")
        app.screen.query_one("#metrics-every", Slider).focus()
        await pilot.press("home")
        await pilot.pause()
        app.screen.query_one("#picker-list").focus()
        await pilot.press("enter")
        await seen(pilot, lambda: app.lab.measuring.metrics)
        choice = MetricChoice("new-share", {"length": 2})
        assert app.lab.measuring == Measuring((choice,), every=1)


async def test_a_number_of_steps_that_cannot_be_is_said() -> None:
    async with playing((120, 40)) as (app, pilot):
        await pilot.press("m")
        await pilot.pause()
        every = app.screen.query_one("#metrics-every", Slider)
        every.focus()
        await pilot.press(*"9,5", "enter")
        await seen(pilot, lambda: "measure every: '9,5' is not a number" in app.said)
        assert every.value == 10


async def test_metrics_that_are_on_are_shown_and_escape_changes_nothing() -> None:
    async with playing((80, 24)) as (app, pilot):
        await app.controller.training.set_metrics(measuring("perplexity"))
        await pilot.press("m")
        await pilot.pause()
        options = app.screen.query_one("#picker-list").options  # type: ignore[attr-defined]
        assert [str(option.prompt)[0] for option in options] == ["○", "●", "○"]
        await pilot.press("space", "escape")
        await pilot.pause()
        assert app.lab.measuring == measuring("perplexity")


async def test_another_run_keeps_the_metrics() -> None:
    async with playing((120, 40)) as (app, _):
        await app.controller.training.set_metrics(measuring("perplexity"))
        await app.controller.opening.open("{}")
        assert app.lab.measuring == measuring("perplexity")
