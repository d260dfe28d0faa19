"""An import that takes long: how far it is, and its end by esc."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from playground.lab.client.async_store import AsyncStore
from playground.lab.protocol.failures import Progress
from playground.tui.screens.runs.screen import RunsScreen
from tests.tui.screens.conftest import Host
from tests.tui.screens.runs.test_runs import MEDIUM, line, settled, typed


class Slow(AsyncStore):
    """An import of it is half done, and goes no further until it is cancelled."""

    cancelled = False

    async def import_run(
        self, path: Path, tell: Callable[[Progress], None] = lambda _: None
    ) -> int:
        assert path.exists()
        tell(Progress("taking in the run", 500, 1000))
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return 1


async def until(pilot: Pilot[None], words: str) -> None:
    async with asyncio.timeout(20):
        while words not in line(pilot, "said"):
            await pilot.pause()


async def test_esc_ends_an_import_and_leaves_the_screen_open(tmp_path: Path) -> None:
    (tmp_path / "long.microgpt-run").write_text("long")
    store = Slow(tmp_path / "runs.sqlite")
    screen = RunsScreen(store, None)
    async with Host(screen).run_test(size=MEDIUM) as pilot:
        await settled(pilot, "i")
        await typed(pilot, str(tmp_path / "long.microgpt-run"))
        await pilot.press("enter")
        await until(pilot, "50%")
        assert "taking in the run" in line(pilot, "said") and "esc cancels" in line(pilot, "said")
        await pilot.press("escape")
        await until(pilot, "Nothing was taken in")
        assert store.cancelled and pilot.app.screen is screen
        await settled(pilot)
    store.close()
