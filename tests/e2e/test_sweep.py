"""A sweep in a real terminal: a run is varied, the sweep is watched to its end, its best opened;
and leaving stops another one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from playground.lab.store.store import Store
from playground.lab.store.sweeps import glance
from tests.e2e.conftest import Launch

pytestmark = pytest.mark.e2e


def test_a_run_is_varied_and_the_best_of_the_sweep_is_opened(launch: Launch, home: Path) -> None:
    terminal = launch("--steps", "20", "--seed", "5", "--n-embd", "8", size=(100, 24))
    terminal.wait_for("step 0/")
    terminal.press("V")
    terminal.wait_for("9 runs: 3 settings x 3 seeds", 30)
    terminal.press("Down")
    terminal.type("6")
    terminal.wait_for("6 cannot be divided among 4 heads")
    terminal.press("BSpace")
    terminal.wait_for("9 runs: 3 settings x 3 seeds")
    terminal.press("Enter")
    terminal.wait_for("at work here", 30)
    screen = terminal.wait_for(re.compile(r"9 of 9 runs.*✓ done", re.S), 90)
    assert "The best differs from the next by" in screen
    assert "held-out loss" in screen
    terminal.press("Enter")
    screen = terminal.wait_for("Open a run of learning_rate=", 20)
    best = re.search(r"seed +(\d+) .*run (\d+) +best", screen)
    assert best is not None
    terminal.press("Enter")
    # In the line of the title: the dialog of before names the seed, too.
    terminal.wait_for(re.compile(rf"engine · seed {best[1]}\b"), 30)
    terminal.wait_for("✓ finished")

    # A sweep that is at work when the playground is left stops, and is gone on with later.
    terminal.press("V")
    terminal.wait_for("9 runs", 30)
    terminal.press(*["Down"] * 6)
    terminal.type("20000")
    terminal.press("Enter")
    terminal.wait_for("the first are being trained", 30)
    terminal.press("Escape")
    terminal.wait_for("✓ finished")
    terminal.press("W")
    terminal.wait_for(re.compile(r"0/9 .*at work here.*9/9 .*✓ done", re.S), 20)
    terminal.press("Escape", "C-c")
    assert terminal.wait_for_exit(20) == 0
    assert terminal.errors == ""
    with Store.open(home / "data" / "runs.sqlite") as store:
        assert not glance(store, 2).at_work
