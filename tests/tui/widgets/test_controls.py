"""Sliders, choices and toggles as a person at the keyboard or the mouse meets them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.tui.knobs import knob_line
from playground.tui.widgets.control import Choice, Toggle
from playground.tui.widgets.slider import Slider
from playground.tui.widgets.slider_track import Track


def temperature(**more: Any) -> Slider:
    return Slider("temperature", 0.5, minimum=0.05, maximum=2.0, step=0.05, **more)


def top_k(value: float = 0) -> Slider:
    return Slider(
        "top-k", value, minimum=1, maximum=40, integer=True, neutral=0, neutral_label="off"
    )


async def test_a_slider_shows_label_track_and_value(stage: Any) -> None:
    async with stage(temperature(label_width=12), (40, 1)) as app:
        line = app.lines[0]
        assert line[2:].startswith("temperature ")
        assert line.endswith("0.50")
        assert line.count("●") == 1 and "━" in line and "─" in line


async def test_arrows_step_shifted_arrows_leap_home_and_end_go_all_the_way(stage: Any) -> None:
    slider = temperature()
    async with stage(slider, (40, 1), Slider.Changed) as app:
        for key, value in (
            ("right", 0.55),
            ("shift+right", 1.05),
            ("left", 1.0),
            ("end", 2.0),
            ("right", 2.0),
            ("home", 0.05),
            ("shift+left", 0.05),
        ):
            await app.pilot.press(key)
            assert slider.value == pytest.approx(value), key
        assert [round(m.value, 2) for m in app.posted] == [0.55, 1.05, 1.0, 2.0, 0.05]


async def test_a_number_typed_and_entered_becomes_the_value(stage: Any) -> None:
    slider = temperature()
    async with stage(slider, (40, 1), Slider.Changed, Slider.Rejected) as app:
        await app.pilot.press("enter", "1", ".", "2", "7", "backspace")
        assert slider.editing and app.lines[0].endswith("1.2 ")
        assert slider.value == 0.5
        await app.pilot.press("enter")
        assert not slider.editing and slider.value == 1.2
        assert [m.value for m in app.posted] == [1.2]


async def test_escape_leaves_the_value_alone(stage: Any) -> None:
    slider = temperature()
    async with stage(slider, (40, 1), Slider.Changed, Slider.Rejected) as app:
        await app.pilot.press("enter", "9", "escape")
        assert slider.value == 0.5 and app.lines[0].endswith("0.50")
        assert app.posted == []


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("9", "temperature: 9 is not between 0.05 and 2.00"),
        ("1.2.3", "temperature: '1.2.3' is not a number"),
        ("-", "temperature: '-' is not a number"),
        ("0,7", "temperature: '0,7' is not a number; write 0.7, with a point"),
        ("0/7", "temperature: '0/7' is not a number"),
        ("50%", "temperature: '50%' is not a number"),
        ("nan", "temperature: 'nan' is not a number"),
        ("0.0000000000012", "temperature: 0.0000000000012 is not between 0.05 and 2.00"),
        ("9" * 40, f"temperature: {'9' * 19}… is not between 0.05 and 2.00"),
    ],
)
async def test_a_slider_refuses_an_impossible_value_with_the_reason(
    stage: Any, typed: str, reason: str
) -> None:
    slider = temperature()
    async with stage(slider, (40, 1), Slider.Changed, Slider.Rejected) as app:
        await app.pilot.press("enter", *typed, "enter")
        assert slider.value == 0.5
        assert [(m.text, m.reason) for m in app.posted] == [(typed, reason)]


async def test_an_entry_takes_what_is_pasted_and_shows_its_end(stage: Any) -> None:
    slider = top_k(5)
    async with stage(slider, (40, 1), Slider.Rejected) as app:
        slider.post_message(events.Paste("9"))
        await app.pilot.press("enter", "1")
        slider.post_message(events.Paste("7\n"))
        await app.pilot.pause()
        assert app.lines[0].endswith("7 ")
        await app.pilot.press("enter")
        assert slider.value == 17
        await app.pilot.press("enter", "1", "漢", "字")
        assert app.lines[0].endswith("字 ")
        await app.pilot.press("enter")
        assert slider.value == 17 and len(app.posted) == 1


async def test_a_slider_of_whole_numbers_refuses_a_point_between_thousands(stage: Any) -> None:
    slider = Slider("every", 10, minimum=1, maximum=5000, integer=True)
    async with stage(slider, (40, 1), Slider.Rejected) as app:
        await app.pilot.press("enter", *"1.000", "enter")
        assert slider.value == 10
        assert app.posted[0].reason == "every: '1.000' is not a number; write 1000 or 1"
        await app.pilot.press("enter", *"1,000", "enter")
        assert slider.value == 1000


async def test_below_a_range_a_knob_points_to_what_does_it(stage: Any) -> None:
    """As temperature points to greedy: there is no temperature of 0."""
    entry = load(PluginSources(entry_points=False, folder=None)).entry("strategy", "temperature")
    slider = knob_line(entry.controls[0], 0.5, label_width=0, name="")
    async with stage(slider, (40, 1), Slider.Rejected) as app:
        await app.pilot.press("enter", "0", "enter", "enter", "9", "enter")
        below, above = [message.reason for message in app.posted]
        assert below.startswith("temperature: 0 is not between 0.05 and 5.00; the strategy greedy ")
        assert above == "temperature: 9 is not between 0.05 and 5.00"


async def test_a_slider_of_whole_numbers_refuses_a_fraction(stage: Any) -> None:
    slider = top_k(5)
    async with stage(slider, (40, 1), Slider.Rejected) as app:
        await app.pilot.press("enter", "2", ".", "5", "enter")
        assert slider.value == 5
        assert app.posted[0].reason == "top-k: 2.5 is not a whole number"


async def test_a_slider_can_be_off_below_its_lowest_value(stage: Any) -> None:
    slider = top_k()
    async with stage(slider, (40, 1)) as app:
        assert app.lines[0].endswith("off")
        await app.pilot.press("right")
        assert slider.value == 1 and app.lines[0].endswith("  1")
        await app.pilot.press("left")
        assert slider.value == 0
        await app.pilot.press("end", "delete")
        assert slider.value == 0 and app.lines[0].endswith("off")
        await app.pilot.press("enter", "7", "enter", "enter", "0", "enter")
        assert slider.value == 0


async def test_delete_returns_to_the_first_value_where_none_is_neutral(stage: Any) -> None:
    slider = temperature()
    async with stage(slider, (40, 1)) as app:
        await app.pilot.press("end", "backspace")
        assert slider.value == 0.5


async def test_a_log_slider_takes_ten_steps_to_a_decade(stage: Any) -> None:
    slider = Slider("learning rate", 0.01, minimum=1e-5, maximum=1.0, scale="log")
    async with stage(slider, (40, 1)) as app:
        await app.pilot.press("shift+right")
        assert slider.value == pytest.approx(0.1)
        await app.pilot.press("left")
        assert slider.value_text == "0.079"
        await app.pilot.press("home")
        assert slider.value_text == "1e-5"


async def test_the_mouse_sets_and_drags(stage: Any) -> None:
    slider = temperature()
    async with stage(slider, (40, 1), Slider.Changed) as app:
        first = min(app.lines[0].index(glyph) for glyph in "━●")
        await app.pilot.mouse_down(slider, offset=(first, 0))
        assert slider.value == 0.05
        await app.pilot.hover(slider, offset=(39, 0))
        assert slider.value == 2.0
        await app.pilot.mouse_up(slider, offset=(39, 0))
        await app.pilot.hover(slider, offset=(first, 0))
        assert slider.value == 2.0  # let go


async def test_setting_a_value_from_code_posts_nothing(stage: Any) -> None:
    slider = temperature()
    async with stage(slider, (40, 1), Slider.Changed) as app:
        slider.set_value(99)
        await app.pilot.pause()
        assert slider.value == 2.0 and app.posted == []
        assert app.lines[0].endswith("2.00")


async def test_a_disabled_slider_does_not_move(stage: Any) -> None:
    slider = temperature(disabled=True)
    async with stage(slider, (40, 1), Slider.Changed) as app:
        await app.pilot.press("right", "5", "enter")
        await app.pilot.click(slider, offset=(30, 0))
        assert slider.value == 0.5 and app.posted == []


async def test_focus_shows_without_colour(stage: Any) -> None:
    slider = temperature()
    async with stage(slider, (40, 1)) as app:
        assert app.lines[0].startswith("›")
        app.set_focus(None)
        await app.pilot.pause()
        assert app.lines[0].startswith(" ")


async def test_a_choice_goes_round_and_says_how_many_there_are(stage: Any) -> None:
    choice = Choice("engine", ["vector", "scalar", "[bold]"])
    async with stage(choice, (40, 1), Choice.Changed) as app:
        assert "◂ vector ▸" in app.lines[0] and "1/3" in app.lines[0]
        await app.pilot.press("right", "enter")
        assert choice.value == "[bold]" and "[bold]" in app.lines[0]
        await app.pilot.press("right", "left")
        assert [m.value for m in app.posted] == ["scalar", "[bold]", "vector", "[bold]"]
        choice.set_options(["only"])
        assert choice.value == "only" and "1/1" not in app.lines[0]


async def test_a_click_on_an_arrow_of_a_choice_goes_its_way(stage: Any) -> None:
    choice = Choice("engine", ["a", "b", "c"])
    async with stage(choice, (40, 1)) as app:
        await app.pilot.click(choice, offset=(app.lines[0].index("◂"), 0))
        assert choice.value == "c"
        await app.pilot.click(choice, offset=(app.lines[0].index("▸"), 0))
        assert choice.value == "a"


async def test_a_toggle_says_on_or_off_in_words(stage: Any) -> None:
    toggle = Toggle("log axis")
    async with stage(toggle, (30, 1), Toggle.Changed) as app:
        assert "○ off" in app.lines[0]
        await app.pilot.press("space")
        assert "● on" in app.lines[0]
        await app.pilot.press("left", "left")
        await app.pilot.click(toggle)
        assert [m.value for m in app.posted] == [True, False, True]


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 13, 21, 80])
async def test_every_width_is_filled_exactly(stage: Any, width: int) -> None:
    for control in (temperature(), top_k(), Choice("日本", ["日本", "x"]), Toggle("a\x07")):
        async with stage(control, (width, 1)) as app:
            await app.pilot.press("right")
            app.check_widths()
            await app.pilot.press("1")
            app.check_widths()


def tracks() -> st.SearchStrategy[Track]:
    linear = st.builds(
        lambda low, span, step: Track(low, low + span, step),
        st.floats(-1e3, 1e3), st.floats(0.01, 1e3), st.floats(0.01, 10),
    )  # fmt: skip
    log = st.builds(
        lambda low, ratio, step: Track(low, low * ratio, step, "log"),
        st.floats(1e-6, 1e3), st.floats(1.5, 1e9), st.floats(0.05, 1),
    )  # fmt: skip
    whole = st.builds(
        lambda low, span: Track(low, low + span, 1, integer=True),
        st.integers(-50, 50), st.integers(0, 500),
    )  # fmt: skip
    return linear | log | whole


@given(tracks(), st.floats(0, 1), st.integers(-20, 20).filter(bool))
def test_moving_stays_on_the_track_and_goes_the_right_way(
    track: Track, fraction: float, steps: int
) -> None:
    value = track.at(fraction)
    assert track.minimum <= value <= track.maximum
    moved = track.move(value, steps)
    assert track.minimum <= moved <= track.maximum
    assert moved >= value if steps > 0 else moved <= value
    ends = (track.minimum, track.maximum)
    assert moved != value or value in ends


def test_stops_that_are_written_alike_are_passed_over() -> None:
    assert Track(1.0, 1.5, 0.0625, "log").move(1.2, -1) == 1.0


def test_moving_from_an_end_that_is_no_stop_never_goes_the_wrong_way() -> None:
    track = Track(319.0, 638.0, 0.0625, "log")
    assert track.move(319.0, -1) == 319.0
    assert track.move(319.0, 1) > 319.0


def test_a_track_that_makes_no_sense_is_refused() -> None:
    for wrong in ((2, 1, 0.1), (0, 1, 0), (0, float("inf"), 1)):
        with pytest.raises(ValueError):
            Track(*wrong)
    with pytest.raises(ValueError, match="above 0"):
        Track(0, 1, 0.1, "log")
