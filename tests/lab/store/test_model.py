"""The store holds what plain lists would hold, whatever is done in whatever order."""

from __future__ import annotations

import tempfile
from array import array
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from playground.lab.protocol.film import FilmRow, has_row
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.spec import RunSpec
from playground.lab.store.errors import StoreError
from playground.lab.store.housekeeping import purge
from playground.lab.store.records import Edit
from playground.lab.store.store import Store
from tests.lab.store.conftest import film_row, new_run, state, steps

BEGAN_WITH = RunSpec().optimizer.learning_rate


@dataclass
class Plain:
    """A run as plain lists, without a store."""

    parent: int | None = None
    losses: list[float] = field(default_factory=list)
    evaluations: dict[int, float] = field(default_factory=dict)
    measured: list[tuple[int, float]] = field(default_factory=list)
    probes: dict[int, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    film: dict[int, FilmRow] = field(default_factory=dict)
    edits: dict[int, float] = field(default_factory=dict)
    frames: set[int] = field(default_factory=set)
    tip: int | None = None
    deleted: bool = False

    def up_to(self, step: int, parent: int) -> Plain:
        """The part of the run that a fork at `step` begins with."""
        return Plain(
            parent,
            self.losses[:step],
            {at: loss for at, loss in self.evaluations.items() if at <= step},
            [pair for pair in self.measured if pair[0] <= step],
            {at: answers for at, answers in self.probes.items() if at <= step},
            {at: row for at, row in self.film.items() if at <= step},
            {at: rate for at, rate in self.edits.items() if at < step},
            {at for at in self.frames if at <= step},
            self.tip if self.tip is not None and self.tip <= step else None,
        )


def some(machine: Machine) -> bool:
    """True if there are runs."""
    return bool(machine.plain)


class Machine(RuleBasedStateMachine):
    """Applies each operation to the store and to plain lists, and compares the two."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "runs.sqlite"
        self.store = Store.open(self.path)
        self.plain: dict[int, Plain] = {}
        self.purged: set[int] = set()

    def teardown(self) -> None:
        assert self.store.check() == []
        self.store.close()
        self.folder.cleanup()

    def one(self, data: Any) -> int:
        """Draw the number of a run."""
        return int(data.draw(st.sampled_from(sorted(self.plain))))

    def add(self, run: int, plain: Plain) -> None:
        assert run not in self.plain and run not in self.purged, "no number is used twice"
        self.plain[run] = plain

    @initialize()
    def begin(self) -> None:
        self.create()

    @rule()
    def create(self) -> None:
        self.add(self.store.create(new_run(), ""), Plain())

    @precondition(some)
    @rule(count=st.integers(0, 12), data=st.data())
    def append(self, count: int, data: Any) -> None:
        run = self.one(data)
        plain = self.plain[run]
        first = len(plain.losses)
        end = first + count
        within = st.integers(min(first + 1, end), end)
        evaluations = data.draw(st.dictionaries(within, st.floats(0, 9), max_size=3))
        measured = [(at, 0.5 * at) for at in sorted(data.draw(st.sets(within, max_size=4)))]
        edits = data.draw(st.dictionaries(st.integers(0, end), st.floats(0, 1), max_size=2))
        frames = data.draw(st.sets(within, max_size=3))
        dropped = data.draw(st.sets(st.sampled_from(sorted(plain.frames)))) if plain.frames else ()
        probes = {end: (("x" * count,),)} if data.draw(st.booleans()) else {}
        film = {at: film_row(at) for at in range(first, end + 1) if has_row(at)}
        batch = steps(
            first,
            count,
            evaluations=tuple(evaluations.items()),
            measured={"m": array("d", chain.from_iterable(measured))},
            edits=tuple(Edit(at, "learning_rate", rate) for at, rate in edits.items()),
            keyframes=tuple(map(state, frames)),
            dropped=tuple(dropped),
            probes=tuple(ProbeAnswers(at, answers) for at, answers in probes.items()),
            film=tuple(film.values()),
            tip=state(end),
        )
        if plain.deleted:
            with pytest.raises(StoreError):
                self.store.append(run, batch)
            return
        self.store.append(run, batch)
        plain.losses += batch.losses
        plain.evaluations |= evaluations
        plain.measured += measured
        plain.edits |= edits
        plain.frames = (plain.frames - set(dropped)) | frames
        plain.probes |= probes
        plain.film |= film
        plain.tip = end

    @precondition(some)
    @rule(data=st.data())
    def fork(self, data: Any) -> None:
        run = self.one(data)
        plain = self.plain[run]
        step = data.draw(st.integers(0, len(plain.losses)))
        if plain.deleted:
            with pytest.raises(StoreError):
                self.store.fork(run, step, new_run(), "")
            return
        self.add(self.store.fork(run, step, new_run(), ""), plain.up_to(step, run))

    @precondition(some)
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        run = self.one(data)
        self.store.delete([run])
        self.plain[run].deleted = True

    @precondition(some)
    @rule(data=st.data())
    def restore(self, data: Any) -> None:
        run = self.one(data)
        self.store.restore([run])
        self.plain[run].deleted = False

    @rule()
    def purge(self) -> None:
        gone = {run for run, plain in self.plain.items() if plain.deleted}
        assert purge(self.store, 0) == len(gone)
        for run in gone:
            del self.plain[run]
            with pytest.raises(StoreError):
                self.store.restore([run])
        self.purged |= gone

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.path)

    @invariant()
    def same(self) -> None:
        there = {run for run, plain in self.plain.items() if not plain.deleted}
        assert {row.id for row in self.store.runs()} == there
        for run in there:
            plain, record = self.plain[run], self.store.record(run)
            assert list(record.losses) == plain.losses
            assert (record.row.step, record.row.parent) == (len(plain.losses), plain.parent)
            assert dict(record.evaluations) == plain.evaluations
            pairs = record.measured.get("m", [])
            assert list(zip(pairs[::2], pairs[1::2], strict=True)) == plain.measured
            assert {one.step: one.value for one in record.edits} == plain.edits
            last = plain.edits[max(plain.edits)] if plain.edits else BEGAN_WITH
            assert record.row.learning_rate == last
            assert {one.step: one.answers for one in self.store.probes(run)} == plain.probes
            assert {row.step: row for row in self.store.film(run)} == plain.film
            frames = plain.frames | ({plain.tip} if plain.tip is not None else set())
            assert record.keyframes == tuple(sorted(frames))


Machine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestStore = Machine.TestCase
