"""The screen under load, in a real pseudo-terminal: launch, keys, throughput.

All figures are measured from outside with one clock, except the key-to-handler time, which a
subclass of the app notes when the key arrives.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from terminal import PtyProgram

HERE = Path(__file__).resolve()
COMMAND = str(Path(sys.executable).parent / "microgpt-play")
_GALLERY = HERE.parents[1] / ".venv-gallery/bin/python"
WITH_GALLERY = str(_GALLERY) if _GALLERY.exists() else sys.executable
"""A Python that has the gallery's engines, if `make gallery` made one."""


@contextmanager
def program(*command: str, **extra: str) -> Iterator[PtyProgram]:
    with tempfile.TemporaryDirectory() as home:
        env = {
            **{k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "MICROGPT_PLAY_HOME": home,
            **extra,
        }
        shown = PtyProgram(list(command), env=env)
        try:
            yield shown
        finally:
            shown.close()


def launch(rounds: int = 7) -> dict[str, float]:
    """Seconds from the start of the command to the panels, and to the first step's loss when
    `s` is pressed as soon as there is a screen."""
    paint, step = [], []
    for _ in range(rounds):
        with program(COMMAND) as shown:
            paint.append(shown.wait(b"Sampling") - shown.started)
            shown.wait(b"step 0/")
            shown.press("s")
            step.append(shown.wait(b"step 1/") - shown.started)
            shown.press("q")
    return {
        "launch to first paint s": statistics.median(paint),
        "launch to first step s": statistics.median(step),
    }


def keys(engine: str = "vector", count: int = 200) -> dict[str, float]:
    """Milliseconds from a key to its handler and to the screen, while training flat out."""
    python = sys.executable if engine == "vector" else WITH_GALLERY
    words = ("--steps", "9000000", "--engine", engine)
    with tempfile.NamedTemporaryFile("w+") as log:
        with program(python, str(HERE), "watched", log.name, *words) as shown:
            shown.wait(b"step 0/", 60)
            shown.press("++ ")
            shown.wait(b"steps/s")
            sent, painted = [], []
            for index in range(count):
                mark = len(shown.output)
                # To the next matrix and back: a matrix is shown with its name.
                key, name = ("]", b"wpe") if index % 2 == 0 else ("[", b"wte")
                sent.append(shown.press(key))
                painted.append(shown.wait(name, 5, mark) - sent[-1])
            shown.press("q")
            shown.wait_end()
        handled = [float(line) for line in Path(log.name).read_text().split()]
    delays = [arrival - sending for sending, arrival in zip(sent, handled, strict=True)]
    label = "key to" if engine == "vector" else f"{engine}: key to"
    return {
        f"{label} handler ms p50": 1000 * statistics.median(delays),
        f"{label} handler ms p95": 1000 * statistics.quantiles(delays, n=20)[-1],
        f"{label} paint ms p50": 1000 * statistics.median(painted),
        f"{label} paint ms p95": 1000 * statistics.quantiles(painted, n=20)[-1],
    }


def throughput(steps: int = 3000, rounds: int = 3) -> dict[str, float]:
    """Steps a second with the screen against `train`, interleaved; the best of each."""
    ratios, alone, rates = [], [], []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, str(HERE), "alone", str(steps)],
            capture_output=True,
            text=True,
            check=True,
        )
        alone.append(float(done.stdout))
        with tempfile.NamedTemporaryFile("w+") as log:
            with program(
                sys.executable, str(HERE), "timed", log.name, "--steps", str(steps)
            ) as shown:
                shown.wait(b"step 0/")
                shown.press("++ ")
                shown.wait(b"finished", 120)
                shown.press("q")
                shown.wait_end()
            rates.append(float(Path(log.name).read_text()))
        ratios.append(rates[-1] / alone[-1])
    return {
        "steps a second without a screen": statistics.median(alone),
        "steps a second with the screen": statistics.median(rates),
        "with the screen / without": statistics.median(ratios),
    }


# ---------------------------------------------------------------- what runs inside


def watched(log: str, words: list[str]) -> None:
    """The playground, noting when each [ and ] reaches its handler."""
    import time

    from playground.cli.commands import cli
    from playground.tui.screens.main import MainScreen

    handle = MainScreen.action_matrix
    with Path(log).open("w") as stream:

        def noted(self: MainScreen, by: int) -> None:
            stream.write(f"{time.monotonic()}\n")
            handle(self, by)

        MainScreen.action_matrix = noted  # type: ignore[method-assign]
        cli.main(["play", *words], standalone_mode=False)


def timed(log: str, words: list[str]) -> None:
    """The playground, noting steps a second between the first tenth and the end."""
    import time

    from playground.cli.commands import cli
    from playground.tui.model import PlaygroundModel

    take = PlaygroundModel.take
    marks: list[tuple[float, int]] = []

    def noted(self: PlaygroundModel, frame: Any) -> bool:
        marks.append((time.monotonic(), frame.step))
        return take(self, frame)

    PlaygroundModel.take = noted  # type: ignore[method-assign]
    try:
        cli.main(["play", *words], standalone_mode=False)
    except SystemExit:
        pass
    finally:
        last = max(step for _, step in marks)
        started = next(mark for mark in marks if mark[1] >= last // 10)
        ended = next(mark for mark in marks if mark[1] == last)
        Path(log).write_text(str((ended[1] - started[1]) / (ended[0] - started[0])))


def alone(steps: int) -> None:
    """Steps a second of the same Session without a screen, between the same points."""
    import time

    from playground.hooks.manager import load
    from playground.lab.session import Session
    from playground.lab.spec import RunSpec

    session = Session.open(RunSpec(steps=steps), load())
    while session.step < steps // 10:
        session.advance()
    started, first = time.monotonic(), session.step
    while session.advance():
        pass
    print((session.step - first) / (time.monotonic() - started))


def main() -> dict[str, float]:
    """All figures by name."""
    figures = {**launch(), **keys()}
    if sys.executable != WITH_GALLERY:
        figures |= keys("numba")
    return {**figures, **throughput()}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["watched", log, *words]:
            watched(log, words)
        case ["timed", log, *words]:
            timed(log, words)
        case ["alone", steps]:
            alone(int(steps))
        case _:
            print(json.dumps(main(), indent=2))
