"""Random walks through recorded runs, compared with the straight way from step 0.

test_walks.py uses this module, and tools/soak_walks.py uses it at length.
"""

from __future__ import annotations

import random
import sqlite3
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from microgpt.config import ModelConfig
from microgpt.surgery import (
    Component,
    Operation,
    components,
    operate,
    operations_of,
    weights_of,
    written,
)
from playground.hooks.registry import Registry
from playground.lab.edits import WEIGHTS
from playground.lab.fork import forked
from playground.lab.protocol.commands import Open
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.run import Recording
from playground.lab.run.guard import Activity
from playground.lab.session import Session, open_session
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store

RATE = "optimizer.learning_rate"
RATES = (0.001, 0.005, 0.02, 0.05)
LIKELY = {
    "step": 3,
    "back": 3,
    "run": 4,
    "seek": 4,
    "edit": 3,
    "switch": 2,
    "fork": 1,
    "reopen": 2,
    "other": 1,
    "operate": 3,
    "hold": 2,
    "undo": 3,
}
"""The moves of a walk, and how often each is made."""


def random_operations(dice: random.Random, config: ModelConfig) -> list[Operation]:
    """One or two operations on parts of this model: parts that are cut, set, or put in."""
    parts = [*components(config), Component("weight", index=1, matrix="wte", column=2)]
    found = []
    for part in dice.choices(parts, k=dice.choice((1, 1, 2))):
        values: tuple[float, ...] = (0.0,)
        if dice.random() < 0.4:
            count = dice.choice((1, len(weights_of(part, config))))
            values = tuple(dice.uniform(-0.3, 0.3) for _ in range(count))
        found.append(Operation(part, values))
    return found


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
    """The edits of a run, by the step after which each was made."""

    rates: dict[int, float] = field(default_factory=dict)
    engines: dict[int, str] = field(default_factory=dict)
    surgery: dict[int, str] = field(default_factory=dict)
    """What was done to the weights; "" if that was taken back."""
    held: dict[int, str] = field(default_factory=dict)
    """What is held from there on."""

    def before(self, step: int) -> tuple[tuple[int, str, float | str], ...]:
        """The edits that had an effect on the first `step` steps, in order."""
        edits: list[tuple[int, str, float | str]] = []
        edits += [(at, RATE, rate) for at, rate in self.rates.items() if at < step]
        edits += [(at, "engine", name) for at, name in self.engines.items() if at < step]
        edits += [(at, "surgery", done) for at, done in self.surgery.items() if done and at < step]
        edits += [(at, "hold", held) for at, held in self.held.items() if at < step]
        return tuple(sorted(edits))

    def upto(self, step: int) -> History:
        """The history without the edits after `step`."""
        kept = [
            {at: value for at, value in made.items() if at <= step}
            for made in (self.rates, self.engines, self.surgery, self.held)
        ]
        return History(*kept)  # type: ignore[arg-type]

    def held_at(self, step: int) -> str:
        """What is held from `step` on."""
        return max(((at, held) for at, held in self.held.items() if at <= step), default=(0, ""))[1]

    def done_to(self, weights: bytes, step: int, config: ModelConfig) -> bytes:
        """The weights that the step left, after what was done to them then."""
        done = operations_of(self.surgery.get(step, "")) + operations_of(self.held_at(step))
        return operate(config, array("d", weights), done).tobytes()


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
                if at == session.step and name in WEIGHTS:
                    do = session.surgeon.operate if name == "surgery" else session.surgeon.hold
                    do(operations_of(str(value)))
                elif at == session.step:
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
        seed: int | random.Random,
        spec: RunSpec,
        registry: Registry,
        store: Path,
        straight: Straight,
        engines: tuple[str, ...],
    ) -> None:
        self.told: list[str] = [f"seed {seed}"]
        self._dice = seed if isinstance(seed, random.Random) else random.Random(seed)
        self._spec, self._registry, self._store = spec, registry, store
        self._straight, self._engines = straight, engines
        self._history = History()
        self._head = 0
        self._undo: list[tuple[tuple[str, str], int, tuple[str, str]]] = []
        """What was done here and held, before and after each change by hand, and the step."""
        self._recorded: dict[int, tuple[History, int]] = {}
        """By run: its edits, and its last step."""
        self._session = self._open(Open(spec.to_json(), recording=Recording(str(store))))

    def _open(self, command: Open) -> Session:
        self._undo.clear()
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
        (what,) = dice.choices([*LIKELY], [*LIKELY.values()])
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
        elif what == "operate":
            done = self._history.surgery.get(step, "")
            text = written(some := random_operations(dice, session.training.engine.config))
            self._by_hand((f"{done}; {text}" if done else text, self._history.held_at(step)))
            session.surgeon.operate(some)
        elif what == "hold":
            some = random_operations(dice, session.training.engine.config)
            some = some if dice.random() < 0.7 else []
            self._by_hand((self._history.surgery.get(step, ""), written(some)))
            session.surgeon.hold(some)
        elif what == "undo":
            self._take_back()
        elif what == "fork":
            self._fork(dice.choice(RATES))
        elif what == "reopen":
            run = self._leave()
            if run is not None and dice.random() < 0.5:
                self._lose_film(run)
            self._reopen(run)
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

    def _by_hand(self, now: tuple[str, str]) -> None:
        """Note that this is done to the weights here, and held from here on."""
        step = self._session.step
        before = self._history.surgery.get(step, ""), self._history.held_at(step)
        if now != before:
            self._note_future()
            self._history.surgery[step], self._history.held[step] = now
            self._undo.append((before, step, now))

    def _take_back(self) -> None:
        step, history = self._session.step, self._history
        now = history.surgery.get(step, ""), history.held_at(step)
        before = "", history.held_at(step - 1)
        if now == before:
            with pytest.raises(LabError):
                self._session.surgeon.undo()
            return
        if self._undo and self._undo[-1][1:] == (step, now):
            before = self._undo.pop()[0]
        else:
            self._undo.clear()
        self._note_future()
        self._history.surgery[step], self._history.held[step] = before
        self._session.surgeon.undo()

    def _switch(self, name: str) -> None:
        full = self._session.engines.full_name(name)
        if full == self._session.engines.full_name(self._session.training.engine_name):
            return
        self._note_future()
        self._session.edit({"engine": name})
        self._history.engines[self._session.step] = full

    def _fork(self, rate: float) -> None:
        """Fork the run at this step as the screen does, with another learning rate, and at times
        with something done to the weights there and held from there on."""
        session, step, dice = self._session, self._session.step, self._dice
        history, checkpoint = self._history.upto(step), session.checkpoint()
        config = session.training.engine.config
        done, held = (
            random_operations(dice, config) if dice.random() < 0.4 else [] for _ in range(2)
        )
        run = self._leave()
        if run is None:
            self._reopen(None)
            return
        spec, start = forked(checkpoint, {RATE: rate}, done, held or None)
        self._session = self._open(
            Open(spec, start, recording=Recording(str(self._store), parent=run, fork_step=step))
        )
        self._history, self._head = history, step
        self._history.rates[step] = rate
        if done:
            before = history.surgery.get(step, "")
            history.surgery[step] = "; ".join(filter(None, (before, written(done))))
        if held:
            history.held[step] = written(held)

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

    def _lose_film(self, run: int) -> None:
        """Lose the rows of the film that are not the first, as a kill loses those that wait."""
        self.told.append("lost the film")
        with sqlite3.connect(self._store) as db:
            db.execute("DELETE FROM film WHERE run = ? AND step > 0", (run,))

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
        config = session.training.engine.config
        weights = self._history.done_to(straight.weights, step, config)
        assert there.weights == weights, f"the weights at {step} are others"
        assert there[1:3] == straight[1:3], f"the moments at {step} are others"
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
