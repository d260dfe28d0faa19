"""A run as one file, which another machine imports and continues bit for bit.

The file is a store with one run, and without sweeps. A file to be imported is not trusted: it is
read from a copy, by known columns of known tables, and every value is checked (untrusted.py) before
it is kept.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from playground.files import NoFileError, draft_folder, open_file
from playground.hooks.errors import one_line
from playground.hooks.sources import expanded
from playground.lab.store.database import NONSENSE
from playground.lab.store.errors import Kind, StoreError, explained, full, missing
from playground.lab.store.housekeeping import AT_A_TIME, remove_run
from playground.lab.store.rows import clean, insert_run
from playground.lab.store.schema import (
    ALL_INDEXES,
    IN_FORCE,
    MIGRATIONS,
    OF_A_RUN,
    VERSION,
    check_header,
    create_tables,
    has_tables,
    version_of,
)
from playground.lab.store.store import Store
from playground.lab.store.untrusted import Given, Row, given_of, rows_of, text_of
from playground.strict import whole

ENDING = ".microgpt-run"
MAX_BYTES = 8 << 30
"""Bytes of the largest file that is imported."""
_HEAD = 100
"""Bytes that every SQLite database begins with."""
_SMALL = 64 << 20
"""Bytes that any run may have: a text, and what was seen of a run of few steps."""
_STATES = 16
"""States that a run of a large model keeps, and a few more."""
_A_STEP = 4096
"""Bytes that are kept of a step on average, at most: losses, measurements, samples."""
COPIED = {
    "chunks": "first, losses, learning_rates, tokens_seen, seconds",
    "measurements": "label, first, last, pairs",
    "samples": "step, body",
    "probes": "step, answers",
    "film": "step, body",
    "edits": "step, field, value",
    "keyframes": "step, tip, state",
    "details": "spec, tokenizer_state, data, plugins, settings, text_sha256",
}
"""The exported columns by table, without `run`."""
_LEFT_OUT = {"id", "parent", "owner", "deleted", "ready"}
"""Columns of `runs` that mean something in their own store only."""


# ---------------------------------------------------------------- export


def export_run(store: Store, run: int, path: Path | str) -> Path:
    """Write the run to a file, whole or not at all; a file of that name is replaced. The file
    contains the text that the run learns from if the store has it. Returns the path, which ends in
    ENDING. Raises StoreError."""
    target = _place(path)
    with explained(target), draft_folder(target) as folder:
        draft = folder / "run"
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as file:
            file.execute("PRAGMA synchronous = FULL")
            file.execute("BEGIN")
            create_tables(file, sweeps=False)
            store.row(run)  # raises if the run is not there, and says so in words
            with store.database.reading() as db:
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
    """The path of the file, with ENDING. Raises StoreError if nothing can be written there."""
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


# ---------------------------------------------------------------- import


def import_run(
    store: Store,
    path: Path | str,
    tell: Callable[[int, int], None] = lambda *_: None,
    also: Callable[[sqlite3.Connection, int], None] = lambda *_: None,
) -> int:
    """Import a run from a file that `export_run` wrote; returns its id in this store.

    tell: called now and then with the bytes so far, and those of the file. also: called with the
    connection and the run's id in the transaction that completes the run; if it raises ValueError
    or sqlite3.IntegrityError, nothing is imported.

    A run that the store has already is imported beside the first one, with "(imported)" in its
    name. The parent stays the parent if the store has it too.

    Raises StoreError for a file that is no such run; then nothing is imported.
    """
    source = expanded(path)
    with contextlib.suppress(OSError, ValueError):
        if source.samefile(store.path):
            raise StoreError(
                "This is the store of runs itself",
                f"{source} is what all runs are kept in. Give a file that a run was exported to.",
            )
    with _opened(source) as file:
        given = given_of(file)
        text = text_of(file, given)
        if text is not None:
            store.keep_text(text)
        run = _begin(store, given)
        done, total = 0, source.stat().st_size
        try:
            for rows in _batches(rows_of(file, given)):
                tell(min(done, total), total)
                done += sum(size for _, _, size in rows)
                began = time.perf_counter()
                with store.database.writing() as db, _taken():
                    for statement, values, _ in rows:
                        db.execute(statement, (run, *values))
                time.sleep(time.perf_counter() - began)  # a rest in which others write
            with store.database.writing() as db, _taken():
                _finish(db, run, given)
                also(db, run)
        except BaseException:
            with contextlib.suppress(StoreError):
                remove_run(store, run)
            raise
    return run


def _begin(store: Store, given: Given) -> int:
    """Insert the run, which no list shows yet. It gets its uid when it is complete, so that what a
    killed import leaves is not taken for the run."""
    with store.database.writing() as db, _taken():
        run = insert_run(db, given.new, "", ready=False)
        parent = db.execute(
            "SELECT id FROM runs WHERE uid = ? AND deleted IS NULL AND ready", (given.parent_uid,)
        ).fetchone()
        if parent is not None:
            db.execute(
                "UPDATE runs SET parent = ?, parent_uid = ?, fork_step = ? WHERE id = ?",
                (parent[0], given.parent_uid, given.fork_step, run),
            )
    return run


def _finish(db: sqlite3.Connection, run: int, given: Given) -> None:
    now = time.time()
    known = db.execute("SELECT 1 FROM runs WHERE uid = ?", (given.uid,)).fetchone()
    values = {
        "uid": uuid.uuid4().hex if known else given.uid,
        "name": clean(f"{given.new.name} (imported)".strip() if known else given.new.name),
        "note": clean(given.note),
        "created": min(given.created, now),
        "touched": now,
        "step": given.step,
        "at": given.at,
        "loss": given.loss,
        "heldout": given.heldout,
        "bits_per_nat": given.bits_per_nat,
        "heldout_text": given.heldout_text,
        "heldout_tokens": given.heldout_tokens,
        "status": given.status,
        "tokens_seen": given.tokens_seen,
        "seconds": given.seconds,
        "ready": 1,
    }
    sets = ", ".join(f"{column} = ?" for column in values)
    db.execute(f"UPDATE runs SET {sets} WHERE id = ?", (*values.values(), run))
    db.execute(f"{IN_FORCE} WHERE id = ?", (run,))


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """The rows in batches of the size that one transaction may write."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += row[2]
        if size > AT_A_TIME:
            yield batch
            batch, size = [], 0
    yield batch


