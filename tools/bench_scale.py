"""What large texts and long runs cost: memory, seconds to the first step, keys meanwhile.

    python tools/bench_scale.py [--megabytes 100] [--chart] [KIND ...]

Makes each text in a temporary folder, opens it once without a screen and once on a pseudo-terminal
of 120x40, and prints for each kind of text:

- the peak of memory a byte of text beyond that of the names data set (`data.BUDGET`), in the
  process that trains, and on the terminal in all processes together;
- the seconds of each stage of opening, the longest silence of the progress, and the seconds from
  there to the first step;
- the longest time from a key to its answer while the text is opened: `?` opens the help, Escape
  closes it.

Kinds: `lines` of 40 to 80 characters, one `endless` line cut into windows, `chinese` with 5,000
different characters, `short` lines of 8 characters (which have the most documents), `emoji`.
`--chart` prints the milliseconds of drawing a chart of 1,000, of 100,000 and of 10 million steps.
It runs on Linux, which tells the peak of a process in /proc. The texts are the same on every run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from string import ascii_lowercase

from bench_screen import COMMAND, program
from terminal import PtyProgram
from textual.app import App, ComposeResult

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.protocol.commands import Open
from playground.lab.protocol.failures import Progress
from playground.lab.run.guard import Activity
from playground.lab.session import open_session
from playground.lab.smoothing import smoothed
from playground.lab.spec import RunSpec
from playground.tui.widgets.chart import Chart, Series
from playground.tui.widgets.curve import Curve

MB = 1_000_000
CHARTS = (1_000, 100_000, 10_000_000)
Figures = dict[str, float]

# ---------------------------------------------------------------- the texts


def _words(rng: random.Random) -> list[str]:
    """Made-up words, of letters that are as frequent as in English."""
    weights = range(26, 0, -1)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    return ["".join(rng.choices(letters, weights, k=rng.randint(2, 9))) for _ in range(20_000)]


def lines(rng: random.Random) -> Iterator[str]:
    words = _words(rng)
    while True:
        some = (" ".join(rng.choices(words, k=14)) for _ in range(1000))
        yield "".join(f"{line[: rng.randint(40, 80)].strip()}\n" for line in some)


def endless(rng: random.Random) -> Iterator[str]:
    words = _words(rng)
    while True:
        yield " ".join(rng.choices(words, k=10_000)) + " "


def chinese(rng: random.Random) -> Iterator[str]:
    letters = [chr(0x4E00 + number) for number in range(5000)]
    often = [*accumulate(1 / (number + 5) for number in range(5000))]
    yield "".join(letters) + "\n"
    while True:
        yield _cut("".join(rng.choices(letters, cum_weights=often, k=20_000)), 10, 40, rng)


def short(rng: random.Random) -> Iterator[str]:
    while True:
        text = "".join(rng.choices(ascii_lowercase, k=80_000))
        yield "".join(f"{text[at : at + 8]}\n" for at in range(0, len(text), 8))


def emoji(rng: random.Random) -> Iterator[str]:
    letters = [*map(chr, range(0x1F300, 0x1F600)), *map(chr, range(0x400, 0x4FF))]
    letters += [*"abcdefghij "] * 50
    while True:
        yield _cut("".join(rng.choices(letters, k=40_000)), 10, 60, rng)


def _cut(text: str, least: int, most: int, rng: random.Random) -> str:
    parts, at = [], 0
    while at < len(text):
        size = rng.randint(least, most)
        parts.append(text[at : at + size])
        at += size
    return "\n".join([*parts, ""])


KINDS: dict[str, Callable[[random.Random], Iterator[str]]] = {
    "lines": lines,
    "endless": endless,
    "chinese": chinese,
    "short": short,
    "emoji": emoji,
}


def write_text(path: Path, kind: str, size: int) -> None:
    """Write a text of about `size` bytes."""
    with path.open("wb") as file:
        for piece in KINDS[kind](random.Random(1)):
            file.write(piece.encode())
            if file.tell() >= size:
                return


# ---------------------------------------------------------------- one opening


def peak(process: str = "self") -> int:
    """Bytes of memory that a process has had at most; 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    said = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return 1024 * int(said[0].split()[1]) if said else 0


def _family(process: int) -> list[int]:
    """A process and all that it started."""
    try:
        threads = [*Path(f"/proc/{process}/task").iterdir()]
        children = " ".join((one / "children").read_text() for one in threads)
    except OSError:
        return []
    return [process, *(one for child in children.split() for one in _family(int(child)))]


def _together(process: int) -> int:
    """The sum of the peaks of a process and of all that live of those that it started."""
    return sum(peak(str(one)) for one in _family(process))


