"""Changing the engine in a real terminal, without the engines of the gallery."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Launch
from tests.e2e.test_walk import step_of
from tests.lab import plugins

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_the_engine_is_changed_and_the_run_goes_on(launch: Launch, size: tuple[int, int]) -> None:
    terminal = launch("--steps", "100000", size=size)
    terminal.wait_for("step 0/")
    terminal.press("+", "+", "Space")
    terminal.wait_for(lambda screen: step_of(screen) > 20)
    terminal.press("e")
    screen = terminal.wait_for("○ not installed")
    lines = [line for line in screen.splitlines() if "not installed; to add it" in line]
    assert len(lines) == 3, "one line each for what the gallery would add"
    terminal.press("Down", "Down", "Down", "Down")
    terminal.wait_for("o goes on with this run")
    terminal.press("Enter", "Up", "Up", "Up", "Enter")  # Enter on a missing engine chooses nothing
    # The header, since a notice names the engine before the header does.
    before = step_of(terminal.wait_for(lambda s: "· scalar engine" in s and step_of(s) > 20))
    terminal.wait_for(lambda screen: step_of(screen) > before, 30)
    terminal.press("e", "Up", "Enter")
    reached = step_of(terminal.wait_for("· vector engine"))
    terminal.wait_for(lambda screen: step_of(screen) > reached + 50)
    terminal.press("q")
    assert terminal.wait_for_exit() == 0


@pytest.mark.parametrize(
    ("vice", "reason"),
    [
        ({"make": "import no_such_library"}, "No module named 'no_such_library'"),
        ({"prepare": "raise RuntimeError('cannot compile [b]here')"}, "cannot compile [b]here"),
    ],
    ids=["import", "compile"],
)
def test_an_engine_that_fails_is_one_line_in_the_picker_and_the_run_goes_on(
    launch: Launch, tmp_path: Path, vice: dict[str, str], reason: str
) -> None:
    file = plugins.engine(tmp_path, "turbo", **vice)
    terminal = launch("--plugin", str(file), "--steps", "100000", size=(140, 40))
    terminal.wait_for("step 0/")
    terminal.press("+", "+", "Space")
    terminal.wait_for(lambda screen: step_of(screen) > 5)
    terminal.press("e")
    terminal.wait_for("turbo")
    terminal.press("Down", "Down", "Enter")
    terminal.wait_for("The engine 'turbo' cannot be used")
    reached = step_of(terminal.screen)
    terminal.wait_for(lambda screen: step_of(screen) > reached + 20)
    terminal.press("e")
    screen = terminal.wait_for("✗ turbo")
    (line,) = [line for line in screen.splitlines() if "✗ turbo" in line]
    assert reason in line
    terminal.press("Escape")
    terminal.wait_for("vector engine")


def test_without_the_gallery_the_list_says_how_to_get_it() -> None:
    command = [str(Path(sys.executable).parent / "microgpt-play"), "engines"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name, folder in (("numpy", "plugins/numpy-engine"), ("numba", "plugins/numba-engine")):
        assert f"  {name} " in shown
        assert folder in shown
    listed = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    missing = {entry["name"]: entry["missing"] for entry in json.loads(listed.stdout)}
    assert missing["vector"] == ""
    assert "pip install" in missing["numba"]
    refused = subprocess.run(
        [*command[:1], "train", "--engine", "numba"], capture_output=True, text=True, check=False
    )
    assert refused.returncode in (1, 2)
    assert "numba" in refused.stderr and "pip install" in refused.stderr
    assert "Traceback" not in refused.stderr
