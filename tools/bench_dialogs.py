"""Dialogs, in a real pseudo-terminal: what opening one costs, and how fast its keys are.

`tools/bench_dialogs.py [COMMAND ...]` measures each command in turn, round by round, so that two
versions are compared in one run; by default the `microgpt-play` beside this Python.

The cost of opening is the processor time of the screen's process, all its threads, from the key
until the process rests again. Linux alone tells it from outside.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from pathlib import Path

from bench_screen import COMMAND, program
from terminal import PtyProgram

DIALOGS = {
    "h": "settings", "f": "fork", "?": "help", "c": "chain", "d": "data sets", "t": "tokenizers",
    "e": "engines", "m": "metrics", "x": "export", "\x13": "save", "\x10": "palette",
}  # fmt: skip
ROUNDS = 3
KEYS = 60
RESTS = 0.25
"""Seconds without work after which a process counts as resting."""
IDLE = 0.004
"""Seconds of processor time that a resting process may take in that time."""
TRAINING = ("--steps", "9000000")


def used(pid: int) -> float:
    """Seconds of processor time that the threads of a process have taken so far."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def rest(shown: PtyProgram, seconds: float = 20) -> float:
    """Wait until the process rests; returns its processor time by then."""
    deadline = time.monotonic() + seconds
    before = used(shown.pid)
    while time.monotonic() < deadline:
        shown.skip(RESTS)
        now = used(shown.pid)
        if now - before < IDLE:
            return now
        before = now
    raise TimeoutError("the process does not come to rest")


def cost(shown: PtyProgram, key: str) -> float:
    """Seconds of processor time for opening the dialog of this key, which stays open."""
    began = rest(shown)
    shown.press(key)
    return rest(shown) - began


def opening(command: str, key: str) -> tuple[float, float]:
    """(seconds for the first opening in a process, seconds for the second)"""
    with program(command) as shown:
        shown.wait(b"step 0/")
        shown.press("s")
        shown.wait(b"step 1/")
        cold = cost(shown, key)
        shown.press("\x1b")
        warm = cost(shown, key)
    return cold, warm


def typing(command: str, seed: int = 1) -> list[float]:
    """Seconds from a letter to its paint in the dialog for saving, while training flat out."""
    dice = random.Random(seed)
    typed, delays = "", []
    with program(command, *TRAINING) as shown:
        shown.wait(b"step 0/", 60)
        shown.press("++ ")
        shown.wait(b"steps/s")
        shown.press("\x13")
        shown.wait(b"Save", 10)
        shown.skip(0.5)
        for _ in range(KEYS):
            typed += dice.choice("bcdfghjklmnpqrstvwxz")
            mark, sent = len(shown.output), shown.press(typed[-1])
            delays.append(shown.wait(typed[-6:].encode(), 5, mark) - sent)
            shown.skip(dice.uniform(0.02, 0.12))
    return delays[6:]  # by then the letters stand nowhere else


def main(commands: list[str]) -> None:
    """Print a line for each dialog, and a column for each command."""
    for place, command in enumerate(commands, 1):
        print(f"{place}: {command}")
    print("\nprocessor time of opening, ms" + "".join(f"{n:>9} cold{n:>6} warm"
          for n in range(1, len(commands) + 1)))  # fmt: skip
    for key, name in DIALOGS.items():
        found = [[opening(command, key) for command in commands] for _ in range(ROUNDS)]
        line = f"  {name:<27}"
        for at in range(len(commands)):
            cold, warm = zip(*(one[at] for one in found), strict=True)
            line += f"{1000 * statistics.median(cold):14.0f}{1000 * statistics.median(warm):11.0f}"
        print(line, flush=True)
    print("\na letter in a dialog, to its paint, while training flat out, ms: p50 and p95")
    rounds = [[typing(command, seed) for command in commands] for seed in range(ROUNDS)]
    for place, found in enumerate(zip(*rounds, strict=True), 1):
        delays = [delay for one in found for delay in one]
        p95 = statistics.quantiles(delays, n=20)[-1]
        print(f"  {place}: {1000 * statistics.median(delays):6.1f} {1000 * p95:6.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or [COMMAND])
