"""What lies behind a dialog goes on, at a pace that leaves the dialog's keys quick."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from itertools import pairwise
from unittest import mock

import pytest
from rich.segment import Segment
from textual.color import Color
from textual.renderables.background_screen import BackgroundScreen

from playground.tui.app import PlaygroundApp
from playground.tui.control.frames import BEHIND_PER_SECOND
from playground.tui.screens import dialog
from tests.tui.monkey import press
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
        async with asyncio.timeout(20):
            while f"step {app.model.step:,}/" not in steps(app.export_screenshot()):
                await asyncio.sleep(0.02)
        waits = [later - sooner for sooner, later in pairwise(draws)]
        assert min(waits) > 0.8 / BEHIND_PER_SECOND


async def test_what_lies_behind_a_dialog_that_opens_is_drawn_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialog, "OPENING", 60)  # a busy machine opens it in more than half a second
    monkeypatch.setattr(dialog, "SETTLED", 60)  # and the run that goes on behind is painted again
    drawn: list[object] = []
    process = BackgroundScreen.process_segments

    def counted(segments: Iterable[Segment], color: Color) -> Iterable[Segment]:
        drawn.append(color)
        return process(segments, color)

    async with playing() as (app, pilot):
        with mock.patch.object(BackgroundScreen, "process_segments", staticmethod(counted)):
            await pilot.press("h")
            await seen(pilot, lambda: app.screen is not app.main and bool(drawn))
            await pilot.pause()
        assert len(drawn) == 1
        assert "Settings" in app.export_screenshot() and "Loss" in app.export_screenshot()


async def test_nothing_is_drawn_behind_a_dialog_between_two_quick_keys() -> None:
    draws: list[float] = []
    async with playing() as (app, pilot):
        await pilot.press("space", "h")
        await seen(pilot, lambda: app.screen is not app.main)
        press(app, "down")
        quiet = mock.patch.multiple("playground.tui.app", QUIET=1.0, HELD=60.0)
        with quiet, mock.patch.object(PlaygroundApp, "_draw_front", lambda _: draws.append(1)):
            began = time.monotonic()
            while time.monotonic() < began + 3 / BEHIND_PER_SECOND:
                press(app, "down")
                await asyncio.sleep(0.05)
            assert not draws
            async with asyncio.timeout(20):
                while not draws:
                    await asyncio.sleep(0.01)
