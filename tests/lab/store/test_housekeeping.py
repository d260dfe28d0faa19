"""The budget for the keyframes of all runs together."""

from __future__ import annotations

import pytest

from playground.lab.store import housekeeping
from playground.lab.store.housekeeping import thin
from playground.lab.store.store import Store
from tests.lab.store.conftest import new_run, state, steps

SIZE = len(state(100).state)


def recorded(store: Store, runs: int, frames: int = 8) -> list[int]:
    """Record so many runs, each with keyframes 100 steps apart and a tip; return their numbers."""
    made = []
    for _ in range(runs):
        run = store.create(new_run(), "")
        kept = tuple(state(100 * place) for place in range(1, frames + 1))
        end = 100 * frames + 50
        store.append(run, steps(0, end, keyframes=kept, tip=state(end)))
        made.append(run)
    return made


@pytest.fixture(autouse=True)
def _all_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thin, "__defaults__", (housekeeping.BUDGET, -1.0))


def test_within_the_budget_every_keyframe_stays(store: Store) -> None:
    recorded(store, 3)
    assert thin(store, 3 * 9 * SIZE + 100) == 0


def test_the_runs_touched_longest_ago_give_up_their_keyframes_first(store: Store) -> None:
    old, new = recorded(store, 2)
    assert thin(store, 13 * SIZE) >= 5 * SIZE
    assert store.record(old).keyframes == (700, 800, 850)
    assert len(store.record(new).keyframes) == 9


def test_a_run_that_is_open_keeps_its_keyframes(store: Store) -> None:
    (run,) = recorded(store, 1)
    store.set_owner(run, "somebody")
    assert thin(store, 0) == 0
    assert len(store.record(run).keyframes) == 9


def test_the_state_that_a_fork_begins_with_stays(store: Store) -> None:
    (run,) = recorded(store, 1)
    import dataclasses

    fork = store.fork(run, 300, dataclasses.replace(new_run(), earliest=300), "")
    store.append(fork, steps(300, 500, keyframes=tuple(state(at) for at in (400, 500, 600, 700))))
    thin(store, 0)
    assert store.record(fork).keyframes == (300, 600, 700)


def test_thinning_leaves_the_losses_as_they_were(store: Store) -> None:
    (run,) = recorded(store, 1)
    before = store.curve(run)
    thin(store, 0)
    assert store.curve(run) == before
    assert store.check() == []
