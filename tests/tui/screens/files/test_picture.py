"""`D` saves a picture of one panel, as it was, and never over a file unasked."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from textual.pilot import Pilot

from playground.lab.protocol.failures import LabError
from playground.tui.control import pictures
from playground.tui.control.pictures import is_png
from playground.tui.screens.dialog import Line
from playground.tui.screens.files import picture
from playground.tui.screens.files.paths import PathInput
from playground.tui.screens.files.picture import PictureScreen
from playground.tui.screens.pick.lists import PickList
from playground.tui.widgets.control import Choice
from tests.tui.watched import WatchedApp, playing, seen


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person stands."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def dialog(app: WatchedApp, pilot: Pilot[int]) -> PathInput:
    await pilot.press("D")
    await seen(pilot, lambda: isinstance(app.screen, PictureScreen))
    await seen(pilot, lambda: app.screen.query_one(PathInput).value)
    return app.screen.query_one(PathInput)


def offered(app: WatchedApp) -> list[str]:
    lines = app.screen.query_one(PickList).options
    return [str(line.prompt).partition("  ")[0] for line in lines]


def words(file: Path) -> str:
    """All that a picture says, line by line."""
    root = ElementTree.fromstring(file.read_text("utf-8"))
    return "\n".join(
        "".join(one.itertext()) for one in root if one.tag.endswith("}g") for one in one
    )


async def test_the_panel_with_the_focus_is_saved_as_it_was_when_it_was_asked_for(
    folder: Path,
) -> None:
    file = folder / "names-step0-loss.svg"
    async with playing(toasts=True) as (app, pilot):
        field = await dialog(app, pilot)
        assert offered(app) == [
            "Data set", "Loss", "Parameters", "Sampling", "the whole screen"
        ]  # fmt: skip
        assert field.value == str(file)
        await pilot.press("enter")
        await seen(pilot, lambda: "The picture was written" in app.said and str(file) in app.said)
        said = words(file)
        assert "2 Loss" in said and "uniform 3.2" in said and "nats a token, by steps" in said
        assert not any(other in said for other in ("Data set", "Sampling", "Parameters"))
        told = file.read_text("utf-8")
        assert "<title>Loss of microgpt-play at step 0 of a run, names</title>" in told

        # A file is not replaced unasked; the toast that tells of the first picture is in no other.
        whole = folder / "names-step0-screen.svg"
        whole.write_text("dear")
        await seen(pilot, lambda: app.main.query("Toast"))
        field = await dialog(app, pilot)
        await pilot.press("end")
        await seen(pilot, lambda: field.value == str(whole))
        await app.controller.training.step(1)  # the run goes on behind the dialog
        await seen(pilot, lambda: "step 1/" in app.text("#status"))
        await pilot.press("enter")
        await pilot.pause()
        assert "again to replace" in app.screen.query_one("#picture-state", Line).words
        assert whole.read_text() == "dear"
        await pilot.press("enter")
        await seen(pilot, lambda: app.said.count("The picture was written") == 2)
        said = words(whole)
        assert "step 0/1,000" in said and "1 Data set" in said and "4 Sampling" in said
        assert "was written" not in said and "Save a picture" not in said


async def test_the_ending_decides_and_what_no_png_needs_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lack = "needs resvg_py, which is not installed; to add it: pip install it"
    monkeypatch.setattr(picture, "lacking", lambda: lack)
    async with playing() as (app, pilot):
        await pilot.press("4", "z")
        await pilot.pause()
        field = await dialog(app, pilot)
        assert offered(app) == ["Sampling", "the whole screen"], "a zoomed panel is alone"
        choice, state = app.screen.query_one(Choice), app.screen.query_one("#picture-lack", Line)
        choice.action_move(1)
        await seen(pilot, lambda: field.value == str(folder / "names-step0-sampling.png"))
        assert state.words == f"✗ A PNG {lack}."
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, PictureScreen) and list(folder.glob("*.png")) == []
        field.value = "nowhere/mine.SVG"
        await seen(pilot, lambda: "SVG" in (choice.value or "") and not state.words)
        where = app.screen.query_one("#picture-state", Line)
        await seen(pilot, lambda: "There is no folder" in where.words)
        field.value = "mine"
        choice.action_move(1)
        await seen(pilot, lambda: state.words)
        assert field.value == "mine"
        field.value = "mine.svg"
        await pilot.pause()
        await pilot.press("enter")
        await seen(pilot, lambda: (folder / "mine.svg").exists() and "written" in app.said)
        assert "4 Sampling" in words(folder / "mine.svg")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere/a.svg", "There is no such folder"),
        ("folder.svg", "Is a directory"),
    ],
)
def test_what_cannot_be_written_is_said(folder: Path, name: str, said: str) -> None:
    (folder / "folder.svg").mkdir()
    with pytest.raises(LabError, match=said):
        pictures._write("<svg/>", "", folder / name)
    assert [one.name for one in folder.iterdir()] == ["folder.svg"], "no draft is left"


def test_a_png_that_cannot_be_drawn_leaves_the_file_that_was_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise pictures.NoPngError("No font", "None is there.")

    monkeypatch.setattr(pictures, "png_of", refuse)
    file = folder / "a.PNG"
    file.write_text("dear")
    assert is_png(file)
    with pytest.raises(LabError, match="No font"):
        pictures._write("<svg/>", "", file)
    assert file.read_text() == "dear"
