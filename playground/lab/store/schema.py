"""The tables, their migrations, and the check that a file is a store.

application_id marks a file as a store of this program; user_version is the version of its tables.
Every change of a table raises VERSION and adds a step to MIGRATIONS.
"""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from pathlib import Path

from playground.lab.store.errors import StoreError, damaged, make_folder_of, missing

APPLICATION_ID = 0x6D677074
"""The letters "mgpt"."""
VERSION = 7
_HEADER = 100
"""Bytes that every SQLite database begins with."""

RUNS = """
CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  note TEXT NOT NULL DEFAULT '',
  created REAL NOT NULL,
  touched REAL NOT NULL,
  parent INTEGER,
  parent_uid TEXT,
  fork_step INTEGER,
  dataset TEXT NOT NULL,
  tokenizer TEXT NOT NULL,
  engine TEXT NOT NULL,
  schedule TEXT NOT NULL,
  seed INTEGER NOT NULL,
  learning_rate REAL NOT NULL,
  batch_size INTEGER NOT NULL,
  n_embd INTEGER NOT NULL,
  n_head INTEGER NOT NULL,
  n_layer INTEGER NOT NULL,
  block_size INTEGER NOT NULL,
  parameters INTEGER NOT NULL,
  steps INTEGER NOT NULL,
  first INTEGER NOT NULL,
  earliest INTEGER NOT NULL,
  step INTEGER NOT NULL,
  at INTEGER NOT NULL,
  tokens_seen INTEGER NOT NULL DEFAULT 0,
  seconds REAL NOT NULL DEFAULT 0,
  loss REAL,
  heldout REAL,
  status TEXT NOT NULL,
  owner TEXT NOT NULL DEFAULT '',
  deleted REAL,
  ready INTEGER NOT NULL DEFAULT 1,
  bits_per_nat REAL,
  heldout_text TEXT NOT NULL DEFAULT '',
  heldout_tokens TEXT NOT NULL DEFAULT ''
)
"""
"""parent has no REFERENCES, because a purged parent is shown as gone. ready is 0 while a fork or an
import is copied in pieces; no list shows such a run. learning_rate and engine are those in force
at the end of the record: see IN_FORCE. heldout times bits_per_nat is bits a character; NULL where
a run was recorded before there was that column. heldout_text and heldout_tokens are the SHA-256 of
what heldout was measured on, as text and as tokens; empty where that was not recorded."""

DETAILS = """
CREATE TABLE details (
  run INTEGER PRIMARY KEY REFERENCES runs(id),
  spec TEXT NOT NULL,
  tokenizer_state TEXT NOT NULL,
  data TEXT NOT NULL,
  plugins TEXT NOT NULL,
  settings TEXT NOT NULL,
  text_sha256 TEXT NOT NULL DEFAULT ''
)
"""
"""What lists do not show, in a table of its own, so that lists read less."""

SERIES = (
    """
CREATE TABLE chunks (
  run INTEGER NOT NULL REFERENCES runs(id),
  first INTEGER NOT NULL,
  losses BLOB NOT NULL,
  learning_rates BLOB NOT NULL,
  tokens_seen INTEGER NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (run, first)
)
""",
    """
CREATE TABLE measurements (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs(id),
  label TEXT,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  pairs BLOB NOT NULL
)
""",
    "CREATE INDEX measurements_of ON measurements (run, id)",
    """
CREATE TABLE samples (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs(id),
  step INTEGER NOT NULL,
  body TEXT NOT NULL
)
""",
    "CREATE INDEX samples_of ON samples (run, step)",
    """
CREATE TABLE edits (
  run INTEGER NOT NULL REFERENCES runs(id),
  step INTEGER NOT NULL,
  field TEXT NOT NULL,
  value,
  PRIMARY KEY (run, step, field)
)
""",
    """
CREATE TABLE keyframes (
  run INTEGER NOT NULL REFERENCES runs(id),
  step INTEGER NOT NULL,
  tip INTEGER NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY (run, step, tip)
)
""",
)
"""measurements.label is NULL for hold-out losses; pairs are step, value, step, value ..."""

