"""A fork in the store: the parent's record up to one step, copied while others write."""

from __future__ import annotations

import sqlite3
import time
from array import array
from dataclasses import dataclass, replace

from microgpt.config import PARTS
from playground.lab.floats import as_bytes, floats_of
from playground.lab.store.database import Database
from playground.lab.store.errors import missing
from playground.lab.store.housekeeping import ROWS, in_pieces, last_of
from playground.lab.store.records import NewRun
from playground.lab.store.rows import insert_run, up_to
from playground.lab.store.schema import IN_FORCE
from playground.strict import fields, parsed

RECENT = 100
"""Steps before the fork, whose mean loss is the fork's loss in lists until the fork trains."""


@dataclass(frozen=True, slots=True)
class _Copied:
    """How the rows of one table are copied."""

    table: str
    key: str
    """The column that orders the rows and tells them apart."""
    columns: str
    size: str
    """The bytes of a row, as SQL."""
    whole: str
    """The condition, on `:step` and `:earliest`, for a row to be copied whole."""


TABLES = (
    _Copied(
        "chunks",
        "first",
        "first, losses, learning_rates, tokens_seen, seconds",
        "2 * length(losses)",
        "first + length(losses) / 8 <= :step",
    ),
    _Copied("measurements", "id", "label, first, last, pairs", "length(pairs)", "last <= :step"),
    _Copied("samples", "id", "step, body", "length(body)", "step <= :step"),
    _Copied("probes", "step", "step, answers", "length(answers)", "step <= :step"),
    _Copied("film", "step", "step, body", "length(body)", "step <= :step"),
    _Copied("edits", "rowid", "step, field, value", "50 + length(value)", "step < :step"),
    _Copied(
        "keyframes",
        "rowid",
        "step, tip, state",
        "length(state)",
        "step <= :step AND step >= :earliest",
    ),
)


def fork(database: Database, parent: int, step: int, new: NewRun, owner: str) -> int:
    """See `Store.fork`. No list shows the fork before it is complete; the next purge removes a
    fork that was killed before that."""
    with database.writing() as db:
        found = db.execute(
            "SELECT first, earliest, step, spec, data FROM runs JOIN details ON run = id "
            "WHERE id = ? AND deleted IS NULL AND ready",
            (parent,),
        ).fetchone()
        if found is None:
            raise missing(
                "The run to fork is gone", f"There is no run {parent}. Choose another one."
            )
        first, earliest, end, spec, data = found
        same_start = (_beginning(spec), data) == (_beginning(new.spec), new.data)
        if not first <= step <= end:
            raise ValueError(f"run {parent} has a record of the steps {first} to {end}, not {step}")
        # A fork with other settings cannot replay the steps before the fork.
        earliest = max(earliest, new.earliest)
        new = replace(new, parent=parent, fork_step=step, first=first, earliest=earliest)
        run = insert_run(db, new, owner, ready=False)
    if step or same_start:
        for table in TABLES:
            _copy(database, table, parent, run, step, earliest)
    with database.writing() as db:
        tokens_seen, seconds = _cut_chunk(db, parent, run, step)
        if step or same_start:
            _cut_measurements(db, parent, run, step)
        db.execute(f"{IN_FORCE} WHERE id = ?", (run,))
        heldout = _last_heldout(db, run)
        if heldout is not None:
            what = "bits_per_nat, heldout_text, heldout_tokens"
            db.execute(
                f"UPDATE runs SET ({what}) = (SELECT {what} FROM runs WHERE id = ?) WHERE id = ?",
                (parent, run),
            )
        db.execute(
            "UPDATE runs SET ready = 1, step = ?, at = ?, tokens_seen = ?, seconds = ?, loss = ?, "
            "heldout = ?, status = 'paused', touched = ? WHERE id = ?",
            (
                step,
                step,
                tokens_seen,
                seconds,
                _recent_loss(db, run),
                heldout,
                time.time(),
                run,
            ),
        )
    return run


