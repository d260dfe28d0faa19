"""Leaving without `q` loses no run and leaves no process behind; slow and odd terminals."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from playground.lab.store.store import Store
from tests.calibrated import PATIENCE
from tests.e2e.conftest import Launch
from tests.e2e.terminal import Terminal
from tests.e2e.test_faults import workers_of
from tests.e2e.test_walk import step_of
from tests.sweeping import until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for processes as Linux does"),
]


def playground_of(terminal: Terminal) -> int:
    """The process id of the screen, which draws in the terminal."""
    shell = terminal._tmux("display-message", "-p", "#{pane_pid}").strip()
    listing = subprocess.run(
        ["ps", "-ww", "--ppid", shell, "-o", "pid=,args="],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (pid,) = [int(line.split()[0]) for line in listing.splitlines() if "microgpt-play" in line]
    return pid


def recorded(home: Path) -> int:
    """The last step of the run that is in the store."""
    with Store.open(home / "data" / "runs.sqlite", create=False) as store:
        return max((row.at for row in store.runs()), default=0)


def ends(pid: int, seconds: float) -> bool:
    """True if the process ends within so many seconds of an idle machine."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE * seconds)[0])
    finally:
        os.close(handle)


def kept(launch: Launch) -> int:
    """Start again and resume the run that was left; return the step at which it stands."""
    terminal = launch()
    terminal.wait_for("o goes on with")  # there is a run that has steps
    terminal.press("o")
    terminal.wait_for("Welcome back")
    return step_of(terminal.wait_for(lambda s: step_of(s) > 0))


def test_a_polite_kill_puts_the_terminal_in_order_and_keeps_the_run(launch: Launch) -> None:
    terminal = launch()
    terminal.wait_for("step 0/")
    terminal.press("s", "s", "s")
    terminal.wait_for("step 3/")
    (worker,) = workers_of(terminal)
    os.kill(playground_of(terminal), signal.SIGTERM)
    assert terminal.wait_for_exit() == 128 + signal.SIGTERM
    assert terminal._tmux("display-message", "-p", "#{alternate_on}#{mouse_any_flag}") == "00\n"
    assert ends(worker, 5)
    assert kept(launch) == 3


@pytest.mark.parametrize("stopped", [False, True], ids=["at work", "worker stopped"])
def test_a_terminal_that_is_closed_leaves_no_process_and_keeps_the_run(
    launch: Launch, home: Path, stopped: bool
) -> None:
    terminal = launch("--steps", "100000")
    terminal.wait_for("step 0/")
    terminal.press("s", "s")  # after a step the screen holds a state of the run
    terminal.wait_for("step 2/")
    terminal.press("+", "Space")
    terminal.wait_for(lambda s: step_of(s) > 100, 30)
    (worker,), playground = workers_of(terminal), playground_of(terminal)
    if stopped:  # what is written by then is kept
        until(lambda: recorded(home) > 0, "steps are recorded")
        os.kill(worker, signal.SIGSTOP)
    terminal._tmux("kill-server")
    assert ends(playground, 8)
    assert ends(worker, 8)
    assert kept(launch) > 0


def test_the_chain_is_said_on_the_command_line_and_kept_with_the_run(
    launch: Launch,
) -> None:
    terminal = launch("--strategy", "min-p:min_p=0.25", "--strategy", "temperature:temperature=1.5")
    terminal.wait_for("step 0/")
    screen = terminal.wait_for("0.25")
    assert screen.index("min-p") < screen.index("temperature")
    assert "top-k" not in screen
    terminal.press("s")
    terminal.wait_for("step 1/")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
    again = launch()
    again.wait_for("step 0/")
    again.wait_for("top-k")
    again.press("o")
    again.wait_for("Welcome back")
    assert "top-k" not in again.wait_for("0.25")
    wrong = launch("--strategy", "min-p:min_p=7")
    wrong.wait_for("ended")
    assert "min_p" in wrong.errors and "Traceback" not in wrong.errors


def test_a_terminal_closed_in_the_moment_of_leaving_leaves_no_process(launch: Launch) -> None:
    terminal = launch("--steps", "100000")
    terminal.wait_for("step 0/")
    terminal.press("+", "+", "Space")
    terminal.wait_for(lambda s: step_of(s) > 20)
    (worker,), playground = workers_of(terminal), playground_of(terminal)
    terminal.press("q")
    terminal._tmux("kill-server")
    assert ends(playground, 8)
    assert ends(worker, 8)


def test_a_worker_that_is_killed_again_and_again_is_said_and_a_key_brings_it_back(
    launch: Launch,
) -> None:
    terminal = launch()
    terminal.wait_for("step 0/")
    terminal.press("s", "s")
    terminal.wait_for("step 2/")
    dead: set[int] = set()
    for _ in range(2):
        terminal.wait_for(lambda _: set(workers_of(terminal)) - dead)
        terminal.wait_for("step 2/")
        (worker,) = set(workers_of(terminal)) - dead
        dead.add(worker)
        os.kill(worker, signal.SIGKILL)
        if len(dead) == 1:
            terminal.wait_for("fresh worker")
    terminal.wait_for("Press s or space")
    terminal.wait_for("failed")
    terminal.press("s")
    terminal.wait_for("step 3/")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0


def test_a_slow_engine_is_waited_for_in_sight_and_opens_at_once(
    launch: Launch, tmp_path: Path
) -> None:
    text = tmp_path / "long.txt"
    text.write_text("the quick brown fox jumps over the lazy dog " * 200)
    terminal = launch(
        str(text), "--split", "windows", "--engine", "scalar", "--n-embd", "64", "--n-layer", "2",
        "--block-size", "32",
    )  # fmt: skip
    terminal.wait_for("step 0/", 20)
    terminal.press("s")
    terminal.wait_for("waiting for its answer", 5)
    terminal.press("q")
    assert terminal.wait_for_exit(5) == 0


def test_a_playground_that_was_suspended_draws_the_whole_screen_again(tmp_path: Path) -> None:
    shell = Terminal(
        ["sh", "-c", "exec bash --norc -i 2> /dev/tty"], size=(100, 30), folder=tmp_path,
        env={"MICROGPT_PLAY_HOME": str(tmp_path), "LANG": "C.UTF-8", "PS1": "ready> ",
             "TERM": "xterm-256color", "PATH": os.environ["PATH"]},
    )  # fmt: skip
    command = Path(sys.executable).parent / "microgpt-play"
    try:
        shell.wait_for("ready>")
        shell.type(f"{command}\n")
        shell.wait_for("step 0/")
        shell.press("C-z")
        shell.wait_for("Stopped")
        shell.type("fg\n")
        screen = shell.wait_for(lambda s: s.count("╭") == s.count("╰") == 4)
        assert "microgpt-play" in screen.splitlines()[0]
        assert "step 0/" in screen
        shell.press("s")
        shell.wait_for("step 1/")
    finally:
        shell.close()


def test_a_terminal_that_cannot_be_drawn_on_is_told_so(launch: Launch) -> None:
    terminal = launch(TERM="dumb")
    assert terminal.wait_for_exit() == 1
    assert "xterm-256color" in terminal.errors
    assert "microgpt-play train" in terminal.errors
