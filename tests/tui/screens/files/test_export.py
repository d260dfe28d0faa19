"""Exporting the run: which format, where to, and never over a file unasked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from playground.catalog import Entry
from playground.tui.screens.dialog import KeyLine, Line
from playground.tui.screens.files.paths import PathInput
from playground.tui.screens.files.target import Target
from tests.tui.watched import WatchedApp, playing, seen


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person stands."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def dialog(app: WatchedApp, pilot: Pilot[int]) -> PathInput:
    await pilot.press("x")
    await pilot.pause()
    assert type(app.screen).__name__ == "ExportScreen"
    return app.screen.query_one(PathInput)


def state(app: WatchedApp) -> str:
    return app.screen.query_one("#export-state", Line).words


def exported(app: WatchedApp) -> list[tuple[object, ...]]:
    return [call[1:] for call in app.lab.calls if call[0] == "export"]


async def test_x_and_enter_export_the_run_as_csv_beside_the_person(folder: Path) -> None:
    async with playing() as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: "step 1/" in app.text("#status"))
        field = await dialog(app, pilot)
        assert field.value == str(folder / "names-step1.csv")
        assert "Will write" in state(app)
        await pilot.press("enter")
        await seen(pilot, lambda: "Exported step 1" in app.said)
        assert exported(app) == [("csv", {}, str(folder / "names-step1.csv"))]
        assert str(folder / "names-step1.csv") in app.said


async def test_another_format_has_another_suffix_but_a_typed_name_stays(folder: Path) -> None:
    async with playing() as (app, pilot):
        field = await dialog(app, pilot)
        await pilot.press("down")
        await pilot.pause()
        assert field.value == str(folder / "names-step0.jsonl")
        field.value = str(folder / "mine")
        await pilot.press("up")
        await pilot.pause()
        assert field.value == str(folder / "mine")


async def test_a_file_is_replaced_only_by_a_second_enter(folder: Path) -> None:
    (folder / "names-step0.csv").write_text("dear")
    async with playing() as (app, pilot):
        await dialog(app, pilot)
        assert "exists already" in state(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "again to replace" in state(app) and exported(app) == []
        await pilot.press("enter")
        await seen(pilot, lambda: "Exported" in app.said)
        assert len(exported(app)) == 1


async def test_a_folder_that_is_not_there_is_said() -> None:
    async with playing() as (app, pilot):
        field = await dialog(app, pilot)
        field.value = "nowhere/run.csv"
        await pilot.pause()
        assert "There is no folder" in state(app)
        await pilot.press("enter")
        await pilot.pause()
        assert exported(app) == [] and type(app.screen).__name__ == "ExportScreen"


async def test_what_is_not_installed_says_how_to_get_it_and_is_not_used() -> None:
    offer = Entry(
        "exporter", "board", "microgpt-play-board", "the gallery", "curves",
        missing="not installed; to add it: pip install board",
    )  # fmt: skip
    async with playing() as (app, pilot):
        assert app.model.catalog is not None
        app.model.catalog = replace(app.model.catalog, offers=(offer,))
        await dialog(app, pilot)
        await pilot.press("end", "enter")
        await pilot.pause()
        why = app.screen.query_one("#picker-details", Line).words
        assert why.startswith("✗ board") and "pip install board" in why
        keys = app.screen.query_one(KeyLine)
        assert "export" not in str(keys.render()) and not app.screen.query_one(Target).display
        assert exported(app) == [] and type(app.screen).__name__ == "ExportScreen"
