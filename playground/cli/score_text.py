"""The score of a model in words and tables, made from what --json prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from playground.cli.inside_text import Lines, quoted, wrapped
from playground.cli.listing import echo_line, in_columns
from playground.widths import cell_len, fit
from playground.words import many

_TEXT = 30
"""Columns of a text, at most."""
_WORST = 5
"""Tokens and contexts that are listed; --json has ten."""


def print_score(shown: Mapping[str, Any]) -> None:
    """Print a score. shown: the object that --json prints."""
    for number, lines in enumerate(_parts(shown)):
        if number:
            click.echo()
        for line in lines:
            echo_line(line.rstrip())


def _parts(shown: Mapping[str, Any]) -> Iterator[Lines]:
    yield wrapped(shown["verdict"])
    held = shown["heldout"]
    yield wrapped(_read(shown["model"], held, shown["training"]))
    if held["unseen"]:
        yield _losses(held)
        yield _calibration(held["calibration"])
        yield _worst(held)
    if shown["samples"]["count"]:
        yield _samples(shown["samples"])
        yield _texts(shown["samples"]["texts"])


def _read(model: Mapping[str, Any], held: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    if "run" in model:
        name = in_columns(model["name"] or "")
        source = f"Run {model['run']}{f' “{name}”' if name else ''}"
    else:
        source = in_columns(model["checkpoint"])
    said = f"{source} after step {model['step']:,}. "
    if held["documents"]:
        said += (
            f"Of {many(held['documents'], 'held-out text')} {held['looked_at']:,} were looked at, "
            f"and {held['left_out']:,} left out as they stand in the training texts, too: "
            f"{held['unseen']:,} remain. "
        )
    return said + (
        f"Counted, compressed and searched: {training['looked_at']:,} of "
        f"{many(training['documents'], 'training text')}."
    )


def _figure(one: Mapping[str, float], digits: int = 3) -> list[str]:
    low, high = f"{one['low']:.{digits}f}", f"{one['high']:.{digits}f}"
    known = math.isfinite(one["high"])
    return [f"{one['value']:.{digits}f}", f"{low} to {high}" if known else "unknown"]


def _share(one: Mapping[str, float]) -> list[str]:
    known = math.isfinite(one["high"])
    between = f"{one['low']:.0%} to {one['high']:.0%}" if known else "unknown"
    return [f"{one['value']:.0%}", between]


def _losses(held: Mapping[str, Any]) -> Lines:
    own = held["bits_per_character"]
    rows = [["unseen texts", "", "95 %", ""]]
    if own is not None:
        rows.append([held["unit"], *_figure(own), ""])
    rows.append(["nats a token", *_figure(held["nats_per_token"]), ""])
    rows.append(["effective choices", *_figure(held["effective_choices"], 2), ""])
    for name, one in held["against"].items():
        apart = "" if one["told_apart"] else "not told apart"
        rows.append([name, *_figure(one["bits"]), apart])
    rows += [[name, *_figure(one), ""] for name, one in held["compressors"].items()]
    lines = _table(rows)
    if own is None:
        lines += wrapped(
            "The tokens do not give back the texts, so there are no bits a character: the figures "
            "of the counts are in bits a token."
        )
    return lines


def _calibration(found: Mapping[str, Any]) -> Lines:
    rows = [["the likeliest token", "says", "is right", "95 %", "tokens"]]
    for one in found["bins"]:
        name = f"{one['from']:.0%} to {one['to']:.0%}"
        rows.append([name, f"{one['confidence']:.0%}", *_share(one["right"]), f"{one['tokens']:,}"])
    value, between = _figure(found["error"])
    return [*_table(rows), f"expected calibration error {value} (95 % {between})"]


def _worst(held: Mapping[str, Any]) -> Lines:
    rows = [["worst at", "nats", "95 %", "of the loss", "times"]]
    for label, found in (("", held["worst_tokens"]), ("after ", held["worst_contexts"])):
        for one in found[:_WORST]:
            name = label + quoted("".join(one["tokens"]))
            share = f"{one['share']:.1%}"
            rows.append([name, *_figure(one["nats"], 2), share, f"{one['count']:,}"])
    return _table(rows)


def _samples(found: Mapping[str, Any]) -> Lines:
    rows = [[many(found["count"], "sample"), "", "95 %"]]
    for name, key in (
        ("new", "new"),
        ("training texts", "in_training"),
        ("recited, whole or in pieces", "recited"),
        ("characters in recited runs", "covered"),
        ("equal to an earlier sample", "duplicates"),
        ("valid by the run's rule", "valid"),
    ):
        if found[key] is not None:
            rows.append([name, *_share(found[key])])
    rows.append(["longest run also in training", *_figure(found["longest_run"], 1)])
    if found["heldout"] is not None:
        rows.append(["  the same of held-out texts", *_figure(found["heldout"]["longest_run"], 1)])
    rows.append(["edits from the nearest one", *_figure(found["edit_distance"], 1)])
    return _table(rows)


def _texts(texts: Sequence[Mapping[str, Any]]) -> Lines:
    rows = [["sample", "edits", "nearest training text"]]
    rows += [[_cut(one["text"]), f"{one['distance']:,}", _cut(one["nearest"])] for one in texts]
    return _table(rows)


def _cut(text: str) -> str:
    shown = in_columns(text) or "∅"
    return fit(shown, _TEXT).rstrip() if cell_len(shown) > _TEXT else shown


def _table(rows: Sequence[Sequence[str]]) -> Lines:
    """Rows of cells, each column as wide as its widest cell."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(fit(cell, width) for cell, width in zip(row, widths, strict=True))
            for row in rows]  # fmt: skip
