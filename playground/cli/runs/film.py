"""`runs show --film`: what a run wrote after so many steps, from gibberish on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from playground.cli.listing import echo_line, in_columns
from playground.lab.protocol.film import FilmRow, FilmText
from playground.widths import cell_len, set_cell_size


def print_film(rows: Sequence[FilmRow]) -> None:
    """Print the film: a line for each row, its texts in columns."""
    for line in lines(rows):
        echo_line(line)


def lines(rows: Sequence[FilmRow]) -> Iterator[str]:
    """The film line by line: the step, and each text whole, with the sign of its end."""
    texts = [[_shown(text) for text in row.texts] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip_longest(*texts, fillvalue="")]
    steps = max((len(f"{row.step:,}") for row in rows), default=0)
    for row, some in zip(rows, texts, strict=True):
        columns = [set_cell_size(*one) for one in zip(some, widths, strict=False)]
        said = [in_columns(row.note)] if row.note else columns
        yield "  ".join((f"{row.step:>{steps},}", *said)).rstrip()


def _shown(text: FilmText) -> str:
    return f"{in_columns(text.text)}{text.sign}"
