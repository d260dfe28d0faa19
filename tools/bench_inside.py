"""The microscope in a real pseudo-terminal of 120x40, while the run trains flat out on the vector
engine: milliseconds from a key to its handler, view by view.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from bench_screen import program

HERE = Path(__file__).resolve()
MOVES = ("\x1b[C", "\x1b[D", "\x1b[B", "\x1b[A")
"""Right, left, down, up: each is handled by an action of its own in every view."""
SHOWS = {
    "1": b"wte[token]", "2": b"a cell is", "3": b"what comes next", "4": b"sum of all",
    "5": b"fire in this text", "6": b"statement", "7": b"one of", "8": b"gradient check",
}  # fmt: skip
"""By view: what it shows once its numbers are there."""
COUNT = 60
"""Keys of each view."""
WORDS = ("--steps", "9000000", "--engine", "vector")


def keys() -> dict[str, float]:
    """Milliseconds from a key to its handler while the run trains flat out, by view."""
    figures: dict[str, float] = {}
    everything: list[float] = []
    with tempfile.NamedTemporaryFile("w+") as log:
        sent: list[tuple[str, float]] = []
        with program(sys.executable, str(HERE), "watched", log.name, *WORDS) as shown:
            shown.wait(b"step 0/", 60)
            shown.press("++ ")
            shown.wait(b"steps/s")
            shown.press("i")
            shown.wait(b"look inside")
            for view in "12345678":
                shown.press(view)
                shown.wait(SHOWS[view])  # a key that comes before is heard after it
                shown.skip(0.5)
                for index in range(COUNT):
                    sent.append((view, shown.press(MOVES[index % len(MOVES)])))
                    shown.skip(0.09 + index % 7 / 100)
            shown.press("q")
            shown.skip(1.0)
            shown.press("q")
            shown.wait_end()
        handled = [line.split() for line in Path(log.name).read_text().splitlines()]
    for view in "12345678":
        came = [float(at) for of, at in handled if of == view]
        went = [at for of, at in sent if of == view]  # the last ones may be forgotten
        delays = [1000 * (there - at) for at, there in zip(went, came, strict=False)]
        everything += delays
        figures[f"view {view}: key to handler ms p95"] = statistics.quantiles(delays, n=20)[-1]
    figures["all views: key to handler ms p50"] = statistics.median(everything)
    figures["all views: key to handler ms p95"] = statistics.quantiles(everything, n=20)[-1]
    return figures


def watched(log: str, words: list[str]) -> None:
    """The playground, noting when each arrow key reaches its handler in the microscope."""
    import time

    from playground.cli.commands import cli
    from playground.lab.protocol.inside import VIEWS
    from playground.tui.screens.inside.screen import InsideScreen

    position, move = InsideScreen.action_position, InsideScreen.action_move
    with Path(log).open("w") as stream:

        def note(screen: InsideScreen) -> None:
            view = VIEWS.index(screen.state.look.view) + 1
            stream.write(f"{view} {time.monotonic()}\n")

        def positioned(self: InsideScreen, by: int) -> None:
            note(self)
            position(self, by)

        def moved(self: InsideScreen, by: int) -> None:
            note(self)
            move(self, by)

        InsideScreen.action_position = positioned  # type: ignore[method-assign]
        InsideScreen.action_move = moved  # type: ignore[method-assign]
        cli.main(["play", *words], standalone_mode=False)


def main() -> dict[str, float]:
    """All figures by name."""
    return keys()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["watched", log, *words]:
            watched(log, words)
        case _:
            print(json.dumps(main(), indent=2))
