"""Random walks through recorded runs, at length: the state at a step is always the same bytes.

    python tools/soak_walks.py [WALKS] [ENGINE ...]

The walks are on each engine installed, or on those named; 200 walks of 30 moves each by default.
Prints the moves of a walk that ended elsewhere than the straight way.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from playground.hooks.manager import load

sys.path.insert(0, str(Path(__file__).parents[1]))

MOVES = 30


def main(walks: int, wanted: list[str]) -> int:
    """Walk on each engine; returns the number of walks that went astray."""
    from tests.lab.conftest import WORDS, text_run
    from tests.lab.walks import Straight, Walk

    registry = load()
    installed = [name for name in ("vector", "scalar", "numpy", "numba") if _there(registry, name)]
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = folder / "words.txt"
        words.write_text("\n".join(WORDS) + "\n")
        small = {"n_embd": 4, "n_head": 2, "n_layer": 1, "block_size": 8}
        for engine in wanted or installed:
            spec = text_run(words, engine=engine, model=small, steps=120, eval_every=20)
            straight = Straight(spec, registry)
            did: Counter[str] = Counter()
            began = time.monotonic()
            for seed in range(walks):
                store = folder / f"{engine}{seed}.sqlite"
                walk = Walk(1000 + seed, spec, registry, store, straight, tuple(installed))
                try:
                    walk.go(MOVES)
                except Exception as error:
                    failed += 1
                    print(f"{engine}: {type(error).__name__}: {error}\n  {'; '.join(walk.told)}")
                did.update(one.partition(": ")[2] for one in walk.told if ": " in one)
            took = time.monotonic() - began
            moves = ", ".join(f"{count:,} {what}" for what, count in did.most_common())
            print(f"{engine}: {walks} walks in {took:.0f} s: {moves}", flush=True)
    print(f"{failed} walks went astray")
    return failed


def _there(registry: object, name: str) -> bool:
    try:
        registry.entry("engine", name)  # type: ignore[attr-defined]
    except Exception:
        return False
    return True


if __name__ == "__main__":
    words = sys.argv[1:]
    count = int(words.pop(0)) if words and words[0].isdigit() else 200
    sys.exit(min(1, main(count, words)))
