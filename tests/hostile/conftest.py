"""Plugins that misbehave: those of `loading` while they are loaded, those of `working` when they
are used; those of `deadly` hang or end the process. Tests use copies, since one plugin deletes
itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parent / "plugins"
COMMAND = str(Path(sys.executable).parent / "microgpt-play")
NAMES = ["anna", "bob", "cleo", "dora", "emil", "fred", "gina", "hugo", "ines", "jana", "karl"]


def names_of(kind: str) -> set[str]:
    """The names of all plugins of "loading", "deadly" or "working"."""
    return {path.stem for path in (PLUGINS / kind).glob("*.py")}


@dataclass(frozen=True)
class Home:
    """A home folder, with a plugin folder in it."""

    path: Path

    @property
    def plugins(self) -> Path:
        return self.path / "config" / "plugins"

    def add(self, *kinds: str, only: str = "*") -> None:
        """Put plugins into the plugin folder."""
        self.plugins.mkdir(parents=True, exist_ok=True)
        for kind in kinds:
            for file in (PLUGINS / kind).glob(f"{only}.py"):
                shutil.copy(file, self.plugins)

    def play(self, *words: object, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run microgpt-play with these words, for so many seconds at most."""
        return subprocess.run(
            [COMMAND, *map(str, words)],
            env={**os.environ, "MICROGPT_PLAY_HOME": str(self.path)},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=seconds,
        )


@pytest.fixture
def hostile(tmp_path: Path) -> Home:
    """A home without plugins; a test adds them."""
    return Home(tmp_path / "home")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """A small text file, one name a line."""
    path = tmp_path / "names.txt"
    path.write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    return path
