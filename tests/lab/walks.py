"""Random walks through recorded runs, compared with the straight way from step 0.

test_walks.py uses this module, and tools/soak_walks.py uses it at length.
"""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from playground.hooks.registry import Registry
from playground.lab.fork import forked
from playground.lab.protocol.commands import Open
from playground.lab.protocol.run import Recording
from playground.lab.run.guard import Activity
from playground.lab.session import Session, open_session
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store

RATE = "optimizer.learning_rate"
RATES = (0.001, 0.005, 0.02, 0.05)


class State(NamedTuple):
    """The arrays that a step leaves behind, as bytes."""

    weights: bytes
    first_moment: bytes
    second_moment: bytes
    gradients: bytes


def state_of(session: Session) -> State:
    """The state that the session stands at, to the bit."""
    return State(*(session.training.engine.read(kind).tobytes() for kind in State._fields))


@dataclass(slots=True)
class History:
    """The edits of a run: learning rates and engines, by the step after which each was set."""

    rates: dict[int, float] = field(default_factory=dict)
    engines: dict[int, str] = field(default_factory=dict)

    def before(self, step: int) -> tuple[tuple[int, str, float | str], ...]:
        """The edits that had an effect on the first `step` steps, in order."""
        edits: list[tuple[int, str, float | str]] = []
        edits += [(at, RATE, rate) for at, rate in self.rates.items() if at < step]
        edits += [(at, "engine", name) for at, name in self.engines.items() if at < step]
        return tuple(sorted(edits))

    def upto(self, step: int) -> History:
        """The history without the edits after `step`."""
        return History(
            {at: rate for at, rate in self.rates.items() if at <= step},
            {at: name for at, name in self.engines.items() if at <= step},
        )


class Straight:
    """The run with given edits, trained without ever going back."""

    def __init__(self, spec: RunSpec, registry: Registry) -> None:
        self._spec, self._registry = spec, registry
        self._ways: dict[object, tuple[Session, list[State]]] = {}

    def _way(self, history: History, step: int) -> tuple[Session, list[State]]:
        edits = history.before(step)
        if edits not in self._ways:
            session = Session.open(self._spec, self._registry)
            self._ways[edits] = session, [state_of(session)]
        session, states = self._ways[edits]
        while session.step < step:
            for at, name, value in edits:
                if at == session.step:
                    session.edit({name: value})
            assert session.advance(), session.trouble
            states.append(state_of(session))
        return session, states

    def state(self, history: History, step: int) -> State:
        return self._way(history, step)[1][step]

    def losses(self, history: History, step: int) -> array[float]:
        return self._way(history, step)[0].training.series.losses[:step]


