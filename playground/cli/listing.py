"""The commands that list contributions (`engines`, `tokenizers` ...), and their two columns."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import unicodedata
from typing import cast

import click

from microgpt.terminal import in_a_line, json_text
from playground.catalog import BUILTIN, Control, Kind
from playground.cli.failures import printable, warn
from playground.hooks.errors import KIND_WORDS
from playground.hooks.gallery import ORIGIN as GALLERY_ORIGIN
from playground.hooks.lookup import range_of
from playground.hooks.sources import PluginSources
from playground.widths import FILLERS, cell_len, fit, held, is_variation_selector, wrap

UNLIMITED = 10_000
MIN_TEXT = 24
"""Columns of the text beside a name at least."""

_MARKS = {"recited": "   (recited)", "in data": "   (in the data)"}

Row = tuple[str, str]
"""(a name, indented; the text about it)."""


def list_entries(kind: str, sources: PluginSources, *, as_json: bool) -> int:
    """Print the contributions of one kind, each below its plugin; returns the exit code."""
    from playground.cli.loading import load

    catalog = load(sources).catalog()
    entries = catalog.listed(cast(Kind, kind))
    if as_json:
        click.echo(json_text([dataclasses.asdict(entry) for entry in entries], indent=2))
    elif not entries:
        words = KIND_WORDS[cast(Kind, kind)]
        click.echo(f"There is no {words}. `microgpt-play plugins new {kind} NAME` begins one.")
    else:
        rows: list[Row] = []
        origin = ""
        for entry, after in zip(entries, (*entries[1:], None), strict=True):
            if entry.origin != origin:
                origin = entry.origin
                rows.append((_whose(entry.plugin, origin), ""))
            rows.append((f"  {entry.name}", entry.summary))
            if entry.missing and (after is None or after.missing != entry.missing):
                rows.append(("", entry.missing))
            rows.extend(_knob(control) for control in entry.controls)
        print_rows(rows)
    warn(catalog.problems)
    return 0


def _whose(plugin: str, origin: str) -> str:
    return origin if plugin == BUILTIN or origin == GALLERY_ORIGIN else f"{plugin}, {origin}"


def _knob(control: Control) -> Row:
    """A knob: its name and default as a person types them; its range, unit and help."""
    off = control.neutral is not None and control.default == control.neutral
    value = "off" if off and control.kind == "slider" else control.default
    if isinstance(value, bool):
        value = str(value).lower()
    shown = "..." if value in ("", None) else value
    allowed = " ".join(filter(None, (range_of(control), control.unit)))
    return f"    {control.name}={shown}", "; ".join(filter(None, (allowed, control.help)))


def print_rows(rows: list[Row]) -> None:
    """Print two columns; a long text continues in its own column."""
    width = terminal_width()
    rows = [(in_columns(name), in_columns(text)) for name, text in rows]
    named = max((cell_len(name) for name, text in rows if text), default=0)
    named = min(named, max(width - MIN_TEXT - 2, 8))
    for name, text in rows:
        if not text:
            echo_line(name)
            continue
        if cell_len(name) > named:
            echo_line(name)
            name = ""
        for line in wrap(text, max(width - named - 2, MIN_TEXT)):
            echo_line(f"{fit(name, named)}  {line}")
            name = ""


def in_columns(text: str) -> str:
    """The text for a table: printable, and as wide on one terminal as on another. Line ends, tabs
    and no-break spaces have the signs that they have on the screen.

    What changes the width of its neighbour on some terminals only is escaped: variation selectors,
    and letters that show nothing. A mark at the beginning gets a dotted circle to sit on.
    """
    shown = "".join(
        ascii(char)[1:-1] if char in FILLERS or is_variation_selector(char) else char
        for char in printable(in_a_line(text))
    )
    return f"◌{shown}" if unicodedata.category(shown[:1] or " ")[0] == "M" else shown


def echo_line(line: str) -> None:
    """Print one line of a table, whose columns stand on a terminal that counts otherwise."""
    steered = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    click.echo(held(line) if steered else line)


def marked(mark: str) -> str:
    """What is printed after a sampled text: "" after a new one. mark: that of SampleText."""
    return _MARKS.get(mark, "")


def terminal_width() -> int:
    """Columns of the terminal, or COLUMNS; UNLIMITED in a pipe, whose reader wants whole lines."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return max(shutil.get_terminal_size().columns, 20)
    return UNLIMITED
