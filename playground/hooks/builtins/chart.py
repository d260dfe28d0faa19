"""The exporters `chart` and `chart-png`: the losses of a run as one drawing, for a page or a paper.

The drawing is that of the page (page/pictures.py), with title, axes and legend around it, and with
colours of its own, so that it stands alone. It names no other file and no font that is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import unescape
from pathlib import Path
from typing import Literal

from microgpt.engine import Progress
from playground.api import (
    Contribution,
    Exporter,
    ExportError,
    Knob,
    Knobs,
    RunData,
    RunExport,
    hookimpl,
)
from playground.hooks.builtins.page import (
    DOTS,
    OVER,
    levels,
    made_with,
    mean,
    means,
    name_of,
    spread,
)
from playground.hooks.builtins.page.pictures import (
    BOTTOM,
    COLUMNS,
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    number,
    plot,
    words,
)
from playground.hooks.png import NoPngError, lacking, png_of

FONTS = (
    "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', 'Liberation Sans', "
    "'Noto Sans', sans-serif"
)
_LEFT, _TOP, _BELOW, _SIDE = 24, 96, 34, 8
"""Room around the plot: for the words at its left, above it and below it, and at its right."""
_TITLE, _ABOUT = 60, 110
"""The most signs of the title, and of the line below it."""
_LIGHT = {"back": "#fbfaf7", "ink": "#23262b", "muted": "#5d6470", "line": "#dfdcd4",
          "accent": "#a85a08"}  # fmt: skip
_DARK = {"back": "#14171b", "ink": "#e3e2dc", "muted": "#a0a6af", "line": "#31363d",
         "accent": "#eac290"}  # fmt: skip
Theme = Literal["auto", "light", "dark"]


def _look(theme: Theme) -> str:
    """The style sheet; "auto" is light, and dark for a reader whose system is."""
    look = _colours(_DARK if theme == "dark" else _LIGHT)
    if theme == "auto":
        look += f"@media (prefers-color-scheme: dark) {{\n{_colours(_DARK)}}}\n"
    return (
        f"text {{ font-family: {FONTS}; font-size: 13px; }}\n"
        ".tick, .name { font-size: 12px; }\n.title { font-size: 20px; font-weight: bold; }\n"
        ".end { text-anchor: end; }\n.middle { text-anchor: middle; }\n"
        ".raw { stroke-opacity: 0.3; stroke-width: 1.4; fill: none; }\n"
        ".mean { stroke-width: 2.4; stroke-linejoin: round; stroke-linecap: round; fill: none; }\n"
        ".held { stroke-width: 1.8; }\n.level { stroke-dasharray: 4 4; }\n"
    ) + look


def _colours(of: dict[str, str]) -> str:
    return (
        f".back {{ fill: {of['back']}; }}\n.title {{ fill: {of['ink']}; }}\n"
        f".raw {{ stroke: {of['ink']}; }}\n.mean {{ stroke: {of['accent']}; }}\n"
        f".held {{ fill: {of['back']}; stroke: {of['ink']}; }}\n"
        f".grid {{ stroke: {of['line']}; }}\n.level {{ stroke: {of['muted']}; }}\n"
        f".tick, .name {{ fill: {of['muted']}; }}\n"
    )


def chart_of(run: RunExport, data: RunData | None, theme: Theme) -> str:
    """The drawing as an SVG. data: None if the data are not there. Raises ExportError if there is
    no loss to draw."""
    measured = spread(run.evaluations, DOTS)
    compared = levels(data)
    drawn = plot(run.first_step, run.losses, means(run.losses), measured, compared)
    if not drawn:
        raise ExportError("There is nothing to draw yet", "The run has no loss: train some steps.")
    source = data.text.name if data is not None else name_of(run.spec.get("dataset"))
    title = words(run.run_name or source, _TITLE)
    last = run.first_step + len(run.losses) - 1
    about = f"A GPT trained on {words(source, _TITLE)}, up to step {run.step:,}"
    line = _in_a_line([about, *(said for _, said in made_with(run.spec))])
    wide, high = WIDTH + _LEFT + _SIDE, HEIGHT + _TOP + _BELOW
    middle = (WIDTH - LEFT - RIGHT) / 2 + LEFT + _LEFT
    under, beside = _TOP + HEIGHT + 14, _TOP + (HEIGHT - BOTTOM) / 2
    finite = [loss for loss in run.losses[-OVER:] if math.isfinite(loss)]
    ends = f" It ends at {number(mean(finite), 4)}." if finite else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" role="img">\n<title>{title}: the loss at step {run.step:,}</title>\n'
        f"<desc>{about}. The loss in nats a token, by steps, from step {run.first_step:,} to "
        f"{last:,}.{ends}</desc>\n<style>\n{_look(theme)}</style>\n"
        f'<rect class="back" width="{wide}" height="{high}"/>\n'
        f'<text class="title" x="{_LEFT}" y="34">{title}</text>\n'
        f'<text class="name" x="{_LEFT}" y="56">{line}</text>\n'
        f"{_legend(run, bool(measured))}"
        f'<g transform="translate({_LEFT} {_TOP})">{drawn}</g>\n'
        f'<text class="name middle" x="{middle}" y="{under}">step</text>\n'
        f'<text class="name middle" transform="translate(18 {beside}) rotate(-90)">'
        "loss, nats a token</text>\n</svg>\n"
    )


def _in_a_line(parts: Sequence[str]) -> str:
    """The first of these escaped words that fit into the line below the title; no part is cut."""
    line, *more = parts
    for part in more:
        if len(unescape(f"{line} · {part}")) > _ABOUT:
            break
        line = f"{line} · {part}"
    return line


def _legend(run: RunExport, measured: bool) -> str:
    """What the lines and the dots are, side by side."""
    thin = "each step" if len(run.losses) <= COLUMNS else "least to largest of neighbouring steps"
    shown = []
    if run.losses:
        shown.append(('<path class="raw" d="M0 0h22"/>', thin))
        shown.append(('<path class="mean" d="M1 0h20"/>', f"mean of {OVER} steps"))
    if measured:
        shown.append(('<circle class="held" cx="11" cy="0" r="3.5"/>', "held out"))
    left, parts = _LEFT, []
    for sign, told in shown:
        parts.append(
            f'<g transform="translate({left} 80)">{sign}<text class="name" x="30" y="4">{told}'
            "</text></g>\n"
        )
        left += 52 + 7 * len(told)
    return "".join(parts)


def _drawn(run: RunExport, theme: Theme, progress: Progress) -> str:
    progress("reading the data", 0, 0)
    try:
        data = run.data()
    except ExportError:
        data = None  # the drawing lacks the line of a blind guess, and nothing else
    progress("drawing", 0, 0)
    return chart_of(run, data, theme)


class ChartKnobs(Knobs):
    theme: Theme = Knob("auto", help="auto: dark for a reader whose system is dark, else light")


class Chart:
    """The losses as an SVG."""

    def __init__(self, knobs: ChartKnobs) -> None:
        self.theme = knobs.theme

    def export(self, run: RunExport, path: Path, progress: Progress) -> None:
        path.write_text(_drawn(run, self.theme, progress), encoding="utf-8", newline="\n")


class ChartPngKnobs(Knobs):
    theme: Literal["light", "dark"] = Knob("light", help="the colours")
    scale: int = Knob(2, ge=1, le=4, help="the size: 1 is 752 pixels wide")


class ChartPng:
    """The losses as a PNG."""

    def __init__(self, knobs: ChartPngKnobs) -> None:
        self.theme, self.scale = knobs.theme, knobs.scale

    def export(self, run: RunExport, path: Path, progress: Progress) -> None:
        svg = _drawn(run, self.theme, progress)
        try:
            data = png_of(svg, FONTS, self.scale)
        except NoPngError as error:
            raise ExportError(error.title, error.message) from error
        path.write_bytes(data)


@hookimpl
def microgpt_exporters() -> Iterator[Contribution[Exporter]]:
    yield Contribution(
        name="chart",
        summary="the losses as one SVG, with title, axes and legend",
        factory=Chart,
        knobs=ChartKnobs,
    )
    if not lacking():  # else the gallery offers it, with the command that adds its library
        yield Contribution(
            name="chart-png",
            summary="the same as a PNG",
            factory=ChartPng,
            knobs=ChartPngKnobs,
        )
