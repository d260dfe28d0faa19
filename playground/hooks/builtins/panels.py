"""Panels: how the numbers of the model are spread, and how far the gradient reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import mul
from typing import Literal

from microgpt.engine import StateKind
from playground.api import Contribution, Knob, Knobs, Panel, PanelFacts, hookimpl

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LEVELS = " ▏▎▍▌▋▊▉█"
_LOOKED_AT = 50_000
"""The most numbers that a histogram is made of: more would not change its shape."""
_UNITS: dict[StateKind, str] = {"weights": "weights", "gradients": "gradients"}


class HistogramKnobs(Knobs):
    of: Literal["weights", "gradients"] = Knob(
        "weights", help="the weights themselves, or the gradients of the last step"
    )


class Histogram:
    """The distribution of the model's numbers by size, with 0 in the middle."""

    def __init__(self, knobs: HistogramKnobs) -> None:
        self.of: StateKind = knobs.of

    def render(self, facts: PanelFacts, width: int, height: int) -> list[str]:
        values = facts.read(self.of)
        count = len(values)
        every = math.ceil(count / _LOOKED_AT)
        looked = [value for value in values[::every] if math.isfinite(value)]
        if not looked:
            return [f"None of the {count:,} {_UNITS[self.of]} is a number any more."]
        mean = math.fsum(looked) / len(looked)
        spread = math.sqrt(math.fsum((value - mean) ** 2 for value in looked) / len(looked))
        parts = (f"{count:,} {_UNITS[self.of]}", f"spread {spread:.2g}", f"mean {mean:+.2g}")
        head = _as_many_as_fit(parts, width)
        largest = max(max(looked), -min(looked))
        if largest == 0:
            return [head, "", "All of them are 0."][:height]
        shares = _shares(looked, largest, width)
        bars = _columns(shares, max(1, height - 2))
        return [head, *bars, _axis(largest, width)][:height]


def _as_many_as_fit(parts: Sequence[str], width: int) -> str:
    """The first of the parts, as many as fit side by side. None is cut: a cut number is another
    number."""
    lines = ("  ".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((line for line in lines if len(line) <= width), "")


def _shares(values: Sequence[float], largest: float, columns: int) -> list[float]:
    """How many values fall into each of `columns` equal parts of -largest .. +largest, as a
    share of what the fullest part has."""
    counts = [0] * columns
    factor = columns / (2 * largest)
    last = columns - 1
    for value in values:
        counts[min(last, int((value + largest) * factor))] += 1
    fullest = max(counts)
    return [count / fullest for count in counts]


def _columns(shares: Sequence[float], height: int) -> list[str]:
    """Upright bars, from the top line down. A bar that is not empty shows at least an eighth."""
    eighths = [max(share > 0, round(share * height * 8)) for share in shares]
    return [
        "".join(_EIGHTHS[min(8, max(0, eighth - 8 * below))] for eighth in eighths)
        for below in range(height - 1, -1, -1)
    ]


def _axis(largest: float, width: int) -> str:
    """The line below the bars, with their ends and their middle: "-0.31      0      +0.31"."""
    end = f"{largest:.2g}"
    left, right = f"-{end}", f"+{end}"
    middle = width // 2
    line = left.ljust(middle) + "0"
    return line + right.rjust(width - len(line))


class GradientFlow:
    """The length of the gradient and of the weights, matrix by matrix.

    Length is the Euclidean norm. A matrix whose gradient is a thousandth as long as its neighbours'
    learns hardly anything. The bars are relative to the longest.
    """

    def render(self, facts: PanelFacts, width: int, height: int) -> list[str]:
        names = list(facts.shapes)
        gradients = _lengths(facts, "gradients")
        weights = _lengths(facts, "weights")
        if len(names) > height - 1:
            shown = max(0, height - 2)
            rest = [f"... and {len(names) - shown} more: z gives the panel the whole screen"]
        else:
            shown, rest = len(names), []
        column = max(map(len, names), default=0)
        # Both bars if each has six cells beside its number; else the gradient's alone.
        both = (width - column - 2) // 2 >= 6 + _NUMBER + 2
        room = (width - column - 2) // 2 if both else width - column - 1
        bar = max(0, room - _NUMBER - 2)
        head = " " * (column + 1) + _cell("gradient", room)
        if both:
            head += " " + _cell("weights", room)
        lines = [head]
        tops = max(gradients, default=0.0), max(weights, default=0.0)
        for name, gradient, weight in list(zip(names, gradients, weights, strict=True))[:shown]:
            line = f"{name:<{column}} " + _cell(_bar(gradient, tops[0], bar), room)
            if both:
                line += " " + _cell(_bar(weight, tops[1], bar), room)
            lines.append(line.rstrip())
        return (lines + rest)[:height]


_NUMBER = 7
"""Cells of a printed length, as in "0.00123" or "1.2e-05"."""


def _lengths(facts: PanelFacts, kind: StateKind) -> list[float]:
    values = facts.read(kind)
    lengths, at = [], 0
    for rows, columns in facts.shapes.values():
        part = values[at : at + rows * columns]
        at += rows * columns
        lengths.append(math.sqrt(sum(map(mul, part, part))))
    return lengths


def _bar(length: float, longest: float, cells: int) -> str:
    """A number and its bar, "  1.98 ██████▌"."""
    number = f"{length:>{_NUMBER}.3g}"
    if not math.isfinite(length) or not math.isfinite(longest) or longest <= 0:
        return number
    eighths = max(length > 0, round(8 * cells * length / longest))
    whole, part = divmod(min(eighths, 8 * cells), 8)
    return f"{number} {'█' * whole}{_LEVELS[part] if part else ''}"


def _cell(text: str, width: int) -> str:
    return text[:width].ljust(width)


@hookimpl
def microgpt_panels() -> Iterator[Contribution[Panel]]:
    yield Contribution(
        name="histogram",
        summary="how the weights are spread, or the gradients",
        factory=Histogram,
        knobs=HistogramKnobs,
    )
    yield Contribution(
        name="gradient-flow",
        summary="how long gradient and weights are, matrix by matrix",
        factory=GradientFlow,
    )
