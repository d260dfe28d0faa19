"""The coordinator with executors whose workers are lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from threading import Lock, Timer
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
    """Makes executors that train in this process. A unit that `deadly` names fails with `error`,
    and with it all that its executor has not finished, as in a pool whose worker is killed."""

    def __init__(self, deadly: Callable[[Unit], bool]) -> None:
        self.deadly = deadly
        self.handed_out: list[list[int]] = []
        """The seeds that each executor got."""
        self.unfinished: list[int] = []
        """How many runs were at work with each that was handed out, itself included."""
        self.error: Exception = BrokenExecutor("a worker was lost")

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        self.handed_out.append([])
        made = _Inline(self)
        yield made
        made.shutdown()


class _Inline(Executor):
    def __init__(self, pools: Pools) -> None:
        self.pools = pools
        self.broken = False
        self.timers: list[Timer] = []
        self.futures: list[Future[Any]] = []
        self.lock = Lock()

    def submit(self, train: Callable[..., Any], unit: Unit) -> Future[Any]:  # type: ignore[override]
        with self.lock:
            if self.broken:
                raise BrokenExecutor("a worker was lost before")
            self.pools.handed_out[-1].append(unit.seed)
            future: Future[Any] = Future()
            self.futures.append(future)
            self.pools.unfinished.append(sum(not one.done() for one in self.futures))
            if self.pools.deadly(unit):
                self.broken = True
                for one in self.futures:
                    if not one.done():
                        one.set_exception(self.pools.error)
            else:
                self.timers.append(Timer(0.1, self._finish, (future, train, unit)))
                self.timers[-1].start()
            return future

    def _finish(self, future: Future[Any], train: Callable[..., Any], unit: Unit) -> None:
        with self.lock:
            if not future.done():
                future.set_result(train(unit))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        for timer in self.timers:
            timer.join()


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
    assert [run.seed for run in runs_of(store, 1)] == [1, 3], "its last try costs no other run"
    assert sum(seeds.count(2) for seeds in pools.handed_out) == ATTEMPTS == 3
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
    workers = chain([1, 1], repeat(2))
    assert coordinator.run(pools.executor, lambda: next(workers), lambda: False) == "done"
    assert pools.handed_out == [[1, 2, 3]]
    assert pools.unfinished == [1, 1, 2], "one, and two as soon as there is another worker"
