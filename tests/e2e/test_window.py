"""The window and the words on the terminal, after the screen and after `train`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from microgpt.shell import shell_word
from tests.e2e.raw_terminal import COMMAND, RawTerminal, raw_terminal

PLUGIN = "from playground.api import hookimpl\n"
TRAIN = ("train", "--no-record", "--steps", "1000000", "--samples", "0")


def words_after(terminal: RawTerminal) -> list[str]:
    """The lines on the terminal once the screen is gone."""
    rest = terminal.written[terminal.written.rfind(b"\x1b[?1049l") :].decode()
    shown = re.sub(r"\x1b\[[?<>]?[0-9;]*[a-zA-Z]", "", rest)
    return [line for line in shown.replace("\r", "").split("\n") if line.strip()]


@pytest.mark.e2e
def test_what_leaving_says_is_true_and_its_command_goes_on_with_the_run(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with raw_terminal(home, ("--steps", "60", "--seed", "7")) as terminal:
        terminal.wait(lambda: b"prompt" in terminal.written)
        terminal.press(b"sss")
        terminal.wait(lambda: b"paused 5%" in terminal.written)
        os.write(terminal.ours, b"q")
        assert terminal.wait_for_end() == 0
        assert terminal.is_as_before()
        words = words_after(terminal)
    on_path = shutil.which("microgpt-play") == COMMAND
    again = "microgpt-play" if on_path else shell_word(COMMAND)  # what a shell finds from here
    assert words == ["Run 1 is kept, step 3 of 60. To go on with it:", f"{again} --run 1"]
    with raw_terminal(home, shlex.split(words[1])[1:]) as terminal:
        terminal.wait(lambda: b"paused 5%" in terminal.written or b"]2;names" in terminal.written)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_for_end() == 128 + signal.SIGTERM
        assert words_after(terminal) == []
    env = {**os.environ, "MICROGPT_PLAY_HOME": str(home)}
    done = subprocess.run(
        [COMMAND, "runs", "command", "1"], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "microgpt-play train --steps 60 --seed 7\n" and done.stderr == ""


@pytest.mark.e2e
@pytest.mark.parametrize("plugin", [False, True], ids=["alone", "watched"])
def test_train_gives_the_window_back_when_it_is_stopped_and_when_it_is_ended(
    tmp_path: Path, plugin: bool
) -> None:
    words = list(TRAIN)
    if plugin:  # then another process watches over the one that trains
        file = tmp_path / "quiet.py"
        file.write_text(PLUGIN)
        words += ["--plugin", str(file)]
    with raw_terminal(tmp_path / "home", words, session=False) as terminal:
        terminal.wait(lambda: b"microgpt-play\x1b" in terminal.written)
        assert not terminal.window_is_as_before()
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.wait(terminal.stopped)
        terminal.wait(terminal.window_is_as_before)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait(lambda: terminal.written.count(b"\x1b[22;0t") == 2)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_for_end() == -signal.SIGTERM
        assert terminal.window_is_as_before()
