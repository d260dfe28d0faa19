"""Paths that are typed, pasted, or dropped on the terminal as a file."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from textual import events

from playground.tui.model import PlaygroundModel
from playground.tui.screens.files.paths import PathInput, absolute, dropped
from playground.tui.screens.pick.datasets import DatasetScreen
from playground.tui.screens.runs.ask import ImportRun

NAMES = ["plain.txt", "my list.txt", "it's 100%.txt", "né #1?.txt", "a\\b.txt", "$(x) & (y).txt"]


def escaped(path: str) -> str:
    return "".join(f"\\{char}" if char in " '#?&()$\\%" else char for char in path)


WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "space": lambda path: f"{path} ",
    "quoted": shlex.quote,
    "double": lambda path: f'"{path}"'.replace("\\", "\\\\") + " ",
    "escaped": escaped,
    "address": lambda path: f"file://{quote(path)}",
    "host": lambda path: f"file://localhost{quote(path)}\r\n",
    "short": lambda path: f"file:{quote(path)}",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_a_dropped_file_is_found_however_the_terminal_writes_it(
    folder: Path, name: str, way: str
) -> None:
    path = folder / name
    path.write_text("here")
    text = WAYS[way](str(path))
    assert absolute(text) == path
    assert dropped(text) == str(path)


def test_a_file_of_just_that_name_comes_first(folder: Path) -> None:
    for name in ("'a b'", "a b", "a\\ b", " a b", "file:a"):
        (folder / name).write_text("here")
    for name in ("'a b'", "a b", "a\\ b", " a b", "file:a"):
        assert absolute(name) == folder / name


def test_a_name_to_be_written_keeps_its_signs_unless_its_folder_says_otherwise(
    folder: Path,
) -> None:
    assert absolute("it's new") == folder / "it's new"
    assert absolute("'new'") == folder / "'new'"
    assert absolute(f"'{folder}/my new'") == folder / "my new"
    assert absolute("") == folder


def test_pasted_words_are_no_file(folder: Path) -> None:
    (folder / "a").write_text("here")
    for text in ("", " \n", "a", "anna", f"{folder}/b", f"{folder}/a {folder}/a", "/\0", "x\ny"):
        assert dropped(text) == ""


async def test_a_file_dropped_on_the_dialogs_takes_the_place_of_the_line(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path
) -> None:
    path = folder / "my list.txt"
    path.write_text("anna\nbert\ncarla\n")
    for screen in (DatasetScreen(model), ImportRun()):
        async with host(screen).run_test(size=(80, 24)) as pilot:
            field = pilot.app.screen.query_one(PathInput)
            field.value = "something/"
            field.focus()
            await pilot.pause()
            field.post_message(events.Paste(f"'{path}' "))
            await pilot.pause()
            assert field.value == str(path)
            field.value = ""
            field.post_message(events.Paste("my l"))
            await pilot.pause()
            assert field.value == "my l"
