"""Edits, forks and saved plugins survive a worker that is killed a moment later."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from playground.catalog import Catalog
from playground.hooks.registry import Registry
from playground.lab.client.events import WorkerBack
from playground.lab.client.lab import Lab
from playground.lab.client.open_run import Opener
from playground.lab.client.workers import Link
from playground.lab.fork import forked
from playground.lab.protocol.commands import Command, Open, Reply, Run
from playground.lab.protocol.run import Checkpoint, Recording, RunInfo
from playground.lab.record.load import owner_of
from playground.lab.run.guard import Activity
from playground.lab.session import Session, open_session
from playground.lab.store.records import RunRecord, RunRow
from playground.lab.store.store import Store
from tests.lab.client.test_lab import pid_of
from tests.lab.conftest import MakeLab, text_run, until, within
from tests.lab.crashing import NONE, PATIENT

RATE = "optimizer.learning_rate"
DEAD = 4711
"""The process id of a worker that has ended."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


def opened(
    registry: Registry, spec: str, recording: Recording, checkpoint: Checkpoint | None = None
) -> Session:
    """A session opened as the worker opens one, its recorder settled."""
    woken: list[bool] = []
    session = open_session(
        Open(spec, checkpoint, recording=recording),
        registry,
        lambda _: None,
        Activity(),
        lambda: woken.append(True),
    )
    assert session.recorder is not None
    session.recorder.writer.settle()
    if woken:
        session.flush()
        session.recorder.writer.settle()
    return session


def record(store: Path, run: int) -> RunRecord:
    with Store.open(store) as at:
        return at.record(run)


def rates(store: Path, run: int) -> list[tuple[int, object]]:
    """The recorded edits of a run: (step, learning rate)."""
    return [(edit.step, edit.value) for edit in record(store, run).edits]


def number(session: Session) -> int:
    """The number of the run that the session is recorded as."""
    assert session.recorder is not None
    run = session.recorder.state.run
    assert run is not None
    return run


def ended(session: Session, store: Path) -> int:
    """Leave the run as if its process, DEAD, had been killed; return its number."""
    session.close()
    run = number(session)
    with Store.open(store) as at:
        at.set_owner(run, owner_of(DEAD))
    return run


def trained(
    registry: Registry, words: Path, store: Path, steps: int = 30, seed: int = 7
) -> Session:
    """A session that stands at the end of so many recorded steps."""
    spec = text_run(words, seed=seed).to_json()
    session = opened(registry, spec, Recording(str(store)))
    session.go_to(steps)
    session.flush()
    assert session.recorder is not None
    session.recorder.write_all(session.state)
    return session


async def test_an_edit_outlives_a_worker_that_had_no_time_to_record_it(
    words: Path, store: Path
) -> None:
    lab = Lab(NONE, store=store, limits=PATIENT)
    try:
        await lab.open(text_run(words).to_json())
        await lab.advance(30)
        await within(10, _recorded(lab, store, 30))
        link = lab.open_run.link
        assert link is not None
        with closing(sqlite3.connect(store, isolation_level=None)) as busy:
            busy.execute("BEGIN IMMEDIATE")  # another process keeps the store locked
            await lab.edit({RATE: 0.02})
            os.kill(link.process.pid, signal.SIGKILL)
            await until(lambda: lab.open_run.link is not link)
        await until(lambda: lab.open_run.link is not None, 20)
        there = await lab.frame()
        assert (there.step, there.base_learning_rate) == (30, 0.02)
        await until(lambda: rates(store, 1) == [(30, 0.02)])
    finally:
        await lab.close()


async def test_no_step_comes_between_an_edit_and_the_state_that_is_held_of_it(
    words: Path, labs: MakeLab
) -> None:
    lab = labs().lab
    await lab.open(text_run(words, steps=100_000).to_json())
    await lab.run()
    for rate in (0.02, 0.03, 0.04):
        await lab.edit({RATE: rate})
        held = lab.last_checkpoint
        assert held is not None and held.edits.rates[-1] == (held.step, rate)
    await lab.use_engine("scalar", lambda _: None)
    held = lab.last_checkpoint
    assert held is not None and held.edits.engines[-1] == (held.step, "scalar")


