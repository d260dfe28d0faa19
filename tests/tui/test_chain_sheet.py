"""The sampling chain at the side: what a person tries shows at once, and is kept only by enter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.sampling import Preview
from playground.tui.control.sampling import Trial
from playground.tui.screens.dialog import Line
from playground.tui.screens.pick.chain import ChainScreen, Strategies
from playground.tui.widgets.bars import Bars
from tests.tui.monkey import press
from tests.tui.watched import WatchedApp, playing


async def until(holds: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


def sheet(app: WatchedApp) -> ChainScreen:
    assert isinstance(app.screen, ChainScreen)
    return app.screen


def bars(app: WatchedApp) -> list[float]:
    return [row.value for row in sheet(app).query_one(Bars).rows]


def lines(app: WatchedApp) -> list[str]:
    """The links, each with what it leaves."""
    picks = sheet(app).picks
    return [str(picks.get_option_at_index(place).prompt) for place in range(picks.option_count)]


async def opened(app: WatchedApp) -> None:
    press(app, "c")
    await until(lambda: isinstance(app.screen, ChainScreen) and app.screen.is_mounted)
    await until(lambda: bars(app))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_bars_of_the_next_token_change_before_the_chain_is_kept(
    size: tuple[int, int],
) -> None:
    async with playing(size) as (app, _):
        await opened(app)
        shown = sheet(app).query_one(Bars)
        await until(lambda: shown.region.height >= 5)
        assert app.screen.region.contains_region(shown.region)
        before, sampling = bars(app), app.lab.sampling
        press(app, "down", "down", "right", "right")  # top-k keeps two
        await until(lambda: sum(value > 0 for value in bars(app)) == 2)
        await until(lambda: lines(app)[2].split()[-2] == "2")
        assert lines(app)[1].split()[-2] == "27", "the link above leaves all"
        press(app, "space")  # without it, all have a chance again
        await until(lambda: bars(app) == before)
        assert lines(app)[2].endswith(" off")
        assert app.lab.sampling == sampling, "the run samples as before"
        press(app, "up", "up", "right", "escape")
        await until(lambda: app.screen is app.main)
        assert app.model.sampling == app.lab.sampling == sampling


async def test_chances_that_come_before_the_chain_is_listed_are_drawn_with_it() -> None:
    class Hasty(ChainScreen):
        def on_mount(self) -> None:  # Textual calls that of ChainScreen afterwards
            self.draw()

    async with playing() as (app, _):
        chances = app.model.preview
        trial = Trial(app.model.sampling.chain, lambda: None)
        trial.preview = chances
        await app.push_screen(Hasty(app.model, trial))
        await until(lambda: bars(app) and len(lines(app)) == len(trial.chain))


async def test_enter_keeps_the_chain_that_was_tried() -> None:
    async with playing() as (app, _):
        await opened(app)
        press(app, "right", "enter")
        await until(lambda: app.lab.sampling.chain[0].options == {"temperature": 0.55})
        assert app.screen is app.main


async def test_a_chain_that_ends_the_worker_is_tried_once() -> None:
    async with playing() as (app, _):
        await opened(app)
        asked, preview = [], app.lab.preview
        head = sheet(app).query_one("#chain-next-head", Line)

        async def deadly(*, chain: object = None) -> Preview:
            if chain is None:
                return await preview()
            asked.append(chain)
            raise LabError(Failure("A strategy hangs", "It was ended.", "hung"))

        app.lab.preview = deadly  # type: ignore[method-assign]
        press(app, "right")
        await until(lambda: "A strategy hangs" in head.words)
        for _ in range(3):
            app.controller.previews.want()
            await asyncio.sleep(0.05)
        assert len(asked) == 1
        press(app, "escape")
        await until(lambda: app.screen is app.main)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_strategies_are_shown_while_one_is_chosen(size: tuple[int, int]) -> None:
    async with playing(size) as (app, _):
        press(app, "c", "a", "down")  # before the sheet was ever laid out
        await until(lambda: isinstance(app.screen, ChainScreen) and app.screen.is_mounted)
        strategies = sheet(app).query_one(Strategies)
        await until(lambda: strategies.region.height >= 5 and strategies.has_focus)
        press(app, "escape")  # back to the chain, and not out of it
        await until(lambda: sheet(app).in_list and not strategies.region.height)
        press(app, "escape")
        await until(lambda: app.screen is app.main)


async def test_chances_that_come_while_the_sheet_is_taken_down_do_no_harm() -> None:
    async with playing() as (app, _):
        await opened(app)
        await sheet(app).picks.remove()
        sheet(app).draw()
