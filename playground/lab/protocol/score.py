"""The figures of a score and of a check in words and cells, for the command line and the screen.

A score is the object that `microgpt-play score --json` prints; a check is that of `check-run`.
Texts and tokens in it are untrusted: `name` makes them fit for a terminal or a screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.words import many

SAMPLES, SEED = 100, 42
"""What is sampled for a score, unless a person asks for more or for others."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The score of the open run as it stood when it was asked."""

    step: int
    values: Mapping[str, Any]
    """What `score --json` prints of it."""


Row = tuple[str, ...]
"""The cells of one line of a table."""
Name = Callable[[str], str]
NO_BITS = (
    "The tokens do not give back the texts, so there are no bits a character, and no compressor "
    "can be compared: the figures are in bits a token."
)


def figure(one: Mapping[str, float], digits: int = 3) -> tuple[str, str]:
    """(the value, its interval)."""
    low, high = f"{one['low']:.{digits}f}", f"{one['high']:.{digits}f}"
    known = math.isfinite(one["high"]) and math.isfinite(one["low"])
    return f"{one['value']:.{digits}f}", f"{low} to {high}" if known else "unknown"


def share(one: Mapping[str, float]) -> tuple[str, str]:
    """As `figure`, in percent."""
    known = math.isfinite(one["high"]) and math.isfinite(one["low"])
    between = f"{one['low']:.0%} to {one['high']:.0%}" if known else "unknown"
    return f"{one['value']:.0%}", between


def read_words(held: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """Which texts a score is of."""
    said = ""
    if held["documents"]:
        said = (
            f"Of {many(held['documents'], 'held-out text')} {held['looked_at']:,} were looked at, "
            f"and {held['left_out']:,} left out as they stand in the training texts, too: "
            f"{held['unseen']:,} remain. "
        )
    return said + (
        f"Counted, compressed and searched: {training['looked_at']:,} of "
        f"{many(training['documents'], 'training text')}."
    )


LOSSES: Row = ("unseen texts", "", "95 %", "")


def losses(held: Mapping[str, Any]) -> list[Row]:
    """The model's own figures."""
    return [
        (held["unit"], *figure(held["bits"]), ""),
        ("nats a token", *figure(held["nats_per_token"]), ""),
        ("effective choices", *figure(held["effective_choices"], 2), ""),
    ]


def competitors(held: Mapping[str, Any]) -> list[Row]:
    """What counting and compressing reach on the same texts, in the unit of the score."""
    found: list[Row] = [
        (name, *figure(one["bits"]), "" if one["told_apart"] else "not told apart")
        for name, one in held["against"].items()
    ]
    return found + [(name, *figure(one), "") for name, one in held["compressors"].items()]


CALIBRATION: Row = ("the likeliest token", "says", "is right", "95 %", "tokens")


def calibration(found: Mapping[str, Any]) -> list[Row]:
    """The bins of the reliability diagram."""
    return [
        (bin_words(one), f"{one['confidence']:.0%}", *share(one["right"]), f"{one['tokens']:,}")
        for one in found["bins"]
    ]


def bin_words(one: Mapping[str, Any]) -> str:
    """The bounds of a bin."""
    return f"{one['from']:.0%} to {one['to']:.0%}"


def calibration_words(found: Mapping[str, Any]) -> str:
    """The expected calibration error."""
    value, between = figure(found["error"])
    return f"expected calibration error {value} (95 % {between})"


WORST: Row = ("worst at", "nats", "95 %", "of the loss", "times")


def worst(held: Mapping[str, Any], most: int, name: Name) -> list[Row]:
    """The tokens and the contexts that cost most, `most` of each."""
    rows: list[Row] = []
    for label, found in (("", held["worst_tokens"]), ("after ", held["worst_contexts"])):
        for one in found[:most]:
            shown = label + name("".join(one["tokens"]))
            part = f"{one['share']:.1%}"
            rows.append((shown, *figure(one["nats"], 2), part, f"{one['count']:,}"))
    return rows


def samples(found: Mapping[str, Any]) -> list[Row]:
    """The figures of the samples, below a line that counts them."""
    rows: list[Row] = [(many(found["count"], "sample"), "", "95 %")]
    for name, key in (
        ("new", "new"),
        ("training texts", "in_training"),
        ("recited, whole or in pieces", "recited"),
        ("characters in recited runs", "covered"),
        ("equal to an earlier sample", "duplicates"),
        ("valid by the rule", "valid"),
    ):
        if found[key] is not None:
            rows.append((name, *share(found[key])))
    rows.append(("longest run also in training", *figure(found["longest_run"], 1)))
    if found["heldout"] is not None:
        rows.append(("  the same of held-out texts", *figure(found["heldout"]["longest_run"], 1)))
    rows.append(("edits from the nearest one", *figure(found["edit_distance"], 1)))
    return rows


TEXTS: Row = ("sample", "edits", "nearest training text")


def texts(found: Sequence[Mapping[str, Any]], most: int, name: Name) -> list[Row]:
    """Samples, each with its nearest training text."""
    return [
        (name(one["text"]), f"{one['distance']:,}", name(one["nearest"])) for one in found[:most]
    ]
