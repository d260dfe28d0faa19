"""How much faster two worker processes train a sweep than one, and whether the losses agree.

    python tools/bench_sweep.py [STEPS]

Twelve runs of the default model on names with the vector engine. The promise: at least 1.7 times as
fast on two idle processors. The load that others make is printed, because it decides the figure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROMISE = 1.7


def sweep(jobs: int, steps: int) -> tuple[float, str]:
    """(seconds of wall clock, the lines of --json) with a store of its own."""
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "microgpt-play"), "sweep", "--no-plugins"),
                *("--vary", "learning_rate=0.003,0.01,0.03,0.1", "--seeds", "3", "--json"),
                *("--steps", str(steps), "--jobs", str(jobs)),
            ],
            env={**os.environ, "MICROGPT_PLAY_HOME": home},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return time.perf_counter() - began, done.stdout


def main() -> int:
    """Measure; returns 1 if the losses differ."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"{os.cpu_count()} processors, load before: {os.getloadavg()[0]:.1f}")
    (one, losses), (two, others) = sweep(1, steps), sweep(2, steps)
    print(f"12 runs of {steps:,} steps: {one:.1f} s with 1 job, {two:.1f} s with 2")
    print(f"{one / two:.2f} times as fast (promise, on idle processors: {PROMISE})")
    print("the same losses, bit for bit" if losses == others else "THE LOSSES DIFFER")
    return int(losses != others)


if __name__ == "__main__":
    sys.exit(main())
