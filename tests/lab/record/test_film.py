"""The film is a part of the record: it forks, travels, survives, and is the same in every way."""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from microgpt.surgery import Component, Operation
from playground.hooks.registry import Registry
from playground.lab.fork import forked
from playground.lab.protocol.film import FilmRow, has_row
from playground.lab.protocol.run import Recording
from playground.lab.run import film as film_module
from playground.lab.run.film import FilmRation
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.lab.store import schema
from playground.lab.store.store import Store
from playground.lab.store.transfer import export_run, import_run
from tests.docs_helpers import ROOT
from tests.lab.record.test_recording import House, walk, written
from tests.lab.walks import state_of

LEARNING_RATE = "optimizer.learning_rate"
BEFORE = Path(__file__).parents[1] / "files_of_before" / "version-4.microgpt-run.gz"


@pytest.fixture
def house(tmp_path: Path, spec: RunSpec, registry: Registry) -> House:
    return House(tmp_path / "runs.sqlite", spec, registry)


@pytest.fixture
def starved(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no time for a row while a run trains, and all may wait."""
    monkeypatch.setattr(FilmRation, "BEGINNING", -1.0)
    monkeypatch.setattr(film_module, "MOST_SECONDS", 1e9)


def film(house: House, run: int) -> dict[int, FilmRow]:
    with Store.open(house.path) as store:
        return {row.step: row for row in store.film(run)}


def rows_up_to(step: int) -> list[int]:
    return [at for at in range(step + 1) if has_row(at)]


@pytest.mark.usefixtures("starved")
def test_the_record_of_a_closed_run_has_every_row_however_little_time_there_was(
    house: House,
) -> None:
    house.trained(120)
    assert list(film(house, 1)) == rows_up_to(120)


def test_a_run_that_goes_on_has_the_same_rows_as_one_that_never_stopped(house: House) -> None:
    house.trained(200)
    house.trained(43)
    session = house.open(run=2)
    assert sorted(session.camera.rows) == rows_up_to(43)
    walk(session, 200)
    session.close()
    assert film(house, 2) == film(house, 1)


def test_going_back_and_training_on_leaves_the_record_as_it_was(house: House) -> None:
    session = house.open()
    walk(session, 60)
    while session.undeveloped:
        session.develop()
    run = written(session)
    with sqlite3.connect(house.path) as db:
        before = db.execute("SELECT rowid, * FROM film").fetchall()
    session.training.seek(12)
    while session.step < 60:
        assert session.replay(60 - session.step)
    written(session)
    session.close()
    with sqlite3.connect(house.path) as db:
        assert db.execute("SELECT rowid, * FROM film").fetchall() == before
    assert list(film(house, run)) == rows_up_to(60)


@pytest.mark.usefixtures("starved")
def test_a_fork_has_the_rows_up_to_its_step_and_its_parent_keeps_its_own(house: House) -> None:
    session = house.open()
    walk(session, 80)
    session.go_to(40)
    session.edit({LEARNING_RATE: 0.3})
    walk(session, 80)
    session.close()
    parent, child = film(house, 1), film(house, 2)
    assert list(parent) == list(child) == rows_up_to(80)
    assert {step for step in parent if parent[step] == child[step]} >= set(rows_up_to(40))
    assert parent[80] != child[80]


def test_a_fork_that_a_person_asks_for_shows_the_rows_before_it(house: House) -> None:
    session = house.open()
    walk(session, 60)
    checkpoint = session.checkpoint()
    session.close()
    spec, start = forked(checkpoint, {LEARNING_RATE: 0.3})
    recording = Recording(str(house.path), parent=1, fork_step=60)
    child = house.open(spec=RunSpec.parse(spec), checkpoint=start, recording=recording)
    assert sorted(child.camera.rows) == rows_up_to(60)
    walk(child, 80)
    child.close()
    assert list(film(house, 2)) == rows_up_to(80)
    assert {at: row for at, row in film(house, 2).items() if at <= 60} == film(house, 1)


def test_an_exported_run_takes_its_film_along(house: House, tmp_path: Path) -> None:
    house.trained(120)
    with (
        Store.open(house.path) as store,
        Store.open(tmp_path / "other.sqlite") as other,
    ):
        there = import_run(other, export_run(store, 1, tmp_path / "x"))
        assert other.film(there) == store.film(1) != []


KILLED = """
import os, signal, sys
from pathlib import Path
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.protocol.commands import Open
from playground.lab.protocol.run import Recording
from playground.lab.run import film
from playground.lab.run.guard import Activity
from playground.lab.session import open_session

film.FilmRation.BEGINNING, film.MOST_SECONDS = -1.0, 1e9
spec, store = sys.argv[1:]
session = open_session(
    Open(spec, recording=Recording(store)), load(PluginSources(entry_points=False)),
    lambda _: None, Activity(),
)
while session.step < 120:
    session.advance(120 - session.step)
for _ in range(2):
    session.flush()
    session.recorder.writer.settle(10)
assert session.camera.waiting > 15, session.camera.waiting
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_rows_that_a_kill_has_lost_are_written_when_the_run_is_opened_again(house: House) -> None:
    words = [sys.executable, "-c", KILLED, house.spec.to_json(), str(house.path)]
    killed = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list(film(house, 1)) == [0]
    session = house.open(run=1)
    assert session.step == 120
    walk(session, 130)
    session.close()
    house.trained(130)
    assert film(house, 1) == film(house, 2)


def test_what_was_done_to_the_weights_is_there_after_lost_rows_were_written_again(
    house: House,
) -> None:
    session = house.open()
    walk(session, 12)
    session.surgeon.operate([Operation(Component("head", 0, 1))])
    session.surgeon.hold([Operation(Component("neuron", 0, 3), (0.5,))])
    before = state_of(session)
    session.close()
    with sqlite3.connect(house.path) as db:
        db.execute("DELETE FROM film WHERE step > 0")
    again = house.open(run=1)
    assert again.camera.gaps(12) == [] and again.camera.rows.keys() > {0}
    assert state_of(again) == before
    again.close()


def test_a_run_of_before_there_was_a_film_has_one_from_its_next_row_on(house: House) -> None:
    house.path.write_bytes(gzip.decompress(BEFORE.read_bytes()))
    assert film(house, 1) == {}
    with sqlite3.connect(house.path) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION
    session = house.open(run=1)
    assert session.step == 22 and not session.camera.rows
    walk(session, 31)
    session.close()
    assert list(film(house, 1)) == [25, 30]


def test_a_file_of_before_there_was_a_film_is_imported(house: House, tmp_path: Path) -> None:
    file = tmp_path / "old.microgpt-run"
    file.write_bytes(gzip.decompress(BEFORE.read_bytes()))
    with Store.open(house.path) as store:
        run = import_run(store, file)
        assert store.film(run) == [] and store.record(run).row.step == 22


def test_rows_of_a_store_that_cannot_be_written_are_kept_for_later(house: House) -> None:
    place = house.path
    house.path = place / "below a file"
    place.touch()
    session: Session = house.open()
    walk(session, 30)
    session.flush()
    assert session.recorder is not None and session.recorder.writer.settle()
    assert session.recorder.state.trouble is not None
    place.unlink()
    session.recorder.writer.quiet_until = 0.0
    run = written(session)
    session.close()
    assert list(film(house, run)) == rows_up_to(30)