PROBES = """
CREATE TABLE probes (
  run INTEGER NOT NULL REFERENCES runs(id),
  step INTEGER NOT NULL,
  answers TEXT NOT NULL,
  PRIMARY KEY (run, step)
)
"""
FILM = """
CREATE TABLE film (
  run INTEGER NOT NULL REFERENCES runs(id),
  step INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (run, step)
)
"""
TEXTS = """
CREATE TABLE texts (
  sha256 TEXT PRIMARY KEY,
  kept REAL NOT NULL,
  size INTEGER NOT NULL,
  data BLOB NOT NULL
)
"""
"""Texts that runs learn from, compressed with zlib. sha256 and size are those of the text."""

SWEEPS = (
    """
CREATE TABLE IF NOT EXISTS sweeps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created REAL NOT NULL,
  plan TEXT NOT NULL
)
""",
    """
CREATE TABLE IF NOT EXISTS sweep_runs (
  sweep INTEGER NOT NULL REFERENCES sweeps(id),
  setting INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  run INTEGER NOT NULL UNIQUE REFERENCES runs(id),
  PRIMARY KEY (sweep, setting, seed)
)
""",
)
"""sweeps.plan is the JSON of a playground.lab.sweep.plan.Plan; `setting` counts its settings from
0. The primary key lets no run of a sweep be recorded twice."""

_LAST_EDIT = (
    "(SELECT value FROM edits WHERE run = runs.id AND field = '{0}' ORDER BY step DESC LIMIT 1)"
)
IN_FORCE = "UPDATE runs SET " + ", ".join(
    f"{field} = coalesce({_LAST_EDIT.format(field)}, {field})"
    for field in ("learning_rate", "engine")
)
"""Sets learning_rate and engine of `runs` to the last edits, for lists and searches; the spec has
what the run began with."""

INDEXES = (
    "CREATE INDEX runs_by_parent ON runs (parent)",
    "CREATE INDEX runs_by_touched ON runs (touched)",
)

ALL_INDEXES = (*(one for one in SERIES if one.startswith("CREATE INDEX")), *INDEXES)

OF_A_RUN = (
    "chunks",
    "measurements",
    "samples",
    "probes",
    "film",
    "edits",
    "keyframes",
    "details",
    "sweep_runs",
)
"""Tables that have a column `run`."""

MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        PROBES,
        TEXTS,
        "ALTER TABLE details ADD COLUMN text_sha256 TEXT NOT NULL DEFAULT ''",
    ),
    2: (IN_FORCE,),
    3: ("ALTER TABLE runs ADD COLUMN bits_per_nat REAL",),
    4: (FILM,),
    5: (
        "ALTER TABLE runs ADD COLUMN heldout_text TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN heldout_tokens TEXT NOT NULL DEFAULT ''",
    ),
    6: SWEEPS,
}
"""By version, the statements that make the next version."""


def create_tables(connection: sqlite3.Connection, *, sweeps: bool = True) -> None:
    """Make all tables of the present version, within the caller's transaction. sweeps: with those
    of sweeps, which the file of a single run does without."""
    more = SWEEPS if sweeps else ()
    for statement in (RUNS, DETAILS, *SERIES, PROBES, FILM, TEXTS, *more, *INDEXES):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables; 0 if there are none yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def application_id_of(connection: sqlite3.Connection) -> int:
    """The number of the program that a database belongs to; 0 if it names none."""
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def has_tables(connection: sqlite3.Connection) -> bool:
    """True if the database has any table."""
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])


