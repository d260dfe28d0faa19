"""kill -9 in sweeps at random moments, at length: of a worker, the coordinator, the scheduler.

    python tools/soak_sweeps.py [--kills N] [--seed S] [KIND ...]

KIND is worker or coordinator, of a sweep on local processes; dask-worker, dask-scheduler or
dask-coordinator, of a sweep on a Dask cluster of two worker processes; by default all, each with 20
kills. After each kill the sweep goes on, or is resumed by the command that it printed. The tool
checks that no run is recorded twice, that every run that was reported is there and stays as it was,
that the table is that of an undisturbed sweep byte for byte, and that no process and no temporary
folder is left but what docs/sweeps.md names. The Dask kinds need the extra `dask`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.cli.conftest import WORDS
from tests.sweeping import (
    GRID,
    RUNS,
    DaskCluster,
    Sweeping,
    folders_left,
    group,
    recorded,
    run_count,
    until,
)

STEPS = ("--steps", "200")
"""Makes a run some tenths of a second, so that most kills hit a run at work."""
KINDS = ("worker", "coordinator", "dask-worker", "dask-scheduler", "dask-coordinator")


class Soak:
    """Kills of one kind, with a text, and the table of an undisturbed sweep."""

    def __init__(self, folder: Path, kind: str, dice: random.Random) -> None:
        self.folder, self.kind, self.dice = folder, kind, dice
        self.words = folder / "words.txt"
        self.words.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
        self.seen: Counter[str] = Counter()
        """How often a kill hit what, for the report."""
        began = time.monotonic()
        self.wanted = self.sweep(folder / "undisturbed", self.words, *GRID, *STEPS, "--jobs", "2")
        self.took = time.monotonic() - began

    def sweep(self, home: Path, *words: object) -> str:
        """The table of a sweep that has to be done without a complaint."""
        done = Sweeping(home, *words, MICROGPT_PLAY_HOME=str(home))
        assert done.wait() == 0, done.err
        done.wait_until_all_gone()
        assert not folders_left([done.temporary]), folders_left([done.temporary])
        return done.out

    def kill(self, number: int) -> None:
        """One sweep, one kill, and what comes after it."""
        home = self.folder / f"{self.kind}-{number}"
        dask = DaskCluster(home / "cluster") if self.kind.startswith("dask") else None
        more = ("--dask", dask.address) if dask is not None else ("--jobs", "2")
        busy: Sweeping | None = None
        try:
            if dask is not None:
                dask.begin()
            words = (self.words, *GRID, *STEPS, *more)
            busy = Sweeping(home, *words, MICROGPT_PLAY_HOME=str(home))
            self._wait(busy)
            {
                "worker": self._worker,
                "coordinator": self._coordinator,
                "dask-worker": self._worker,
                "dask-scheduler": self._scheduler,
                "dask-coordinator": self._coordinator,
            }[self.kind](home, busy, dask)
            found = recorded(home)
            assert len(found) == run_count(home) == RUNS, (len(found), run_count(home))
            assert not group(busy.process.pid), group(busy.process.pid)
            if dask is not None:
                until(lambda: not folders_left([dask.temporary]), "the workers keep nothing")
        finally:
            if busy is not None:
                busy.end()
            if dask is not None:
                dask.end()

    def _wait(self, busy: Sweeping) -> None:
        """Until a random number of runs is reported, and then a random while."""
        runs = self.dice.randrange(RUNS - 1)
        until(lambda: busy.reported >= runs or busy.process.poll() is not None, "runs are reported")
        if not runs:
            until(lambda: "0 of them done" in busy.err, "it begins")
        time.sleep(self.dice.uniform(0, self.took / RUNS))

    def _worker(self, _home: Path, busy: Sweeping, dask: DaskCluster | None) -> None:
        there: list[int] = []
        pids = dask.worker_pids if dask is not None else busy.workers
        until(lambda: there.extend(pids()) or there or busy.process.poll() is not None, "workers")
        at_work = dask.at_work() if dask is not None else busy.at_work()
        self.seen["at work" if at_work else "between runs"] += 1
        if there:
            os.kill(self.dice.choice(there), signal.SIGKILL)
        assert busy.wait() == 0, busy.err
        assert busy.out == self.wanted, busy.err
        assert busy.reported == RUNS
        busy.wait_until_all_gone()
        assert not folders_left([busy.temporary]), folders_left([busy.temporary])

    def _coordinator(self, home: Path, busy: Sweeping, dask: DaskCluster | None) -> None:
        at_work = dask.at_work() if dask is not None else busy.at_work()
        self.seen["at work" if at_work else "between runs"] += 1
        busy.kill()
        busy.wait()
        busy.wait_until_all_gone()
        for left in folders_left([busy.temporary]):
            assert left.parent == busy.temporary, "the page tells of these alone"
            self.seen["folders left"] += 1
        self._resume(home, busy, "--resume", "1", *self._again(dask))

    def _scheduler(self, home: Path, busy: Sweeping, dask: DaskCluster | None) -> None:
        assert dask is not None and dask.scheduler is not None
        self.seen["at work" if dask.at_work() else "between runs"] += 1
        dask.scheduler.kill()
        code = busy.wait()
        busy.wait_until_all_gone()
        assert not folders_left([busy.temporary]), folders_left([busy.temporary])
        if code == 0:  # it was done already
            self.seen["already done"] += 1
            assert busy.out == self.wanted
            return
        assert "The Dask scheduler is lost." in busy.err and "Traceback" not in busy.err, busy.err
        assert code == 1, (code, busy.err)
        dask.end()
        assert not folders_left([busy.temporary])
        dask.begin()
        self._resume(home, busy, *busy.pasted())

    @staticmethod
    def _again(dask: DaskCluster | None) -> tuple[str, str]:
        return ("--dask", dask.address) if dask is not None else ("--jobs", "2")

    def _resume(self, home: Path, busy: Sweeping, *words: str) -> None:
        kept = recorded(home)
        assert len(kept) >= busy.reported, "nothing is lost that was reported"
        self.seen["lost with the session"] += RUNS - len(kept)
        again = Sweeping(home / "again", *words, MICROGPT_PLAY_HOME=str(home))
        assert again.wait() == 0, again.err
        assert f"{len(kept)} of them done" in again.err, again.err
        assert again.out == self.wanted
        again.wait_until_all_gone()
        assert not folders_left([again.temporary]), folders_left([again.temporary])
        assert [run for run in recorded(home) if run in kept] == kept, "and stays as it was"


def main(kills: int, seed: int, kinds: list[str]) -> None:
    """Run all kills and print a line a kind. Raises AssertionError if a check fails."""

    def say(text: str) -> None:
        print(text, flush=True)

    say(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for kind in kinds:
        with tempfile.TemporaryDirectory() as name:
            soak = Soak(Path(name), kind, random.Random(f"{kind} {seed}"))
            began = time.monotonic()
            for number in range(kills):
                try:
                    soak.kill(number)
                except AssertionError:
                    say(f"{kind}: kill {number} of seed {seed} failed")
                    raise
            took = time.monotonic() - began
        seen = ", ".join(f"{count} {what}" for what, count in sorted(soak.seen.items()))
        say(f"{kind}: {kills} kills in {took:.0f} s, every table as undisturbed; {seen}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    given = parser.parse_args()
    unknown = set(given.kinds) - set(KINDS)
    if unknown:
        parser.error(f"there is no kind {', '.join(sorted(unknown))}")
    main(given.kills, given.seed, given.kinds or list(KINDS))
