"""A person without a home folder is asked for one, and nothing is written anywhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

if os.name != "posix":
    pytest.skip("homes of POSIX", allow_module_level=True)

from playground.cli.play import open_playground
from playground.hooks.sources import PluginSources
from playground.lab.protocol.failures import LabError
from playground.tui.screens.files.paths import here
from tests.cli.conftest import STEPS, Play

COMMANDS = (
    ("play", "words.txt"),
    ("train", "words.txt", *STEPS),
    ("train", *STEPS, "--no-record"),
    ("runs", "list"),
    ("plugins", "list"),
    ("plugins", "doctor"),
    ("plugins", "disable", "mine"),
    ("plugins", "new", "tokenizer", "mine"),
    ("datasets",),
    ("bench", "--quick"),
    ("sample", "model.safetensors"),
)


@pytest.fixture(params=[None, "", "relative", "xdg"])
def homeless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No HOME, or one that leads nowhere, and no entry of the user in the system's list."""

    def nobody(*_: Any) -> Any:
        raise KeyError("no such user")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.setattr("pwd.getpwnam", nobody)
    for name in ("HOME", "MICROGPT_PLAY_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    if request.param == "xdg":
        monkeypatch.setenv("XDG_DATA_HOME", "data")
        monkeypatch.setenv("XDG_CONFIG_HOME", "~/config")
    elif request.param is not None:
        monkeypatch.setenv("HOME", request.param)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_every_command_asks_for_a_folder(words: Path, play: Play) -> None:
    for command in COMMANDS:
        done = play(*command)
        assert done.code == 1, command
        if command[0] != "play":  # which says first that this is no terminal
            assert done.err.count("\n") == 1, done.err
            assert "There is no folder for runs and settings" in done.err, command
            assert "export MICROGPT_PLAY_HOME=/tmp/microgpt-play" in done.err, command
    assert [path.name for path in words.parent.iterdir()] == ["words.txt"]


@pytest.mark.usefixtures("homeless", "words")
def test_without_a_home_what_keeps_nothing_works(play: Play) -> None:
    assert play("train", "words.txt", *STEPS, "--no-record", "--no-plugins").code == 0
    assert play("--help").code == play("--version").code == 0
    assert [path.name for path in Path().iterdir()] == ["words.txt"]


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("record", [True, False])
def test_without_a_home_the_screen_asks_before_it_draws(
    monkeypatch: pytest.MonkeyPatch, record: bool
) -> None:
    monkeypatch.setattr("playground.cli.play.why_no_screen", lambda: None)
    monkeypatch.setattr("playground.lab.client.process.spawn_worker", pytest.fail)
    with pytest.raises(LabError, match="Set MICROGPT_PLAY_HOME"):
        open_playground({}, PluginSources(), record=record)


def test_a_home_of_somebody_unknown_is_told(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", "~nobody-of-that-name/runs")
    done = play("train", words, *STEPS)
    assert done.code == 1
    assert "MICROGPT_PLAY_HOME is ~nobody-of-that-name/runs, and there is no such home" in done.err
    assert [path.name for path in words.parent.iterdir()] == ["words.txt"]


def test_an_older_platformdirs_that_names_a_path_from_nowhere_is_not_followed(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MICROGPT_PLAY_HOME")
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: Path("~/.local/share"))
    assert "Set MICROGPT_PLAY_HOME" in play("train", words, *STEPS).err
    assert [path.name for path in words.parent.iterdir()] == ["words.txt"]


@pytest.mark.parametrize("name", ["MICROGPT_PLAY_HOME", "HOME"])
def test_a_home_that_is_a_file_trains_and_says_what_to_set(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for other in ("MICROGPT_PLAY_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, str(words))
    done = play("train", words, *STEPS)
    assert done.code == 0 and done.out.count("\n") == 2
    lines = done.err.splitlines()
    assert "Not a directory. Set MICROGPT_PLAY_HOME to a folder that is yours." in lines[-1]
    assert "configuration" not in done.err
    assert play("plugins", "list").code == play("runs", "list").code == 0


def test_a_deleted_working_folder_and_no_home_suggest_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert here() == tmp_path
    monkeypatch.setenv("HOME", "nowhere")
    assert here() == Path("/")
