"""What a screen leaves behind in memory once it is closed."""

from __future__ import annotations

import gc

from textual.pilot import Pilot
from textual.strip import Strip

from tests.tui.test_typed_ahead import until
from tests.tui.watched import WatchedApp, playing

HEIGHT = 40
MOST = 1_000
"""Lines that may have come: those of the main screen, some 450, if it was drawn again. Each opening
of the help would leave 650."""


def drawn_lines() -> int:
    """How many drawn lines are in memory, those that earlier tests left among them."""
    gc.collect()
    return sum(type(one) is Strip for one in gc.get_objects())


async def opened_and_closed(app: WatchedApp, pilot: Pilot[int], key: str) -> None:
    await pilot.press(key)
    await pilot.pause()
    opened = app.screen
    assert opened is not app.main
    await pilot.press("escape")
    await until(app, lambda: app.screen is app.main and not opened.is_running)


async def test_what_the_help_drew_is_not_kept_once_it_is_closed() -> None:
    async with playing(size=(120, HEIGHT)) as (app, pilot):
        for _ in range(2):  # what is drawn at the start is gone by the second time
            await opened_and_closed(app, pilot, "question_mark")
        before = drawn_lines()
        for _ in range(4):
            await opened_and_closed(app, pilot, "question_mark")
        assert await until(app, lambda: drawn_lines() < before + MOST, seconds=20)
