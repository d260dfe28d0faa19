"""A recorded run comes back as it was; trouble with the record is said, and the record catches up
once it is over."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from microgpt import documents
from microgpt.surgery import Component, Operation
from microgpt.trainer import Stretch
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab import paths
from playground.lab import timeline as timeline_module
from playground.lab.checkpoint import as_array
from playground.lab.floats import floats_of
from playground.lab.fork import forked
from playground.lab.protocol.commands import Open
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.protocol.run import Recording
from playground.lab.protocol.sampling import Link, Measuring, MetricChoice, Sampling
from playground.lab.record import batches, needs
from playground.lab.record import recorder as recorder_module
from playground.lab.record import writer as writer_module
from playground.lab.record.batches import RATE, DiskKeyframes
from playground.lab.record.export import state_at
from playground.lab.record.needs import BUDGET
from playground.lab.run import training as training_module
from playground.lab.run.guard import Activity
from playground.lab.run.training import Training
from playground.lab.session import Session, open_session
from playground.lab.spec import RunSpec
from playground.lab.store.errors import StoreError
from playground.lab.store.housekeeping import purge
from playground.lab.store.keyframes import keyframe_of
from playground.lab.store.records import Batch, Edit, NewRun, RunRecord
from playground.lab.store.store import Store
from playground.lab.store.texts import forget_copies, kept_copy
from playground.lab.store.transfer import export_run, import_run
from playground.lab.timeline import SPACING, Keyframe
from tests.lab.conftest import WORDS
from tests.lab.walks import state_of

LEARNING_RATE = "optimizer.learning_rate"
NOBODY = 65534


class House:
    """A store, and sessions that record in that store."""

    def __init__(self, path: Path, spec: RunSpec, registry: Registry) -> None:
        self.path, self.spec, self.registry = path, spec, registry
        self.woken = threading.Event()

    def open(self, run: int | None = None, at: int | None = None, **more: Any) -> Session:
        spec = more.pop("spec", self.spec).to_json()
        recording = more.pop("recording", None) or Recording(str(self.path), run, at)
        return open_session(
            Open(spec, recording=recording, **more),
            self.registry,
            lambda _: None,
            Activity(),
            self.woken.set,
        )

    def record(self, run: int) -> RunRecord:
        with Store.open(self.path) as store:
            return store.record(run)

    def trained(self, steps: int) -> Session:
        """The closed session of a run of so many steps."""
        session = self.open()
        walk(session, steps)
        session.close()
        return session


@pytest.fixture
def house(tmp_path: Path, spec: RunSpec, registry: Registry) -> House:
    return House(tmp_path / "runs.sqlite", spec, registry)


def walk(session: Session, to: int) -> None:
    """Train to a step as the worker does: as many steps a call as the engine takes."""
    while session.step < to:
        assert session.advance(to - session.step), session.trouble


def written(session: Session) -> int:
    """Wait until all is on disk; return the number of the run."""
    assert session.recorder is not None
    for _ in range(2):  # the first round may only make the row of the run
        session.flush()
        assert session.recorder.writer.settle(10)
    run = session.recorder.state.run
    assert run is not None, session.recorder.state.trouble
    return run


def trouble(session: Session) -> Failure:
    """The trouble with the record that the screen is told."""
    assert session.recorder is not None
    found = session.recorder.state.trouble
    assert found is not None
    return found


def recovers(session: Session, house: House) -> int:
    """Wait until the trouble with the record is over; return the number of the run. Nobody touches
    the paused run: the recorder asks by itself for what is missing."""
    assert session.recorder is not None
    for _ in range(10):  # a try that began under trouble may still fail after it
        if session.recorder.state.trouble is None:
            break
        assert house.woken.wait(5), "it is tried again"
        house.woken.clear()
        session.flush()
        assert session.recorder.writer.settle(10)
    run = written(session)
    assert session.recorder.state.trouble is None
    return run


def tables(path: Path, run: int) -> dict[str, list[Any]]:
    """The rows that the store holds of a run, to the byte, by table."""
    with sqlite3.connect(path) as db:
        names = ("chunks", "measurements", "samples", "probes", "film", "edits", "details")
        found = {
            name: db.execute(f"SELECT * FROM {name} WHERE run = ?", (run,)).fetchall()
            for name in names
        }
        query = "SELECT step, state FROM keyframes WHERE run = ? AND tip = 0"
        found["keyframes"] = db.execute(query, (run,)).fetchall()
        return found


# ---------------------------------------------------------------- a run comes back


def test_everything_that_happened_in_a_run_comes_back(house: House) -> None:
    sampling = Sampling((Link("top-k", {"top_k": 3}),), "a", 2, every=30, seed=5)
    measuring = Measuring((MetricChoice("gradient-norm"),), every=7)
    session = house.open(observation=Observation(sampling, measuring))
    walk(session, 50)
    session.edit({LEARNING_RATE: 0.02})
    walk(session, 80)
    session.edit({"engine": "scalar"})
    walk(session, 100)
    session.sample()
    before, last, frame = state_of(session), session.training.last, session.frame()
    session.close()

    record = house.record(1)
    assert record.losses == session.training.series.losses and len(record.losses) == 100
    assert record.learning_rates == session.training.series.learning_rates
    assert record.row.owner == "" and record.row.status == "paused"
    assert record.edits == (Edit(50, "learning_rate", 0.02), Edit(80, "engine", "scalar"))
    again = house.open(run=1)
    assert again.step == 100 == again.info.resumed_at
    assert state_of(again) == before, "weights, moments and gradients, to the bit"
    assert again.training.last is not None and last is not None and again.training.last == last
    there = again.frame()
    assert there.metrics == frame.metrics
    assert (there.engine, there.base_learning_rate) == ("scalar", 0.02)
    assert there.tokens_seen == frame.tokens_seen
    assert [one.texts for one in again.texts.batches] == [
        one.texts for one in session.texts.batches
    ]
    assert again.observation.sampling == sampling and again.measurer.measuring == measuring
    again.close()


def test_the_record_has_a_norm_of_its_own_which_is_in_no_state_of_the_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_SHARE", 1e9)  # after each call of the engine
    session = house.open()
    for step in range(1, 31):
        walk(session, step)
    assert "gradient-norm" not in dict(session.checkpoint().measured)
    assert len(session.frame().metrics.measured["gradient-norm"]) == 30, "but it is shown"
    session.go_to(10)
    session.observe(Measuring((MetricChoice("gradient-norm"),), every=4))
    walk(session, 40)
    own = dict(session.checkpoint().measured)
    assert as_array(own["gradient-norm"])[::2].tolist() == [*range(12, 41, 4)]
    shown = session.frame().metrics.measured["gradient-norm"]
    session.close()
    pairs = house.record(1).measured["gradient-norm"]
    recorded = sorted(zip(map(int, pairs[::2]), pairs[1::2], strict=True))
    assert recorded == list(shown), "each step once"
    assert {*range(1, 31), 32, 36, 40} <= {step for step, _ in recorded}


def test_the_run_stands_where_it_stood_and_its_future_is_still_there(house: House) -> None:
    session = house.open()
    walk(session, 120)
    session.go_to(70)
    before = state_of(session)
    session.close()
    assert house.record(1).row.step == 120, "going back does not shorten the record"
    again = house.open(run=1)
    assert again.step == 70 and state_of(again) == before
    assert len(again.training.series.losses) == 120
    again.go_to(115)
    session.go_to(115)
    assert state_of(again) == state_of(session)
    again.close()


def test_a_run_that_was_only_looked_at_stands_where_it_stood(house: House) -> None:
    house.trained(60)
    house.open(run=1).close()
    assert house.record(1).row.at == 60


def test_texts_sampled_while_the_run_pauses_are_on_disk_at_once(house: House) -> None:
    session = house.open(observation=Observation(Sampling(every=0)))
    walk(session, 20)
    run = written(session)
    batch = session.sample()
    assert session.recorder is not None and session.recorder.writer.settle()
    with Store.open(house.path) as store:
        assert [one.batch.texts for one in store.samples(run)] == [batch.texts]
    session.close()


def test_of_texts_sampled_twice_at_a_step_the_share_of_new_ones_is_one_value(house: House) -> None:
    session = house.open(observation=Observation(Sampling(every=0)))
    walk(session, 20)
    session.sample()
    session.sample()
    run = written(session)
    assert list(house.record(run).measured["new-share"][::2]) == [20]
    session.close()


def test_while_a_run_trains_a_state_shortly_before_its_end_is_on_disk(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.lab.record.batches.NEWEST", 0.0)  # a newest state is always due
    session = house.open()
    walk(session, 5)
    run = written(session)
    walk(session, 60)
    assert session.recorder is not None
    assert session.recorder.writer.settle(10)  # while batches wait for the disk, none is gathered
    session.recorder.flush("running")
    assert session.recorder.writer.settle(10)
    with Store.open(house.path) as store:
        newest = max(one.step for one in store.keyframes(run))
    assert newest == session.training.timeline.before(60).step > 5, "a kill costs no long replay"
    session.close()


def test_a_short_run_is_kept_though_its_row_takes_more_than_a_second(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Store.create

    def slowly(store: Store, new: NewRun, owner: str) -> int:
        time.sleep(1.2)  # what a busy machine takes
        return create(store, new, owner)

    monkeypatch.setattr(Store, "create", slowly)
    house.trained(20)
    assert house.record(1).row.step == 20


def test_a_run_that_is_closed_while_it_trains_is_a_paused_one_of_nobody(house: House) -> None:
    session = house.open()
    walk(session, 20)
    run = written(session)
    assert session.recorder is not None
    session.recorder.close("running")
    row = house.record(run).row
    assert (row.status, row.owner, row.step) == ("paused", "", 20)


def test_going_far_ahead_is_recorded_on_the_way(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "EVERY", 0.0)
    session = house.open()
    walk(session, 1)
    run = written(session)
    session.training.seek(300)
    while session.step < 200:
        session.replay(200 - session.step)
    assert session.recorder is not None and session.recorder.writer.settle()
    assert house.record(run).row.step > 1, "nobody paused, and yet it is on disk"
    session.close()


def test_nothing_is_recorded_of_a_run_that_never_began(house: House) -> None:
    house.open().close()
    with Store.open(house.path) as store:
        assert store.runs() == []


# ---------------------------------------------------------------- forks


def test_an_edit_in_the_past_makes_a_fork_and_leaves_the_run_to_the_byte(house: House) -> None:
    session = house.open()
    walk(session, 100)
    session.edit({LEARNING_RATE: 0.03})
    walk(session, 120)
    parent = written(session)
    session.go_to(40)
    written(session)  # the store knows that the run stands at step 40
    before = tables(house.path, parent)
    losses = house.record(parent).losses
    session.edit({LEARNING_RATE: 0.001})
    walk(session, 90)
    child = written(session)
    session.close()
    assert child != parent and tables(house.path, parent) == before
    record = house.record(child)
    assert (record.row.parent, record.row.fork_step) == (parent, 40)
    assert record.edits == (Edit(40, "learning_rate", 0.001),)
    assert record.losses[:40] == losses[:40] and len(record.losses) == 90
    assert record.losses[40:] != losses[40:90]
    with Store.open(house.path) as store:
        assert store.interrupted() == [] and store.row(parent).owner == ""
        rates = [store.row(run).learning_rate for run in (parent, child)]
    assert rates == [0.03, 0.001], "lists show what each of them trains with"
    again = house.open(run=child, at=39)
    began = RunSpec.parse(record.spec).optimizer.learning_rate
    assert again.training.timeline.rate_at(39) == began not in rates
    assert again.training.timeline.rate_at(40) == 0.001
    again.close()


def test_an_edit_at_the_end_of_the_record_makes_no_fork(house: House) -> None:
    session = house.open()
    walk(session, 30)
    written(session)
    session.edit({LEARNING_RATE: 0.03})
    session.edit({LEARNING_RATE: 0.02})
    walk(session, 40)
    session.close()
    assert house.record(1).edits == (Edit(30, "learning_rate", 0.02),)
    with Store.open(house.path) as store:
        assert len(store.runs()) == 1


# ---------------------------------------------------------------- trouble


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writer try again 0.05 seconds after a failure."""
    monkeypatch.setattr(writer_module, "AGAIN", 0.05)


