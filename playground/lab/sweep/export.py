"""A sweep as a table with commas, one row a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from playground.files import write_whole
from playground.hooks.builtins.exporters import cell
from playground.lab.checkpoint import check_place
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.store.sweeps import SweptRun
from playground.lab.sweep.plan import Plan

COLUMNS = ("seed", "held_out", "training", "steps", "run")
"""The columns after those of the varied settings: the last hold-out loss and the smoothed training
loss, in nats a token; the steps that are recorded; the number of the run in the store."""


def table_text(plan: Plan, runs: Iterable[SweptRun]) -> str:
    """The table: titles, then a row for each run, by setting and seed. Numbers in full; what a run
    does not have stays empty. No cell is a formula to a spreadsheet."""
    names = plan.names
    lines = [[*names, *COLUMNS]]
    for run in runs:
        values = dict(plan.settings[run.setting].values)
        figures = (run.seed, run.heldout, run.loss, run.step, run.run)
        lines.append(
            [
                *(values.get(name, "") for name in names),
                *("" if one is None else repr(one) for one in figures),
            ]
        )
    return "".join(",".join(map(cell, line)) + "\n" for line in lines)


def export_table(plan: Plan, runs: Iterable[SweptRun], path: Path) -> Path:
    """Write the table whole or not at all; a file of that name is replaced. Returns the path.
    Raises LabError."""
    target = check_place(path)
    try:
        write_whole(target, table_text(plan, runs).encode("utf-8"))
    except OSError as error:
        why = error.strerror or str(error)
        raise LabError(Failure("The file could not be written", f"{target}: {why}.")) from error
    return target
