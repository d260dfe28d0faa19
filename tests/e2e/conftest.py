"""The real command in a real terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal

Launch = Callable[..., Terminal]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home for one test, so that no test sees the last run or the plugins of another."""
    return tmp_path / "home"


@pytest.fixture
def launch(tmp_path: Path, home: Path) -> Iterator[Launch]:
    """launch(*words, size=(120, 40), **env) starts microgpt-play in a terminal; `under` is a
    command, with its words, that starts microgpt-play in turn."""
    open_terminals: list[Terminal] = []

    def start(
        *words: str,
        size: tuple[int, int] = (120, 40),
        cwd: Path | None = None,
        under: tuple[str, ...] = (),
        **env: str,
    ) -> Terminal:
        command = [*under, str(Path(sys.executable).parent / "microgpt-play"), *words]
        if cwd is not None:
            command = ["env", "-C", str(cwd), *command]
        settings = {
            "MICROGPT_PLAY_HOME": str(home),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            **env,
        }
        terminal = Terminal(command, size=size, folder=tmp_path, env=settings)
        open_terminals.append(terminal)
        return terminal

    yield start
    for terminal in open_terminals:
        terminal.close()
