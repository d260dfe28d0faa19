"""Results of the benchmark as text: figures, a table, and bars on a logarithmic axis."""

from __future__ import annotations

import math
import os
import shutil
import textwrap
from dataclasses import dataclass
from typing import TextIO

import click

from microgpt.plain import can_write
from microgpt.terminal import Codes, printable
from playground.cli.listing import in_columns
from playground.lab.bench import DEFAULT, BenchResult, EngineResult, Model
from playground.widths import cell_len, fit, set_cell_size

MAX_NAME = 24
"""Columns for the name of an engine; a longer name is cut and ends in an ellipsis."""
MAX_WIDTH = 100
"""Columns of a table or a chart at most; more columns would show nothing more."""
MIN_WIDTH = 24
"""Columns of a table or a chart at least; in a narrower terminal the lines wrap."""
EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Paper:
    """The width of what is written to, and what it can show."""

    width: int
    """Columns of a table or a chart."""
    text_width: int
    """Columns of prose; more than any line has in a pipe, whose reader wants whole lines."""
    blocks: bool = True
    """True if the encoding has the characters for bars and for microseconds."""
    colour: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Paper:
        """The paper of a stream: as wide as the terminal or COLUMNS; in colour unless NO_COLOR is
        set."""
        terminal = stream.isatty()
        width = max(min(shutil.get_terminal_size().columns, MAX_WIDTH), MIN_WIDTH)
        fixed = terminal or os.environ.get("COLUMNS", "").isdigit()
        blocks = can_write(stream, EIGHTHS + "µ…")
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return cls(width, width if fixed else 10_000, blocks, terminal and not plain)

    def wrapped(self, text: str, indent: str = "") -> list[str]:
        """The lines of a paragraph; all but the first are indented by two more columns."""
        return textwrap.wrap(
            printable(text),
            self.text_width,
            initial_indent=indent,
            subsequent_indent=indent + "  ",
        )

    def short(self, name: str) -> str:
        """The name of an engine, cut so that there is room for its figures."""
        name = in_columns(name)
        most = min(MAX_NAME, max(self.width // 3, 6))
        if cell_len(name) <= most:
            return name
        end = "…" if self.blocks else "~"
        return set_cell_size(name, most - 1) + end

    def styled(self, text: str, **style: str | bool) -> str:
        """The text in a style, or as it is where there is no colour."""
        if not self.colour:
            return text
        return Codes(click.style(printable(text), **style))  # type: ignore[arg-type]


def figure(value: float) -> str:
    """A number with three significant digits: 0.123, 1.23, 12.3, 12,300."""
    if not value > 0 or math.isinf(value):
        return f"{value:g}"
    digits = 2 - math.floor(math.log10(value))
    return f"{round(value, digits):,.{max(digits, 0)}f}"


def ratio_words(ratio: float) -> str:
    """A ratio: "1x", "1.05x", "49x", "1,050x"."""
    if ratio == 1:
        return "1x"
    return (f"{ratio:.0f}" if 9.995 <= ratio < 100 else figure(ratio)) + "x"


def step_time(seconds: float, micro: str = "µ") -> str:
    """A time in seconds with the unit that fits it: "83.2 ms"."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{figure(seconds / size)} {unit}"
    return f"{figure(seconds * 1e6)} {micro}s"


def difference(rung: EngineResult) -> str:
    """The largest relative difference of so many losses: "4e-16 in 50"; "reference" for the engine
    that the others are compared with."""
    if rung.difference is None:
        return "reference"
    size = "0" if rung.difference == 0 else f"{rung.difference:.0e}"
    return f"{size} in {rung.compared:,}"


def model_words(model: Model) -> str:
    """The title of the table of a model."""
    if model != DEFAULT:
        return f"With {model.name}"
    return (
        f"The default model (n_embd {model.n_embd}, {model.n_layer} layer, "
        f"block_size {model.block_size}, one name a step)"
    )


def table(ladder: BenchResult, paper: Paper) -> list[str]:
    """The lines of a table: a row for each engine, the ratio first. Columns that do not fit are
    left out, but an engine that computes something else is marked in any case."""
    if not ladder.rungs:
        return []
    micro = "µ" if paper.blocks else "u"
    head = ["", "engine", "microgpt.py", "a step", "steps/s", "tokens/s", "difference"]
    rows = [
        [
            ratio_words(rung.ratio),
            paper.short(rung.engine),
            "" if rung.microgpt_ratio is None else ratio_words(rung.microgpt_ratio),
            step_time(rung.seconds_per_step, micro),
            figure(rung.steps_per_second),
            figure(rung.tokens_per_second),
            difference(rung) + (" WRONG" if rung.wrong else ""),
        ]
        for rung in ladder.rungs
    ]
    rows.insert(0, head)
    wrong = any(rung.wrong for rung in ladder.rungs)
    kept = list(range(7))
    if all(rung.microgpt_ratio is None for rung in ladder.rungs):
        kept.remove(2)
    for spare in (5, 4, 2, 3, 6):
        if spare not in kept:
            continue
        widths = [max(cell_len(row[i]) for row in rows) for i in range(7)]
        if sum(widths[i] + 2 for i in kept) <= paper.width or (spare == 6 and wrong):
            break
        kept.remove(spare)
    lines = []
    for row in rows:
        cells = [fit(row[i], widths[i], right=i not in (1, 6)) for i in kept]
        line = ("  " + "  ".join(cells)).rstrip()
        lines.append(paper.styled(line, fg="red") if line.endswith("WRONG") else line)
    return lines


def chart(ladder: BenchResult, paper: Paper) -> list[str]:
    """The lines of a chart: a bar for each engine, on a logarithmic axis from the power of ten
    below the ratios to the one above them."""
    ratios = [rung.ratio for rung in ladder.rungs]
    low = min(math.floor(math.log10(min(ratios))), 0)
    high = max(math.ceil(math.log10(max(ratios))), low + 1)
    names = [paper.short(rung.engine) for rung in ladder.rungs]
    ticks = [
        f"|{10.0**power:,g}x" if power < 6 else f"|1e{power}x" for power in range(low, high + 1)
    ]
    left = 2 + max(map(cell_len, names)) + 1
    right = max(len(ticks[-1]), *(len(ratio_words(ratio)) + 1 for ratio in ratios))
    room = max(paper.width - left - right, 4)
    lines = []
    for name, ratio in zip(names, ratios, strict=True):
        bar = _bar((math.log10(ratio) - low) / (high - low) * room, blocks=paper.blocks)
        coloured = paper.styled(bar, fg="cyan")
        line = f"  {fit(name, left - 3)} {coloured} {ratio_words(ratio)}"
        lines.append(Codes(line) if paper.colour else line)
    axis = ""
    for number, tick in enumerate(ticks):
        place = left + round(number / (high - low) * room)
        if place >= len(axis) + (1 if axis else 0):
            axis = axis.ljust(place) + tick
    return [*lines, axis]


def _bar(cells: float, *, blocks: bool) -> str:
    """A bar of so many cells, of an eighth at least, so that the slowest engine has one too."""
    if not blocks:
        return "#" * max(round(cells), 1)
    full, rest = divmod(max(round(cells * 8), 1), 8)
    return "█" * full + (EIGHTHS[rest] if rest else "")
