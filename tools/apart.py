"""How long two runs give the same losses: python tools/apart.py ONE.jsonl OTHER.jsonl

Each file holds what `microgpt-play train --json` or `python -m microgpt --json` printed. For each
tolerance the script prints the first step whose two losses differ by more, relative to the first
file's loss; then the largest difference there is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

TOLERANCES = (1e-15, 1e-14, 1e-12, 1e-9, 1e-6, 1e-3, 1e-2, 1e-1)


def losses_of(lines: Iterable[str]) -> dict[int, float]:
    """The loss of each step, by the lines of `--json`."""
    found = (json.loads(line) for line in lines)
    return {one["step"]: one["loss"] for one in found if "loss" in one}


def differences(one: dict[int, float], other: dict[int, float]) -> dict[int, float]:
    """The relative difference of the two losses of each step that both have."""
    return {step: abs(one[step] - other[step]) / one[step] for step in sorted(one) if step in other}


def report(apart: dict[int, float]) -> str:
    """The table that is printed."""
    lines = [f"{len(apart):,} steps"]
    for tolerance in TOLERANCES:
        step = next((at for at, value in apart.items() if value > tolerance), None)
        lines.append(f"more than {tolerance:<6g} {'never' if step is None else f'step {step:,}'}")
    worst = max(apart, key=apart.__getitem__)
    lines.append(f"most: {apart[worst]:.2g} at step {worst:,}")
    return "\n".join(lines)


def main() -> int:
    """Compare two files; returns the exit code, 1 if they have no step in common."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs=2, type=Path, metavar="FILE.jsonl")
    one, other = (
        losses_of(path.read_text(encoding="utf-8").splitlines())
        for path in parser.parse_args().files
    )
    apart = differences(one, other)
    if not apart:
        print("The two files have no step in common.", file=sys.stderr)
        return 1
    print(report(apart))
    return 0


if __name__ == "__main__":
    sys.exit(main())
