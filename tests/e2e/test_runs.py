"""The real command finds a run again by the name that it was given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Launch

pytestmark = pytest.mark.e2e

COMMAND = str(Path(sys.executable).parent / "microgpt-play")


def test_a_run_is_named_found_again_and_opened(launch: Launch, home: Path) -> None:
    terminal = launch()
    terminal.wait_for("step 0/")
    terminal.press("s", "s", "s")
    terminal.wait_for("step 3/")
    terminal.press("a")
    terminal.wait_for("paused here")
    terminal.press("n")
    terminal.wait_for("Name of run 1")
    terminal.press("m", "i", "n", "e", "Enter")
    terminal.wait_for("Run 1 is called")
    terminal.press("Escape")
    terminal.wait_for("Parameters")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0

    again = launch()
    again.wait_for("step 0/")
    again.press("a")
    again.wait_for(lambda screen: "mine" in screen and "3/1,000" in screen)
    again.press("/", "m", "i", "n", "Enter")
    again.wait_for("1 run")
    again.press("Enter")
    again.wait_for("step 3/")

    said = subprocess.run(
        [COMMAND, "runs", "list", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "MICROGPT_PLAY_HOME": str(home)},
    )
    (row,) = map(json.loads, said.stdout.splitlines())
    assert (row["name"], row["step"], row["state"]) == ("mine", 3, "paused elsewhere")
