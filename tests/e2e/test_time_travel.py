"""Through a run's record, into another future, and a race, in a real terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from playground.lab.store.store import Store
from tests.e2e.conftest import Launch
from tests.e2e.terminal import Terminal
from tests.e2e.test_walk import step_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def store(home: Path) -> Path:
    """The store: the file that runs are recorded in."""
    return home / "data" / "runs.sqlite"


def loss_of(screen: str) -> str:
    found = re.search(r" loss (\d\.\d+)", screen)
    assert found is not None
    return found.group(1)


def timeline(screen: str) -> tuple[int, str]:
    """The line of the screen with the timeline: its number, from 0, and its text."""
    lines = screen.splitlines()
    axis = next(number for number, line in enumerate(lines) if "└┬" in line)
    return axis + 2, lines[axis + 2]


def mouse(terminal: Terminal, kind: str, x: int, y: int) -> None:
    """Send what a terminal sends for the left button at a cell, counted from 0 (SGR mode)."""
    button, end = {"press": (0, "M"), "move": (32, "M"), "release": (0, "m")}[kind]
    terminal.type(f"\x1b[<{button};{x + 1};{y + 1}{end}")


def finished(terminal: Terminal) -> str:
    terminal.wait_for("step 0/")
    terminal.press("+", "Space")
    return terminal.wait_for("✓ finished", 30)


def test_time_runs_both_ways_and_an_edit_in_the_past_branches_off(
    launch: Launch, store: Path
) -> None:
    terminal = launch("--steps", "200")
    last = loss_of(finished(terminal))

    # Keys lead to both ends, and one step each way.
    terminal.press("Home")
    terminal.wait_for("step 0/")
    terminal.press("End")
    assert loss_of(terminal.wait_for("step 200/")) == last
    terminal.press("b")
    before = terminal.wait_for("step 199/")
    assert "199 of 200" in before
    terminal.press("s")
    assert loss_of(terminal.wait_for("step 200/")) == last

    # The mouse takes the handle and pulls it to the left.
    y, line = timeline(terminal.screen)
    handle, start = line.index("●"), line.index("━")
    middle = (handle + start) // 2
    mouse(terminal, "press", handle, y)
    for x in range(handle, middle - 1, -1):
        mouse(terminal, "move", x, y)
    mouse(terminal, "release", middle, y)
    mouse(terminal, "move", 0, 0)  # a tooltip would lie over what the timeline says

    def arrived(screen: str) -> bool:
        # The handle follows the mouse at once and the run comes after it, so that the handle alone
        # does not say where the run is: the run is there when its step has the handle's column.
        line, step = timeline(screen)[1], step_of(screen)
        there = line.index("●") == middle and "○" not in line
        dots = 2 * (handle - start + 1)  # two to a column, from step 0 to step 200
        column = start + int(step / 200 * (dots - 1) + 0.5) // 2
        return there and column == middle and f" {step} of 200 recorded" in screen

    at = step_of(terminal.wait_for(arrived))
    assert 60 < at < 140

    # Another learning rate in the past makes another future, which is a run of its own.
    keys = ["h", *["Tab"] * 7, "0", ".", "0", "5", "Enter"]
    terminal.press(*keys)  # in one go, as a person does who knows the way
    screen = terminal.wait_for("Run 2 branches off run 1")
    assert step_of(screen) == at
    assert f"What run 1 learnt after step {at} is kept" in " ".join(screen.split())
    terminal.press("s")
    terminal.wait_for(f"step {at + 1}/")
    terminal.press("a")
    screen = terminal.wait_for(lambda s: "enter open" in s and f"{at + 1}/200" in s)
    assert "200/200" in screen, "the parent is whole"
    terminal.press("Escape")
    terminal.wait_for(lambda s: "2 Loss" in s and "enter open" not in s)
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
    assert terminal.errors == ""
    with Store.open(store) as opened:
        parent, fork = opened.record(1), opened.record(2)
        assert len(parent.losses) == 200 and (fork.row.parent, fork.row.fork_step) == (1, at)
        assert list(fork.losses)[:at] == list(parent.losses)[:at]
        assert opened.check() == []


def race_with(terminal: Terminal, rate: str) -> None:
    """Race the open run as it is against a fork with another learning rate; wait for both sides."""
    terminal.press("f")
    terminal.wait_for("change one thing")
    terminal.type(rate)
    terminal.wait_for("was 0.01")
    terminal.press("C-r")
    terminal.wait_for("space lets both train", 20)


def test_a_race_shows_when_two_runs_part_and_one_is_gone_on_with(
    launch: Launch, store: Path
) -> None:
    terminal = launch("--steps", "120")
    terminal.wait_for("step 0/")
    terminal.press("s", "s", "s")
    terminal.wait_for("step 3/")
    race_with(terminal, "0.05")
    terminal.press("Space")
    screen = terminal.wait_for(lambda s: len(re.findall("✓ +120/120", s)) == 2, 30)
    # Step 4 starts from the same state on both sides, so the other rate shows at step 5.
    assert "The same until step 5; there B − A =" in screen
    assert "A ━ as it is" in screen and "B ╍ learning rate 0.05" in screen
    assert re.search(r"learning rate +0\.01 +0\.05", screen)
    terminal.press("g")
    terminal.wait_for("A step 120")
    terminal.press("B")
    screen = terminal.wait_for(lambda s: "Going on with" in s and "step 120/" in s, 20)
    terminal.press("a")
    screen = terminal.wait_for(lambda s: "3 runs" in s and "finished here" in s)
    assert re.search("[├└] as it is", screen) and re.search("[├└] learning rate", screen)
    terminal.press("Escape")
    terminal.wait_for("2 Loss")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
    assert terminal.errors == ""
    with Store.open(store) as opened:
        rows = {row.id: row for row in opened.runs()}
        assert rows[1].step == 3, "the run that both were forked from stays as it was"
        assert [(rows[run].parent, rows[run].fork_step) for run in (2, 3)] == [(1, 3), (1, 3)]


def test_of_a_race_that_is_left_before_its_first_step_nothing_is_kept_but_the_chosen_side(
    launch: Launch, store: Path
) -> None:
    terminal = launch("--steps", "120")
    terminal.wait_for("step 0/")
    terminal.press("s", "s", "s")
    terminal.wait_for("step 3/")
    for key, back in (("Escape", "1 Data set"), ("B", "Going on with learning rate 0.05")):
        race_with(terminal, "0.05")
        terminal.press(key)
        terminal.wait_for(back, 20)
    terminal.wait_for("run 2")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
    with Store.open(store) as opened:
        kept, parent = sorted(opened.runs(), key=lambda row: row.id, reverse=True)
        assert (parent.id, parent.step) == (1, 3)
        assert (kept.parent, kept.fork_step, kept.name) == (1, 3, "learning rate 0.05")
        assert kept.learning_rate == 0.05


def test_runs_are_found_named_deleted_and_opened(launch: Launch) -> None:
    terminal = launch("--seed", "1", "--steps", "60")
    finished(terminal)
    terminal.press("q")
    assert terminal.wait_for_exit() == 0

    terminal = launch("--seed", "2")
    terminal.wait_for("step 0/")
    terminal.press("s", "s")
    terminal.wait_for("step 2/")
    terminal.press("a")
    terminal.wait_for(lambda s: "2 runs" in s and "paused here" in s)
    terminal.press("/")
    terminal.type("seed<2")
    terminal.press("Enter")
    terminal.wait_for("1 of 2 runs")
    terminal.press("n")
    terminal.wait_for("Name of run 1")
    terminal.type("emil")
    terminal.press("Enter")
    terminal.wait_for("Run 1 is called “emil”")
    terminal.press("DC")
    terminal.wait_for(lambda s: "u brings it back" in s and "0 of 1 run" in s)
    terminal.press("u")
    terminal.wait_for(lambda s: "Brought back" in s and "1 of 2 runs" in s)
    terminal.press("Enter")
    screen = terminal.wait_for(lambda s: "step 60/60" in s and "2 Loss" in s)
    assert "run 1 emil" in screen and "seed 1" in screen
    terminal.press("u")
    terminal.wait_for(lambda s: "step 2/" in s and "seed 2" in s)
    terminal.press("q")
    assert terminal.wait_for_exit() == 0


def test_probes_are_asked_as_the_run_learns_and_the_answers_are_compared(launch: Launch) -> None:
    terminal = launch("--steps", "120")
    terminal.wait_for("step 0/")
    terminal.press("y")
    terminal.wait_for("One prompt a line")
    terminal.type("an")
    terminal.press("Enter")
    terminal.type("ma")
    terminal.wait_for("2 prompts.")
    terminal.press("C-s")
    terminal.wait_for("2 probes every 100 steps")
    terminal.press("+", "Space")
    terminal.wait_for("✓ finished", 30)
    terminal.press("y")
    terminal.wait_for("2 of 2 answers changed from step 0 to step 120")
    terminal.wait_for(lambda s: "≠ 1 an  " in s and "≠ 2 ma  " in s)
    terminal.press("Escape")
    terminal.wait_for(lambda s: "answers changed" not in s)
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
