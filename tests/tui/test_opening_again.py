"""A data set, a model or a run that cannot be opened: the dialog comes back as it was, and says
why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.lab.client.async_store import AsyncStore
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.tui.screens.dialog import Line
from playground.tui.screens.files.paths import PathInput
from playground.tui.screens.pick.datasets import DatasetScreen
from playground.tui.widgets.slider import Slider
from tests.tui.monkey import new_store, press
from tests.tui.watched import WatchedApp, playing, seen


async def back(app: WatchedApp) -> DatasetScreen:
    """The dialog, once it says why a run could not be opened."""
    async with asyncio.timeout(20):
        while not (
            isinstance(app.screen, DatasetScreen)
            and app.screen.is_mounted
            and app.screen.query_one("#dataset-refused", Line).words
        ):
            await asyncio.sleep(0.01)
    assert isinstance(app.screen, DatasetScreen)
    return app.screen


async def test_a_failed_open_brings_the_dialog_back_with_what_was_typed(tmp_path: Path) -> None:
    text = tmp_path / "my.txt"
    text.write_text("one\ntwo\nthree\n")
    async with playing() as (app, _):
        app.lab.fail_open = Failure("Too few documents", "Three are not enough.")
        press(app, "d")
        async with asyncio.timeout(20):
            while not isinstance(app.screen, DatasetScreen) or not app.screen.is_mounted:
                await asyncio.sleep(0.01)
        first = app.screen
        first.query_one(PathInput).value = str(text)
        first.query_one("#dataset-context", Slider).set_value(8)
        async with asyncio.timeout(20):
            while first.entry != first.text_file:
                await asyncio.sleep(0.01)
        press(app, "enter")
        screen = await back(app)
        assert screen is not first
        assert screen.query_one(PathInput).value == str(text)
        assert screen.query_one("#dataset-context", Slider).value == 8
        assert screen.entry == screen.text_file
        said = screen.query_one("#dataset-refused", Line)
        assert said.words == "✗ Too few documents. Three are not enough."
        assert "Too few" not in app.said, "the dialog says it, and no toast"
        press(app, "x")
        async with asyncio.timeout(20):
            while said.words:  # it was said of another path
                await asyncio.sleep(0.01)


async def test_taking_in_a_run_shows_how_far_it_is_and_escape_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()

    async def slowly(_: AsyncStore, __: Path, tell: Callable[[Progress], None]) -> int:
        tell(Progress("taking in the run", 30, 100))
        await gate.wait()
        raise LabError(Failure("The file is damaged", "Copy it again."))

    monkeypatch.setattr(AsyncStore, "import_run", slowly)
    async with playing(store=new_store(tmp_path / "runs")) as (app, pilot):
        app.controller.tasks.do(
            app.desk.dialogs._open_chosen({"file": "/x/big.microgpt-run"}, None)
        )
        await seen(pilot, lambda: "taking in the run" in app.text("#status"))
        assert "30%" in app.text("#status")
        press(app, "escape")
        await seen(pilot, lambda: "Cancelled" in app.said)
        assert app.screen is app.main, "nobody asked for the dialog again"
        gate.set()
        app.controller.tasks.do(
            app.desk.dialogs._open_chosen({"file": "/x/big.microgpt-run"}, None)
        )
        screen = await back(app)
        assert "The file is damaged" in screen.query_one("#dataset-refused", Line).words
