"""README.md: its plugin, its commands, its picture and `make play` work as the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from microgpt import load_names
from playground.lab.checkpoint import read_checkpoint
from tests.docs_helpers import assert_understood, blocks

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


ON_SCREEN = ("microgpt-play my.safetensors", "microgpt-play --")
"""How the commands begin that open the screen, which the tests of the screen drive."""
SHOWN = [
    line.partition("  #")[0].strip()
    for line in "".join(blocks(README, "sh")).splitlines()
    if not line.startswith("make ")
]
BENCH = "microgpt-play bench"


def test_the_readme_shows_the_commands_that_there_are() -> None:
    named = {line.split()[1] for line in SHOWN if line.startswith("microgpt-play ")}
    assert {"train", "sample", "runs", "datasets", "bench"} <= named
    assert any(line.startswith("python -m microgpt ") for line in SHOWN)


@pytest.mark.skipif(sys.platform == "win32", reason="the README's shell is sh")
def test_every_command_of_the_readme_does_its_work_as_it_stands(tmp_path: Path) -> None:
    """In a folder with a text and prompts of the reader's, in the order of the page; with a
    hundredth of the steps."""
    (tmp_path / "my.txt").write_text("\n".join(load_names()[:60]) + "\n")
    (tmp_path / "prompts.txt").write_text("ka\nma\n")
    bin_folder = Path(sys.executable).parent
    env = {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "MICROGPT_PLAY_HOME": str(tmp_path / "home"),
    }
    said: dict[str, list[str]] = {}
    for command in SHOWN:
        if command.startswith(ON_SCREEN) or command == BENCH:
            assert_understood(command)
            continue
        quick = re.sub(r"--steps (\d+)00\b", r"--steps \1", command)
        done = subprocess.run(
            ["sh", "-c", quick],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, f"{command}: {done.stderr}"
        said[command] = done.stdout.splitlines()
    alone, here = (
        [json.loads(line)["loss"] for line in lines]
        for command, lines in said.items()
        if "my.txt" in command and "head" in command
    )
    assert alone == here and len(alone) == 3, "the same numbers"
    assert read_checkpoint(tmp_path / "my.safetensors").step == 40, "trained longer"


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
