"""A run is there again after leaving, after a kill, and beside another playground; where no run can
be recorded, the screen says so."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.lab.store.store import Store
from tests.calibrated import a_second
from tests.e2e.conftest import Launch
from tests.e2e.terminal import Terminal
from tests.e2e.test_faults import workers_of
from tests.e2e.test_more import ends, playground_of
from tests.e2e.test_walk import step_of

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for processes as Linux does"),
]


PACE = 50
"""Steps a second at the speed that a run begins with."""


@pytest.fixture
def store(home: Path) -> Path:
    """The store: the file that runs are recorded in."""
    return home / "data" / "runs.sqlite"


@functools.cache
def never_left(*options: str) -> list[float]:
    """The losses of the same run, trained in one go without a screen."""
    command = Path(sys.executable).parent / "microgpt-play"
    lines = subprocess.run(
        [str(command), "train", "--json", "--no-record", *options],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    return [float(value["loss"]) for value in map(json.loads, lines) if "loss" in value]


def losses(store: Path, run: int) -> list[float]:
    with Store.open(store) as opened:
        assert opened.check() == []
        return list(opened.record(run).losses)


def shown_loss(screen: str) -> str:
    found = re.search(r"loss (\d\.\d+)", screen)
    assert found is not None
    return found.group(1)


def leave(terminal: Terminal) -> None:
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
    assert terminal.errors == ""


def paused(terminal: Terminal, at_least: int) -> str:
    """Train to at least this step and pause; return the screen. The run keeps its pace of 50 steps
    a second, so that it is not finished before the test looks."""
    terminal.press("Space")
    terminal.wait_for(lambda s: step_of(s) >= at_least, 30)
    terminal.press("Space")
    return terminal.wait_for("‖ paused")


def test_a_run_that_was_left_goes_on_as_if_it_never_was(launch: Launch, store: Path) -> None:
    first = launch("--steps", "400")
    first.wait_for("step 0/")
    before = paused(first, 50)
    left_at = step_of(before)
    assert left_at < 400, "it is left in the middle"
    leave(first)

    second = launch()
    second.wait_for("step 0/")
    second.press("o")
    screen = second.wait_for(lambda s: step_of(s) == left_at and "Welcome back" in s)
    assert f"names, step {left_at} of 400" in second.wait_for("names, step")
    assert shown_loss(screen) == shown_loss(before)
    second.press("+", "Space")
    second.wait_for("✓ finished", 30)
    leave(second)
    assert losses(store, 1) == never_left("--steps", "400")


@pytest.mark.parametrize("both", [False, True], ids=["the screen", "screen and worker"])
def test_a_playground_that_was_killed_offers_its_run_and_goes_on_with_it(
    launch: Launch, store: Path, both: bool
) -> None:
    a_while = a_second()
    first = launch("--steps", "800")
    first.wait_for("step 0/")
    (worker,), playground = workers_of(first), playground_of(first)
    first.press("Space")
    # The first second does not count: its record depends on when the row of the run is made.
    screen = first.wait_for(lambda s: step_of(s) >= PACE + 10 and "· run 1" in s, 30)
    if both:
        os.kill(worker, signal.SIGKILL)
    os.kill(playground, signal.SIGKILL)
    assert ends(worker, 10)

    second = launch()
    offer = second.wait_for("o goes on with run 1")
    assert re.search(r"step \d+ of 800, interrupted a moment ago", offer)
    second.press("o")
    back = second.wait_for(lambda s: "Welcome back" in s and step_of(s) > 0)
    lost = step_of(screen) - step_of(back)
    assert lost <= PACE * a_while, "half a second is lost, and that much of a slow machine"
    second.press("+", "Space")
    second.wait_for("✓ finished", 30)
    leave(second)
    assert losses(store, 1) == never_left("--steps", "800")
    third = launch()
    third.wait_for("step 0/")
    third.press("s")
    assert "interrupted" not in third.wait_for("step 1/")


def test_two_playgrounds_record_in_one_store_at_once(launch: Launch, store: Path) -> None:
    one, other = launch("--seed", "1"), launch("--seed", "2")
    for terminal in (one, other):
        terminal.wait_for("step 0/")
        terminal.press("Space")
    for terminal in (one, other):
        terminal.wait_for(lambda s: step_of(s) >= 60, 20)
    one.press("a")
    one.wait_for(lambda s: "running here" in s and "running elsewhere" in s)
    one.press("/")
    one.type("seed=2")
    one.press("Enter")
    one.wait_for("1 of 2 runs")
    one.press("DC")
    one.wait_for("would go on unrecorded")
    one.press("Escape")
    for terminal in (one, other):
        terminal.wait_for(lambda s: "▶ running" in s and "2 Loss" in s)
        # No warning is seen, and a warning would stand there for longer than that.
        terminal.wait_for(lambda s: "store" not in s and "recorded" not in s, 5)
        terminal.press("Space")
        terminal.wait_for("‖ paused")
        leave(terminal)
    with Store.open(store) as opened:
        rows = opened.runs()
        assert sorted(row.seed for row in rows) == [1, 2]
        assert all(row.step >= 60 and row.status == "paused" and not row.owner for row in rows)
        assert opened.check() == []


def newer(store: Path) -> None:
    Store.open(store).close()
    with contextlib.closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA user_version = 999")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def damaged(store: Path) -> None:
    store.parent.mkdir(parents=True)
    store.write_bytes(b"this was never a database\n" * 400)


def read_only(store: Path) -> None:
    Store.open(store).close()
    store.chmod(0o444)
    store.parent.chmod(0o555)


def like_anybody() -> tuple[str, ...]:
    """The command that takes from the superuser the right to write read-only files; else empty."""
    if os.geteuid():
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("the superuser has nothing to lay its rights down with")
    return "setpriv", "--bounding-set=-dac_override,-dac_read_search"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (newer, "kept by a newer version"),
        (damaged, "store of runs is damaged"),
        (read_only, "store of runs may not be written"),
    ],
)
def test_a_store_that_cannot_be_written_is_said_and_training_goes_on(
    launch: Launch, store: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(store)
    before = store.read_bytes()
    terminal = launch("--steps", "40", under=like_anybody())
    terminal.wait_for("step 0/")
    terminal.press("Space")
    terminal.wait_for(words)
    terminal.wait_for("✓ finished", 20)
    terminal.press("a")
    screen = terminal.wait_for(lambda s: "enter open" in s and "reading" not in s)
    assert words in " ".join(screen.split()), "there too"
    terminal.press("Escape")
    terminal.wait_for("2 Loss")
    leave(terminal)
    assert store.read_bytes() == before, "not a byte of it was touched"


def test_without_recording_there_is_no_store_and_key_a_says_so(launch: Launch, store: Path) -> None:
    terminal = launch("--no-record")
    terminal.wait_for("step 0/")
    terminal.press("s", "s")
    terminal.wait_for("step 2/")
    terminal.press("a")
    terminal.wait_for("Runs are not recorded")
    leave(terminal)
    assert not store.exists()
    again = launch("--no-record")
    again.wait_for("step 0/")
    again.press("o")
    again.wait_for("step 2/")
