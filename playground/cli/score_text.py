"""The score of a model in words and tables, made from what --json prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from playground.cli.inside_text import Lines, quoted, wrapped
from playground.cli.listing import echo_line, in_columns, terminal_width
from playground.cli.named_model import source_words
from playground.lab.protocol import score as words
from playground.lab.protocol.score import Row
from playground.widths import cell_len, fit

_TEXT = 30
"""Columns of a text, at most."""
_WORST = 5
"""Tokens and contexts that are listed; --json has ten."""
_SHOWN = 5
"""Samples that are listed; --json has more."""
_GAP = "  "


def print_score(shown: Mapping[str, Any]) -> None:
    """Print a score. shown: the object that --json prints."""
    print_parts(_parts(shown))


def print_parts(parts: Iterator[Lines]) -> None:
    """Print blocks of lines, with a blank line between two."""
    for number, lines in enumerate(parts):
        if number:
            click.echo()
        for line in lines:
            echo_line(line.rstrip())


def _parts(shown: Mapping[str, Any]) -> Iterator[Lines]:
    yield wrapped(shown["verdict"])
    held = shown["heldout"]
    source = source_words(shown["model"])
    begin = f"{source[:1].upper()}{source[1:]} after step {shown['model']['step']:,}. "
    yield wrapped(begin + words.read_words(held, shown["training"]))
    if held["unseen"]:
        lines = table([words.LOSSES, *words.losses(held), *words.competitors(held)])
        yield lines if held["bits_per_character"] is not None else [
            *lines, *wrapped(words.NO_BITS)
        ]  # fmt: skip
        found = held["calibration"]
        yield [
            *table([words.CALIBRATION, *words.calibration(found)]),
            *wrapped(words.calibration_words(found)),
        ]
        yield table([words.WORST, *words.worst(held, _WORST, lambda name: quoted(name))])
    if shown["samples"]["count"]:
        yield table(words.samples(shown["samples"]))
        yield table([words.TEXTS, *words.texts(shown["samples"]["texts"], _SHOWN, cut)])


def cut(text: str, most: int = _TEXT) -> str:
    """A text for a cell of `most` columns at most."""
    shown = in_columns(text) or "∅"
    return fit(shown, most).rstrip() if cell_len(shown) > most else shown


def table(rows: Sequence[Row]) -> Lines:
    """Rows of cells below their titles, each column as wide as its widest cell. Where the terminal
    is too narrow, each row stands as a few lines: its name, and then its cells with their
    titles."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= terminal_width():
        return [
            _GAP.join(fit(cell, width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
    titles, *rest = rows
    lines = wrapped(titles[0])
    for row in rest:
        lines += wrapped(row[0])
        cells = [
            f"{title} {cell}".strip()
            for title, cell in zip(titles[1:], row[1:], strict=True)
            if cell
        ]
        lines += [f"{_GAP}{line}" for line in _flowing(cells, terminal_width() - len(_GAP))]
    return lines


def _flowing(cells: Sequence[str], width: int) -> Lines:
    """Cells side by side, as many in a line as fit."""
    lines: Lines = []
    for cell in cells:
        if lines and cell_len(lines[-1]) + len(_GAP) + cell_len(cell) <= width:
            lines[-1] += _GAP + cell
        else:
            lines += [cell] if cell_len(cell) <= width else [fit(cell, width)]
    return lines
