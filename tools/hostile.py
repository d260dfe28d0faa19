"""Tries every plugin of tests/hostile/endings.py with a command; prints the outcomes.

The commands are `train`, `sample` and, for lessons and writers, `plugins check`.

    python tools/hostile.py [NAME ...]

The exit code is 1 if a command did not answer, had a wrong exit code, did not name the plugin, or
left a process behind.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.hostile.commands import wrong
from tests.hostile.endings import ENDINGS


def main() -> int:
    """Try the plugins that the command line names, or all."""
    names = sys.argv[1:] or list(ENDINGS)
    bad = 0
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(3) as pool:

        def tried(name: str) -> str:
            folder = Path(place) / name
            folder.mkdir()
            return wrong(name, ENDINGS[name], folder)

        for name, text in zip(names, pool.map(tried, names), strict=True):
            bad += bool(text)
            print(f"{name:<20} {text or ENDINGS[name].said or 'all of its work'}", flush=True)
    print(f"{len(names)} plugins, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
