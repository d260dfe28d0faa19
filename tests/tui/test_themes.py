"""The theme is remembered; a file that says no theme means the usual one."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.tui.themes import DARK, LIGHT, choose_theme, remember_theme

THERE = {DARK.name: DARK, LIGHT.name: LIGHT}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))
    return tmp_path / "config" / "theme.json"


def test_a_theme_is_remembered(file: Path) -> None:
    assert choose_theme(None, THERE) == DARK.name
    remember_theme(LIGHT.name)
    assert choose_theme(None, THERE) == LIGHT.name and file.exists()
    assert choose_theme(DARK.name, THERE) == DARK.name


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"nord"', '{"theme": 3}', "\0"])
def test_a_file_that_says_no_theme_means_the_usual_theme(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    assert choose_theme(None, THERE) == DARK.name
