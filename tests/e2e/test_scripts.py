"""Texts of the world in a real terminal: frames stand, by the terminal's own count."""

from __future__ import annotations

import ctypes
import locale
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Launch
from tests.texts_of_the_world import SCRIPTS

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tmux counts as the C library"),
]
FRAME = "│╭╮╰╯"


@pytest.fixture
def cells() -> Iterator[object]:
    """The function that gives what stands in each column of a line, as the C library, and so tmux,
    counts."""
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    wcwidth = ctypes.CDLL(None).wcwidth
    yield lambda line: [
        cell
        for char in line
        if (width := max(0, wcwidth(ord(char))))
        for cell in [char, *[""] * (width - 1)]
    ]
    locale.setlocale(locale.LC_CTYPE, before)


def test_frames_stand_in_every_script(launch: Launch, tmp_path: Path, cells) -> None:
    texts = [text for text, _ in SCRIPTS.values()] + ["☰☱ 𝌆", "❤\ufe0f 👩\u200d💻"]
    file = tmp_path / "ชื่อ हिन्दी.txt"
    file.write_text("\n".join(texts * 3), encoding="utf-8")
    terminal = launch(str(file), "--seed", "3", size=(120, 40))
    terminal.wait_for("step 0/")
    for _ in range(3):
        for key in "sg":
            terminal.press(key)
        screen = terminal.wait_for("new")
        lines = [cells(line) for line in screen.split("\n") if line[:1] in FRAME and line]
        assert len(lines) > 30
        right = {place for place, cell in enumerate(lines[0]) if cell == "╮"}
        assert len(right) == 3 and max(right) == 119
        for line, text in zip(lines, screen.split("\n")[2:], strict=False):
            assert len(line) == 120 and line[-1] in FRAME, text
            assert line[min(right)] in FRAME and line[max(right - {119})] in FRAME, text
    terminal.press("/")
    terminal.type("Zo\u00eb")  # which the text has in two pieces
    terminal.wait_for("after “Zo\u00eb”")
    terminal.press("Tab")
    terminal.press("d")
    screen = terminal.wait_for("path of a text file")
    lines = [cells(line) for line in screen.split("\n") if line[:1] in FRAME and line]
    assert file.name in screen and {len(line) for line in lines} == {120}
    terminal.press("C-c")
    assert terminal.wait_for_exit() == 0
