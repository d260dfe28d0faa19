"""The pictures of the page: SVG and PNG as texts, made of numbers alone or of escaped words."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from html import escape

from microgpt.terminal import printable
from playground.widths import cell_len

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 118, 12, 26
COLUMNS = 360
"""Columns of the chart, each of which shows the least and the largest loss of its steps."""
SIDE = 96
"""The most rows and columns of a heat map; of a larger matrix, means of neighbours are drawn."""
SIDES = (SIDE, 80, 64, 56, 48, 36, 24)
CELLS = 110_000
"""The most cells of all heat maps together: a PNG of noise has 4 bytes a cell in base64."""
BOUND = 1e12
"""Losses further from 0 are drawn at it, for the arithmetic of the picture to stay in range."""
_NEGATIVE, _ZERO, _POSITIVE = (62, 120, 200), (245, 245, 242), (201, 116, 24)


def words(text: str, most: int | None = None) -> str:
    """A text of a run as text of the page: no markup, and unprintable characters escaped. most: the
    signs after which it is cut, with "…" for what is left out."""
    shown = printable(text if most is None else text[: most + 1])
    if most is not None and len(shown) > most:
        shown = shown[: most - 1] + "…"
    return escape(shown, quote=True)


def number(value: float, digits: int = 4) -> str:
    """A number in so many digits, with "," between thousands."""
    if not math.isfinite(value):
        return "no number"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.{digits}g}"


# ------------------------------------------------------------ the chart


class Frame:
    """Where steps and losses stand in the picture, in its units."""

    def __init__(self, steps: tuple[float, float], values: tuple[float, float]) -> None:
        self.steps, self.values = steps, values

    def x(self, step: float) -> float:
        first, last = self.steps
        return LEFT + (step - first) / max(last - first, 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.values
        at = (min(max(value, low), high) - low) / (high - low)
        return HEIGHT - BOTTOM - at * (HEIGHT - BOTTOM - TOP)


def chart(
    first: int,
    losses: Sequence[float],
    averages: Sequence[float],
    held_out: Sequence[tuple[int, float]],
    levels: Sequence[tuple[str, float]],
) -> str:
    """The losses of the steps `first`, `first` + 1, ... as an SVG. averages: one for each loss.
    levels: (name, nats) pairs to compare with. "" where there is no finite loss."""
    drawn = plot(first, losses, averages, held_out, levels)
    if not drawn:
        return ""
    told = f"The loss from step {first:,} to {first + len(losses) - 1:,}"
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{told}">'
        + drawn
        + "</svg>"
    )


def plot(
    first: int,
    losses: Sequence[float],
    averages: Sequence[float],
    held_out: Sequence[tuple[int, float]],
    levels: Sequence[tuple[str, float]],
) -> str:
    """What `chart` draws, as the elements of an SVG of WIDTH x HEIGHT."""
    losses, averages = ([_bounded(value) for value in given] for given in (losses, averages))
    finite = [loss for loss in losses if math.isfinite(loss)]
    measured = [_bounded(value) for _, value in held_out if math.isfinite(value)]
    seen = [*finite, *measured]
    if not seen:
        return ""
    # Single wild steps would press the rest together; they are cut at the frame.
    calm = sorted(finite)[: max(1, math.ceil(0.99 * len(finite)))] if finite else seen
    low, high = min(seen), max([*calm, *measured])
    for _, value in levels:
        if low - (high - low) <= value <= high + (high - low):
            low, high = min(low, value), max(high, value)
    margin = max(0.04 * (high - low), 0.02)
    step = _nice((high - low + 2 * margin) / 4)
    low, high = math.floor((low - margin) / step) * step, math.ceil((high + margin) / step) * step
    last = first + len(losses) - 1
    steps = (min([first, *(at for at, _ in held_out)]), max([last, *(at for at, _ in held_out)]))
    frame = Frame(steps, (low, high))
    parts = [_axes(frame, step)]
    for name, value in levels:
        if low <= value <= high:
            y = frame.y(value)
            parts.append(
                f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text class="name" x="{WIDTH - RIGHT + 8}" y="{y + 4:.1f}">'
                f"{words(name)} {number(value)}</text>"
            )
    if losses:
        parts.append(f'<path class="raw" d="{_envelope(frame, first, losses)}"/>')
        parts.append(f'<path class="mean" d="{_line(frame, first, averages)}"/>')
    for at, value in held_out:
        if math.isfinite(value):
            parts.append(
                f'<circle class="held" cx="{frame.x(at):.1f}" cy="{frame.y(value):.1f}" r="3.5">'
                f"<title>held out after step {at:,}: {number(value, 5)} nats</title></circle>"
            )
    return "".join(parts)


def _bounded(value: float) -> float:
    return min(max(value, -BOUND), BOUND) if math.isfinite(value) else value


def _nice(step: float) -> float:
    """A round number not far above `step`."""
    power = 10.0 ** math.floor(math.log10(max(step, 1e-12)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


def _axes(frame: Frame, step: float) -> str:
    low, high = frame.values
    parts = []
    for index in range(round((high - low) / step) + 1):
        value = low + index * step
        y, told = frame.y(value), _tick(value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick end" x="{LEFT - 8}" y="{y + 4:.1f}">{told}</text>'
        )
    first, last = frame.steps
    apart = max(1, int(_nice((last - first) / 6))) if last > first else 1
    at = math.ceil(first / apart) * apart
    while at <= last:
        parts.append(
            f'<text class="tick middle" x="{frame.x(at):.1f}" y="{HEIGHT - 8}">{at:,}</text>'
        )
        at += apart
    return "".join(parts)


def _tick(value: float) -> str:
    return number(round(value, 6)) if abs(value) < 1e5 else f"{value:.2g}"


def _buckets(first: int, values: Sequence[float]) -> Iterable[tuple[float, Sequence[float]]]:
    """(the step in the middle, the finite values) of each column that has any."""
    columns = min(COLUMNS, len(values))
    for column in range(columns):
        start, stop = column * len(values) // columns, (column + 1) * len(values) // columns
        found = [value for value in values[start:stop] if math.isfinite(value)]
        if found:
            yield first + (start + stop - 1) / 2, found


def _envelope(frame: Frame, first: int, losses: Sequence[float]) -> str:
    """The lines from the least to the largest loss of each column; where each column is one step,
    the line through the losses, which ends at a loss that is no number."""
    if len(losses) <= COLUMNS:
        return _through(frame, first, losses)
    parts = []
    for at, found in _buckets(first, losses):
        x, top, end = frame.x(at), frame.y(max(found)), frame.y(min(found))
        parts.append(f"M{x:.1f} {top:.1f}V{max(end, top + 1):.1f}")
    return "".join(parts)


def _through(frame: Frame, first: int, losses: Sequence[float]) -> str:
    parts, goes_on = [], False
    for step, loss in enumerate(losses, first):
        if math.isfinite(loss):
            x, y = frame.x(step), frame.y(loss)
            parts.append(f"L{x:.1f} {y:.1f}" if goes_on else f"M{x:.1f} {y:.1f}v1")
        goes_on = math.isfinite(loss)
    return "".join(parts)


def _line(frame: Frame, first: int, values: Sequence[float]) -> str:
    points = [
        f"{frame.x(at):.1f} {frame.y(sum(found) / len(found)):.1f}"
        for at, found in _buckets(first, values)
    ]
    if len(points) == 1:
        return f"M{points[0]}h0"  # a dot, since the ends of the line are round
    return "M" + "L".join(points) if points else ""


# ------------------------------------------------------------ heat maps


def side_of(shapes: Sequence[tuple[int, int]]) -> int:
    """The largest of SIDES with which the heat maps of these matrices have at most CELLS cells; the
    smallest if none has."""
    for side in SIDES:
        blocks = [(shape, -(-max(shape) // side)) for shape in shapes]
        if sum(-(-rows // one) * -(-columns // one) for (rows, columns), one in blocks) <= CELLS:
            return side
    return SIDES[-1]


def thinned(
    values: Sequence[float], rows: int, columns: int, side: int = SIDE
) -> tuple[list[list[float]], int]:
    """(a matrix of at most `side` x `side`, how many neighbours along a side are one of its cells,
    of which it has the mean)."""
    block = -(-max(rows, columns) // side)
    made = []
    for top in range(0, rows, block):
        starts = [row * columns for row in range(top, min(top + block, rows))]
        line = []
        for left in range(0, columns, block):
            right = min(left + block, columns)
            total = sum(sum(values[start + left : start + right]) for start in starts)
            line.append(total / (len(starts) * (right - left)))
        made.append(line)
    return made, block


def heat_map(matrix: Sequence[Sequence[float]], most: float) -> str:
    """A PNG as a data: address, a pixel a number: blue below 0, amber above, white at 0; `most` is
    the whole colour. What is no number is black."""
    lines = b"".join(
        b"\0" + bytes(part for value in row for part in colour(value, most)) for row in matrix
    )
    head = struct.pack(">IIBBBBB", len(matrix[0]), len(matrix), 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body)
        for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    )
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def colour(value: float, most: float) -> tuple[int, int, int]:
    """(red, green, blue), each 0 to 255."""
    if not math.isfinite(value):
        return 0, 0, 0
    share = min(abs(value) / most, 1.0) if most > 0 else 0.0
    end = _NEGATIVE if value < 0 else _POSITIVE
    red, green, blue = (
        round(zero + (full - zero) * share) for zero, full in zip(_ZERO, end, strict=True)
    )
    return red, green, blue


def _css(colour: tuple[int, int, int]) -> str:
    return "rgb({},{},{})".format(*colour)


LEGEND = (
    '<p class="legend">−c <span style="background:linear-gradient(90deg,'
    f'{_css(_NEGATIVE)},{_css(_ZERO)},{_css(_POSITIVE)})" role="img" '
    'aria-label="from blue, below 0, over white to amber, above 0"></span> +c</p>'
)
"""What the colours of the heat maps are."""

# ------------------------------------------------------------ attention

CELL = 18
LABEL, TOKEN = 6, 12
"""The most signs of a token at the edges, and in the words about a cell."""


def attention(weights: Sequence[Sequence[float]], tokens: Sequence[str], name: str) -> str:
    """The weights of a head, (T) rows of up to T numbers from 0 to 1, as an SVG: a row a token that
    looks, a column a token that is looked at. Long tokens stand upright above their columns."""
    labels = [words(token, LABEL) for token in tokens]
    widest = max((cell_len(printable(token[:LABEL])[:LABEL]) for token in tokens), default=1)
    edge = 14 + 7 * max(widest, 2)
    side = edge + CELL * len(tokens)
    parts = []
    for row, (look, label) in enumerate(zip(weights, labels, strict=True)):
        middle = edge + CELL * row + CELL // 2
        parts.append(f'<text class="tick end" x="{edge - 5}" y="{middle + 4}">{label}</text>')
        if widest > 2:
            at = f'class="tick" transform="translate({middle + 4} {edge - 6}) rotate(-90)"'
        else:
            at = f'class="tick middle" x="{middle}" y="{edge - 8}"'
        parts.append(f"<text {at}>{label}</text>")
        for column, weight in enumerate(look[: row + 1]):
            shown = weight if math.isfinite(weight) else 0.0
            x, y, inside = edge + CELL * column, edge + CELL * row, CELL - 1
            parts.append(
                f'<path d="M{x} {y}h{inside}v{inside}h-{inside}z" '
                f'fill-opacity="{max(shown, 0.03):.2f}"><title>{words(tokens[row], TOKEN)} → '
                f"{words(tokens[column], TOKEN)}: {number(weight, 3)}</title></path>"
            )
    return (
        f'<svg class="head" viewBox="0 0 {side} {side}" width="{side}" role="img" '
        f'aria-label="{words(name)}: how much each token looks at each">'
        + "".join(parts)
        + "</svg>"
    )
