"""The screen of the runs with 10,000 of them, in a real pseudo-terminal.

    python tools/bench_runs.py [--quick]

Figures are ms from a key to the bytes of the picture, in the program as it is: from `a` to the list
with its totals, the first time and later; from the cursor's move onto a run of 1,000,000 steps to
its chart and details; from a letter of a search to the list that is left.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from array import array
from pathlib import Path

from bench_screen import COMMAND, _program
from bench_store import many, new_run
from terminal import PtyProgram

from playground.lab.store.records import Batch
from playground.lab.store.store import Store

LIST_BUDGET, CHART_BUDGET = 500.0, 300.0
"""The promises, in ms."""


def filled(home: Path, count: int, long: int) -> int:
    """Make a store of `count` runs, a long run, and a short one that was touched after it; returns
    the number of the long run."""
    (home / "data").mkdir(parents=True)
    many(home, count)
    (home / "many.sqlite").rename(home / "data" / "runs.sqlite")
    with Store.open(home / "data" / "runs.sqlite") as store:
        run = store.create(new_run(steps=max(long, 1)), "")
        values = (2 + 1 / (1 + step / 1000) + step * 7 % 11 / 40 for step in range(long))
        losses = array("d", values)
        for first in range(0, long, 1000):  # as a recorder writes it
            part = losses[first : first + 1000]
            store.append(run, Batch(first + len(part), "paused", first, part, part, loss=2.0))
        store.append(store.create(new_run(), ""), Batch(0, "ready"))
    return run


def rest(program: PtyProgram, seconds: float) -> None:
    """Read the output for so many seconds, so that later output is the measured one."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        program.read(left)


def took(program: PtyProgram, key: str, seen: bytes) -> float:
    """Seconds from a key to the output `seen`; waits afterwards until the output rests."""
    mark = len(program.output)
    pressed = program.press(key)
    seconds = program.wait(seen, 20, mark) - pressed
    rest(program, 1)
    return seconds


def measured(home: Path, count: int, run: int, rounds: int) -> dict[str, float]:
    """All figures, from one playground after the other."""
    first, later, chart, search = [], [], [], []
    total = f"{count + 2:,} runs".encode()
    for _ in range(rounds):
        with _program(COMMAND, MICROGPT_PLAY_HOME=str(home)) as program:
            program.wait(b"step 0/", 60)
            rest(program, 1.5)  # the worker's start is measured elsewhere
            first.append(took(program, "a", total))
            for _ in range(2):
                program.press("\x1b")
                rest(program, 1)
                later.append(took(program, "a", total))
            chart.append(took(program, "\x1b[B", f"Run {run}".encode()))
            program.press("/")
            rest(program, 0.5)
            search.append(took(program, "9", b" of " + total))
    return {
        "a to the list ms, the first time": 1000 * statistics.median(first),
        "a to the list ms, later": 1000 * statistics.median(later),
        "cursor to a long run's chart ms": 1000 * statistics.median(chart),
        "letter to the list it leaves ms": 1000 * statistics.median(search),
    }


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    count, long = (1_000, 100_000) if quick else (10_000, 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run = filled(home, count, long)
        found = measured(home, count, run, 3 if quick else 7)
    found["budget: list ms"], found["budget: chart ms"] = LIST_BUDGET, CHART_BUDGET
    print(json.dumps({name: round(value, 1) for name, value in found.items()}, indent=2))


if __name__ == "__main__":
    main()
