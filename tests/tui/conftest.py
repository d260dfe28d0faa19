"""A home of its own for each test of the screen."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for one test: nothing is written to the user's folders, and what one test's app
    remembers is not known to the next."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(folder))
    return folder
