"""README.md: its plugin, its commands, its picture and `make play` work as the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = str(Path(sys.executable).parent / "microgpt-play")


def test_the_plugin_in_ten_lines_works_as_it_stands(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) == 10
    plugin = tmp_path / "cold.py"
    plugin.write_text(code)
    model = tmp_path / "m.safetensors"
    subprocess.run(
        [COMMAND, "train", "--steps", "20", "--samples", "0", "--save", str(model)],
        check=True,
        capture_output=True,
    )
    plain, cold = (
        subprocess.run(
            [COMMAND, "sample", str(model), "-n", "4", *words],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for words in (
            ["--strategy", "temperature:temperature=0.5"],
            ["--plugin", str(plugin), "--strategy", "cold:power=2"],
        )
    )
    # Doubled logits are the logits at temperature 0.5.
    assert cold == plain


def test_every_command_that_the_readme_shows_is_there() -> None:
    shown = set(re.findall(r"^microgpt-play (\w+)(?=[ \n])", README, re.MULTILINE))
    assert {"train", "sample", "datasets"} <= shown
    for command in shown:
        done = subprocess.run([COMMAND, command, "--help"], capture_output=True, check=False)
        assert done.returncode == 0, command


def test_the_picture_is_there_and_asks_nothing_of_the_network() -> None:
    svg = (ROOT / "docs" / "screen.svg").read_text(encoding="utf-8")
    assert "microgpt-play" in svg
    assert "@font-face" not in svg
    assert "url(http" not in svg


def test_make_play_opens_a_file_of_any_name(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    command = tmp_path / ".venv" / "bin" / "microgpt-play"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\nprintf "%s|" "$#" "$@"\n')
    command.chmod(0o755)
    for path in ("pyproject.toml", ".venv/bin/python", ".venv/.playing"):
        (tmp_path / path).touch()
    for words, seen in (
        ([], "0|"),
        (["FILE=my text.txt"], "2|--|my text.txt|"),
        (["FILE=it's.txt"], "2|--|it's.txt|"),
    ):
        done = subprocess.run(
            ["make", "--silent", "play", *words],
            cwd=tmp_path, env={**os.environ, "FILE": "", "MAKEFLAGS": ""},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == seen
