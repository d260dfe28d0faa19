"""A terminal that gets another size: no picture mixes the layout of the old size with the new."""

from __future__ import annotations

import asyncio

import pytest

from playground.tui.panels.dataset import Documents
from tests.tui.watched import playing

SMALL, LARGE = (80, 24), (200, 60)


@pytest.mark.parametrize(("before", "after"), [(SMALL, LARGE), (LARGE, SMALL)])
async def test_the_first_layout_of_a_size_is_already_that_of_its_classes(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    async with playing(before) as (app, pilot):
        layouts: list[tuple[int, bool, bool]] = []

        def laid_out(_: object) -> None:
            main = app.main
            layouts.append((main.size.width, main.has_class("-wide"), main.has_class("-tall")))

        app.main.screen_layout_refresh_signal.subscribe(app.main, laid_out, immediate=True)
        await pilot.resize_terminal(*after)
        async with asyncio.timeout(10):
            while not layouts or app.main.held.holding:
                await pilot.pause()
        wide = after == LARGE
        last_of_before = (before[0], not wide, not wide)
        assert {*layouts} - {last_of_before} == {(after[0], wide, wide)}, "no classes in other room"


async def test_what_is_held_back_is_shown_when_the_contents_have_their_room() -> None:
    async with playing(SMALL) as (app, pilot):
        await pilot.resize_terminal(*LARGE)
        async with asyncio.timeout(10):
            while app.main.held.holding or app.main.size != LARGE:
                await pilot.pause()
        frame, rows = app.model.frame, app.main.query_one(Documents).size.height
        assert frame is not None and frame.document is not None
        assert len(frame.document.after) >= rows > 24, "there are rows for the larger panel already"
        for size in ((100, 30), (160, 48), (90, 25), SMALL):  # an edge that is dragged
            await pilot.resize_terminal(*size)
        async with asyncio.timeout(10):
            while app.main.held.holding:
                await pilot.pause()
        assert app.main.size == SMALL
