"""Take every lesson of the tour in a real terminal, with keys alone, wrong answers in between.

    python tools/soak_lessons.py [LESSON...] [--size 80x24] [--data FILE] [--seed N]
                                 [--screens FOLDER]

The learner is that of tests/e2e. It answers each question wrongly as often as it can, and
then rightly; what it does for a task is in tests/hooks/lessons/keys.py. The exit code is 1 if a
lesson was not gone through. --screens: each step as it was first seen is written there.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.learner import Learner  # noqa: E402
from tests.e2e.terminal import Terminal  # noqa: E402
from tests.hooks.lessons import keys, keys_6_10  # noqa: E402

KEYS = {**keys.KEYS, **keys_6_10.KEYS}


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("lessons", nargs="*", help="these lessons alone")
    words.add_argument("--size", default="80x24", help="columns and rows of the terminal")
    words.add_argument("--data", help="a text file of one's own")
    words.add_argument("--seed", help="the seed of the runs")
    words.add_argument("--screens", type=Path, help="where to write what is seen")
    asked = words.parse_args()
    columns, rows = map(int, asked.size.split("x"))
    options = [
        word
        for name, value in (("--data", asked.data), ("--seed", asked.seed))
        if value
        for word in (name, value)
    ]
    failed = 0
    for lesson in asked.lessons or KEYS:
        failed += not take(lesson, (columns, rows), options, asked.screens)
    return 1 if failed else 0


def take(lesson: str, size: tuple[int, int], options: list[str], screens: Path | None) -> bool:
    """Take one lesson, and tell what came of it."""
    folder = Path(tempfile.mkdtemp())
    command = [str(Path(sys.executable).parent / "microgpt-play"), "tour", lesson, *options]
    env = {
        "MICROGPT_PLAY_HOME": str(folder / "home"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "PATH": os.environ["PATH"],
    }
    terminal = Terminal(command, size=size, folder=folder, env=env)
    learner, began = Learner(terminal, KEYS[lesson]), time.monotonic()
    try:
        learner.go_through()
    except (AssertionError, KeyError) as error:
        print(f"{lesson}: NOT gone through: {error!s:.5000}", flush=True)
        return False
    finally:
        terminal.close()
        if screens is not None:
            screens.mkdir(parents=True, exist_ok=True)
            for number, screen in enumerate(learner.screens):
                path = screens / f"{lesson}-{size[0]}x{size[1]}-{number:02}.txt"
                path.write_text(screen, encoding="utf-8")
    print(
        f"{lesson} at {size[0]}x{size[1]}: {len(learner.screens)} steps, "
        f"{len(set(learner.right))} questions right in the end, "
        f"{len(learner.wrong)} wrong answers, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return True


if __name__ == "__main__":
    sys.exit(main())