class Disk:
    """A disk with room for so many pages of the store, or for any number; and how many seconds the
    recorder waits for a locked store."""

    pages: int | None = None
    patience = 5.0


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk of the recorder, which tests make smaller and larger."""
    disk = Disk()
    opened = Store.open

    def open_there(path: Path) -> Store:
        store = opened(path, timeout=disk.patience)
        if disk.pages is not None:
            store.database.execute("PRAGMA incremental_vacuum")
            store.database.execute(f"PRAGMA max_page_count = {disk.pages}")
        return store

    monkeypatch.setattr(writer_module.Store, "open", staticmethod(open_there))
    return disk


@pytest.mark.usefixtures("soon")
def test_a_full_disk_is_said_training_goes_on_and_all_is_recorded_when_there_is_room(
    house: House, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "EVERY", 1000.0)  # small batches would still fit
    session = house.open(observation=Observation(Sampling(every=50)))
    walk(session, 60)
    written(session)
    assert session.recorder is not None
    session.recorder.writer._store.close()  # the size of the disk is read at opening
    session.recorder.writer._store = None
    disk.pages = 1
    walk(session, 300)
    session.flush()
    session.recorder.writer.settle()
    assert "disk is full" in trouble(session).title
    on_demand = session.sample()
    walk(session, 330)
    disk.pages = None
    run = recovers(session, house)
    record = house.record(run)
    assert record.losses == session.training.series.losses and len(record.losses) == 330
    with Store.open(house.path) as store:
        kept = [one.batch for one in store.samples(run)]
        assert store.check() == []
    assert [batch.step for batch in kept] == [50, 100, 150, 200, 250, 300, 300], (
        "no sample was lost on the way"
    )
    assert kept[-1].texts == on_demand.texts
    session.close()


@pytest.mark.usefixtures("soon")
def test_a_folder_that_may_not_be_written_is_said_and_the_run_is_recorded_later(
    registry: Registry,
) -> None:
    if os.name != "posix":
        pytest.skip("permissions are those of POSIX")
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    small = {"n_embd": 8, "n_head": 2, "n_layer": 1, "block_size": 8}
    house = House(folder / "runs.sqlite", RunSpec.parse({"model": small, "steps": 60}), registry)
    folder.chmod(0o555)
    if root:
        os.seteuid(NOBODY)
    try:
        session = house.open()
        walk(session, 60)
        session.flush()
        assert session.recorder is not None and session.recorder.writer.settle()
        assert "may not be written" in trouble(session).title
        if root:
            os.seteuid(0)
        folder.chmod(0o777)
        assert house.record(recovers(session, house)).row.step == 60
        session.close()
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o777)
        shutil.rmtree(folder)


def test_steps_that_cannot_be_recorded_do_not_pile_up(house: House) -> None:
    house.path = house.path / "below a file"
    house.path.parent.touch()
    session = house.open()
    walk(session, 5)
    batch = session.sample()
    recorder = session.recorder
    assert recorder is not None and recorder.writer.settle()
    assert trouble(session)
    for number in range(2, 5000):
        recorder.sampled("automatic", replace(batch, number=number))
        recorder.probes.append(ProbeAnswers(number, (("a",),)))
    assert len(recorder.samples) == len(recorder.probes) == 1000
    assert recorder.samples[-1].batch.number == recorder.probes[-1].step == 4999
    session.close()


@pytest.mark.usefixtures("soon")
def test_a_store_that_another_program_holds_is_said_and_the_run_is_recorded_later(
    house: House, disk: Disk
) -> None:
    Store.open(house.path).close()
    disk.patience = 0.02
    session = house.open()
    other = sqlite3.connect(house.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    walk(session, 60)
    session.flush()
    assert session.recorder is not None and session.recorder.writer.settle()
    assert "locked" in trouble(session).title
    other.execute("ROLLBACK")
    other.close()
    assert house.record(recovers(session, house)).row.step == 60
    session.close()


@pytest.mark.usefixtures("soon")
def test_a_damaged_store_is_said_and_a_new_one_takes_the_whole_run(house: House) -> None:
    session = house.open()
    walk(session, 60)
    written(session)
    for ending in ("", "-wal", "-shm"):
        house.path.with_name(house.path.name + ending).unlink(missing_ok=True)
    house.path.write_bytes(b"no database" * 1000)
    walk(session, 80)
    session.flush()
    assert session.recorder is not None and session.recorder.writer.settle()
    assert "moved away" in trouble(session).title
    house.woken.clear()
    assert house.woken.wait(5)
    session.flush()
    assert session.recorder.writer.settle()
    assert "damaged" in trouble(session).title
    house.path.unlink()
    record = house.record(recovers(session, house))
    assert record.losses == session.training.series.losses and len(record.losses) == 80
    session.close()
    again = house.open(run=1)
    assert state_of(again) == state_of(session)
    again.close()


@pytest.mark.usefixtures("soon")
def test_a_run_that_a_new_store_takes_keeps_its_name_and_its_text(house: House) -> None:
    first = house.trained(30)
    with Store.open(house.path) as store:
        store.rename(1, "mine")
        text = store.text(house.record(1).text_sha256)
    session = house.open(run=1)
    written(session)
    away = house.path.parent / "away"
    away.mkdir()
    for file in list(house.path.parent.glob(f"{house.path.name}*")):
        file.rename(away / file.name)
    walk(session, 40)
    session.flush()
    assert session.recorder is not None and session.recorder.writer.settle()
    assert "moved away" in trouble(session).title
    record = house.record(recovers(session, house))
    assert record.row.name == "mine"
    assert record.losses[:30] == first.training.series.losses and len(record.losses) == 40
    with Store.open(house.path) as store:
        assert store.text(record.text_sha256) == text is not None
    session.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from tests.lab.record.test_recording import LEARNING_RATE, House, walk, written

kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
spec = RunSpec.parse(sys.argv[3])
session = House(Path(sys.argv[1]), spec, load(PluginSources(entry_points=False))).open()
if sys.argv[2] == "new":
    Store.set_owner = kill
walk(session, 30)
written(session)
session.go_to(10)
setattr(*{"fork": (Store, "fork", kill), "forked": (Store, "set_owner", kill)}[sys.argv[2]])
session.edit({LEARNING_RATE: 0.001})
walk(session, 20)
written(session)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
@pytest.mark.parametrize(
    ("when", "interrupted"), [("new", [(0, None)]), ("fork", [(30, None)]), ("forked", [(10, 1)])]
)
def test_a_playground_that_is_killed_while_it_makes_a_run_offers_an_interrupted_run(
    house: House, when: str, interrupted: list[tuple[int, int | None]]
) -> None:
    words = [sys.executable, "-c", KILLED, str(house.path), when, house.spec.to_json()]
    killed = subprocess.run(words, cwd=Path(__file__).parents[3], check=False)
    assert killed.returncode == -signal.SIGKILL
    with Store.open(house.path) as store:
        assert [(row.step, row.parent) for row in store.interrupted()] == interrupted


@pytest.mark.usefixtures("soon")
def test_a_fork_that_could_not_be_made_leaves_its_parent_closed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = house.open()
    walk(session, 30)
    parent = written(session)
    session.go_to(10)
    monkeypatch.setattr(Store, "fork", refuse)
    session.edit({LEARNING_RATE: 0.001})
    walk(session, 20)
    session.close()
    with Store.open(house.path) as store:
        assert store.interrupted() == [] and store.row(parent).owner == ""
        assert [file.stem for file in store.lock_folder.iterdir()] == [store.row(parent).uid]
    house.open(run=parent).close()


@pytest.mark.usefixtures("soon")
def test_an_edit_in_the_past_under_trouble_leaves_the_run_as_it_was(
    house: House, disk: Disk
) -> None:
    """The record of a run beyond an edit never mixes two futures."""
    session = house.open()
    walk(session, 100)
    parent = written(session)
    losses = house.record(parent).losses
    disk.patience = 0.02
    assert session.recorder is not None
    session.recorder.writer._store = None
    other = sqlite3.connect(house.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    walk(session, 110)
    session.flush()
    session.recorder.writer.settle()
    trouble(session)
    session.go_to(50)
    session.edit({LEARNING_RATE: 0.001})
    walk(session, 140)
    other.execute("ROLLBACK")
    other.close()
    child = recovers(session, house)
    session.close()
    assert child != parent
    assert house.record(parent).losses[:100] == losses and house.record(parent).edits == ()
    record = house.record(child)
    assert record.losses == session.training.series.losses and len(record.losses) == 140
    assert (record.row.parent, record.row.fork_step) == (parent, 50)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(("edited", "branches"), [(10, 10), (25, 20)])
def test_a_fork_that_could_not_be_made_yet_branches_off_where_it_differs_from_its_parent(
    house: House, disk: Disk, edited: int, branches: int
) -> None:
    parent = house.trained(60)
    disk.patience = 0.02
    with contextlib.closing(sqlite3.connect(house.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        session = house.open(recording=Recording(str(house.path), parent=1, fork_step=20))
        walk(session, 30)
        session.flush()
        assert session.recorder is not None and session.recorder.writer.settle()
        trouble(session)
        session.go_to(edited)
        session.edit({LEARNING_RATE: 0.001})
        walk(session, 40)
        other.execute("ROLLBACK")
    record = house.record(recovers(session, house))
    session.close()
    assert (record.row.parent, record.row.fork_step) == (1, branches)
    assert record.losses == session.training.series.losses
    assert record.losses[:edited] == parent.training.series.losses[:edited]


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("recorded", [0, 30])
def test_samples_of_a_future_that_was_given_up_under_trouble_are_not_in_the_record_of_another(
    house: House, disk: Disk, recorded: int
) -> None:
    session = house.open(observation=Observation(Sampling(every=0)))
    Store.open(house.path).close()
    if recorded:
        walk(session, recorded)
        written(session)
        assert session.recorder is not None
        session.recorder.writer._store = None
    disk.patience = 0.02
    other = sqlite3.connect(house.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for step in (40, 100):
        walk(session, step)
        session.flush()
        assert session.recorder is not None and session.recorder.writer.settle()
        trouble(session)
        session.sample()
    session.go_to(50)
    session.edit({LEARNING_RATE: 0.001})
    walk(session, 60)
    other.execute("ROLLBACK")
    other.close()
    run = recovers(session, house)
    session.close()
    with Store.open(house.path) as store:
        assert [one.batch.step for one in store.samples(run)] == [40]
        assert store.row(run).step == 60
        import_run(store, export_run(store, run, house.path.parent / "x"))


@pytest.mark.usefixtures("soon")
def test_a_run_that_was_deleted_while_it_is_open_is_recorded_again_when_that_is_undone(
    house: House,
) -> None:
    session = house.open()
    walk(session, 30)
    run = written(session)
    with Store.open(house.path) as store:
        store.delete([run])
    walk(session, 60)
    session.flush()
    assert session.recorder is not None and session.recorder.writer.settle()
    assert "deleted" in trouble(session).title
    with Store.open(house.path) as store:
        store.restore([run])
    assert recovers(session, house) == run
    assert house.record(run).row.step == 60
    session.close()


def test_a_batch_gathered_in_the_moment_of_trouble_is_asked_for_again(house: House) -> None:
    """A paused run gathers nothing by itself, so the writer wakes the recorder."""
    session = house.open()
    walk(session, 30)
    written(session)
    recorder = session.recorder
    assert recorder is not None
    house.woken.clear()
    late = batches.Gathered(Batch(at=30, status="paused"), (), None)
    recorder.writer.append(recorder._recorded, batches.RecordedUpTo(), late)
    assert house.woken.wait(5)
    session.close()


def test_a_record_that_failed_at_the_very_end_is_tried_once_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = house.open()
    walk(session, 30)
    written(session)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "append", refuse)
        walk(session, 60)
        session.flush()
        assert session.recorder is not None and session.recorder.writer.settle()
        trouble(session)
    session.close()
    record = house.record(1)
    assert record.row.step == 60 and record.row.owner == ""


def refuse(*_: object) -> None:
    raise StoreError("The disk is full", "There is no room.", "full")


# ---------------------------------------------------------------- opening


def test_a_run_that_is_open_elsewhere_is_refused_in_words(house: House) -> None:
    session = house.open()
    walk(session, 20)
    run = written(session)
    with pytest.raises(LabError) as caught:
        house.open(run=run)
    assert "open elsewhere" in caught.value.failure.title
    assert str(os.getpid()) in caught.value.failure.message
    assert "fork it" in caught.value.failure.message
    session.close()
    house.open(run=run).close()


@pytest.mark.parametrize("now", ["other words\nthan there were\n", None])
def test_a_text_that_was_changed_or_deleted_since_is_taken_from_the_copy(
    house: House, words: Path, now: str | None
) -> None:
    session = house.trained(60)
    if now is None:
        words.unlink()
    else:
        words.write_text(now)
    again = house.open(run=1)
    assert again.step == 60 and state_of(again) == state_of(session)
    assert again.info.dataset_title == session.info.dataset_title == "words.txt"
    told = f"{words} {'is gone' if now is None else 'has changed'}: the run goes on with the copy"
    assert any(notice.text.startswith(told) for notice in again.info.notices)
    walk(session, 90)
    walk(again, 90)
    again.close()
    assert state_of(again) == state_of(session)
    with Store.open(house.path) as store:
        assert [(row.id, row.step) for row in store.runs()] == [(1, 90)], "and it is no fork"


def test_a_text_that_is_edited_while_the_run_is_open_is_kept_as_it_was_read(
    house: House, words: Path
) -> None:
    """A fork that is made long after the text was read keeps the text as it was read, too."""
    read = hashlib.sha256(words.read_bytes()).hexdigest()
    first = house.open()
    words.write_text("edited before the first step\n")
    walk(first, 40)
    parent = written(first)
    first.go_to(20)
    first.edit({LEARNING_RATE: 0.001})
    walk(first, 30)
    child = written(first)
    first.close()
    assert house.record(parent).text_sha256 == house.record(child).text_sha256 == read
    again = house.open(run=child)
    assert again.step == 30 and state_of(again) == state_of(first)
    again.close()


def grow(path: Path) -> None:
    with path.open("a") as file:
        file.write("yak\nzebu\n")


def shrink(path: Path) -> None:
    path.write_text("ant\n")


def replace_by_another(path: Path) -> None:
    path.unlink()
    path.write_text("quite\nanother\nlist\n")


@pytest.mark.parametrize("change", [grow, shrink, replace_by_another, Path.unlink])
def test_a_file_that_changes_while_it_is_read_gives_one_text(
    house: House, words: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    """The text is read once: whatever becomes of the file after that, what was learnt is what is
    recorded, and what the run goes on with."""
    text = words.read_bytes()
    really = documents.read_bytes

    def read(path: Path, *rest: Any) -> bytearray:
        data = really(path, *rest)
        change(path)
        return data

    with monkeypatch.context() as patch:
        patch.setattr("microgpt.documents.read_bytes", read)
        session = house.open()
    assert session.info.documents == len(WORDS)
    walk(session, 40)
    written(session)
    session.close()
    record = house.record(1)
    with Store.open(house.path) as store:
        assert store.text(record.text_sha256) == text
    again = house.open(run=1)
    assert again.info.documents == len(WORDS) and state_of(again) == state_of(session)
    assert not any("not those that" in notice.text for notice in again.info.notices)
    again.close()


def test_a_file_that_changes_while_a_run_is_gone_on_with_gives_one_text(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text that is compared with the record is the text that is learnt, too."""
    session = house.trained(40)
    really = paths.text_of

    def read(path: str) -> bytes | None:
        data = really(path)
        grow(Path(path))
        return data

    monkeypatch.setattr("playground.lab.paths.text_of", read)
    again = house.open(run=1)
    assert again.info.documents == len(WORDS)
    walk(again, 80)
    walk(session, 80)
    assert state_of(again) == state_of(session)
    again.close()
    with Store.open(house.path) as store:
        assert [row.id for row in store.runs()] == [1], "and it is no fork"


