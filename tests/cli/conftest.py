"""The command in this process, where that is enough, and the real one in a process of its own."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from playground.cli.commands import cli
from playground.cli.exit import run

COMMAND = str(Path(sys.executable).parent / "microgpt-play")
SMALL = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--samples", "2")
STEPS = (*SMALL, "--steps", "3")
WORDS = [
    *("anna", "bob", "cleo", "dora", "emil", "fred", "gina", "hugo"),
    *("ines", "jana", "karl", "lena", "mara", "nora", "otto", "paul"),
]


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    code: int
    out: str
    err: str


Play = Callable[..., Done]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test writes to where the user keeps things, or depends on the terminal it runs in."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(folder))
    for name in ("COLUMNS", "LINES", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small text file, one word a line, in the folder one stands in."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "words.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Play]:
    """play(*words): the command in this process."""
    threshold = gc.get_threshold()

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["microgpt-play", *map(str, arguments)])
        capsys.readouterr()
        code = run(cli)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    yield call
    gc.set_threshold(*threshold)


def command(
    *arguments: object, cwd: Path | None = None, shell: str = "", **env: str | None
) -> Done:
    """The real command. shell: redirections after its words, env: None takes a name away."""
    said = [COMMAND, *map(str, arguments)]
    if shell:
        said = ["sh", "-c", f'exec "$0" "$@" {shell}', *said]
    settings = {**os.environ, **env}
    done = subprocess.run(
        said,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=cwd,
        timeout=120,
        env={name: value for name, value in settings.items() if value is not None},
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def saved(words: Path, play: Play, tmp_path: Path) -> Path:
    """A model of three steps."""
    path = tmp_path / "model.safetensors"
    assert play("train", words, *STEPS, "--save", path).code == 0
    return path
