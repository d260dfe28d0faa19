"""What lies behind a dialog goes on, at a pace that leaves the dialog's keys quick."""

from __future__ import annotations

import time
from itertools import pairwise
from unittest import mock

from playground.tui.app import PlaygroundApp
from playground.tui.control.frames import BEHIND_PER_SECOND
from tests.tui.watched import playing, seen


def steps(drawn: str) -> str:
    """The status line of a picture of the screen."""
    return drawn.replace("&#160;", " ").partition("running")[2][:400]


async def test_the_step_behind_a_dialog_is_the_one_that_the_run_is_at() -> None:
    draws: list[float] = []
    draw = PlaygroundApp._draw_front

    def timed(app: PlaygroundApp) -> None:
        draws.append(time.monotonic())
        draw(app)

    async with playing() as (app, pilot):
        await pilot.press("space", "h")
        await seen(pilot, lambda: app.screen is not app.main)
        await pilot.pause()
        with mock.patch.object(PlaygroundApp, "_draw_front", timed):
            first = app.model.step
            await seen(pilot, lambda: len(draws) >= 4)
        assert app.model.step > first
        assert f"step {app.model.step:,}" in app.text("#status")
        await seen(pilot, lambda: f"step {app.model.step:,}/" in steps(app.export_screenshot()))
        waits = [later - sooner for sooner, later in pairwise(draws)]
        assert min(waits) > 0.8 / BEHIND_PER_SECOND