@pytest.mark.parametrize("step", [0, 20])
def test_a_fork_learns_from_the_text_of_its_parent(house: House, words: Path, step: int) -> None:
    """A comparison of the two would otherwise compare two texts, and not two settings."""
    parent = house.trained(40)
    parent.go_to(step)
    grow(words)
    spec, checkpoint = forked(parent.checkpoint(), {LEARNING_RATE: 0.001})
    fork = house.open(
        spec=RunSpec.parse(spec),
        checkpoint=checkpoint,
        recording=Recording(str(house.path), parent=1, fork_step=step),
    )
    assert fork.info.documents == len(WORDS)
    told = f"{words} has changed: the run goes on with the copy"
    assert [one for one in fork.info.notices if one.text.startswith(told)]
    walk(fork, 30)
    run = written(fork)
    fork.close()
    assert house.record(run).data == house.record(1).data


def test_a_fork_that_learns_from_another_file_reads_that_file(house: House, tmp_path: Path) -> None:
    house.trained(40)
    other = tmp_path / "other.txt"
    other.write_text("one\ntwo\nthree\n")
    fork = house.open(
        spec=house.spec.replace({"dataset.options.path": str(other)}),
        recording=Recording(str(house.path), parent=1, fork_step=0),
    )
    assert fork.info.documents == 3
    fork.close()


