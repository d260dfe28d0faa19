"""The store as version 1 wrote it. Never change this file, since people have such stores."""

from __future__ import annotations

import sqlite3
from array import array
from pathlib import Path

from tests.lab.store.conftest import loss_of, new_run, state

SCHEMA = """
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
  ready INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE details (
  run INTEGER PRIMARY KEY REFERENCES runs(id),
  spec TEXT NOT NULL,
  tokenizer_state TEXT NOT NULL,
  data TEXT NOT NULL,
  plugins TEXT NOT NULL,
  settings TEXT NOT NULL
);
CREATE TABLE chunks (
  run INTEGER NOT NULL REFERENCES runs(id),
  first INTEGER NOT NULL,
  losses BLOB NOT NULL,
  learning_rates BLOB NOT NULL,
  tokens_seen INTEGER NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (run, first)
);
CREATE TABLE measurements (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs(id),
  label TEXT,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  pairs BLOB NOT NULL
);
CREATE INDEX measurements_of ON measurements (run, id);
CREATE TABLE samples (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs(id),
  step INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX samples_of ON samples (run, step);
CREATE TABLE edits (
  run INTEGER NOT NULL REFERENCES runs(id),
  step INTEGER NOT NULL,
  field TEXT NOT NULL,
  value,
  PRIMARY KEY (run, step, field)
);
CREATE TABLE keyframes (
  run INTEGER NOT NULL REFERENCES runs(id),
  step INTEGER NOT NULL,
  tip INTEGER NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY (run, step, tip)
);
CREATE INDEX runs_by_parent ON runs (parent);
CREATE INDEX runs_by_touched ON runs (touched);
PRAGMA application_id = 1835495540;
PRAGMA user_version = 1;
"""

UID = "0123456789abcdef0123456789abcdef"


def make(path: Path, journal: str = "WAL") -> None:
    """A store of version 1 with one run of 30 steps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(SCHEMA)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute(
        "INSERT INTO runs VALUES (1, ?, 'old', '', 1e9, 1e9, NULL, NULL, NULL, 'names', 'char', "
        "'vector', 'linear', 42, 0.01, 1, 16, 4, 1, 16, 10, 1000, 0, 0, 30, 30, 210, 0.03, 2.5, "
        "2.25, 'paused', '', NULL, 1)",
        (UID,),
    )
    connection.execute(
        "INSERT INTO details VALUES (1, ?, '{}', ?, '[]', '{}')", (new_run().spec, "0" * 64)
    )
    losses = array("d", map(loss_of, range(1, 31))).tobytes()
    connection.execute("INSERT INTO chunks VALUES (1, 0, ?, ?, 210, 0.03)", (losses, losses))
    connection.execute("INSERT INTO edits VALUES (1, 10, 'learning_rate', 0.5)")
    connection.execute("INSERT INTO keyframes VALUES (1, 30, 1, ?)", (state(30).state,))
    connection.close()
