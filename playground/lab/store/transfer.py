"""A run as one file that another machine imports and continues bit for bit.

The file is a store that holds one run; see importing.py for the way back.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from pathlib import Path

from playground.hooks.sources import expanded
from playground.lab.store.errors import Kind, StoreError, explained
from playground.lab.store.importing import import_run
from playground.lab.store.schema import create_tables
from playground.lab.store.store import Store

__all__ = ["ENDING", "export_run", "import_run"]

ENDING = ".microgpt-run"
COPIED = {
    "chunks": "first, losses, learning_rates, tokens_seen, seconds",
    "measurements": "label, first, last, pairs",
    "samples": "step, body",
    "probes": "step, answers",
    "edits": "step, field, value",
    "keyframes": "step, tip, state",
    "details": "spec, tokenizer_state, data, plugins, settings, text_sha256",
}
"""Columns by table, but for `run`."""
_LEFT_OUT = {"id", "parent", "owner", "deleted", "ready"}
"""What a run is only in the store that it is in."""


def export_run(store: Store, run: int, path: Path | str) -> Path:
    """Write the run to a file, whole or not at all; one of that name is replaced. Its text goes
    along if the store has it. Returns the path, which ends in ENDING. Raises StoreError."""
    target = _place(path)
    with (
        explained(target),
        tempfile.TemporaryDirectory(prefix=f".{target.name[:50]}-", dir=target.parent) as folder,
    ):
        draft = Path(folder) / "run"
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as file:
            file.execute("PRAGMA synchronous = FULL")
            file.execute("BEGIN")
            create_tables(file)
            store.row(run)  # that it is there, in words
            with store._database.reading() as db:
                _write(db, run, file)
            file.execute("COMMIT")
        draft.replace(target)
    return target


def _write(db: sqlite3.Connection, run: int, file: sqlite3.Connection) -> None:
    known = [str(one[1]) for one in db.execute("PRAGMA table_info(runs)")]
    names = ", ".join(name for name in known if name not in _LEFT_OUT)
    _rows(db, run, file, "runs", f"1, {names}", f"id, {names}", "id = ?")
    for table, columns in COPIED.items():
        _rows(db, run, file, table, f"1, {columns}", f"run, {columns}", "run = ?")
    wanted = "sha256 = (SELECT text_sha256 FROM details WHERE run = ?)"
    columns = "sha256, kept, size, data"
    _rows(db, run, file, "texts", columns, columns, wanted)


def _rows(
    db: sqlite3.Connection,
    run: int,
    file: sqlite3.Connection,
    table: str,
    read: str,
    written: str,
    where: str,
) -> None:
    marks = ", ".join("?" * (written.count(",") + 1))
    file.executemany(
        f"INSERT INTO {table} ({written}) VALUES ({marks})",
        db.execute(f"SELECT {read} FROM {table} WHERE {where} ORDER BY rowid", (run,)),
    )


def _place(path: Path | str) -> Path:
    """Where the file goes. Raises StoreError if it cannot go there."""
    from playground.lab.checkpoint import CheckpointError, check_place

    target = expanded(path)
    if target.suffix != ENDING and not target.is_dir():
        target = target.with_name(target.name + ENDING)
    try:
        return check_place(target)
    except CheckpointError as error:
        cause = error.__cause__
        kind: Kind = "read-only" if isinstance(cause, PermissionError) else "other"
        raise StoreError(error.title, error.message, kind) from error
