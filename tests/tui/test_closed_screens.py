"""What a screen leaves behind in memory once it is closed."""

from __future__ import annotations

import gc

import pytest
from textual.pilot import Pilot
from textual.strip import Strip

from tests.tui.test_typed_ahead import until
from tests.tui.watched import WatchedApp, playing

HEIGHT = 40


def drawn_lines() -> int:
    """How many drawn lines are in memory, those of this test's screens among them."""
    gc.collect()
    return sum(type(one) is Strip for one in gc.get_objects())


async def opened_and_closed(app: WatchedApp, pilot: Pilot[int], key: str) -> None:
    await pilot.press(key)
    await pilot.pause()
    opened = app.screen
    assert opened is not app.main
    await pilot.press("escape")
    await until(app, lambda: app.screen is app.main and not opened.is_running)


@pytest.mark.parametrize("key", ["question_mark", "d"])
async def test_what_a_closed_screen_drew_is_not_kept(key: str) -> None:
    async with playing(size=(120, HEIGHT)) as (app, pilot):
        await opened_and_closed(app, pilot, key)
        before = drawn_lines()
        for _ in range(3):
            await opened_and_closed(app, pilot, key)
        # Not even the lines of one opening are kept; each of the help draws 650.
        assert await until(app, lambda: drawn_lines() - before < HEIGHT, seconds=5)
