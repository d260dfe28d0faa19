"""`microgpt-play sweep`: grids trained by processes that are killed, and go on."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.lab.store.store import Store
from playground.lab.store.sweeps import runs_of
from tests.cli.conftest import COMMAND, Done, Play, command

GRID = (
    *("--vary", "learning_rate=0.003,0.03", "--vary", "n_embd=4,8", "--seeds", "2"),
    *("--n-head", "2", "--block-size", "4", "--steps", "6", "--eval-every", "3", "--no-plugins"),
)
DEADLINE = 90.0

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def lines(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def begin(words: Path, *more: str, grid: tuple[str, ...] = GRID) -> subprocess.Popen[str]:
    """The command at work, in a group of its own."""
    return subprocess.Popen(
        [COMMAND, "sweep", str(words), *grid, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def workers(coordinator: int) -> list[int]:
    """The worker processes of a coordinator; the one that tracks resources is none."""
    found = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(None, 2) for line in found]
    return [int(pid) for pid, parent, args in rows
            if parent == str(coordinator) and "spawn_main" in args]  # fmt: skip


def recorded(home: Path, sweep: int = 1) -> int:
    """How many runs the sweep has in the store."""
    path = home / "data" / "runs.sqlite"
    if not path.exists():
        return 0
    with Store.open(path, create=False) as store:
        return len(runs_of(store, sweep))


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        try:
            os.kill(pid, 0)
        except OSError:
            return True
        return False
    return state == "Z"


def test_two_jobs_give_the_losses_of_one_to_the_last_bit_in_the_same_order(words: Path) -> None:
    one = command("sweep", words, *GRID, "--jobs", "1", "--json")
    two = command("sweep", words, *GRID, "--jobs", "2", "--json")
    assert one.out == two.out
    found = lines(one)
    assert [(line["settings"], line["seed"]) for line in found] == [
        ({"learning_rate": rate, "n_embd": width}, seed)
        for rate in (0.003, 0.03) for width in (4, 8) for seed in (42, 43)
    ]  # fmt: skip
    assert len({line["held_out"] for line in found}) == 8, "every run is another one"
    train = command(
        "train", words, "--learning-rate", "0.03", "--n-embd", "8", "--seed", "43", "--json",
        "--samples", "0", *GRID[6:]
    )  # fmt: skip
    assert lines(train)[5]["held_out"] == found[-1]["held_out"], "as `train` trains it"
    listed = command("runs", "list", "sweep 2")
    assert listed.out.count("sweep 2: learning_rate=") == 8, listed.out


@posix
@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_worker_costs_no_run(words: Path, home: Path, seed: int) -> None:
    draw = random.Random(seed)
    wanted = command("sweep", words, *GRID, "--jobs", "2", "--json").out
    busy = begin(words, "--jobs", "2", "--json")
    some = draw.randrange(1, 6)
    until(lambda: recorded(home, 2) >= some, "some runs are recorded")
    os.kill(draw.choice(workers(busy.pid)), signal.SIGKILL)
    out, err = busy.communicate(timeout=DEADLINE)
    assert busy.returncode == 0, err
    assert "A worker was lost; the runs at work are done again." in err
    assert out == wanted
    assert recorded(home, 2) == 8


@posix
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_coordinator_loses_no_run_that_it_reported_and_takes_its_workers_along(
    words: Path, home: Path, seed: int
) -> None:
    draw = random.Random(seed)
    wanted = command("sweep", words, *GRID, "--jobs", "2").out
    busy = begin(words, "--jobs", "2")
    assert busy.stderr is not None
    reported = 0
    for _ in range(draw.randrange(2, 7)):
        reported += "runs" in busy.stderr.readline() and 1
    time.sleep(draw.random() / 10)  # anywhere within the next run
    theirs = workers(busy.pid)
    busy.kill()
    busy.wait(DEADLINE)
    assert theirs
    until(lambda: all(map(gone, theirs)), "no worker outlives its coordinator")
    kept = recorded(home, 2)
    assert kept >= reported - 1, "the first line tells of none"
    done = command("sweep", "--resume", "2", "--jobs", "2")
    assert f"{kept} of them done" in done.err
    assert (done.code, done.out) == (0, wanted)
    assert recorded(home, 2) == 8
    again = command("sweep", "--resume", "2")
    assert (again.code, again.out) == (0, wanted), "resuming what is done does nothing"


@posix
def test_ctrl_c_keeps_what_is_done_and_prints_the_command_that_does_the_rest(
    words: Path, home: Path
) -> None:
    wanted = command("sweep", words, *GRID, "--jobs", "2").out
    busy = begin(words, "--jobs", "2")
    until(lambda: recorded(home, 2) >= 2, "some runs are recorded")
    os.killpg(busy.pid, signal.SIGINT)  # as the terminal does, to the workers too
    _, err = busy.communicate(timeout=DEADLINE)
    assert busy.returncode == 130 and "Traceback" not in err, err
    kept = recorded(home, 2)
    assert f"Interrupted. {kept} of 8 runs are recorded." in err
    pasted = err.rpartition("Go on from there: ")[2].strip()
    program, *more = shlex.split(pasted)
    assert program.endswith("microgpt-play")
    done = command(*more)
    assert (done.code, done.out) == (0, wanted)


@posix
def test_a_budget_of_time_ends_the_sweep_which_then_goes_on(words: Path) -> None:
    done = command("sweep", words, *GRID, "--max-minutes", "0.0001")
    assert done.code == 0 and "The time is used up. 0 of 8 runs are recorded." in done.err
    assert len(lines(command("sweep", "--resume", "1", "--json"))) == 8


def between(runs: list[dict[str, Any]], name: str) -> float:
    """The share of the variance of the losses that is one between the values of a setting."""
    losses = [run["held_out"] for run in runs]
    means = []
    for run in runs:
        value = run["settings"][name]
        some = [one["held_out"] for one in runs if one["settings"][name] == value]
        means.append(sum(some) / len(some))
    return statistics.pvariance(means) / statistics.pvariance(losses)


def test_the_table_puts_the_best_first_and_says_what_it_compares(words: Path) -> None:
    done = command("sweep", words, *GRID)
    table = done.out.splitlines()
    assert table[0].split() == ["learning_rate", "n_embd", "loss", "sd", "seeds"]
    losses = [float(line.split()[2]) for line in table[1:5]]
    assert losses == sorted(losses)
    assert table[5].startswith("loss: held-out")
    assert "The best differs from the next by" in table[6] and "told apart" in table[6]
    runs = lines(command("sweep", "--resume", "1", "--json"))
    explained = {name: between(runs, name) for name in ("learning_rate", "n_embd")}
    said = [f"{name} {100 * explained[name]:.0f} %"
            for name in sorted(explained, key=lambda name: -explained[name])]  # fmt: skip
    rest = f"the rest {100 * (1 - sum(explained.values())):.0f} %"
    assert table[7:] == [f"Importance, by explained variance: {', '.join([*said, rest])}."]
    training = command("sweep", words, *GRID, "--holdout", "0")
    assert "loss: training, smoothed" in training.out


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["--vary", "colour=1,2"], "there is no setting 'colour' that can be varied"),
        (["--vary", "n_embd=4,wide"], "n_embd must be a whole number, not 'wide'"),
        (["--vary", "n_embd"], "gives no values. Write n_embd=VALUE,VALUE"),
        (["--vary", "learning_rate=0.01,1e-2"], "has the value 1e-2 twice"),
        (["--vary", "seed=1,2"], "--seeds N trains with N of them"),
        (["--vary", "steps=1,2", "--steps", "3"], "also given as an option of its own"),
        (["--vary", "n_embd=4,6", "--vary", "n_head=2,4"], "n_embd=6 n_head=4: "),
        (["--vary", "tokenizer=char,nosuch"], "nosuch"),
        (["--resume", "1", "--seeds", "2"], "leave out FILE, --vary, --seeds"),
        (["--seeds", "1000", "--vary", "steps=1,2,3,4,5,6,7,8,9,10,11"], "at most 10,000"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    play: Play, home: Path, said: list[str], told: str
) -> None:
    done = play("sweep", "--no-plugins", *said)
    assert done.code == 2 and told in done.err, done.err
    assert not (home / "data" / "runs.sqlite").exists()


def test_a_sweep_that_is_not_there_is_named(play: Play, words: Path) -> None:
    assert command("sweep", words, *GRID, "--max-minutes", "0.0001").code == 0
    done = play("sweep", "--resume", "7")
    assert done.code == 1 and "No sweep has the number 7. The last sweeps are 1." in done.err


def test_a_sweep_does_not_go_on_with_another_text(words: Path, play: Play) -> None:
    assert command("sweep", words, *GRID, "--max-minutes", "0.0001").code == 0
    words.write_text("other\ntexts\n", encoding="utf-8")
    done = play("sweep", "--resume", "1")
    assert done.code == 1 and "was changed, moved or deleted" in done.err
