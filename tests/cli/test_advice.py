"""Commands that are printed for a person can be pasted, whatever the files are called."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from playground.hooks import gallery
from playground.hooks.quarantine import crashed
from tests.cli.conftest import STEPS, Done, Play


def printed(done: Done) -> list[str]:
    """The words of the command that standard error ends with, without the program's name."""
    _, _, command = done.err.rstrip("\n").rpartition("microgpt-play ")
    assert "\n" not in command
    return shlex.split(command)


@pytest.fixture
def own(words: Path, play: Play) -> list[str]:
    """The options for a run that needs a plugin from a folder with a space in its name."""
    folder = words.with_name("my plugins")
    assert play("plugins", "new", "tokenizer", "my-own", "--folder", folder).code == 0
    return ["--plugin", str(folder / "my-own.py"), *STEPS, "--tokenizer", "my-own"]


@pytest.fixture
def interrupted() -> Iterator[pytest.MonkeyPatch]:
    """`train` hears an interrupt after its first step; undone by undo()."""

    class Soon(Event):
        def is_set(self) -> bool:
            said = super().is_set()
            self.set()
            return said

    @contextmanager
    def at_once() -> Iterator[Event]:
        yield Soon()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("playground.cli.train.interrupts", at_once)
        yield patch


@pytest.mark.parametrize("place", [["--save", "-my model's.safetensors"], []], ids=["file", "run"])
def test_a_run_goes_on_as_it_is_said(
    words: Path, play: Play, own: list[str], interrupted: pytest.MonkeyPatch, place: list[str]
) -> None:
    stopped = play("train", words, *own, *place)
    assert stopped.code == 130
    interrupted.undo()
    done = play(*printed(stopped))
    assert done.code == 0, done.err


def test_more_text_is_sampled_as_it_is_said(words: Path, play: Play, own: list[str]) -> None:
    model = words.with_name("my model.safetensors")
    assert play("train", words, *own, "--save", model).code == 0
    words.unlink()
    refused = play("train", model, *own[:2])
    assert refused.code == 1
    done = play(*printed(refused))
    assert done.code == 0 and done.out, done.err


def test_a_plugin_that_ended_the_process_is_switched_on_as_it_is_said() -> None:
    assert shlex.split(crashed("it's mine"))[-2:] == ["enable", "it's mine"]


def test_what_no_registry_has_is_not_to_be_installed_from_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "_PLUGINS", tmp_path / "plugins")
    offered = gallery.offers([], [], [])
    assert len(offered) == len(gallery.GALLERY)
    own = [entry for entry in offered if entry.plugin == "microgpt-play"]  # which is there already
    assert all("pip install 'microgpt-play[" in entry.missing for entry in own)
    for entry in (entry for entry in offered if entry not in own):
        assert entry.missing.startswith("not installed; it comes with the source of microgpt-play")
        assert "pip install" not in entry.missing


def test_an_environment_without_pip_and_uv_gets_pip_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "-m ensurepip && " in gallery.install("numpy")
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert gallery.install("my plugin").startswith("uv pip install --python ")
    assert gallery.install("my plugin").endswith(" 'my plugin'")