@contextlib.contextmanager
def _understood(source: Path) -> Iterator[None]:
    """Turn what reading the copy raises into a StoreError that speaks of the file. Errors of one's
    own store are StoreErrors already, and go through."""
    try:
        yield
    except NONSENSE as error:
        raise _no_run(source, str(error) or type(error).__name__) from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise full(Path(tempfile.gettempdir())) from error  # an older copy is migrated there
        raise _no_run(source, str(error)) from error


@contextlib.contextmanager
def _taken() -> Iterator[None]:
    """Turn the refusal of a value, by a store that is sound, into ValueError."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError) as error:
        raise ValueError(f"what it holds cannot be kept ({error})") from error


def _no_run(source: Path, why: str) -> StoreError:
    return StoreError(
        "The file is not a run, or is damaged",
        f"{source} cannot be read as a run that microgpt-play exported: {one_line(why)}. Export "
        "it again, or copy it again.",
        "damaged",
    )


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[sqlite3.Connection]:
    """A copy of the file, migrated to the present version. The file itself is not written to, and
    the copy does not change while it is read. Raises StoreError that speaks of the file, also for
    what is raised while the copy is in use."""
    with _source(source) as (old, size), _folder(source) as folder:
        _look(source, old, size)
        copy = folder / "run"
        _copy(source, old, copy, size)
        with (
            _understood(source),
            contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as file,
        ):
            with _said_of_a_file(source):
                check_header(copy)
            _be_careful(file, source, size)
            complaint = file.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if complaint != "ok":
                raise _no_run(source, str(complaint))
            if not has_tables(file):
                raise _no_run(source, "it is an empty database")
            for version in range(version_of(file), VERSION):
                for statement in MIGRATIONS[version]:
                    file.execute(statement)
            yield file


@contextlib.contextmanager
def _source(source: Path) -> Iterator[tuple[BinaryIO, int]]:
    """(the file, its bytes). Raises StoreError for what is no file, and what cannot be opened."""
    try:
        file, size = open_file(source)
    except NoFileError as error:
        if error.folder:
            raise StoreError("This is a folder", f"{source} is a folder, not a run.") from None
        raise StoreError(
            "This is not a file", f"{source} is a pipe, a socket or a device. Choose a file."
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(source, error) from error
    with file:
        yield file, size


def _look(source: Path, file: BinaryIO, size: int) -> None:
    """Raise StoreError for a file that cannot be a run, before it is copied: a file of another
    kind, or one that is larger than the run that it tells of."""
    try:
        head = file.read(_HEAD)
    except OSError as error:
        raise _unreadable(source, error) from error
    if not size:
        raise _no_run(source, "it is empty")
    if head[:16] != b"SQLite format 3\0" or len(head) < _HEAD:
        raise _no_run(source, "it is no SQLite database")
    pages, page = int.from_bytes(head[28:32]), int.from_bytes(head[16:18])
    page = 65_536 if page == 1 else page
    if size > max(pages * page, 65_536) or size > MAX_BYTES:
        raise _no_run(source, f"it has {size:,} bytes, and no run of ours has")
    if size <= _SMALL:
        return
    where = f"{source.absolute().as_uri()}?mode=ro&immutable=1"
    with (
        _understood(source),
        contextlib.closing(sqlite3.connect(where, uri=True, isolation_level=None)) as look,
    ):
        _be_careful(look, source, size)
        rows = look.execute("SELECT parameters, step FROM runs LIMIT 1").fetchall()
        parameters, step = (whole(one, "parameters or steps") for one in (rows or [(0, 0)])[0])
        most = _SMALL + _STATES * 24 * parameters + _A_STEP * step
        if size > most:
            raise _no_run(source, f"it has {size:,} bytes; such a run has {most:,} at most")


def _be_careful(file: sqlite3.Connection, source: Path, size: int) -> None:
    """Let nothing in the file act, and no value be longer than the file itself. Raises
    StoreError."""
    file.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(size, 1_000_000))
    file.execute("PRAGMA trusted_schema = OFF")
    file.execute("PRAGMA cell_size_check = ON")
    file.execute("PRAGMA ignore_check_constraints = ON")
    _refuse_what_acts(file, source)


@contextlib.contextmanager
def _folder(source: Path) -> Iterator[Path]:
    """A folder for the copy."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="microgpt-play-", ignore_cleanup_errors=True)
    except OSError as error:
        raise StoreError(
            "There is no place for a copy of the file",
            f"A copy of {source} is read, and no folder can be made for it: "
            f"{error.strerror or error}. Set TMPDIR to a folder that is yours.",
        ) from error
    with folder as name:
        yield Path(name)


