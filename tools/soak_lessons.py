"""Take every lesson of the tour in a real terminal, with keys alone, wrong answers in between.

    python tools/soak_lessons.py [LESSON...] [--size 80x24] [--data FILE | --made-up NAME]
                                 [--seed N] [--screens FOLDER]

The learner is that of tests/e2e. It answers each question wrongly, and then rightly; what it does
for a task is in tests/hooks/lessons/keys*.py, and the right answers are those of the lesson's own
test, computed in a twin of the run. The exit code is 1 if a lesson was not gone through. --screens:
each step as it was first seen, and each verdict, are written there.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playground.hooks.manager import load  # noqa: E402
from playground.hooks.sources import PluginSources  # noqa: E402
from tests.e2e.learner import Learner  # noqa: E402
from tests.e2e.terminal import Terminal  # noqa: E402
from tests.hooks.lessons.conftest import TEXTS  # noqa: E402
from tests.hooks.lessons.twin import KEYS, Twin  # noqa: E402


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("lessons", nargs="*", metavar="LESSON", help="these lessons alone")
    words.add_argument("--size", default="80x24", help="columns and rows of the terminal")
    words.add_argument("--data", type=Path, help="a text file of one's own")
    words.add_argument("--made-up", choices=TEXTS, help="a text that the tests make up")
    words.add_argument("--seed", type=int, help="the seed of the runs")
    words.add_argument("--screens", type=Path, help="where to write what is seen")
    asked = words.parse_args()
    failed = 0
    for lesson in asked.lessons or KEYS:
        failed += not take(lesson, asked)
    return 1 if failed else 0


def take(lesson: str, asked: argparse.Namespace) -> bool:
    """Take one lesson, and tell what came of it."""
    began = time.monotonic()
    size = tuple(map(int, asked.size.split("x")))
    folder = Path(tempfile.mkdtemp())
    os.environ["MICROGPT_PLAY_HOME"] = str(folder / "twin")
    options: list[str] = []
    settings: dict[str, Any] = {}
    if asked.made_up is not None:
        asked.data = folder / "text.txt"
        asked.data.write_text(TEXTS[asked.made_up], encoding="utf-8")
    if asked.data is not None:
        path = str(asked.data.resolve())
        options += ["--data", path]
        settings["dataset"] = {"name": "text-file", "options": {"path": path}}
    if asked.seed is not None:
        options += ["--seed", str(asked.seed)]
        settings["seed"] = asked.seed
    env = {
        "MICROGPT_PLAY_HOME": str(folder / "home"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "PATH": os.environ["PATH"],
    }
    command = [str(Path(sys.executable).parent / "microgpt-play"), "tour", lesson, *options]
    terminal = Terminal(command, size=(size[0], size[1]), folder=folder, env=env)
    learner = None
    try:
        twin = Twin(load(PluginSources(entry_points=False)), lesson, **settings)
        learner = Learner(terminal, twin)
        learner.go_through()
    except Exception as error:
        print(f"{lesson} at {asked.size}: NOT gone through: {error!r:.300}\n{error}", flush=True)
        return False
    finally:
        terminal.close()
        if asked.screens is not None and learner is not None:
            asked.screens.mkdir(parents=True, exist_ok=True)
            for name, screen in learner.screens.items():
                path = asked.screens / f"{lesson}-{asked.size}-{name}.txt"
                path.write_text(screen, encoding="utf-8")
    print(
        f"{lesson} at {asked.size}: {twin.length} steps, {learner.questions} questions, "
        f"{learner.wrong} wrong answers refused, {learner.right} right ones judged right at once, "
        f"{time.monotonic() - began:.0f} s",
        flush=True,
    )
    return True


if __name__ == "__main__":
    sys.exit(main())
