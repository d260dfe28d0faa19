"""Toasts: of two about one thing the later stays, and none lies over what is looked at."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast, ToastRack

from playground.tui.control.context import RECORDING, Remark
from tests.tui.watched import WatchedApp, playing


async def shown(app: WatchedApp, pilot: Pilot[int], *titles: str) -> None:
    """Wait until the toasts on the screen have these titles."""
    async with asyncio.timeout(10):
        while toasts(app) != [*titles]:
            await pilot.pause()


def toasts(app: WatchedApp) -> list[str]:
    """The titles that are on the screen."""
    return [toast.render().plain.splitlines()[0] for toast in app.screen.query(Toast) if toast.size]


async def test_a_later_notice_takes_the_place_of_one_that_it_contradicts() -> None:
    async with playing(toasts=True) as (app, pilot):
        app.say(Remark("The disk is full", "Nothing is recorded.", "error", RECORDING))
        app.say(Remark("Saved step 3", "a.safetensors"))
        app.say(Remark("The run is recorded again", about=RECORDING))
        await shown(app, pilot, "Saved step 3", "The run is recorded again")
        await pilot.press("b", "b", "b")
        await shown(
            app, pilot, "Saved step 3", "The run is recorded again", "This is the beginning"
        )
        app.clear_notifications()
        app.say(Remark("The disk is full", about=RECORDING))
        app.say(Remark("The run is recorded again", about=RECORDING))
        await shown(app, pilot, "The run is recorded again")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_notices_leave_the_samples_the_keys_and_the_loss_in_sight(
    size: tuple[int, int],
) -> None:
    async with playing(size, toasts=True) as (app, pilot):
        app.say(Remark("A run was interrupted", "kafka (names), step 312. o goes on."))
        app.say(Remark("Saved step 3", "a.safetensors"))
        await shown(app, pilot, "A run was interrupted", "Saved step 3")
        rack = app.screen.query_one(ToastRack).region
        for toast in app.screen.query(Toast):
            seen = toast.region.intersection(rack)
            for name in ("#panel-4", "#keys", "#panel-2", "#status"):
                assert not seen.overlaps(app.main.query_one(name).region), (size, name)
            assert app.main.region.contains_region(seen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_notices_over_zoomed_sampling_leave_the_letters_of_the_samples_in_sight(
    size: tuple[int, int],
) -> None:
    async with playing(size, toasts=True) as (app, pilot):
        await pilot.press("4", "z")
        app.say(Remark("A run was interrupted", "kafka (names), step 312. o goes on."))
        app.say(Remark("Saved step 3", "a.safetensors"))
        await shown(app, pilot, "A run was interrupted", "Saved step 3")
        rack = app.screen.query_one(ToastRack).region
        letters = app.main.query_one("#sampling-confidence").region
        for toast in app.screen.query(Toast):
            seen = toast.region.intersection(rack)
            for hidden in (letters, app.main.query_one("#keys").region):
                assert not seen.overlaps(hidden), size


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_notices_over_the_film_leave_its_newest_rows_and_all_steps_in_sight(
    size: tuple[int, int],
) -> None:
    async with playing(size, toasts=True) as (app, pilot):
        await pilot.press("4", "z", "j")
        app.say(Remark("All 1,000 steps are done", "f goes on with more steps, b steps back."))
        await shown(app, pilot, "All 1,000 steps are done")
        rows = app.main.query_one("#film-rows").region
        (toast,) = app.screen.query(Toast)
        assert toast.region.y >= app.main.query_one("#film-heading").region.bottom
        assert toast.region.bottom <= rows.y + rows.height // 2, "the newest row is the lowest"
        assert toast.region.x >= rows.x + 30, "a row begins with its step and its first text"
