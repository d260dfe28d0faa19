"""`w` in the microscope: the run without a step, and who taught a prediction."""

from __future__ import annotations

import asyncio
import math
import re

import pytest
from textual.screen import Screen

from playground.lab.inside.surgery import finished
from playground.lab.protocol.commands import Influence
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.influence import Cost
from playground.tui.screens.help import HelpScreen
from playground.tui.screens.inside.influence import InfluenceScreen, WithoutScreen
from playground.tui.screens.inside.screen import InsideScreen
from playground.tui.widgets.sheet import Sheet
from tests.tui.readings import session
from tests.tui.screens.inside.test_inside import Inside, looking
from tests.tui.watched import seen


def sheet(screen: Screen[object]) -> str:
    return screen.query_one("#replay-sheet", Sheet).words


async def opened(inside: Inside, view: str, kind: type[WithoutScreen | InfluenceScreen]) -> None:
    await inside.press(view)
    await inside.pilot.press("w")
    await seen(inside.pilot, lambda: isinstance(inside.app.screen, kind))


async def found(inside: Inside) -> str:
    """What the dialog shows when the work is done."""
    app = inside.app
    await seen(inside.pilot, lambda: app.screen.replaying.found is not None)  # type: ignore[attr-defined]
    await inside.pilot.pause()
    return sheet(app.screen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_w_in_step_says_what_the_run_would_be_without_it(size: tuple[int, int]) -> None:
    async with looking(size) as inside:
        lab = inside.app.lab
        lab.head = 9  # the run was taken back
        await inside.app.controller.frames.pull()
        lab.price = Cost(1_234, 5.0)
        await opened(inside, "8", WithoutScreen)
        await seen(inside.pilot, lambda: "1,234 steps to make again" in sheet(inside.app.screen))
        assert "about 5 s" in sheet(inside.app.screen), "what takes long is told before"
        assert not any(one[0] == "without" for one in lab.calls)
        (asked,) = [one for one in lab.calls if one[0] == "cost"]
        step = asked[1]
        await inside.pilot.press("enter")
        words = await found(inside)
        assert ("without", step, 9) in lab.calls, "up to where the run is known"
        there = finished(session().replays.without(step))
        assert f"step {step} learnt from {there.texts[0]}" in words
        assert f"{there.own.delta:+.4f}" in words and f"{there.heldout.delta:+.4f} ±" in words
        assert f"{there.apart:.4f} apart" in words
        for batch in (there.samples, there.samples_without):
            assert all(one.text in words for one in batch.texts)
        await inside.pilot.press("escape")
        await seen(inside.pilot, lambda: isinstance(inside.app.screen, InsideScreen))


async def test_w_in_credit_lists_who_taught_it_and_enter_takes_the_step_apart() -> None:
    async with looking() as inside:
        lab = inside.app.lab
        await inside.press("4", "home", "right")
        token = inside.screen.inside.positions[1].target_id
        await inside.pilot.press("w")
        await seen(inside.pilot, lambda: isinstance(inside.app.screen, InfluenceScreen))
        words = await found(inside)
        (asked,) = [one[1] for one in lab.calls if one[0] == "influence"]
        assert asked == Influence(None, 1, token)
        there = finished(session().influence.tracing(asked))
        assert f"p {math.exp(-there.loss):.3f}" in words
        rows = re.findall(r"^(▸| ) (\d+) +([+-][\d.]+)( +[+-][\d.]+)? +(\w+)", words, re.MULTILINE)
        assert [int(one[1]) for one in rows] == [one.step for one in there.most]
        for row, one in zip(rows, there.most, strict=True):
            assert float(row[2]) == pytest.approx(one.formula, abs=5e-5)
            assert (row[3] == "") == (one.replayed is None)
            if one.replayed is not None:
                assert float(row[3]) == pytest.approx(one.replayed, abs=5e-5)
            assert row[4] == one.texts[0]
        assert f"correlate by {there.correlation:+.2f}" in " ".join(words.split())
        await inside.pilot.press("down", "down")
        await inside.pilot.pause()
        await inside.pilot.press("enter")
        await seen(inside.pilot, lambda: ("go_to", there.most[2].step) in lab.calls)
        await seen(inside.pilot, lambda: inside.screen.state.look.view == "step")


async def test_escape_gives_up_what_is_under_way_and_its_progress_is_shown() -> None:
    async with looking() as inside:
        lab = inside.app.lab
        lab.work_gate = asyncio.Event()
        for view, kind in (("8", WithoutScreen), ("3", InfluenceScreen)):
            await opened(inside, view, kind)
            await seen(inside.pilot, lambda: "25%" in sheet(inside.app.screen))
            await inside.pilot.press("escape")
            await seen(inside.pilot, lambda: isinstance(inside.app.screen, InsideScreen))
            await seen(inside.pilot, lambda: lab.calls[-1] == ("given up",))


async def test_what_cannot_be_traced_is_said_and_help_explains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with looking() as inside:

        async def refused(step: int | None, to: int | None = None) -> Cost:  # noqa: ARG001
            finished(session().replays.without(99))
            raise AssertionError

        with pytest.raises(LabError):
            await refused(1)
        monkeypatch.setattr(inside.app.lab, "cost", refused)
        await opened(inside, "4", InfluenceScreen)
        await seen(inside.pilot, lambda: "✗ There is no step 99" in sheet(inside.app.screen))
        await inside.pilot.press("question_mark")
        await seen(inside.pilot, lambda: isinstance(inside.app.screen, HelpScreen))


async def test_w_is_of_the_views_that_have_a_past() -> None:
    async with looking() as inside:
        await inside.press("8")
        assert "w without it" in inside.keys
        await inside.press("4")
        assert "w who taught it" in inside.keys
        await inside.press("2")
        assert "who taught it" not in inside.keys and "without it" not in inside.keys
        await inside.pilot.press("w")
        await inside.pilot.pause()
        assert isinstance(inside.app.screen, InsideScreen)
