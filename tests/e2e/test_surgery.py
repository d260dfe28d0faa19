"""Surgery in a real terminal: a head is cut, marked, taken back; and what is held is told."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import Launch
from tests.e2e.test_inside import given, opened

pytestmark = pytest.mark.e2e

FIGURE = re.compile(r"held out [+-]0\.[0-9]{3} ± 0\.[0-9]{3} nats")


def test_a_head_is_cut_and_taken_back_and_another_is_held(launch: Launch) -> None:
    terminal = launch("--steps", "100", "--seed", "5", size=(80, 24))
    terminal.wait_for("step 0/")
    terminal.press("+", "Space")
    terminal.wait_for("✓ finished", 30)
    loss = re.search(r"loss [0-9.]+", terminal.screen)
    assert loss is not None
    opened(terminal)
    before = given(terminal.screen)
    terminal.press("2")
    terminal.wait_for(lambda screen: "‹2" in screen and "head 3" in screen)
    terminal.press(".", "c")
    screen = terminal.wait_for(FIGURE, 30)
    assert "head 1 of layer 0" in screen and "letter by letter" in screen
    terminal.press("Enter")
    terminal.wait_for("Head 1 of layer 0 cut")
    terminal.wait_for(lambda screen: " given " in screen and given(screen) != before, 20)
    terminal.press("q")
    terminal.wait_for("✓ finished")
    terminal.press("Home")
    terminal.wait_for(re.compile(r"step 0/.*●━+◆", re.S))  # the mark where it was done
    terminal.press("End")
    terminal.wait_for("step 100/")
    terminal.press("u")
    terminal.wait_for("Taken back")
    assert loss.group() in terminal.wait_for("step 100/")
    terminal.press("i")
    terminal.wait_for(lambda screen: " given " in screen and given(screen) == before, 20)

    # What is held is listed, told on the main screen, and released.
    terminal.press("c")
    terminal.wait_for(FIGURE, 30)
    terminal.press("7", "h")  # a digit means nothing where nothing is typed
    terminal.wait_for("Held from here on: head 1 of layer 0")
    terminal.press("q")
    terminal.wait_for("held: head 1 of layer 0")
    terminal.press("3", "C")
    terminal.wait_for("x releases it", 20)
    terminal.type("0,5")
    terminal.wait_for("0,5 is no number; write 0.5")
    terminal.press("Enter")  # which is refused, and leaves the sheet open
    terminal.press("x")
    terminal.wait_for(lambda screen: "x releases it" not in screen)
    terminal.press("Escape")
    terminal.wait_for(lambda screen: "✓ finished" in screen and "held: " not in screen)
    terminal.press("C-c")
    assert terminal.wait_for_exit() == 0
    assert terminal.errors == ""
