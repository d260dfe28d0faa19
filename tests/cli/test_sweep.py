"""`microgpt-play sweep`: grids trained by processes that are killed, and go on."""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest

from playground.lab.sweep import cluster
from tests.cli.conftest import WORDS, Done, Play, command
from tests.sweeping import GRID, RUNS, Sweeping, folders_left, recorded, run_count, until

LONG = ("--vary", "learning_rate=0.003,0.03", "--steps", "1000000", "--no-plugins")

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def lines(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The table of an undisturbed sweep."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = folder / "words.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    done = command("sweep", path, *GRID, MICROGPT_PLAY_HOME=str(folder / "home"))
    assert done.code == 0, done.err
    return done.out


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
def test_a_killed_worker_costs_no_run(words: Path, home: Path, wanted: str, tmp_path: Path) -> None:
    busy = Sweeping(tmp_path / "busy", words, *GRID, "--jobs", "2")
    until(busy.at_work, "a worker is at work")
    os.kill(busy.workers()[-1], signal.SIGKILL)
    assert (busy.wait(), busy.out) == (0, wanted), busy.err
    assert "A worker was lost; the runs at work are done again." in busy.err
    assert busy.reported == len(recorded(home)) == run_count(home) == RUNS
    busy.wait_until_all_gone()
    assert not folders_left([busy.temporary])


@posix
@pytest.mark.parametrize("moment", ["a worker is at work", "a run was just reported"])
def test_a_killed_coordinator_loses_no_run_that_it_reported_and_takes_its_workers_along(
    words: Path, home: Path, wanted: str, tmp_path: Path, moment: str
) -> None:
    busy = Sweeping(tmp_path / "busy", words, *GRID, "--jobs", "2")
    if moment == "a worker is at work":
        until(busy.at_work, moment)
    else:
        until(lambda: busy.reported >= 3, moment)
    theirs = busy.workers()
    assert len(theirs) == 2
    busy.kill()
    busy.wait()
    busy.wait_until_all_gone()
    kept = recorded(home)
    assert RUNS > len(kept) >= busy.reported
    done = command("sweep", "--resume", "1", "--jobs", "2")
    assert f"{len(kept)} of them done" in done.err
    assert (done.code, done.out) == (0, wanted)
    assert [run for run in recorded(home) if run in kept] == kept, "what was there stays as it was"
    assert len(recorded(home)) == run_count(home) == RUNS
    again = command("sweep", "--resume", "1")
    assert (again.code, again.out) == (0, wanted), "resuming what is done does nothing"


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_keep_what_is_done_and_print_the_command_that_does_the_rest(
    words: Path, home: Path, wanted: str, tmp_path: Path, number: int
) -> None:
    busy = Sweeping(tmp_path / "busy", words, *GRID, "--jobs", "2")
    until(lambda: busy.reported >= 2, "some runs are recorded")
    if number == signal.SIGINT:
        os.killpg(busy.process.pid, number)  # as the terminal does, to the workers too
    else:
        busy.kill(number)
    assert busy.wait() == 128 + number and "Traceback" not in busy.err, busy.err
    kept = len(recorded(home))
    assert f"Interrupted. {kept} of {RUNS} runs are recorded." in busy.err
    busy.wait_until_all_gone()
    assert not folders_left([busy.temporary])
    assert busy.pasted() == ["--resume", "1", "--jobs", "2"]
    done = command("sweep", *busy.pasted())
    assert (done.code, done.out) == (0, wanted)


@posix
def test_of_two_processes_that_resume_a_sweep_one_is_told_that_the_other_is_at_work(
    words: Path, home: Path, play: Play, tmp_path: Path
) -> None:
    busy = Sweeping(tmp_path / "busy", words, *LONG, "--jobs", "1")
    try:
        until(busy.at_work, "it is at work")
        told = play("sweep", "--resume", "1", "--max-minutes", "0.001")
        assert told.code == 1 and "Another process trains sweep 1." in told.err
        assert not recorded(home)
    finally:
        busy.end()


def test_a_run_that_diverges_counts_as_failed_and_the_others_are_compared(
    words: Path, play: Play
) -> None:
    grid = (*GRID[2:], "--vary", "learning_rate=0.003,0.03,1e12", "--jobs", "1")
    done = play("sweep", words, *grid)
    assert done.code == 0, done.err
    assert "learning_rate=1e12 seed=42: Training diverged at step 2." in done.err
    table = [line.split() for line in done.out.splitlines()[:7]]
    assert table[0] == ["n_embd", "learning_rate", "loss", "sd", "seeds", "failed"]
    assert [line[-2:] for line in table[1:]] == 4 * [["2", "0"]] + 2 * [["0", "2"]]
    found = lines(play("sweep", "--resume", "1", "--json"))
    early = [line["step"] for line in found if line["step"] != line["steps"]]
    assert len(early) == 4 and len(found) == 12


def test_without_the_extra_dask_says_how_to_add_it_and_nothing_begins(
    words: Path, play: Play, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "MODULE", "distributed_that_is_not_there")
    done = play("sweep", words, *GRID, "--dask", "local")
    assert done.code == 2
    assert "it needs distributed_that_is_not_there, which is not installed; to add it: " in done.err
    assert "-m pip install 'microgpt-play[dask]'" in done.err
    assert not (home / "data" / "runs.sqlite").exists()


@pytest.mark.parametrize(
    "address", ["", "here", "localhost:8786", "http://a:1", "tcp://a", "tcp://a:0", "tcp://a b:1"]
)
def test_what_is_no_address_of_a_scheduler_is_refused(
    words: Path, play: Play, home: Path, address: str
) -> None:
    done = play("sweep", words, *GRID, "--dask", address)
    assert done.code == 2
    assert f"'{address}' is no address of a scheduler. Write tcp://HOST:PORT" in done.err
    assert not (home / "data" / "runs.sqlite").exists()


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