def _beginning(spec: str) -> list[object]:
    """The settings that determine step 0: the first weights and what is measured of them."""
    stored = fields(parsed(spec, "the settings"), "the settings")
    values = {"holdout_by": "row", **stored}  # as RunSpec.parse has it
    values["model"] = {"parts": list(PARTS), **fields(values.get("model") or {}, "model")}
    names = ("dataset", "tokenizer", "model", "seed", "holdout", "holdout_by")
    return [values.get(name) for name in names]


def _copy(database: Database, of: _Copied, parent: int, run: int, step: int, earliest: int) -> None:
    """Copy the rows that end at `step` or before."""
    rows = f"FROM {of.table} WHERE run = :parent AND {of.key} > :after AND {of.whole}"
    values = {"parent": parent, "run": run, "step": step, "earliest": earliest, "after": -1}

    def piece(db: sqlite3.Connection) -> bool:
        sizes = db.execute(
            f"SELECT {of.key}, {of.size} {rows} ORDER BY {of.key} LIMIT {ROWS}", values
        ).fetchall()
        if not sizes:
            return False
        last = last_of(sizes)
        db.execute(
            f"INSERT INTO {of.table} (run, {of.columns}) SELECT :run, {of.columns} {rows} "
            f"AND {of.key} <= :last ORDER BY {of.key}",
            {**values, "last": last},
        )
        values["after"] = last
        return True

    in_pieces(database, piece)


def _cut_chunk(db: sqlite3.Connection, parent: int, run: int, step: int) -> tuple[int, float]:
    """Copy the beginning of the chunk that contains `step`. Returns (tokens seen, seconds) at
    `step`, interpolated between the ends of the chunk."""
    before = db.execute(
        "SELECT first + length(losses) / 8, tokens_seen, seconds FROM chunks WHERE run = ? "
        "ORDER BY first DESC LIMIT 1",
        (run,),
    ).fetchone() or (0, 0, 0.0)
    found = db.execute(
        "SELECT first, losses, learning_rates, tokens_seen, seconds FROM chunks WHERE run = ? "
        "AND first < ? AND first + length(losses) / 8 > ?",
        (parent, step, step),
    ).fetchone()
    if found is None:
        return int(before[1]), float(before[2])
    first, losses, rates, tokens_seen, seconds = found
    part = (step - before[0]) / (first + len(losses) // 8 - before[0])
    tokens = before[1] + round(part * (tokens_seen - before[1]))
    spent = before[2] + part * (seconds - before[2])
    cut = 8 * (step - first)
    db.execute(
        "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)",
        (run, first, losses[:cut], rates[:cut], tokens, spent),
    )
    return tokens, spent


def _cut_measurements(db: sqlite3.Connection, parent: int, run: int, step: int) -> None:
    found = db.execute(
        "SELECT label, first, pairs FROM measurements WHERE run = ? AND first <= ? AND last > ? "
        "ORDER BY id",
        (parent, step, step),
    ).fetchall()
    for label, first, pairs in found:
        kept = up_to(floats_of(pairs), step)
        db.execute(
            "INSERT INTO measurements (run, label, first, last, pairs) VALUES (?, ?, ?, ?, ?)",
            (run, label, first, int(max(kept[::2])), as_bytes(kept)),
        )


def _recent_loss(db: sqlite3.Connection, run: int) -> float | None:
    losses = array("d")
    chunks = db.execute("SELECT losses FROM chunks WHERE run = ? ORDER BY first DESC", (run,))
    for (some,) in chunks:
        losses = floats_of(some[-8 * RECENT :]) + losses
        if len(losses) >= RECENT:
            break
    losses = losses[-RECENT:]
    return sum(losses) / len(losses) if losses else None


def _last_heldout(db: sqlite3.Connection, run: int) -> float | None:
    found = db.execute(
        "SELECT pairs FROM measurements WHERE run = ? AND label IS NULL ORDER BY last DESC LIMIT 1",
        (run,),
    ).fetchone()
    if found is None:
        return None
    pairs = floats_of(found[0])
    return max(zip(pairs[::2], pairs[1::2], strict=True))[1]
