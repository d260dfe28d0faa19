"""The sampling chain of a race: the sheet of the main screen, tried on one side, kept for both."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from textual.app import App

from playground.lab.protocol.failures import LabError
from playground.lab.protocol.sampling import Links
from playground.tui.control.sampling import TRIED_PER_SECOND, Trial
from playground.tui.model import PlaygroundModel
from playground.tui.screens.race.view import LETTERS

if TYPE_CHECKING:
    from playground.lab.race import Race
    from playground.tui.screens.pick.chain import ChainScreen


async def edit_chain(app: App[object], race: Race, model: PlaygroundModel) -> Links | None:
    """Let the person change the chain; None if it is to stay. model: knows the strategies that
    there are."""
    from playground.tui.screens.pick.chain import ChainScreen

    wanted = asyncio.Event()
    trial = Trial(race.sampling.chain, wanted.set)
    sheet = ChainScreen(model, trial, f"Sampling chain, tried on {LETTERS[race.tried_on]}")
    trying = asyncio.create_task(_try(race, trial, wanted, sheet))
    wanted.set()
    try:
        return await app.push_screen_wait(sheet)
    finally:
        trying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await trying


async def _try(race: Race, trial: Trial, wanted: asyncio.Event, sheet: ChainScreen) -> None:
    """Fetch the chances by the chain on the sheet whenever it changes, TRIED_PER_SECOND times at
    most; never returns. A chain that the worker does not survive is not tried again."""
    while True:
        await wanted.wait()
        wanted.clear()
        chain = trial.chain
        if trial.deadly:
            continue
        try:
            preview = await race.preview(chain)
        except LabError as error:
            if chain == trial.chain:
                trial.trouble = error.failure
        else:
            trial.preview = preview
            if chain == trial.chain:
                trial.trouble = None
        if sheet.is_attached:
            sheet.draw()
        await asyncio.sleep(1 / TRIED_PER_SECOND)
