"""What Jupyter shows of a run and of a text: small pieces of HTML that need nothing from elsewhere.

All words are escaped: names of files and tokens are what others wrote. There are no scripts and no
links, and the colours are read on a light page and on a dark one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from microgpt.terminal import printable
from playground.lab.smoothing import smoothed

Point = tuple[int, float]
"""A step, and a value there."""
MOST = 300
"""Points of one line: no more are told apart on a screen."""
_WIDTH, _HEIGHT = 480, 160
_LEFT, _BOTTOM = 40, 20
_LOSS, _HELD_OUT = "#3b82c4", "#d97706"


def run_html(rows: Mapping[str, str], losses: Sequence[Point], held_out: Sequence[Point]) -> str:
    """A run: what is known of it, by its title, and the chart of its losses."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{_text(title)}</th>"
        f"<td style='text-align:left'>{_text(value)}</td></tr>"
        for title, value in rows.items()
    )
    return f"<div><table>{cells}</table>{chart(losses, held_out)}</div>"


def chart(losses: Sequence[Point], held_out: Sequence[Point]) -> str:
    """The moving average of the losses as a line, and the held-out losses as dots, as SVG; "" if
    there is no number to draw."""
    average = smoothed([value for _, value in losses])
    line = _thinned([(step, y) for (step, _), y in zip(losses, average, strict=True)])
    dots = _thinned(held_out)
    points = [*line, *dots]
    if not points:
        return ""
    steps, values = [step for step, _ in points], [value for _, value in points]
    first, last, low, high = min(steps), max(steps), min(values), max(values)

    def place(point: Point) -> tuple[float, float]:
        across = (point[0] - first) / ((last - first) or 1)
        up = (point[1] - low) / ((high - low) or 1)
        return (
            _LEFT + across * (_WIDTH - _LEFT - 8),
            8 + (1 - up) * (_HEIGHT - _BOTTOM - 16),
        )

    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, line))
    marks = "".join(
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{_HELD_OUT}'/>" for x, y in map(place, dots)
    )
    bottom = _HEIGHT - _BOTTOM
    said = (
        f"moving average of the loss from step {first:,} to step {last:,}, between {low:.3f} and "
        f"{high:.3f} nats"
    )
    words = "".join(
        f"<text x='{x}' y='{y}' text-anchor='{anchor}'>{text}</text>"
        for x, y, anchor, text in (
            (_LEFT - 4, 14, "end", f"{high:.2f}"),
            (_LEFT - 4, bottom, "end", f"{low:.2f}"),
            (_LEFT, _HEIGHT - 5, "start", f"{first:,}"),
            (_WIDTH - 8, _HEIGHT - 5, "end", f"{last:,}"),
        )
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{_HEIGHT}' "
        f"viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' aria-label='{said}'>"
        f"<g fill='currentColor' font-size='10' font-family='sans-serif'>{words}</g>"
        f"<polyline points='{path}' fill='none' stroke='{_LOSS}' stroke-width='1.5'/>{marks}"
        f"<text x='{_WIDTH - 8}' y='14' text-anchor='end' font-size='10' "
        f"font-family='sans-serif'><tspan fill='{_LOSS}'>— loss, moving average</tspan> "
        f"<tspan fill='{_HELD_OUT}'>● held out</tspan></text></svg>"
    )


def letters_html(
    tokens: Sequence[str],
    targets: Sequence[str],
    losses: Sequence[float],
    following: Sequence[tuple[str, float]],
) -> str:
    """One text inside a model: how much each token surprises it, and what would come next."""
    cells = "".join(
        f"<tr><td style='text-align:left'>{_text(read)} → {_text(target)}</td>"
        f"<td>{loss:.3f}</td></tr>"
        for read, target, loss in zip(tokens, targets, losses, strict=True)
    )
    likely = ", ".join(f"{_text(name)} {chance:.0%}" for name, chance in following)
    return (
        "<div><table><tr><th style='text-align:left'>token → next</th><th>loss in nats</th></tr>"
        f"{cells}</table><p>After the text: {likely}</p></div>"
    )


def _text(words: str) -> str:
    """The words as a page shows them: nothing in them is markup, or turns the writing around."""
    return escape(printable(words))


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most about MOST of the points that have a number, the last one included."""
    there = [one for one in points if math.isfinite(one[1])]
    every = max(1, math.ceil(len(there) / MOST))
    return [*there[:-1:every], *there[-1:]]
