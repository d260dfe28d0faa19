"""`sweep --dask`: a real scheduler and real workers, which are killed, lack things, come late."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.sweeping import (
    COMMAND,
    GRID,
    RUNS,
    DaskCluster,
    Sweeping,
    dask_cluster,
    folders_left,
    free_port,
    group,
    recorded,
    run_count,
    until,
)

pytestmark = pytest.mark.skipif(
    find_spec("distributed") is None or sys.platform == "win32",
    reason="the extra dask is not installed: make gallery",
)
WORDS = "anna bob cleo dora emil fred gina hugo ines jana karl lena mara nora otto paul"
LONG = ("--vary", "learning_rate=0.003,0.03", "--steps", "1000000", "--no-plugins")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for each test."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two worker processes, each with two threads, for the tests that leave them alive."""
    with dask_cluster(tmp_path_factory.mktemp("cluster"), workers=2, threads=2) as made:
        yield made


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text(WORDS.replace(" ", "\n"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wanted(words: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The table of GRID, trained without Dask."""
    return sweep(words, *GRID, MICROGPT_PLAY_HOME=str(tmp_path_factory.mktemp("undisturbed")))


def sweep(*said: object, **env: str) -> str:
    """What the command prints; it has to succeed."""
    done = subprocess.run(
        [COMMAND, "sweep", *map(str, said)],
        capture_output=True, text=True, timeout=120, env={**os.environ, **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_27_losses_are_the_same_with_one_job_with_two_and_on_a_dask_cluster(
    cluster: DaskCluster, words: Path, home: Path
) -> None:
    grid = (
        *(words, "--vary", "learning_rate=0.003,0.01,0.03", "--vary", "n_embd=4,8,16"),
        *("--seeds", "3", "--steps", "30", "--block-size", "6", "--no-plugins", "--json"),
    )
    one = sweep(*grid, "--jobs", "1")
    losses = [json.loads(line)["held_out"] for line in one.splitlines()]
    assert len(set(losses)) == 27 and max(losses) < 4
    assert sweep(*grid, "--jobs", "2") == one
    assert sweep(*grid, "--dask", cluster.address) == one
    assert run_count(home) == 3 * 27


def test_a_cluster_for_trying_says_nothing_of_its_own_and_leaves_nothing(
    words: Path, wanted: str, tmp_path: Path
) -> None:
    local = Sweeping(tmp_path / "local", words, *GRID, "--dask", "local", "--jobs", "2")
    until(local.workers, "there are workers", 0.1)
    assert local.wait() == 0
    assert local.out == wanted
    said = local.err.splitlines()
    assert said[0].startswith(f"Sweep 1: 4 settings x 2 seeds, {RUNS} runs, 0 of them done; 2 wor")
    assert [line[:8] for line in said[1:]] == ["sweep 1:"] * RUNS, local.err
    local.wait_until_all_gone()
    assert not folders_left([local.temporary])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_make_the_cluster_give_its_runs_up(
    cluster: DaskCluster, words: Path, tmp_path: Path, number: int
) -> None:
    busy = Sweeping(tmp_path / "busy", words, *LONG, "--dask", cluster.address)
    until(cluster.at_work, "the workers are at work")
    os.killpg(busy.process.pid, number)
    assert busy.wait() == 128 + number
    assert "Traceback" not in busy.err
    assert "Interrupted. 0 of 6 runs are recorded." in busy.err
    assert busy.pasted() == ["--resume", "1", "--dask", cluster.address]
    until(lambda: not folders_left([cluster.temporary]), "no worker goes on with what nobody wants")


def test_a_lost_scheduler_ends_the_session_and_the_printed_command_does_the_rest(
    words: Path, home: Path, tmp_path: Path
) -> None:
    grid = (*GRID, "--steps", "300")
    with dask_cluster(tmp_path / "cluster") as cluster:
        busy = Sweeping(tmp_path / "busy", words, *grid, "--dask", cluster.address)
        until(lambda: busy.reported >= 2, "some runs are recorded")
        assert cluster.scheduler is not None
        cluster.scheduler.kill()
        assert busy.wait() == 1
        kept = recorded(home)
        assert busy.reported == len(kept) < RUNS
        assert (
            f"microgpt-play: The Dask scheduler is lost. The connection to {cluster.address}"
            in (busy.err)
        )
        assert f"{len(kept)} of {RUNS} runs are recorded." in busy.err
        cluster.end()
        cluster.begin()
        sweep(*busy.pasted())
        found = recorded(home)
        assert [run for run in found if run in kept] == kept, "what was recorded stays as it is"
        assert len(found) == run_count(home) == RUNS


def test_a_lost_worker_costs_no_run(words: Path, home: Path, tmp_path: Path) -> None:
    with dask_cluster(tmp_path / "cluster", workers=0) as cluster:
        grid = (*GRID, "--steps", "300")  # a run takes long enough to be seen at work
        busy = Sweeping(tmp_path / "busy", words, *grid, "--dask", cluster.address)
        until(lambda: "has no workers; the sweep waits for one" in busy.err, "it says what lacks")
        cluster.add_worker(nanny=False)
        until(cluster.at_work, "it is at work")
        cluster.workers[0].kill()
        until(lambda: "is gone; Dask does its run again." in busy.err, "it tells")
        cluster.add_worker(nanny=False)
        assert busy.wait() == 0, busy.err
        assert len(recorded(home)) == run_count(home) == RUNS


def test_a_run_that_costs_every_worker_is_left_out_and_named(tmp_path: Path) -> None:
    deadly = tmp_path / "deadly.py"
    deadly.write_text(
        "import os\nfrom playground.api import Contribution, hookimpl\n"
        "from playground.hooks.builtins.schedules import Linear\n"
        "class Deadly(Linear):\n    def factor(self, step, steps):\n        os._exit(9)\n"
        "@hookimpl\ndef microgpt_schedules():\n"
        "    yield Contribution(name='deadly', summary='ends its process', factory=Deadly)\n"
    )
    busy = Sweeping(
        tmp_path / "busy", "--vary", "schedule=linear,deadly", "--seeds", "1", "--steps", "3",
        "--plugin", deadly, "--dask", "local", "--jobs", "1",
    )  # fmt: skip
    assert busy.wait() == 1, busy.err
    assert "schedule=deadly seed=42: Its worker was lost. That happened 3 times" in busy.err
    assert "1 of 2 runs are recorded." in busy.err


def test_a_worker_that_lacks_the_text_ends_the_session_with_what_to_do(
    words: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(words.read_bytes())
    with dask_cluster(tmp_path / "cluster", workers=0) as cluster:
        busy = Sweeping(tmp_path / "busy", text, *GRID, "--dask", cluster.address)
        until(lambda: "sweep waits" in busy.err, "it waits for a worker")
        text.rename(tmp_path / "elsewhere.txt")
        cluster.add_worker(nanny=False)
        assert busy.wait() == 1
        assert f"A worker lacks the text. {text} is not there on the machine of the wor" in busy.err
        assert "under the same path, on every machine." in busy.err
        assert f"0 of {RUNS} runs are recorded." in busy.err


def test_a_worker_without_the_playground_ends_the_session_with_what_to_do(
    words: Path, tmp_path: Path
) -> None:
    with dask_cluster(tmp_path / "cluster", workers=0) as cluster:
        busy = Sweeping(tmp_path / "busy", words, *GRID, "--dask", cluster.address)
        until(lambda: "sweep waits" in busy.err, "it waits for a worker")
        bare = (
            "import sys; sys.modules['playground'] = None; sys.argv[0] = 'dask-worker';"
            "from distributed.cli.dask_worker import main; main()"
        )
        worker = subprocess.Popen(
            [sys.executable, "-c", bare, cluster.address, "--no-nanny", "--no-dashboard"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(cluster.temporary)},
        )  # fmt: skip
        try:
            assert busy.wait() == 1
        finally:
            worker.kill()
            worker.wait()
        assert "A worker cannot read the work. It says " in busy.err
        assert "playground" in busy.err and "in the Python of every worker" in busy.err


def test_where_no_scheduler_answers_nothing_begins(words: Path, home: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [COMMAND, "sweep", str(words), *GRID, "--dask", address], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"No Dask scheduler answers. There is none at {address}" in done.stderr
    assert not (home / "data" / "runs.sqlite").exists()


def test_a_killed_coordinator_frees_the_workers_and_is_resumed(
    cluster: DaskCluster, words: Path, home: Path, wanted: str, tmp_path: Path
) -> None:
    busy = Sweeping(tmp_path / "busy", words, *GRID, "--dask", cluster.address)
    until(lambda: busy.reported >= 2, "some runs are recorded")
    busy.kill()
    busy.wait()
    kept = recorded(home)
    assert len(kept) >= busy.reported
    assert not group(busy.process.pid)
    assert sweep("--resume", "1", "--dask", cluster.address) == wanted
    assert [run for run in recorded(home) if run in kept] == kept
    assert run_count(home) == RUNS
