"""A person's first minutes, in a real terminal, at two sizes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Launch

STEP = re.compile(r"step ([\d,]+)/")


def step_of(screen: str) -> int:
    found = STEP.search(screen)
    return int(found.group(1).replace(",", "")) if found else -1


@pytest.mark.e2e
@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_the_first_minutes(launch: Launch, tmp_path: Path, size: tuple[int, int]) -> None:
    text = tmp_path / "rivers.txt"
    text.write_text("\n".join(["amazon", "danube", "ganges", "mekong", "niger", "nile"] * 30))
    terminal = launch(size=size)

    # Launch: the data, the model, and that nothing has been trained yet.
    screen = terminal.wait_for(lambda s: step_of(s) == 0)
    assert "names" in screen
    assert "32,469 documents" in screen

    # Step five times: the first losses lie near ln 27 = 3.30.
    for count in range(1, 6):
        terminal.press("s")
        screen = terminal.wait_for(lambda s, count=count: step_of(s) == count)
    first = float(re.search(r"ema (\d\.\d+)", screen).group(1))  # type: ignore[union-attr]
    assert 2.8 < first < 3.8

    # Run flat out until the loss has fallen, and pause.
    terminal.press("+")
    terminal.press("Space")
    screen = terminal.wait_for(lambda s: step_of(s) > 300, 30)
    terminal.press("Space")
    screen = terminal.wait_for(lambda s: "paused" in s or "finished" in s)
    last = float(re.search(r"ema (\d\.\d+)", screen).group(1))  # type: ignore[union-attr]
    assert last < first - 0.3

    # Zoom a panel, and back.
    terminal.press("1", "z")
    terminal.wait_for(lambda s: "2 Loss" not in s and "1 Data set" in s)
    terminal.press("z")
    terminal.wait_for("2 Loss")

    # Swap to a text file: typed path, enter.
    terminal.press("d")
    terminal.wait_for("path of a text file")
    terminal.type(str(text))
    terminal.press("Enter")
    screen = terminal.wait_for(lambda s: "180 documents" in s and step_of(s) == 0)
    assert "rivers.txt" in screen

    # Type a prompt, sample from it.
    terminal.press("Space")
    terminal.wait_for(lambda s: step_of(s) > 60, 30)
    terminal.press("Space", "/")
    terminal.type("ni")
    terminal.wait_for("after “ni”")
    terminal.press("Enter")
    terminal.wait_for(re.compile(r"\bni\w* +(new|in data)"))
    terminal.press("Escape")
    terminal.wait_for("› temperature")

    # Move the temperature.
    terminal.press("2", "4", "Right", "Right")
    terminal.wait_for("0.60")

    # Quit.
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
    assert terminal.errors == ""


@pytest.mark.e2e
def test_the_run_that_was_left_can_be_gone_on_with(launch: Launch) -> None:
    first = launch()
    first.wait_for("step 0/")
    first.press("s", "s", "s")
    screen = first.wait_for("step 3/")
    loss = re.search(r"loss (\d\.\d+)", screen).group(1)  # type: ignore[union-attr]
    first.press("q")
    assert first.wait_for_exit() == 0

    second = launch()
    second.wait_for("step 0/")
    second.press("o")
    screen = second.wait_for("step 3/")
    assert f"loss {loss}" in screen
    second.press("b")
    second.wait_for("step 2/")


@pytest.mark.e2e
def test_wrong_keys_do_no_harm(launch: Launch) -> None:
    terminal = launch()
    terminal.wait_for("step 0/")
    terminal.type("jXY@#$%^&*()éß")
    terminal.press("F5", "F12", "PageUp", "Home", "End", "Tab", "BTab", "Up", "Down")
    terminal.press("s")
    terminal.wait_for("step 1/")
    terminal.press("C-c")
    assert terminal.wait_for_exit() == 0
    assert terminal.errors == ""