def check_header(path: Path) -> None:
    """Check that the file is a store, without writing to it.

    SQLite reads the file, not this function: closing a file drops all POSIX locks that the process
    has on it, those of its open stores too, and another process could then remove the write-ahead
    log that they write to.

    Raises StoreError for a file that is no store, or that of a newer program; OSError,
    sqlite3.Error.
    """
    size = path.stat().st_size
    if not size or _has(path, "-journal"):  # a new store, or one that is being written
        return  # the check is made again when the database is open
    if size < _HEADER:
        raise damaged(path, "this is not an SQLite database")
    try:
        _look(path, "mode=ro&immutable=1")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB:
            raise damaged(path, "this is not an SQLite database") from error
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        # Perhaps the log was copied into the file only in part; opening the database tells.
    if _has(path, "-wal"):  # a newer program may have written its version there alone
        _look(path, "mode=ro")


def _look(path: Path, how: str) -> None:
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as look:
        look.execute("BEGIN")
        application_id, version = application_id_of(look), version_of(look)
        # A new store is an empty database for a moment, and stays one if its process is killed.
        if application_id or version or has_tables(look):
            check_ours(path, application_id, version)


def check_ours(path: Path, application_id: int, user_version: int) -> None:
    """Raises StoreError for the database of another program, and for a newer store."""
    if application_id != APPLICATION_ID:
        raise StoreError(
            "This is not a store of runs",
            f"{path} is the database of another program, and was left as it is. Choose another "
            "place.",
        )
    if user_version > VERSION:
        raise StoreError(
            "The runs were kept by a newer version of this program",
            f"{path} has version {user_version}; this program knows versions up to {VERSION}. It "
            "was left as it is. Update microgpt-play.",
            "newer",
        )
    if user_version < 1:
        raise damaged(path, f"it says that it has version {user_version}, which never was")


def _has(path: Path, ending: str) -> bool:
    with contextlib.suppress(OSError):
        return path.with_name(path.name + ending).stat().st_size > 0
    return False


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Migrate an older store to VERSION in one transaction; a copy of the older one stays beside
    the file.

    Raises StoreError, sqlite3.Error, OSError; then the store is as it was.
    """
    if version_of(connection) >= VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")  # of two processes that open the store, one migrates
    try:
        version = version_of(connection)
        if version < VERSION:
            complaint = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if complaint != "ok":
                raise damaged(path, str(complaint))
            _copy(path, version)
            while version < VERSION:
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                version += 1
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _copy(path: Path, version: int) -> None:
    """Copy the store to a file beside it, whole or not at all; earlier copies stay."""
    target = path.with_name(f"{path.name}.v{version}.bak")
    number = 2
    while target.exists():
        target = path.with_name(f"{path.name}.v{version}.{number}.bak")
        number += 1
    # The draft always has the same name, for one process migrates at a time; so the next start
    # removes the draft of a process that was killed.
    draft = path.with_name(f".{path.name}.bak.tmp")
    leftovers = (draft, draft.with_name(f"{draft.name}-journal"))
    for file in leftovers:
        file.unlink(missing_ok=True)
    try:
        with (
            contextlib.closing(
                sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            ) as source,
            contextlib.closing(sqlite3.connect(draft)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        draft.replace(target)
    finally:
        for file in leftovers:
            file.unlink(missing_ok=True)


def _is_something_else(path: Path) -> bool:
    """True if there is something at this path that is not a file. SQLite makes and removes files
    meanwhile, so this is one look and not two."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def check_place(path: Path, create: bool) -> None:
    """Make the folder if `create` is set. Raises StoreError for a path where no store can be."""
    if path.is_dir():
        raise StoreError(
            "This is a folder",
            f"{path} is a folder, and the store of runs must be a file. Move the folder away, or "
            "set MICROGPT_PLAY_HOME to another place.",
        )
    if not path.exists():
        if not create:
            raise missing(
                "There are no runs yet", f"{path} does not exist. Train something, and it will."
            )
        make_folder_of(path)
    for ending in ("", "-journal", "-wal", "-shm"):  # SQLite opens these too
        beside = path.with_name(path.name + ending)
        if _is_something_else(beside):
            raise StoreError(
                "This is not a file",
                f"{beside} is a folder, a pipe, a socket or a device. Move it away, or set "
                "MICROGPT_PLAY_HOME to another place.",
            )
