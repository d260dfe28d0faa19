"""The timeline below a chart as a person at the keyboard or the mouse meets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from playground.tui.widgets.scrubber import Mark, Scale, Scrubber, marked_columns


def recorded(
    first: int = 0, last: int = 620, end: int = 1000, at: int = 312, marks: Sequence[Mark] = ()
) -> Scrubber:
    scrubber = Scrubber()
    scrubber.set_state(first, last, end, at, marks)
    return scrubber


def wishes(app: Any) -> list[tuple[int, bool]]:
    return [(message.to, message.final) for message in app.posted]


async def test_a_timeline_shows_recorded_steps_the_present_one_and_those_to_come(
    stage: Any,
) -> None:
    async with stage(recorded(), (60, 1)) as app:
        line = app.lines[0]
        assert line.endswith("  step 312 of 620")
        track = line[2 : line.index(" ", 2)]
        assert track.strip("━─●") == "" and track.count("●") == 1
        assert track.index("●") == round(0.312 * (len(track) - 1))
        assert track.index("─") == round(0.62 * (len(track) - 1)) + 1
        assert track.endswith("─") and "━" not in track[track.index("─") :]


async def test_before_anything_is_known_there_is_an_empty_track(stage: Any) -> None:
    scrubber = Scrubber()
    async with stage(scrubber, (30, 1), Scrubber.Moved) as app:
        assert app.lines[0] == "› " + "─" * 28
        await app.pilot.press("right", "end", "home", "pagedown")
        await app.pilot.click(scrubber, offset=(10, 0))
        assert app.posted == []


async def test_the_track_keeps_its_length_while_the_numbers_grow(stage: Any) -> None:
    scrubber = recorded(last=9, end=10_000, at=9)
    async with stage(scrubber, (60, 1)) as app:
        start = app.lines[0].rindex("─")
        scrubber.set_state(0, 9_000, 10_000, 8_500)
        assert app.lines[0].rindex("─") == start
        assert app.lines[0].endswith(" step 8,500 of 9,000")
        scrubber.set_state(0, 9_000, 10_000, 9_000)
        assert app.lines[0].rindex("─") == start
        assert app.lines[0].endswith(" step 9,000")


async def test_marks_are_signs_and_the_most_important_is_seen(stage: Any) -> None:
    marks = [Mark(0, "sample"), Mark(500, "sample"), Mark(501, "fork"), Mark(750, "edit"),
             Mark(751, "fork"), Mark(752, "sample"), Mark(1000, "fork")]  # fmt: skip
    async with stage(recorded(last=1000, at=250, marks=marks), (60, 1)) as app:
        signs = [sign for sign in app.lines[0][2:] if sign in "·┴◆●"]
        assert signs == ["·", "●", "┴", "◆", "┴"]


async def test_keys_ask_and_the_handle_stays_until_the_owner_moves_it(stage: Any) -> None:
    scrubber = recorded(at=300)
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        before = app.lines[0]
        await app.pilot.press("home")
        assert wishes(app) == [(0, True)]
        assert app.lines[0].index("●") == before.index("●")
        assert app.lines[0].endswith("step 300 of 620")
        assert app.lines[0][2] == "○"  # where one is bound for
        scrubber.set_state(0, 620, 1000, 0)
        assert app.lines[0][2] == "●" and "○" not in app.lines[0]


@pytest.mark.parametrize(
    ("key", "to"),
    [
        ("left", 299), ("right", 301), ("shift+left", 290), ("shift+right", 310),
        ("ctrl+left", 269), ("ctrl+right", 331), ("pageup", 269), ("pagedown", 331),
        ("home", 0), ("end", 620),
    ],
)  # fmt: skip
async def test_each_key_goes_its_distance(stage: Any, key: str, to: int) -> None:
    async with stage(recorded(at=300), (60, 1), Scrubber.Moved) as app:
        await app.pilot.press(key)
        assert wishes(app) == [(to, True)]


async def test_quick_keys_add_up_until_the_owner_has_arrived(stage: Any) -> None:
    scrubber = recorded(at=300)
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        await app.pilot.press("left", "left", "shift+left")
        assert wishes(app) == [(299, True), (298, True), (288, True)]
        scrubber.set_state(0, 620, 1000, 299)  # still under way
        await app.pilot.press("left")
        assert app.posted[-1].to == 287
        scrubber.set_state(0, 620, 1000, 287)
        assert scrubber.target is None
        await app.pilot.press("right")
        assert app.posted[-1].to == 288


async def test_a_target_that_was_given_up_is_forgotten(stage: Any) -> None:
    scrubber = recorded(at=300)
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        await app.pilot.press("home")
        scrubber.forget_target()
        assert "○" not in app.lines[0]
        await app.pilot.press("left", "end")
        scrubber.set_state(0, 40, 1000, 40)  # another run: there is no step 620
        await app.pilot.press("left")
        assert [to for to, _ in wishes(app)] == [0, 299, 620, 39]


async def test_at_the_ends_a_key_asks_for_nothing(stage: Any) -> None:
    async with stage(recorded(at=620), (60, 1), Scrubber.Moved) as app:
        await app.pilot.press("right", "shift+right", "pagedown", "end")
        assert app.posted == []
        await app.pilot.press("home", "left", "home")
        assert wishes(app) == [(0, True)]


async def test_the_handle_does_not_go_beyond_the_recorded_steps(stage: Any) -> None:
    scrubber = recorded(at=619)
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        await app.pilot.press("shift+right")
        await app.pilot.click(scrubber, offset=(app.lines[0].rindex("─"), 0))
        assert wishes(app)[0] == (620, True) and {to for to, _ in wishes(app)} == {620}


async def test_the_mouse_drags_the_handle_and_says_when_it_is_let_go(stage: Any) -> None:
    scrubber = recorded(last=1000)
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        await app.pilot.mouse_down(scrubber, offset=(12, 0))
        first = scrubber_step(app)
        assert app.lines[0][12] == "●" and wishes(app) == [(first, False)]
        await app.pilot.hover(scrubber, offset=(13, 0))
        second = scrubber_step(app)
        assert app.lines[0][13] == "●" and second > first
        scrubber.set_state(0, 1000, 1000, first)  # the owner is a little behind
        assert app.lines[0][13] == "●"
        await app.pilot.hover(scrubber, offset=(59, 0))  # over the text: beyond the end
        await app.pilot.hover(scrubber, offset=(0, 0))  # before the track
        await app.pilot.mouse_up(scrubber, offset=(0, 0))
        assert wishes(app) == [
            (first, False), (second, False), (1000, False), (0, False), (0, True),
        ]  # fmt: skip
        await app.pilot.hover(scrubber, offset=(20, 0))
        assert len(app.posted) == 5 and not scrubber.dragging


def scrubber_step(app: Any) -> int:
    """The step written at the end of the line."""
    return int(app.lines[0].split()[-3].replace(",", ""))


async def test_one_place_is_asked_for_once_however_the_mouse_trembles(stage: Any) -> None:
    scrubber = recorded(last=1000)
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        await app.pilot.mouse_down(scrubber, offset=(12, 0))
        for x in (12, 12, 12):
            await app.pilot.hover(scrubber, offset=(x, 0))
        await app.pilot.mouse_up(scrubber, offset=(12, 0))
        assert [final for _, final in wishes(app)] == [False, True]


async def test_a_click_on_the_handle_moves_nothing_and_a_drag_can_be_taken_back(
    stage: Any,
) -> None:
    scrubber = recorded(last=1000, at=313)
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        handle = app.lines[0].index("●")
        await app.pilot.click(scrubber, offset=(handle, 0))
        assert app.posted == [] and app.lines[0].endswith("313 of 1,000")
        await app.pilot.mouse_down(scrubber, offset=(handle, 0))
        await app.pilot.hover(scrubber, offset=(handle + 4, 0))
        await app.pilot.hover(scrubber, offset=(handle, 0))
        await app.pilot.mouse_up(scrubber, offset=(handle, 0))
        assert wishes(app)[-1] == (313, True)


async def test_a_click_on_a_mark_goes_to_its_very_step(stage: Any) -> None:
    scrubber = recorded(last=1_000_000, end=1_000_000, at=5, marks=[Mark(654_321, "edit")])
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        await app.pilot.click(scrubber, offset=(app.lines[0].index("◆"), 0))
        assert wishes(app) == [(654_321, False), (654_321, True)]
        assert scrubber.target == 654_321


async def test_a_drag_whose_mouse_is_taken_away_ends_where_it_is(stage: Any) -> None:
    scrubber = recorded(last=1000)
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        await app.pilot.mouse_down(scrubber, offset=(12, 0))
        app.capture_mouse(None)
        await app.pilot.pause()
        (held, first), (kept, second) = wishes(app)
        assert held == kept and (first, second) == (False, True) and not scrubber.dragging


async def test_a_click_on_a_mark_still_to_come_goes_to_the_last_step(stage: Any) -> None:
    scrubber = recorded(marks=[Mark(900, "fork")])
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        await app.pilot.click(scrubber, offset=(app.lines[0].index("┴"), 0))
        assert wishes(app) == [(620, False), (620, True)]


async def test_the_wheel_goes_a_step_a_notch(stage: Any) -> None:
    scrubber = recorded(at=300)
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        for kind in (events.MouseScrollDown, events.MouseScrollDown, events.MouseScrollUp):
            scrubber.post_message(kind(scrubber, 20, 0, 0, 1, 0, False, False, False))
            await app.pilot.pause()
        assert wishes(app) == [(301, True), (302, True), (301, True)]


async def test_a_disabled_timeline_does_not_move(stage: Any) -> None:
    scrubber = recorded()
    scrubber.disabled = True
    async with stage(scrubber, (60, 1), Scrubber.Moved) as app:
        await app.pilot.press("left")
        await app.pilot.click(scrubber, offset=(10, 0))
        assert app.posted == []


async def test_a_timeline_is_drawn_again_only_if_something_changed(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    scrubber = recorded(marks=[Mark(3, "edit")])
    async with stage(scrubber, (60, 1)):
        monkeypatch.setattr(scrubber, "refresh", lambda **_: drawn.append(1))
        scrubber.set_state(0, 620, 1000, 312, [Mark(3, "edit")])
        assert drawn == []
        scrubber.set_state(0, 620, 1000, 313, [Mark(3, "edit")])
        assert drawn == [1]


async def test_focus_shows_without_colour(stage: Any) -> None:
    async with stage(recorded(), (40, 1)) as app:
        assert app.lines[0].startswith("› ")
        app.set_focus(None)
        await app.pilot.pause()
        assert app.lines[0].startswith("  ")


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 10, 16, 20, 27, 40, 160])
async def test_the_text_is_whole_or_absent_at_every_width(stage: Any, width: int) -> None:
    scrubber = recorded(last=98_765, end=1_000_000, at=98_764, marks=[Mark(5, "edit")])
    async with stage(scrubber, (width, 1)) as app:
        app.check_widths()
        line = app.lines[0]
        assert line.count("●") == 1
        text = line.lstrip("› ━─●◆").strip()
        assert text in ("step 98,764 of 98,765", "98,764 of 98,765", "98,764", "")
        assert text or width < 20
        scrubber.set_state(5, 5, 5, 5)
        app.check_widths()


@st.composite
def scales(draw: st.DrawFn) -> Scale:
    first = draw(st.integers(0, 1000))
    last = first + draw(st.integers(0, 10**9))
    return Scale(first, last, last + draw(st.integers(0, 10**9)), draw(st.integers(1, 200)))


@given(scales(), st.integers(-5, 210))
def test_every_cell_stands_for_a_recorded_step_and_the_ends_are_reached(
    scale: Scale, column: int
) -> None:
    assert scale.first <= scale.step(column) <= scale.last
    assert scale.step(column) <= scale.step(column + 1)
    assert scale.step(0) == scale.first
    assert scale.step(scale.columns) == scale.last
    for step in (scale.first, scale.step(column), scale.last, scale.end):
        assert 0 <= scale.column(step) < scale.columns
    if 0 < column < scale.column(scale.last) and scale.end - scale.first >= scale.columns:
        assert scale.column(scale.step(column)) == column


@given(scales(), st.lists(st.tuples(st.integers(0, 10**9), st.sampled_from(["edit", "fork"]))))
def test_the_order_of_the_marks_does_not_matter(scale: Scale, pairs: list[Any]) -> None:
    marks = [Mark(*pair) for pair in pairs]
    assert marked_columns(marks, scale) == marked_columns(marks[::-1], scale)
