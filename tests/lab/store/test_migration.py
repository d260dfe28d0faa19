"""Older stores are brought up to date, and newer stores are left alone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.store import schema
from playground.lab.store.errors import StoreError
from playground.lab.store.records import Edit
from playground.lab.store.store import Store
from playground.lab.store.sweeps import add_run, begin_sweep, runs_of
from tests.lab.store import version_1
from tests.lab.store.conftest import loss_of, new_run, state, steps

ROOT = Path(__file__).parents[3]
NEWER = schema.VERSION + 1


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.close()
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files of a folder, by name."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_an_older_store_opens_with_all_its_runs_and_can_do_what_is_new(
    path: Path, journal: str
) -> None:
    version_1.make(path, journal)
    with Store.open(path) as store:
        record = store.record(1)
        assert list(record.losses) == [loss_of(step) for step in range(1, 31)]
        assert record.edits == (Edit(10, "learning_rate", 0.5),)
        assert (record.row.name, record.row.uid) == ("old", version_1.UID)
        assert record.row.learning_rate == 0.5, "what was set last, though 0.01 was written there"
        assert record.row.engine == "vector"
        assert record.text_sha256 == "" and store.probes(1) == []
        assert store.keyframe(1, 30) == state(30)
        answers = ProbeAnswers(35, (("a",),))
        store.append(1, steps(30, 5, probes=(answers,)))
        assert store.probes(1) == [answers]
        assert store.text(store.keep_text(b"text")) == b"text"
        assert store.check() == []
    assert version(path) == schema.VERSION


def test_a_run_of_the_version_before_has_no_fingerprints_until_it_is_measured_again(
    path: Path,
) -> None:
    with Store.open(path) as store:
        run = store.create(new_run(), "")
        store.append(run, steps(0, 20, evaluations=((20, 2.5),), bits_per_nat=1.5))
    before = sqlite3.connect(path)
    for column in ("heldout_text", "heldout_tokens"):
        before.execute(f"ALTER TABLE runs DROP COLUMN {column}")
    before.execute("PRAGMA user_version = 5")
    before.commit()
    before.close()
    with Store.open(path) as store:
        row = store.row(run)
        assert (row.heldout, row.heldout_text, row.heldout_tokens) == (2.5, "", "")
        more = steps(20, 20, evaluations=((40, 2.0),), heldout_text="a", heldout_tokens="b")
        store.append(run, more)
        row = store.row(run)
        assert (row.heldout, row.heldout_text, row.heldout_tokens) == (2.0, "a", "b")
    assert version(path.with_name("runs.sqlite.v5.bak")) == 5


def test_a_store_from_before_sweeps_keeps_its_runs_and_takes_sweeps(path: Path) -> None:
    with Store.open(path) as store:
        run = store.create(new_run(), "")
        store.append(run, steps(0, 20))
        other = store.create(new_run(), "")
    before = sqlite3.connect(path)
    for table in ("sweep_runs", "sweeps"):
        before.execute(f"DROP TABLE {table}")
    before.execute("PRAGMA user_version = 6")
    before.commit()
    before.close()
    with Store.open(path) as store:
        assert store.row(run).step == 20
        sweep = begin_sweep(store, "{}")
        with store.database.writing() as db:
            add_run(db, run, "its name", sweep, 0, 42)
        assert [(one.run, one.seed, one.step) for one in runs_of(store, sweep)] == [(run, 42, 20)]
        with pytest.raises(StoreError, match="UNIQUE"), store.database.writing() as db:
            add_run(db, other, "once more", sweep, 0, 42)
        assert store.check() == []
    assert version(path) == schema.VERSION
    assert version(path.with_name("runs.sqlite.v6.bak")) == 6


def test_a_copy_of_the_older_store_stays_beside_it(path: Path) -> None:
    for _ in range(2):  # the second copy finds the first in its place
        version_1.make(path)
        Store.open(path).close()
        path.unlink()
    for name in ("runs.sqlite.v1.bak", "runs.sqlite.v1.2.bak"):
        copy = path.with_name(name)
        assert version(copy) == 1
        found = sqlite3.connect(copy).execute("SELECT losses FROM chunks").fetchone()[0]
        assert array("d", found)[29] == loss_of(30)


KILLED = """
import os, signal, sys
from pathlib import Path
from playground.lab.store.store import Store

Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Store.open(Path(sys.argv[1]))
"""


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_nothing_is_left_of_a_migration_that_was_killed(path: Path) -> None:
    version_1.make(path)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert version(path) == 1
    Store.open(path).close()
    assert version(path) == schema.VERSION
    assert sorted(contents(path.parent)) == ["runs.sqlite", "runs.sqlite.v1.bak"]


def test_the_tables_of_a_migrated_store_are_those_of_a_new_one(path: Path, tmp_path: Path) -> None:
    version_1.make(path)
    new = tmp_path / "new.sqlite"
    found = []
    for file in (path, new):
        Store.open(file).close()
        connection = sqlite3.connect(file)
        tables = connection.execute("SELECT type, name FROM sqlite_schema ORDER BY name").fetchall()
        columns = [
            (name, connection.execute(f"PRAGMA table_info({name})").fetchall())
            for kind, name in tables
            if kind == "table"
        ]
        connection.close()
        found.append((tables, columns))
    assert found[0] == found[1]


def test_a_migration_that_fails_leaves_the_older_store_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_1.make(path)
    before = path.read_bytes()
    broken = (*schema.MIGRATIONS[1], "INSERT INTO nowhere VALUES (1)")
    monkeypatch.setitem(schema.MIGRATIONS, 1, broken)
    with pytest.raises(StoreError, match="nowhere"):
        Store.open(path)
    assert path.read_bytes() == before
    monkeypatch.undo()
    with Store.open(path) as store:
        assert store.row(1).name == "old"


def test_a_damaged_older_store_is_not_migrated(path: Path) -> None:
    version_1.make(path, "DELETE")
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        Store.open(path)
    assert caught.value.kind == "damaged"
    assert version(path) == 1


def test_a_newer_store_is_refused_in_words_and_not_a_byte_of_it_changes(path: Path) -> None:
    with Store.open(path) as store:
        store.create(new_run(), "")
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {NEWER}")
    connection.close()
    before = contents(path.parent)
    with pytest.raises(StoreError) as caught:
        Store.open(path)
    assert caught.value.kind == "newer"
    message = caught.value.message
    assert f"version {NEWER}" in message and "Update microgpt-play" in message
    assert contents(path.parent) == before


def test_a_newer_store_that_is_open_elsewhere_is_refused_too(path: Path) -> None:
    Store.open(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(f"PRAGMA user_version = {NEWER}")  # this version is in the write-ahead log alone
    other.execute("CREATE TABLE of_a_newer_one (x)")
    before = {name: data for name, data in contents(path.parent).items() if "shm" not in name}
    with pytest.raises(StoreError) as caught:
        Store.open(path)
    assert caught.value.kind == "newer"
    after = {name: data for name, data in contents(path.parent).items() if "shm" not in name}
    assert after == before
    other.close()