def opened(path: str, split: str) -> Figures:
    """Figures of opening one text in this process, and of five steps. path: "" for the names."""
    options = {"path": path, "split": split}
    data = {"dataset": {"name": "text-file", "options": options}} if path else {}
    registry = load(PluginSources(entry_points=False))
    found: Figures = {}
    began = last = time.perf_counter()
    stage, silence = "", 0.0

    def report(progress: Progress) -> None:
        nonlocal last, stage, silence
        now = time.perf_counter()
        silence = max(silence, now - last)
        if stage:
            found[f"{stage}, s"] = found.get(f"{stage}, s", 0.0) + now - last
        stage, last = progress.stage.removesuffix(Path(path).name).strip(), now

    opening = Open(RunSpec.parse(data).to_json())
    session = open_session(opening, registry, report, Activity())
    done = time.perf_counter()
    session.advance()
    found["opened, s"] = done - began
    found["longest silence, s"] = max(silence, done - last)
    found["then to the first step, s"] = time.perf_counter() - done
    for _ in range(4):
        session.advance()
    found["peak"] = peak()
    return found


def apart(path: str, split: str) -> Figures:
    """`opened` in a process of its own."""
    command = [sys.executable, __file__, "--one", path, split]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _settle(shown: PtyProgram) -> None:
    """Read on for a while: an Escape with another key right behind it would be one key."""
    deadline = time.monotonic() + 0.2
    while (left := deadline - time.monotonic()) > 0 and shown.read(left):
        pass


def on_screen(words: list[str]) -> Figures:
    """Figures of the same in a terminal."""
    delays: list[float] = []
    most = 0
    with program(COMMAND, *words) as shown:
        shown.wait(b"Sampling")
        while b"step 0/" not in shown.output:
            mark = len(shown.output)
            sent = shown.press("?")
            delays.append(shown.wait(b"Help", 30, mark) - sent)
            _settle(shown)
            mark = len(shown.output)
            sent = shown.press("\x1b")
            delays.append(shown.wait(lambda new: len(new) > 500, 30, mark) - sent)
            _settle(shown)
            most = max(most, _together(shown.pid))
        ready = time.monotonic()
        shown.press("s")
        stepped = shown.wait(b"step 1/", 60)
        most = max(most, _together(shown.pid))
        shown.press("q")
    return {
        "ready on screen, s": ready - shown.started,
        "from the key s to the first step, s": stepped - ready,
        "longest answer to a key while it opened, ms": 1000 * max(delays, default=0.0),
        "peak of all processes": most,
    }


def measure(kinds: list[str], size: int) -> Iterator[tuple[str, Figures]]:
    """The names' figures, and those of each kind of text."""
    names = apart("", "lines") | on_screen([])
    yield "names", names
    for kind in kinds:
        split = "windows" if kind == "endless" else "lines"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "text.txt"
            write_text(path, kind, size)
            figures = apart(str(path), split) | on_screen([str(path), "--split", split])
            length = path.stat().st_size
        for name in ("peak", "peak of all processes"):
            figures[f"{name}, bytes a byte"] = (figures[name] - names[name]) / length
        yield kind, figures


# ---------------------------------------------------------------- a chart of many steps


async def charts() -> Figures:
    """Milliseconds to draw a chart of 100x25 with one more step in it: the median of 12."""
    rng = random.Random(1)
    some = array("d", (rng.gauss(2.3, 0.3) for _ in range(CHARTS[0])))
    found: Figures = {}
    for count in CHARTS:
        losses = some * (count // len(some))
        curves = [Curve(range(count), values) for values in (losses, smoothed(losses))]
        found[f"chart of {count:,} steps, ms"] = await _drawn(curves)
    return found


async def _drawn(curves: list[Curve]) -> float:
    chart = Chart()

    class Screen(App[None]):
        CSS = "Chart { width: 100; height: 25; }"

        def compose(self) -> ComposeResult:
            yield chart

    series = [Series("loss", curves[0], "envelope"), Series("ema", curves[1], "line", "ema")]
    times = []
    async with Screen().run_test(size=(120, 40)):
        for _ in range(12):
            for curve in curves:
                curve.append(curve.xs[-1] + 1, 2.3)
            began = time.process_time()
            chart.set_data(series)
            for line in range(25):
                chart.render_line(line)
            times.append(time.process_time() - began)
    return 1000 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("kinds", nargs="*", choices=[[], *KINDS], metavar="KIND")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--chart", action="store_true", help="only draw charts")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(opened(*arguments.one)))
        return
    found: Iterable[tuple[str, Figures]] = (
        [("charts", asyncio.run(charts()))]
        if arguments.chart
        else measure(arguments.kinds or [*KINDS], round(arguments.megabytes * MB))
    )
    for kind, figures in found:
        print(kind)
        for name, figure in figures.items():
            million = name.startswith("peak") and "byte" not in name
            said = f"{name}, MB" if million else name
            print(f"  {said:<50} {figure / (MB if million else 1):8,.2f}", flush=True)


if __name__ == "__main__":
    main()