def _copy(source: Path, old: BinaryIO, copy: Path, size: int) -> None:
    """Copy `size` bytes of the file at most. Raises StoreError."""
    with explained(copy):  # another disk may be full
        new = copy.open("wb")
    with new:
        old.seek(0)
        left = size
        while left:
            try:
                data = old.read(min(left, 1 << 20))
            except OSError as error:
                raise _unreadable(source, error) from error
            if not data:
                break
            with explained(copy):
                new.write(data)
                new.flush()
            left -= len(data)


def _unreadable(source: Path, error: OSError | ValueError) -> StoreError:
    """The StoreError for a file that the system does not give; a ValueError is one of its name."""
    code = error.errno if isinstance(error, OSError) else 0
    if code in (errno.ENOENT, errno.ENOTDIR):
        return missing("There is no such file", f"{source} does not exist. Check the path.")
    if code in (errno.EACCES, errno.EPERM):
        return StoreError(
            "The file may not be read",
            f"You have no permission to read {source}. Change that, or ask whoever gave it.",
            "read-only",
        )
    return StoreError(
        "The file cannot be read",
        f"{source}: {getattr(error, 'strerror', None) or error}. Check the path.",
    )


@contextlib.contextmanager
def _said_of_a_file(source: Path) -> Iterator[None]:
    """Turn the errors of `check_header`, which speak of the store, into those of a file."""
    try:
        yield
    except StoreError as error:
        if error.kind == "newer":
            raise StoreError(
                "The run was exported by a newer version of this program",
                f"{source} cannot be read by this one. Update microgpt-play.",
                "newer",
            ) from error
        why = str(error.__cause__ or "it is no database of this program")
        raise _no_run(source, why) from error


def _refuse_what_acts(file: sqlite3.Connection, source: Path) -> None:
    """Raise StoreError for views, triggers, virtual tables, computed columns and indexes of
    others: reading them would run SQL from the file."""
    known = {"runs", "texts", "sweeps", "sqlite_sequence", *OF_A_RUN}
    for kind, name, sql in file.execute("SELECT type, name, sql FROM sqlite_schema"):
        ours = (kind == "table" and name in known) or (
            kind == "index" and sql in (None, *ALL_INDEXES)
        )
        if not ours or str(sql).upper().startswith("CREATE VIRTUAL"):
            raise _no_run(source, f"it has a {kind} {name!r}, which no run has")
    for table in known:
        for column in file.execute("SELECT * FROM pragma_table_xinfo(?)", (table,)):
            if column[6]:
                raise _no_run(source, f"it computes the column {column[1]!r}")