async def test_a_worker_that_is_killed_in_the_moment_in_which_it_has_opened_a_run_is_replaced(
    words: Path, labs: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_in = Opener.open_in

    async def killed(opener: Opener, link: Link, *arguments: Any) -> tuple[RunInfo, Catalog]:
        monkeypatch.setattr(Opener, "open_in", open_in)
        opened = await open_in(opener, link, *arguments)
        os.kill(link.process.pid, signal.SIGKILL)
        await until(lambda: not link.alive)
        return opened

    monkeypatch.setattr(Opener, "open_in", killed)
    watched = labs()
    await watched.lab.open(text_run(words).to_json())
    back = await watched.event(WorkerBack)
    assert (back.step, (await watched.lab.frame()).step) == (0, 0)


PLUGIN = """
from playground.api import Contribution, hookimpl

class Plain:
    def transform(self, logits, context):
        return logits

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="{name}", summary="as it is", factory=Plain)
"""


async def test_a_plugin_that_is_saved_while_a_worker_catches_up_is_used_by_it(
    words: Path, tmp_path: Path, labs: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN.format(name="before"))
    watched = labs(plugin)
    lab, request = watched.lab, Link.request

    async def saved_meanwhile(link: Link, command: Command, *more: Any) -> Reply:
        reply = await request(link, command, *more)
        if isinstance(command, Run) and lab.open_run.link is None:
            plugin.write_text(PLUGIN.format(name="after"))
            await until(lambda: bool(lab._reloader.standing()), 10)
        return reply

    monkeypatch.setattr(Link, "request", saved_meanwhile)
    await lab.open(text_run(words, steps=100_000).to_json())
    lab.follow_plugins()
    await lab.run(50)
    os.kill(pid_of(lab), signal.SIGKILL)
    await watched.event(WorkerBack, 20)
    names = [entry.name for entry in (await lab.get_catalog()).of("strategy")]
    assert "after" in names and "before" not in names


async def _recorded(lab: Lab, store: Path, step: int) -> None:
    while (state := (await lab.frame()).record) is None or state.run is None:
        pass
    run = state.run
    await until(lambda: record(store, run).row.step == step)


def test_a_fork_that_was_made_without_its_edit_gets_it(
    registry: Registry, words: Path, store: Path
) -> None:
    session = trained(registry, words, store)
    parent, spec = number(session), session.spec.to_json()
    session.go_to(10)
    session.edit({RATE: 0.02})
    session.flush()
    known = session.checkpoint()
    fork = ended(session, store)
    assert fork != parent
    with closing(sqlite3.connect(store)) as db, db:  # as if the kill came between fork and edit
        db.execute("DELETE FROM edits WHERE run = ?", (fork,))

    again = opened(registry, spec, Recording(str(store), parent, worker=DEAD), known)
    assert (again.step, again.training.timeline.rate_at(10)) == (10, 0.02)
    assert number(again) == fork and rates(store, fork) == [(10, 0.02)]
    assert record(store, parent).row.step == 30
    again.close()


def test_an_edit_of_the_past_whose_fork_was_never_made_makes_it(
    registry: Registry, words: Path, store: Path
) -> None:
    session = trained(registry, words, store)
    parent = ended(session, store)
    session.recorder = None
    session.go_to(10)
    session.edit({RATE: 0.02})

    recording = Recording(str(store), parent, worker=DEAD)
    again = opened(registry, session.spec.to_json(), recording, session.checkpoint())
    assert (again.step, again.training.series.head) == (10, 10)
    assert number(again) != parent and rates(store, number(again)) == [(10, 0.02)]
    assert record(store, parent).row.step == 30 and rates(store, parent) == []
    again.close()


def test_a_record_that_knows_more_than_the_screen_is_gone_on_with(
    registry: Registry, words: Path, store: Path
) -> None:
    session = trained(registry, words, store)
    known = session.checkpoint()
    session.edit({RATE: 0.02})
    session.go_to(40)
    session.flush()
    run = ended(session, store)
    recording = Recording(str(store), run, worker=DEAD)
    again = opened(registry, session.spec.to_json(), recording, known)
    assert (again.step, again.training.timeline.rate_at(40)) == (40, 0.02)
    again.close()


def test_an_old_run_of_a_process_of_the_same_number_is_left_alone(
    registry: Registry, words: Path, store: Path
) -> None:
    old = ended(trained(registry, words, store, steps=50), store)
    session = trained(registry, words, store, seed=8)
    known, spec = session.checkpoint(), session.spec.to_json()
    run = ended(session, store)
    again = opened(registry, spec, Recording(str(store), run, worker=DEAD), known)
    assert (again.step, again.spec.seed, number(again)) == (30, 8, run)
    again.close()

    unknown = trained(registry, words, store, seed=9)
    known, spec = unknown.checkpoint(), unknown.spec.to_json()
    unknown.close()
    again = opened(registry, spec, Recording(str(store), number(unknown), worker=DEAD), known)
    assert (again.step, again.spec.seed) == (30, 9), "the only run of that process is another one"
    again.close()
    assert record(store, old).row.step == 50


def test_what_a_fork_begins_with_is_recorded_before_its_first_step(
    registry: Registry, words: Path, store: Path
) -> None:
    session = trained(registry, words, store)
    parent = number(session)
    session.go_to(10)
    spec, checkpoint = forked(session.checkpoint(), {RATE: 0.02})
    session.close()
    fork = opened(registry, spec, Recording(str(store), parent=parent, fork_step=10), checkpoint)
    assert rates(store, number(fork)) == [(10, 0.02)]
    fork.close()


@pytest.mark.parametrize("seen", [False, True], ids=["at once", "after a look"])
async def test_a_look_at_the_past_keeps_its_parent_run_when_the_worker_is_killed(
    words: Path, store: Path, seen: bool
) -> None:
    lab = Lab(NONE, store=store, limits=PATIENT)
    try:
        await lab.open(text_run(words).to_json())
        await lab.advance(30)
        await within(10, _recorded(lab, store, 30))
        await lab.look_at(1, 20)
        if seen:
            await lab.frame()
        link = lab.open_run.link
        assert link is not None
        os.kill(link.process.pid, signal.SIGKILL)
        await until(lambda: lab.open_run.link not in (None, link), 20)
        assert (await lab.frame()).step == 20
        with Store.open(store) as at:
            assert [row.id for row in at.runs()] == [1], "there is nothing new to keep yet"
        await lab.advance(20)
        await until(lambda: len(rows(store)) == 2, 10)
        assert rows(store)[2].parent == 1 and rows(store)[1].step == 30
        ours = (await lab.frame()).record
        assert ours is not None and ours.run == 2
    finally:
        await lab.close()
    assert rows(store)[2].step == 40
    losses = record(store, 1).losses
    assert record(store, 2).losses[: len(losses)] == losses


def rows(store: Path) -> dict[int, RunRow]:
    """The rows of all runs, by number."""
    with Store.open(store) as at:
        return {row.id: row for row in at.runs()}
