"""What `check-run` found, in words and tables, made from what --json prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground.cli.inside_text import Lines, wrapped
from playground.cli.listing import in_columns, terminal_width
from playground.cli.named_model import source_words
from playground.cli.score_text import cut, print_parts, table
from playground.lab.protocol.score import Row
from playground.lab.score.check import not_compared
from playground.widths import cell_len, fit
from playground.words import many

_PAIRS = 10
"""Samples that are listed; --json has all."""
_VALUE = 60
"""Columns of a setting's value, at most."""
_SHARES = ("recited", "duplicates", "valid", "samples", "probes")
_MARKS = {True: "=", False: "≠"}


def print_check(shown: Mapping[str, Any]) -> None:
    """Print a check. shown: the object that --json prints."""
    print_parts(_parts(shown))


def _parts(shown: Mapping[str, Any]) -> Iterator[Lines]:
    word = "PASSED" if shown["passed"] else "FAILED"
    yield wrapped(in_columns(f"{word}. {shown['verdict']}"))
    yield _figures(shown)
    yield wrapped(_texts_words(shown))
    if shown["settings"]:
        yield _settings(shown["settings"])
    if shown["samples"]:
        yield _samples(shown["samples"])
    yield from _probes(shown)


def _figures(shown: Mapping[str, Any]) -> Lines:
    figures: Sequence[Mapping[str, Any]] = shown["figures"]
    rows: list[Row] = [("figure", "baseline", "run", "change", "95 %", "allowed", "verdict")]
    rows += [_row(one) for one in figures]
    lines = table(rows)
    short = [(*row[:4], *row[5:]) for row in rows]
    if len(lines) != len(rows):  # too narrow for the intervals
        lines = table(short)
    for said in not_compared([one for one in figures if not one["fails"]]):
        lines += wrapped(f"{said[:1].upper()}{said[1:]}.")
    return lines


def _row(one: Mapping[str, Any]) -> Row:
    option, change = one["option"], one["change"]
    percent = option in _SHARES

    def said(value: float, sign: str = "") -> str:
        return f"{value:{sign}.0%}" if percent else f"{value:{sign}.3f}"

    allowed = "any" if one["allowed"] is None else said(one["allowed"])
    if option and one["allowed"] is not None:
        allowed = f"−{allowed}" if option == "valid" else f"+{allowed}"
    if not option:
        allowed = ""
    verdict = one["verdict"]
    if change is None:
        return one["figure"], "", "", "", "", allowed, verdict
    texts = option in ("samples", "probes")
    low, high = said(change["low"], "+"), said(change["high"], "+")
    known = change["low"] not in (None, -float("inf"))
    between = "" if texts or not known else f"{low} to {high}"
    return (
        one["figure"],
        "" if texts else said(one["baseline"]),
        said(one["run"]),
        "" if texts else said(change["value"], "+"),
        between,
        allowed,
        verdict,
    )


def _texts_words(shown: Mapping[str, Any]) -> str:
    held = shown["heldout"]
    said = f"{many(held['judged'], 'held-out text')} judged"
    if held["judged"]:
        said += (
            f": held out by both, and read alike, of the {held['baseline']:,} of "
            f"{source_words(shown['baseline'])} and the {held['run']:,} of "
            f"{source_words(shown['run'])}"
        )
    if shown["samples"]:
        said += (
            f". {many(len(shown['samples']), 'sample')} of each, with the dice of seed "
            f"{shown['seed']}"
        )
    return (
        f"{said}. A change is worse if it is more than allowed, and its 95 % interval leaves out 0."
    )


def _settings(settings: Sequence[Mapping[str, Any]]) -> Lines:
    rows = [
        (in_columns(one["setting"]), _value(one["baseline"]), _value(one["run"]))
        for one in settings
    ]
    return table([("settings that differ", "baseline", "run"), *rows])


def _value(value: object) -> str:
    return cut("none" if value is None else str(value), _VALUE)


def _samples(samples: Sequence[Mapping[str, Any]]) -> Lines:
    differing = sum(not one["same"] for one in samples)
    title = f"samples: {differing:,} of {len(samples):,} differ{', marked ≠' if differing else ''}"
    more = len(samples) - _PAIRS
    lines = wrapped(title) + _pairs(
        [(one["same"], one["baseline"], one["run"]) for one in samples[:_PAIRS]]
    )
    return [*lines, *(wrapped(f"and {more:,} more: --json has all") if more > 0 else [])]


def _pairs(pairs: Sequence[tuple[bool, str, str]]) -> Lines:
    """Texts side by side, each pair with a mark that says whether they are the same."""
    most = max(8, (min(terminal_width(), 120) - 4) // 2)
    lines = [(" ", "baseline", "run")]
    lines += [(_MARKS[same], cut(one, most), cut(other, most)) for same, one, other in pairs]
    width = max(cell_len(one) for _, one, _ in lines)
    return [f"{mark} {fit(one, width)}  {other}" for mark, one, other in lines]


def _probes(shown: Mapping[str, Any]) -> Iterator[Lines]:
    probes = shown["probes"]
    if not probes:
        yield wrapped("No probes: neither run has any. --prompts FILE asks some.")
        return
    changed = [one for one in probes if one["changed"]]
    asked = [one for one in probes if one["asked"]]
    lines = wrapped(f"probes: {len(changed):,} of {len(asked):,} answers changed")
    pairs = [
        (False, before, after)
        for one in changed
        for before, after in zip(one["baseline"], one["run"], strict=True)
        if before != after
    ]
    if pairs:
        lines += _pairs(pairs)
    for trouble in shown["troubles"]:
        lines += wrapped(f"{in_columns(trouble)}.")
    yield lines
