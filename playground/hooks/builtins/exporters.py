"""Exporters: the series of a run as a table, or as one JSON object a line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microgpt.engine import Progress
from microgpt.terminal import json_text
from playground.api import Contribution, Exporter, ExportError, RunExport, hookimpl

_BY_HAND = "by_hand"
_EVERY = 10_000
"""Steps between two signs of progress."""


def rows(run: RunExport, progress: Progress) -> Iterator[dict[str, Any]]:
    """One row of each step, in order: "step", and "loss", "learning_rate", "held_out" and the
    metrics where the step has them, and what was done by hand after it. The hold-out loss before
    the first step is in the row of step 0."""
    extra: dict[int, dict[str, Any]] = {}
    for name, pairs in {"held_out": run.evaluations, **run.series}.items():
        for step, value in pairs:
            extra.setdefault(step, {})[name] = value
    for step, words in run.edits:
        done = extra.setdefault(step, {})
        done[_BY_HAND] = f"{done[_BY_HAND]}; {words}" if _BY_HAND in done else words
    last = run.first_step + len(run.losses)
    for step in sorted(step for step in extra if step < run.first_step):
        yield {"step": step, **extra[step]}
    for place, step in enumerate(range(run.first_step, last)):
        if place % _EVERY == 0:
            progress("writing the steps", place, len(run.losses))
        yield {
            "step": step,
            "loss": run.losses[place],
            "learning_rate": run.learning_rates[place],
            **extra.get(step, {}),
        }
    for step in sorted(step for step in extra if step >= last):
        yield {"step": step, **extra[step]}


_SEPARATES = ',;|"\t\r\n'
_FORMULA = re.compile(rf"(?:^|(?<=[{_SEPARATES}]))(?=\s*[=+@＝＋－＠\t\r-])")
"""Where a cell begins that a spreadsheet would compute: at the beginning of a text, and where a
spreadsheet with another separator would cut it."""


def cell(text: str) -> str:
    """A text as a cell of a table with commas, which no spreadsheet takes for a formula.

    An apostrophe before the sign makes text of what follows, in every spreadsheet. A number stays
    the number that it is.
    """
    if not _is_number(text):
        text = _FORMULA.sub("'", text)
    plain = not any(sign in text for sign in _SEPARATES)
    return text if plain else '"' + text.replace('"', '""') + '"'


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class Csv:
    """One row a step, numbers in full; a number that a step does not have stays empty."""

    def export(self, run: RunExport, path: Path, progress: Progress) -> None:
        columns = ["step", "loss", "learning_rate", "held_out", *run.series]
        columns += [_BY_HAND] if run.edits else []
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            file.write(",".join(map(cell, columns)) + "\n")
            for row in rows(run, progress):
                if _BY_HAND in row:
                    row[_BY_HAND] = _FORMULA.sub("'", row[_BY_HAND])
                writer.writerow(row)


class JsonLines:
    """One object a line, as `microgpt-play train --json` prints them: the steps, then samples."""

    def export(self, run: RunExport, path: Path, progress: Progress) -> None:
        batches: dict[int, list[str]] = {}
        for step, text in run.samples:
            batches.setdefault(step, []).append(text)
        if not (run.losses or run.evaluations or batches or any(run.series.values())):
            raise ExportError("There is nothing to write yet", "The run has no step: train some.")
        with path.open("w", encoding="utf-8", newline="") as file:
            for row in rows(run, progress):
                file.write(json_text(row) + "\n")
            for step, texts in sorted(batches.items()):
                file.write(json_text({"step": step, "samples": texts}) + "\n")


@hookimpl
def microgpt_exporters() -> Iterator[Contribution[Exporter]]:
    yield Contribution(
        name="csv", summary="a table, one row a step: losses and learning rates", factory=Csv
    )
    yield Contribution(
        name="json-lines",
        summary="one JSON object a line: the steps, then the samples",
        factory=JsonLines,
    )
