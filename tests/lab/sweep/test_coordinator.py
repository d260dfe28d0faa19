"""The coordinator with executors whose workers are lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from playground.hooks.sources import PluginSources
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.store.store import Store
from playground.lab.store.sweeps import begin_sweep, runs_of
from playground.lab.sweep.coordinator import ATTEMPTS, Coordinator
from playground.lab.sweep.plan import Plan, Setting, Unit
from tests.lab.conftest import WORDS, text_run

MODEL = {"n_embd": 4, "n_head": 2, "n_layer": 1, "block_size": 4}
SEEDS = (1, 2, 3)


class Pools:
    """Makes executors that train in this process; one is broken by a unit that `deadly` names."""

    def __init__(self, deadly: Callable[[Unit], bool]) -> None:
        self.deadly = deadly
        self.handed_out: list[list[int]] = []
        """The seeds that each executor got."""
        self.error: Exception = BrokenExecutor("a worker was lost")

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        self.handed_out.append([])
        yield _Inline(self)


class _Inline(Executor):
    def __init__(self, pools: Pools) -> None:
        self.pools = pools

    def submit(self, train: Callable[..., Any], unit: Unit) -> Future[Any]:  # type: ignore[override]
        self.pools.handed_out[-1].append(unit.seed)
        future: Future[Any] = Future()
        if self.pools.deadly(unit):
            future.set_exception(self.pools.error)
        else:
            future.set_result(train(unit))
        return future


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "runs.sqlite") as made:
        yield made


def coordinator_of(store: Store, told: list[str]) -> Coordinator:
    words = store.path.with_name("words.txt")
    words.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    spec = text_run(words, model=MODEL, steps=1, engine="vector")
    sources = PluginSources(entry_points=False)
    plan = Plan((Setting((("steps", "1"),), spec.to_json()),), SEEDS, "", sources)
    sweep = begin_sweep(store, plan.to_json())
    return Coordinator(store, sweep, plan, told.append, lambda _: None)


def test_a_run_whose_worker_is_lost_three_times_is_left_out_alone_and_named(store: Store) -> None:
    told: list[str] = []
    coordinator = coordinator_of(store, told)
    pools = Pools(lambda unit: unit.seed == 2)
    assert coordinator.run(pools.executor, lambda: 3, lambda: False) == "failed"
    assert [run.seed for run in runs_of(store, 1)] == [1, 3]
    assert sum(seeds.count(2) for seeds in pools.handed_out) == ATTEMPTS == 3
    last = next(seeds for seeds in reversed(pools.handed_out) if 2 in seeds)
    assert last[-1] == 2 and pools.handed_out[-1] != [], "on its last try nothing is lost with it"
    (named,) = [text for text in told if "is left out" in text]
    assert named.startswith("sweep 1: steps=1 seed=2: its worker was lost 3 times")


def test_a_pool_that_cannot_go_on_ends_the_session_with_what_is_recorded(store: Store) -> None:
    coordinator = coordinator_of(store, [])
    pools = Pools(lambda unit: unit.seed == 2)
    pools.error = LabError(Failure("The scheduler is lost", "Start it again."))
    with pytest.raises(LabError, match="Start it again"):
        coordinator.run(pools.executor, lambda: 1, lambda: False)
    assert [run.seed for run in runs_of(store, 1)] == [1]
    assert coordinator.progress.recorded == 1


def test_so_many_runs_are_handed_out_as_there_are_workers_now(store: Store) -> None:
    coordinator = coordinator_of(store, [])
    pools = Pools(lambda _: False)
    asked = iter([1, 1, 2, 2, 2, 2])
    most: list[int] = []

    def at_once() -> int:
        most.append(next(asked))
        return most[-1]

    assert coordinator.run(pools.executor, at_once, lambda: False) == "done"
    assert pools.handed_out == [[1, 2, 3]] and max(most) == 2