READER = """
from pathlib import Path
from playground.api import Contribution, Knob, Knobs, Provenance, hookimpl

class ReaderKnobs(Knobs):
    path: str = Knob("", help="a file")

class Reader:
    provenance = Provenance("a file", "mine", "")
    def __init__(self, knobs): self.path = Path(knobs.path)
    def prepare(self, cache, progress):
        self.words = self.path.read_text().split()
        with self.path.open("a") as file: file.write("yak\\n")
    def documents(self): return iter(self.words)
    def count(self): return len(self.words)

@hookimpl
def microgpt_datasets():
    yield Contribution(name="reader", summary="words", factory=Reader, knobs=ReaderKnobs)
"""


def test_a_file_that_changes_while_a_plugin_reads_it_is_not_kept(
    house: House, words: Path, tmp_path: Path
) -> None:
    """Nobody knows what a plugin read, so the record claims nothing."""
    file = tmp_path / "reader.py"
    file.write_text(READER)
    house.registry = load(PluginSources(files=(str(file),), entry_points=False))
    house.spec = house.spec.replace(
        {"dataset": {"name": "reader", "options": {"path": str(words)}}}
    )
    session = house.trained(20)
    assert any("no copy of it is kept" in notice.text for notice in session.info.notices)
    assert house.record(1).text_sha256 == ""


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/anna/my words [1].txt", "my words [1].txt"),
        ("C:\\texts\\a.txt", "C__texts_a.txt"),
        ("/texts/..", "text.txt"),
        ("a\nb\x00c.txt", "a_b_c.txt"),
        (f"/texts/{'é' * 200}.txt", f"{'é' * 73}.txt"),
        ("", "text.txt"),
    ],
)
def test_the_copy_is_called_as_the_text_was_but_never_leads_anywhere_else(
    house: House, path: str, name: str
) -> None:
    with Store.open(house.path) as store:
        copy = kept_copy(store, store.keep_text(b"anna\n"), path)
    assert copy is not None and copy.name == name
    assert copy.read_bytes() == b"anna\n"
    assert copy.resolve().is_relative_to(house.path.parent.resolve() / "texts")


