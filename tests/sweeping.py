"""Sweeps in processes of their own, which are watched and killed, with or without Dask."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from playground.lab.store.store import Store
from playground.lab.store.sweeps import SweptRun, runs_of

COMMAND = str(Path(sys.executable).parent / "microgpt-play")
DEADLINE = 90.0
RUNS = 8
GRID = (
    *("--vary", "learning_rate=0.003,0.03", "--vary", "n_embd=4,8", "--seeds", "2"),
    *("--n-head", "2", "--block-size", "4", "--steps", "6", "--eval-every", "3", "--no-plugins"),
)
"""RUNS runs of a few milliseconds."""
_DONE = re.compile(r"sweep \d+: (\d+) of \d+ runs")
OURS = "microgpt-sweep-"
"""How the names of temporary folders begin."""


def until(true: Callable[[], object], what: str, pause: float = 0.01) -> None:
    """Wait for something to become true, looking again after so many seconds."""
    end = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(pause)


class Process(NamedTuple):
    """One line of ps."""

    pid: int
    parent: int
    words: str


def group(number: int) -> list[Process]:
    """The processes of a group that are no zombies, whoever their parents are by now."""
    found = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,pgid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(None, 4) for line in found.stdout.splitlines()]
    return [
        Process(int(pid), int(parent), words)
        for pid, parent, in_group, state, words in rows
        if in_group == str(number) and not state.startswith("Z")
    ]


class Sweeping:
    """A command at work, in a group of processes of its own, with temporary files of its own."""

    def __init__(self, folder: Path, *words: object, **env: str) -> None:
        """folder: for what the command says, and for its temporary files."""
        folder.mkdir(exist_ok=True, parents=True)
        self.temporary = folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [COMMAND, "sweep", *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                env={**os.environ, "TMPDIR": str(self.temporary), **env},
            )

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """What it has said on standard error so far."""
        return self._err.read_text()

    @property
    def reported(self) -> int:
        """How many runs it has said to be recorded."""
        return max((int(found) for found in _DONE.findall(self.err)), default=0)

    def workers(self) -> list[int]:
        """Its worker processes; the process that tracks resources is none."""
        return [one.pid for one in group(self.process.pid) if "spawn_main" in one.words]

    def at_work(self) -> bool:
        """True if a worker trains: its folder has a store."""
        return any(self.temporary.glob(f"**/{OURS}*/runs.sqlite"))

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the command alone."""
        os.kill(self.process.pid, number)

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(DEADLINE)

    def wait_until_all_gone(self) -> None:
        """Wait until no process of the group is left."""
        try:
            until(lambda: not group(self.process.pid), "no process is left", 0.1)
        except AssertionError:
            self.end()
            raise

    def pasted(self) -> list[str]:
        """The words after `sweep` of the command that it printed last."""
        program, sweep, *words = shlex.split(self.err.rpartition("Go on from there: ")[2])
        assert Path(program).name == "microgpt-play" and sweep == "sweep"
        return words

    def end(self) -> None:
        """Kill what is left of it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(DEADLINE)


def recorded(home: Path, sweep: int = 1) -> list[SweptRun]:
    """The runs that a sweep has in the store."""
    path = home / "data" / "runs.sqlite"
    if not path.exists():
        return []
    with Store.open(path, create=False) as store:
        return runs_of(store, sweep)


def run_count(home: Path) -> int:
    """How many runs the store has, of whatever kind."""
    with Store.open(home / "data" / "runs.sqlite", create=False) as store:
        return len(store.runs())


# ---------------------------------------------------------------- a Dask cluster


def free_port() -> int:
    """A port of the loopback that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class DaskCluster:
    """`dask scheduler` and `dask worker` in processes of their own, on the loopback."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True, parents=True)
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def begin(self, workers: int = 2, threads: int = 1, *, nanny: bool = True) -> None:
        """Start a scheduler and its workers, and wait until they listen."""
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port)
        until(lambda: self._listens(int(port)), "the scheduler listens")
        for _ in range(workers):
            self.add_worker(threads, nanny=nanny)

    def add_worker(self, threads: int = 1, *, nanny: bool = True) -> subprocess.Popen[bytes]:
        """Start one more worker process. nanny: with a process that starts it again when lost."""
        words = ("--nthreads", str(threads), "--nanny" if nanny else "--no-nanny")
        worker = self._start("worker", self.address, "--host", "127.0.0.1", *words)
        self.workers.append(worker)
        return worker

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--no-dashboard"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "TMPDIR": str(self.temporary)},
            )

    @staticmethod
    def _listens(port: int) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    def worker_pids(self) -> list[int]:
        """The processes that train: below a nanny, or the worker itself."""
        found = []
        for worker in self.workers:
            there = group(worker.pid)
            found += [one.pid for one in there if "spawn_main" in one.words] or [
                one.pid for one in there if one.pid == worker.pid and "--no-nanny" in one.words
            ]
        return found

    def at_work(self) -> bool:
        """True if a worker trains: its folder has a store."""
        return any(self.temporary.glob(f"**/{OURS}*/runs.sqlite"))

    def left(self) -> list[Process]:
        """The processes of the cluster that are still there."""
        started = [*self.workers, *([self.scheduler] if self.scheduler else [])]
        return [one for process in started for one in group(process.pid)]

    def end(self, number: int = signal.SIGKILL) -> None:
        """End scheduler and workers, and wait for it."""
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            process.wait(DEADLINE)
        until(lambda: not self.left(), "the cluster ends", 0.1)
        self.workers, self.scheduler = [], None


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int = 2, threads: int = 1) -> Iterator[DaskCluster]:
    """A cluster, which ends with the context."""
    cluster = DaskCluster(folder)
    try:
        cluster.begin(workers, threads)
        yield cluster
    finally:
        cluster.end()


def folders_left(places: Sequence[Path]) -> list[Path]:
    """Our temporary folders that are still in these places."""
    return [found for place in places for found in place.glob(f"**/{OURS}*")]
