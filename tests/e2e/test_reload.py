"""What the author of a plugin sees who writes it while the playground runs, in a real terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.calibrated import a_second
from tests.e2e.conftest import Launch

pytestmark = pytest.mark.e2e

WARMTH = """
from playground.api import Contribution, Knob, Knobs, hookimpl

class WarmthKnobs(Knobs):
    warmth: float = Knob(1.0, ge=1.0, le=9.0, step=1.0, neutral=1.0, help="how sure it is")

class Warmth:
    def __init__(self, knobs):
        self.warmth = knobs.warmth
    def transform(self, logits, context):
        return [logit * self.warmth for logit in logits]

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="warmth", summary="sure or not", factory=Warmth, knobs=WarmthKnobs)
"""


def highest_bar(screen: str) -> float:
    """The probability of the likeliest next token on screen."""
    chances = re.findall(r"[█▉▊▋▌▍▎▏ ] (0\.\d\d|1\.00)\b", screen)
    assert chances, screen
    return max(map(float, chances))


def test_a_strategy_is_written_steered_broken_and_mended_while_the_run_goes_on(
    launch: Launch, home: Path
) -> None:
    second = a_second()
    folder = home / "config" / "plugins"
    terminal = launch("--steps", "100000")
    terminal.wait_for("step 0/")
    terminal.press("4", "Space")
    terminal.wait_for(re.compile(r"step [1-9]\d+/"))

    folder.mkdir(parents=True)  # the playground started without this folder
    file = folder / "warmth.py"
    file.write_text(WARMTH)
    terminal.wait_for("warmth.py is in use", seconds=second)
    terminal.press("c")
    terminal.wait_for("warmth")
    terminal.press("a", "End", "Enter")
    terminal.wait_for(re.compile(r"● warmth"))
    terminal.press("Enter")
    terminal.wait_for(lambda s: "Sampling chain" not in s and re.search(r"warmth +[━●─]", s))
    terminal.press("Space")
    terminal.wait_for("paused")

    before = highest_bar(terminal.screen)
    terminal.press("4", "Tab", "Right", "Right")
    terminal.wait_for(lambda s: highest_bar(s) != before)

    file.write_text("def broken(:\n")
    terminal.wait_for("warmth is stale", seconds=second)
    terminal.press("!")
    terminal.wait_for(
        lambda s: "an earlier version is in use" in s and "SyntaxError" in s and "def broken(:" in s
    )
    terminal.press("Escape")
    file.write_text(WARMTH + "# mended\n")
    terminal.wait_for(
        lambda s: "warmth is stale" not in s and "in use as it was saved" in s, a_second()
    )
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
