"""A monkey at the keys, at length: whatever is pressed, however fast, no traceback ends the screen.

    python tools/soak_keys.py [SEEDS] [KEYS]

With each of SEEDS seeds (40 by default), the monkey presses KEYS keys (200 by default) on the main
screen, in dialogs, in the runs and in a race, and leaves. Prints how each place fared, and the
traceback and the keys of each screen that ended otherwise.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def main(seeds: int, keys: int) -> int:
    """Torment each place with each seed; returns the number of screens that ended otherwise than by
    being left."""
    from tests.tui.monkey import PLACES, torment

    failed = 0
    for place in PLACES:
        outcomes: Counter[str] = Counter()
        began = time.monotonic()
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    asyncio.run(torment(seed, keys, place, Path(folder)))
                except Exception as error:
                    failed += 1
                    outcomes[f"{type(error).__name__}: {str(error)[:70]}"] += 1
                    traceback.print_exception(error, limit=-4)
                else:
                    outcomes["left in order"] += 1
        took = time.monotonic() - began
        told = "; ".join(f"{count} {what}" for what, count in outcomes.most_common())
        print(f"{place}: {seeds} seeds of {keys} keys in {took:.0f} s: {told}", flush=True)
    print(f"{failed} screens ended with a traceback")
    return failed


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(min(1, main(*(given + [40, 200][len(given) :]))))
