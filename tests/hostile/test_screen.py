"""The playground in a real terminal, with every hostile plugin in its folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Launch, home, launch
from tests.e2e.terminal import Terminal
from tests.hostile.conftest import Home
from tests.hostile.kinds import LOADED, VALUES, write

pytestmark = pytest.mark.e2e

__all__ = ["home", "launch"]  # fixtures

RUN = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--steps", "50")


def leave_the_list(terminal: Terminal) -> None:
    """Close the list of plugins. The panels stand behind it, so only its going tells that it has
    gone, and a key that came with the escape would be another key."""
    terminal.press("Escape")
    terminal.wait_for(lambda screen: "esc close" not in screen)


def trains_and_quits(terminal: Terminal) -> None:
    """Train the 50 steps and quit; nothing that a plugin printed is seen."""
    terminal.wait_for("step 0/50")
    terminal.press("+", "+", "+", "+", "+", "Space")
    screen = terminal.wait_for(re.compile(r"step 50/50"), 30)
    assert "SCRIBBLE" not in screen
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
    assert "SCRIBBLE" not in terminal.errors and "Traceback" not in terminal.errors


def test_with_hostile_plugins_the_playground_opens_trains_names_the_faults_and_quits(
    launch: Launch, home: Path, names: Path
) -> None:
    Home(home).add("loading", "working")
    terminal = launch(str(names), *RUN, size=(160, 50))
    terminal.wait_for("step 0/50")
    terminal.press("p")
    screen = terminal.wait_for("closes_streams")
    assert "__str__ raised RuntimeError" in screen
    assert "SCRIBBLE" not in screen
    terminal.press("End")
    terminal.wait_for("writer-sends")  # the last line of the list
    leave_the_list(terminal)
    title = terminal._tmux("display-message", "-p", "#{pane_title}")
    trains_and_quits(terminal)
    assert "title" not in title  # the flood would have set it


def test_with_plugins_that_hang_or_end_the_process_the_playground_opens_and_names_them(
    launch: Launch, home: Path, names: Path
) -> None:
    Home(home).add("loading", "working", "deadly")
    write(Home(home).plugins, VALUES | LOADED)
    terminal = launch(str(names), *RUN, size=(160, 50))
    terminal.wait_for("step 0/50", 40)
    terminal.press("p")
    screen = terminal.wait_for("segfault")
    for name in ("endless_import", "killed", "os_exit"):
        assert name in screen
    assert "ended the process when it was last loaded" in screen
    leave_the_list(terminal)
    trains_and_quits(terminal)
