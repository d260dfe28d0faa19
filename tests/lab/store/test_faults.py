"""Faults of the file, the disk and the folder are said in words, and cost no recorded run."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playground.lab.store.errors import StoreError
from playground.lab.store.schema import VERSION
from playground.lab.store.store import Store
from tests.lab.store.conftest import everything, new_run, steps

NOBODY = 65534


def refused(path: Path, **options: object) -> StoreError:
    """The error of opening the store, which names the file."""
    with pytest.raises(StoreError) as caught:
        Store.open(path, **options)  # type: ignore[arg-type]
    assert str(path.name) in caught.value.message
    return caught.value


@pytest.fixture
def somebody() -> Iterator[Path]:
    """A folder that the superuser makes, and that `as_nobody` looks into: a superuser may write
    anywhere. Without a superuser one user does both."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    if os.name != "posix":
        pytest.skip("permissions are those of POSIX")
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("data", [b"This is a text, and no database.\n" * 9, b"x", b"\0" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, data: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(data)
    error = refused(path)
    assert error.kind == "damaged" and "not an SQLite database" in error.message
    assert "Move that file away" in error.message
    assert path.read_bytes() == data and len(list(path.parent.iterdir())) == 1


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (x)")
    connection.close()
    before = path.read_bytes()
    error = refused(path)
    assert error.kind == "other" and "another program" in error.message
    assert path.read_bytes() == before


@pytest.mark.parametrize("pragma", ["application_id = 7", f"user_version = {VERSION + 1}"])
def test_a_file_that_is_no_store_of_ours_is_left_alone_with_a_journal_beside_it(
    path: Path, pragma: str
) -> None:
    """With a journal beside it another program may be at work on the file, or was killed, so the
    header can only be checked once the file is open."""
    Store.open(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = PERSIST")
        connection.execute(f"PRAGMA {pragma}")
    assert path.with_name(f"{path.name}-journal").stat().st_size > 0
    before = path.read_bytes()
    assert refused(path).title.startswith(("This is not a store", "The runs were kept by a newer"))
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with Store.open(path) as store:
        assert store.runs() == []


def test_a_store_whose_making_was_killed_is_made_by_the_next_process(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # this pragma writes a first page
    connection.close()
    assert path.stat().st_size > 0
    with Store.open(path) as store:
        assert store.runs() == []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,), "it gives space back"


def test_an_empty_database_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 7")
    assert refused(path).kind == "other"


def test_a_folder_in_the_place_of_the_store_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    assert "is a folder" in refused(path).message


def test_a_file_in_the_place_of_the_folder_is_refused(path: Path) -> None:
    path.parent.write_text("")
    assert refused(path).kind == "other"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_refused_at_once(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    assert "pipe" in refused(path).message


def test_a_store_that_is_only_read_is_not_made(path: Path) -> None:
    error = refused(path, create=False)
    assert error.kind == "missing" and "Train something" in error.message
    assert not path.parent.exists()


@pytest.mark.parametrize("where", ["the middle", "the end"])
def test_a_damaged_store_says_so_when_it_is_opened_or_read(path: Path, where: str) -> None:
    with Store.open(path) as store:
        run = store.create(new_run(), "")
        for first in range(0, 20_000, 1000):
            store.append(run, everything(first, 1000))
    data = path.read_bytes()
    half = len(data) // 2 // 4096 * 4096
    if where == "the middle":
        path.write_bytes(data[:half] + b"\xee" * 40_960 + data[half + 40_960 :])
    else:
        path.write_bytes(data[:half])
    with pytest.raises(StoreError) as caught, Store.open(path) as store:
        complaints = store.check()
        assert complaints
        store.record(run)
    assert caught.value.kind == "damaged" and "damaged" in caught.value.title


def test_values_that_make_no_sense_are_damage(store: Store) -> None:
    run = store.create(new_run(), "")
    store.append(run, everything(0, 10))
    for statement in (
        "UPDATE details SET plugins = '[{]'",
        "UPDATE samples SET body = '{}'",
        "UPDATE probes SET answers = '[1]'",
        "UPDATE film SET step = step + 1",
        "UPDATE chunks SET losses = x'0011'",
    ):
        store.database.execute(statement)
    for ask in (store.record, store.samples, store.probes, store.film, store.curve):
        with pytest.raises(StoreError) as caught:
            ask(run)
        assert caught.value.kind == "damaged" and "makes no sense" in caught.value.message


@pytest.mark.parametrize(
    ("statement", "ask"),
    [
        ("UPDATE measurements SET pairs = x'000000000000f07f0000000000000000'", Store.record),
        ("UPDATE samples SET body = replace(body, ': 1,', ': 1e999,')", Store.samples),
        ("UPDATE probes SET answers = replace(hex(zeroblob(100000)), '0', '[')", Store.probes),
        ("UPDATE film SET body = replace(hex(zeroblob(100000)), '0', '[')", Store.film),
    ],
    ids=["an endless step", "an endless number", "a deep answer", "a deep row"],
)
def test_numbers_without_end_and_texts_without_bottom_are_damage_too(
    store: Store, statement: str, ask: Callable[[Store, int], object]
) -> None:
    run = store.create(new_run(), "")
    store.append(run, everything(0, 10))
    store.database.execute(statement)
    with pytest.raises(StoreError, match="makes no sense"):
        ask(store, run)


def test_a_full_disk_is_said_and_the_record_up_to_there_is_whole(store: Store) -> None:
    run = store.create(new_run(), "")
    store.append(run, everything(0, 10))
    before = store.record(run)
    pages = store.database.execute("PRAGMA page_count")[0][0]
    store.database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError) as caught:
        store.append(run, steps(10, 100_000))
    assert caught.value.kind == "full" and "Free some" in caught.value.message
    assert store.record(run) == before
    store.database.execute("PRAGMA max_page_count = 1000000")
    store.append(run, steps(10, 100_000))
    assert store.row(run).step == 100_010, "when there is room again, it goes on"


def test_a_disk_too_full_for_the_folder_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", no_room)
    assert refused(path).kind == "full"


def test_a_folder_without_permission_is_said(somebody: Path) -> None:
    somebody.chmod(0o555)
    with as_nobody():
        for path in (somebody / "runs.sqlite", somebody / "new" / "runs.sqlite"):
            error = refused(path)
            assert error.kind == "read-only" and "MICROGPT_PLAY_HOME" in error.message


def test_a_store_in_a_read_only_folder_is_said(somebody: Path) -> None:
    path = somebody / "runs.sqlite"
    Store.open(path).close()
    somebody.chmod(0o555)
    with as_nobody():
        assert refused(path).kind == "read-only"


def test_a_read_only_file_can_be_read_and_says_why_it_is_not_written(somebody: Path) -> None:
    path = somebody / "runs.sqlite"
    with Store.open(path) as store:
        run = store.create(new_run(), "")
    path.chmod(0o444)
    somebody.chmod(0o777)
    with as_nobody(), Store.open(path) as store:
        assert store.row(run).id == run
        with pytest.raises(StoreError) as caught:
            store.append(run, steps(0, 5))
    assert caught.value.kind == "read-only"


def test_a_file_that_may_not_be_read_is_said(somebody: Path) -> None:
    path = somebody / "runs.sqlite"
    Store.open(path).close()
    path.chmod(0o000)
    with as_nobody():
        assert refused(path).kind == "read-only"


def test_a_store_that_another_program_holds_locked_is_said_after_the_time_given(
    path: Path,
) -> None:
    with Store.open(path, timeout=0.05) as store:
        run = store.create(new_run(), "")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            store.append(run, steps(0, 5))
        assert caught.value.kind == "locked" and "Close other" in caught.value.message
        assert store.row(run).step == 0, "reading goes on"
        other.execute("ROLLBACK")
        store.append(run, steps(0, 5))
        assert store.row(run).step == 5
        other.close()


def test_a_closed_store_says_that_it_is_closed(path: Path) -> None:
    store = Store.open(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.runs()
