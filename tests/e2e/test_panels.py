"""Contributed panels in a real terminal, one of which raises; and an export."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.e2e.conftest import Launch
from tests.e2e.test_walk import step_of

pytestmark = pytest.mark.e2e

PANELS = """
from playground.api import Contribution, hookimpl

class Broken:
    def render(self, facts, width, height):
        raise ValueError("[red]no ink[/] \\x1b[2J")

class Loud:
    def render(self, facts, width, height):
        print("scribble " * 50)
        return [f"seen at step {facts.step}", "\\x1b[2Jwiped", "w" * 1000]

@hookimpl
def microgpt_panels():
    yield Contribution(name="broken", summary="raises", factory=Broken)
    yield Contribution(name="loud", summary="prints and steers", factory=Loud)
"""


def test_a_panel_that_raises_is_a_notice_in_its_place_and_the_run_goes_on(
    launch: Launch, tmp_path: Path
) -> None:
    plugin = tmp_path / "panels.py"
    plugin.write_text(PANELS)
    terminal = launch("--plugin", str(plugin))
    terminal.wait_for("step 0/")
    terminal.wait_for("3 Parameters")
    terminal.press("5")
    screen = terminal.wait_for("4,192 weights")
    assert "5 histogram" in screen and "3 Parameters" not in screen

    terminal.press("5")
    terminal.wait_for("It only looks")
    terminal.press("End", "Up", "Enter")
    screen = terminal.wait_for("ValueError: [red]no")
    assert "5 broken" in screen and "The plugin 'panels' failed" in screen
    assert "3 switches broken off" in screen
    terminal.press("Space")
    terminal.wait_for(lambda s: step_of(s) > 30)
    assert "running" in terminal.screen and "[red]no" in terminal.screen

    terminal.press("5")
    terminal.wait_for("It only looks")
    terminal.press("End", "Enter")
    screen = terminal.wait_for("seen at step")
    assert "x1b[2Jwiped" in screen and "scribble" not in screen and "2 Loss" in screen
    terminal.press("3")
    terminal.wait_for("3 Parameters")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0


def test_key_x_writes_the_losses_as_csv(launch: Launch, tmp_path: Path) -> None:
    terminal = launch(size=(80, 24), cwd=tmp_path)
    terminal.wait_for("step 0/")
    terminal.press("s", "s", "s")
    terminal.wait_for("step 3/")
    terminal.press("x")
    terminal.wait_for("Will write")
    terminal.press("Enter")
    terminal.wait_for("Exported step 3")
    with (tmp_path / "names-step3.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["0", "1", "2", "3"]
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