PLUGIN = """
from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl

@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="mine", summary="by letters", factory=CharTokenizer)
"""


@pytest.mark.parametrize("every", ["1e999", "null", "{}"])
def test_settings_that_make_no_sense_keep_nobody_from_opening_the_run(
    house: House, every: str
) -> None:
    session = house.trained(20)
    with sqlite3.connect(house.path) as db:
        for what in ("sampling", "measuring"):
            change = f"UPDATE details SET settings = json_set(settings, '$.{what}.every', '?')"
            db.execute(change)
        db.execute("UPDATE details SET settings = replace(settings, '\"?\"', ?)", (every,))
    again = house.open(run=1)
    assert state_of(again) == state_of(session)
    assert again.observation.sampling == session.observation.sampling
    again.close()


def test_a_plugin_that_was_changed_since_is_told(house: House, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    house.registry = load(PluginSources(files=(str(file),), entry_points=False))
    assert not house.registry.problems, house.registry.problems
    house.spec = house.spec.replace({"tokenizer.name": "mine"})
    house.trained(20)
    file.write_text(PLUGIN + "# another version\n")
    house.registry = load(PluginSources(files=(str(file),), entry_points=False))
    session = house.open(run=1)
    assert any("was changed since" in notice.text for notice in session.info.notices)
    session.close()


ENGINE = """
from microgpt.vector_engine import VectorEngine
from playground.api import Contribution, hookimpl

@hookimpl
def microgpt_engines():
    yield Contribution(name="mine", summary="another vector engine", factory=VectorEngine)
"""


def test_a_run_whose_engine_is_not_here_goes_on_from_its_end_with_another(
    house: House, tmp_path: Path
) -> None:
    """The other engine is an edit at the end; the run's own engine makes the steps before it."""
    file = tmp_path / "mine.py"
    file.write_text(ENGINE)
    without = house.registry
    house.registry = load(PluginSources(files=(str(file),), entry_points=False))
    session = house.open()
    walk(session, 55)
    session.edit({"engine": "mine"})
    walk(session, 58)
    session.edit({LEARNING_RATE: 0.03})
    walk(session, 60)
    session.close()
    with_it, house.registry = house.registry, without
    again = house.open(run=1)
    assert state_of(again)[:3] == state_of(session)[:3]
    assert any("mine" in notice.text for notice in again.info.notices)
    assert again.training.timeline.rate_at(60) == 0.03
    walk(again, 80)
    again.close()
    assert house.record(1).edits == (
        Edit(55, "engine", "mine:mine"),
        Edit(58, "learning_rate", 0.03),
        Edit(60, "engine", "vector"),
    )
    house.registry = with_it
    there = house.open(run=1)
    assert state_of(there)[:3] == state_of(again)[:3]
    there.go_to(57)
    session.go_to(57)
    assert state_of(there) == state_of(session)
    there.close()


@pytest.mark.parametrize("at", [40, 60], ids=["in the middle", "at its end"])
def test_a_run_whose_text_is_lost_goes_on_as_a_fork(house: House, words: Path, at: int) -> None:
    house.trained(60)
    with sqlite3.connect(house.path) as db:
        db.execute("DELETE FROM texts")
    words.write_text("\n".join(word[::-1] for word in WORDS))
    losses = house.record(1).losses
    session = house.open(run=1, at=at)
    assert session.step <= at, "at the last state that is known for sure"
    walk(session, 70)
    child = written(session)
    session.close()
    assert child != 1 and house.record(child).row.parent == 1
    assert house.record(1).losses == losses


def test_a_damaged_state_is_made_up_for_by_a_replay(house: House) -> None:
    session = house.trained(100)
    with sqlite3.connect(house.path) as db:
        db.execute("UPDATE keyframes SET state = substr(state, 1, 100)")
    again = house.open(run=1)
    assert again.step == 100 and state_of(again) == state_of(session)
    again.close()


def test_a_run_from_a_checkpoint_file_is_recorded_from_there(house: House) -> None:
    plain = Session.open(house.spec, house.registry)
    walk(plain, 50)
    session = house.open(checkpoint=plain.checkpoint())
    walk(session, 80)
    session.close()
    again = house.open(run=1)
    walk(plain, 80)
    assert again.step == 80 and state_of(again) == state_of(plain)
    assert again.training.series.losses == plain.training.series.losses
    again.go_to(20)
    plain.go_to(20)
    assert state_of(again) == state_of(plain)
    again.close()


# ---------------------------------------------------------------- slow engines, large models


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each step take twenty seconds by the clock of training."""
    waited = [0.0]
    train = Training._train

    def slowly(training: Training, count: int) -> Stretch:
        waited[0] += 20.0 * count
        return train(training, count)

    clock = SimpleNamespace(
        perf_counter=lambda: time.perf_counter() + waited[0], monotonic=time.monotonic
    )
    monkeypatch.setattr(training_module, "time", clock)
    monkeypatch.setattr(Training, "_train", slowly)


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("engine", ["scalar", "vector"])
def test_a_slow_step_is_on_disk_at_once_and_reopening_does_one_step_again(
    house: House, engine: str
) -> None:
    """The first step is on disk at once too, although the row of the run has yet to be made."""
    house.spec = house.spec.replace({"engine": engine})
    session = house.open()
    for step in range(1, 8):
        assert session.advance(1) and session.recorder is not None
        assert session.recorder.writer.settle()
        assert house.record(1).row.step == step
    session.close()
    again = house.open(run=1)
    assert state_of(again) == state_of(session)
    assert {5, 6, 7} <= set(house.record(1).keyframes), "one step away from each other"
    again.close()
    assert again.training.timeline.before(7).step == 6, "20 seconds, and not minutes"


def test_a_long_run_is_soon_open_again_though_its_states_are_far_apart(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs, "BUDGET", 8 * 24 * 1216)
    session = house.trained(390)
    kept = house.record(1).keyframes
    assert 390 in kept and len(kept) <= 9
    assert any(390 - SPACING <= step < 390 for step in kept), "the last step is soon done again"
    again = house.open(run=1)
    assert state_of(again) == state_of(session) and again.training.last is not None
    again.close()


def frames(count: int, size: int, apart: int = 1) -> list[Keyframe]:
    values = array("d", bytes(size // 3))
    return [Keyframe(step * apart, 0, values, values, values) for step in range(1, count + 1)]


def test_a_run_whose_states_are_too_large_for_the_store_is_recorded_without_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LARGEST", 1000)
    session = house.trained(40)
    record = house.record(1)
    assert record.losses == session.training.series.losses and record.keyframes == ()
    again = house.open(run=1)
    assert again.step == 40 and state_of(again) == state_of(session)
    again.close()


def test_large_models_do_not_flood_the_disk() -> None:
    size = 24 * 1_000_000
    kept = DiskKeyframes([0])
    bytes_written = 0
    for frame in frames(100, size):
        kept.earn(0.4)
        bytes_written += sum(one.size for one in kept.choose([frame], pace=0.4))
        kept.thin(size)
    assert bytes_written <= 40 * RATE + RATE + size, "over 40 seconds"
    assert len(kept.steps) <= 4


def test_of_a_large_model_one_state_is_kept_beside_the_first_and_the_last_one_is_written_at_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (batches, needs, recorder_module, training_module, timeline_module):
        monkeypatch.setattr(module, "LARGE", 1000)
    monkeypatch.setattr(batches, "RATE", 0)  # the first state is written, and then none
    session = house.open()
    for _ in range(60):
        session.advance()
        for _ in range(2):  # the first time the run's row is written, and then the batch
            session.flush()
            assert session.recorder is not None and session.recorder.writer.settle()
        assert house.record(1).row.step == session.step
        assert len(house.record(1).keyframes) <= 1
    written = house.record(1).keyframes
    session.close()
    kept = house.record(1).keyframes
    assert len(kept) == 1 and kept > written, "the state near the end, in the place of the other"
    again = house.open(run=1)
    assert state_of(again) == state_of(session) and again.training.last is not None
    again.close()


def test_keyframes_on_disk_stay_within_their_budget_and_keep_both_ends() -> None:
    size = 24 * 4192
    kept = DiskKeyframes([0])
    for frame in frames(2000, size, apart=10):
        kept.earn(1.0)
        kept.choose([frame], pace=0.001)
        kept.thin(size)
    on_disk = len(kept.steps) - 1
    assert 100 < on_disk <= BUDGET // size
    assert kept.steps[0] == 0 and kept.steps[-1] > 19_000


def test_copies_of_a_text_go_when_the_store_gives_it_up(tmp_path: Path) -> None:
    with Store.open(tmp_path / "runs.sqlite") as store:
        sha256 = store.keep_text(b"anna\n")
        copy = kept_copy(store, sha256, "/gone/words.txt")
        assert copy is not None and copy.read_bytes() == b"anna\n"
        forget_copies(store)
        assert copy.exists()
        purge(store, older_than=-1)  # no run learns from the text
        forget_copies(store)
        assert not copy.exists()


# ---------------------------------------------------------------- what is done to the weights


def test_the_record_keeps_the_state_that_a_step_left_and_gives_the_one_that_was_operated_on(
    house: House,
) -> None:
    session = house.open()
    walk(session, 30)
    left = session.training.engine.read("weights")
    session.surgeon.operate([Operation(Component("head", 0, 1))])
    session.surgeon.hold([Operation(Component("position", index=2), (0.5,))])
    now = session.training.engine.read("weights")
    assert now != left
    run = written(session)
    with Store.open(house.path) as store:
        stored = store.keyframe(run, 30)
        assert stored is not None and keyframe_of(stored).weights == left
        state = state_at(store, run, 30)
        assert state is not None
        assert (floats_of(state.weights), floats_of(state.before)) == (now, left)
    session.close()
    again = house.open(run)
    assert again.training.engine.read("weights") == now
    assert again.frame().by_hand == ("held: position 2 at 0.5", "head 1 of layer 0 cut")
    again.surgeon.undo()
    assert again.training.engine.read("weights") == left
    written(again)
    again.close()
    assert house.open(run).training.engine.read("weights") == left, "taken back for good"


def test_an_operation_on_a_run_of_another_shape_is_refused_where_it_is_opened(
    house: House,
) -> None:
    run = written(house.trained(30))
    with Store.open(house.path) as store, store.database.writing() as db:
        db.execute("INSERT INTO edits VALUES (?, 20, 'hold', 'head:0.9')", (run,))
    with pytest.raises(LabError, match="there is no head 9"):
        house.open(run)