class Walk:
    """A random walk. `told` lists its moves, and goes into the error of a walk that fails."""

    def __init__(
        self,
        seed: int,
        spec: RunSpec,
        registry: Registry,
        store: Path,
        straight: Straight,
        engines: tuple[str, ...],
    ) -> None:
        self.told: list[str] = [f"seed {seed}"]
        self._dice = random.Random(seed)
        self._spec, self._registry, self._store = spec, registry, store
        self._straight, self._engines = straight, engines
        self._history = History()
        self._head = 0
        self._recorded: dict[int, tuple[History, int]] = {}
        """By run: its edits, and its last step."""
        self._session = self._open(Open(spec.to_json(), recording=Recording(str(store))))

    def _open(self, command: Open) -> Session:
        return open_session(command, self._registry, lambda _: None, Activity())

    def go(self, moves: int) -> None:
        """Make so many moves and compare the state after each; at the end compare all records."""
        try:
            for _ in range(moves):
                self._move()
                self._compare()
            self._leave()
            self._compare_records()
        except BaseException as error:
            error.add_note("; ".join(self.told))
            raise

    def _move(self) -> None:
        dice, session = self._dice, self._session
        step, steps = session.step, self._spec.steps
        what = dice.choices(
            ("step", "back", "run", "seek", "edit", "switch", "fork", "reopen", "other"),
            (3, 3, 4, 4, 3, 2, 1, 2, 1),
        )[0]
        self.told.append(f"at {step}: {what}")
        if what == "step" and step < steps:
            assert session.advance(), session.trouble
        elif what == "back" and step:
            session.go_to(step - 1)
        elif what == "run":
            goal = min(steps, step + dice.randint(1, 25))
            while session.step < goal:
                assert session.advance(goal - session.step), session.trouble
        elif what == "seek":
            session.go_to(dice.randint(0, min(steps, self._head + 5)))
        elif what == "edit":
            self._note_future()
            rate = dice.choice(RATES)
            session.edit({RATE: rate})
            self._history.rates[step] = rate
        elif what == "switch":
            self._switch(dice.choice(self._engines))
        elif what == "fork":
            self._fork(dice.choice(RATES))
        elif what == "reopen":
            self._reopen(self._leave())
        elif what == "other":
            self._leave()
            self._reopen(dice.choice([None, *self._recorded]), anywhere=True)
        self._head = max(self._head, self._session.step)

    def _note_future(self) -> None:
        """Keep what is known of the run so far, since an edit is about to begin another future."""
        self._written()
        run = self._session.recorder.state.run
        if run is not None:
            self._recorded[run] = self._history, self._head
        self._history = self._history.upto(self._session.step)
        self._head = self._session.step

    def _switch(self, name: str) -> None:
        full = self._session.engines.full_name(name)
        if full == self._session.engines.full_name(self._session.training.engine_name):
            return
        self._note_future()
        self._session.edit({"engine": name})
        self._history.engines[self._session.step] = full

    def _fork(self, rate: float) -> None:
        """Fork the run at this step as the screen does, with another learning rate."""
        session, step = self._session, self._session.step
        history, checkpoint = self._history.upto(step), session.checkpoint()
        run = self._leave()
        if run is None:
            self._reopen(None)
            return
        spec, start = forked(checkpoint, {RATE: rate})
        self._session = self._open(
            Open(spec, start, recording=Recording(str(self._store), parent=run, fork_step=step))
        )
        self._history, self._head = history, step
        self._history.rates[step] = rate

    def _written(self) -> None:
        """Wait until all is on disk. The first of two rounds may only make the row of the run."""
        for _ in range(2):
            self._session.flush()
            assert self._session.recorder.writer.settle(20)

    def _leave(self) -> int | None:
        """Close the run; return its number, or None if there was nothing to record."""
        self._written()
        self._session.close()
        state = self._session.recorder.state
        assert state.trouble is None, state.trouble
        if state.run is not None:
            self._recorded[state.run] = self._history, self._head
        return state.run

    def _reopen(self, run: int | None, anywhere: bool = False) -> None:
        store = str(self._store)
        if run is None:
            self._session = self._open(Open(self._spec.to_json(), recording=Recording(store)))
            self._history, self._head = History(), 0
            return
        history, head = self._recorded[run]
        at = self._dice.randint(0, head) if anywhere else None
        before = self._session.step
        self.told.append(f"run {run}")
        self._session = self._open(Open("", recording=Recording(store, run, at)))
        self._history, self._head = history, head
        assert self._session.step == (at if anywhere else before)

    def _compare(self) -> None:
        session, step = self._session, self._session.step
        straight = self._straight.state(self._history, step)
        there = state_of(session)
        assert there[:3] == straight[:3], f"the state at {step} is another one"
        if session.training.last is not None:
            assert there.gradients == straight.gradients, f"the gradients at {step} differ"
        losses = session.training.series.losses
        assert len(losses) == self._head
        assert losses == self._straight.losses(self._history, self._head)

    def _compare_records(self) -> None:
        with Store.open(self._store) as store:
            assert store.check() == []
            rows = {row.id: row for row in store.runs()}
            assert set(rows) == set(self._recorded), "a run for each future, and no other"
            for run, (history, head) in self._recorded.items():
                record = store.record(run)
                assert rows[run].step == head
                assert rows[run].owner == ""
                assert record.losses == self._straight.losses(history, head)
