"""The score in a real terminal: of a run that trains on, in every view, given up, asked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from microgpt import load_names
from tests.e2e.conftest import Launch
from tests.e2e.test_walk import step_of

pytestmark = pytest.mark.e2e


def test_a_run_is_scored_while_it_trains_on(launch: Launch, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join(load_names()[:300]), encoding="utf-8")
    terminal = launch(str(names), "--steps", "100000", "--holdout", "0.2", size=(80, 24))
    terminal.wait_for("step 0/")
    terminal.press("Space", "S")
    terminal.wait_for(lambda screen: "training goes on; esc gives up" in screen
                      or "▸1 Losses" in screen)  # fmt: skip
    screen = terminal.wait_for("▸1 Losses")
    for name in ("bits a character", "uniform", "trigram", "lzma", "▸ this model"):
        assert name in screen
    terminal.wait_for("r scores it")  # the run has gone on
    for key, shown in (("2", "calibration error"), ("3", "worst at"), ("4", "100 samples")):
        terminal.press(key)
        terminal.wait_for(lambda screen, shown=shown, key=key: f"▸{key}" in screen
                          and shown in screen)  # fmt: skip
    terminal.press("r", "Escape")
    terminal.wait_for("Sampling")
    terminal.press("Space")
    at = step_of(terminal.wait_for("paused"))
    assert at > 0
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
