"""The bench of engines: which engines it compares, in which order, and what a failing one costs."""

from __future__ import annotations

import gc
import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import pytest

from microgpt import ModelConfig, OptimizerConfig, Steps, VectorEngine
from microgpt.collector import SELDOM
from microgpt.engine import Engine, EngineFactory, Progress
from playground.api import Contribution
from playground.catalog import Entry
from playground.hooks.registry import Registered, Registry
from playground.lab import bench
from playground.lab.bench import BenchResult, Model, Plan, climb

TINY = Model("tiny", n_embd=4, block_size=4)
WIDER = Model("wider", n_embd=8, block_size=4)
PLAN = Plan(rounds=3, seconds=0.002, least_checked=3, most_checked=6, check_seconds=0.01)


class Clock:
    """A clock that the work of an engine moves on, and each look by a microsecond. How busy this
    machine is does not move the clock."""

    now = 0.0

    def perf_counter(self) -> float:
        self.now += 1e-6
        return self.now


CLOCK = Clock()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "time", CLOCK)


class Timed(VectorEngine):
    """The vector engine, at `cost` seconds a step by CLOCK."""

    cost = 1e-4

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        CLOCK.now += self.cost
        return super().loss_and_gradients(documents)


class Watched(Timed):
    """An engine that notes the documents that it is trained on while it is timed."""

    notes: list[tuple[str, tuple[int, ...]]]
    """The notes of all engines: (name, document)."""
    name = "fast"

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        self.documents = documents
        return super().loss_and_gradients(documents)

    def adam_step(self, learning_rate: float, step: int) -> None:
        super().adam_step(learning_rate, step)
        if learning_rate < 1e-6:
            self.notes += [(self.name, tuple(document)) for document in self.documents]


def registry(**factories: EngineFactory) -> Registry:
    """Engines of a plugin "mine"; an engine named scalar or vector counts as built in."""
    return Registry(
        [
            Registered(
                Entry(
                    "engine", name, "builtin" if name in ("scalar", "vector") else "mine", "", ""
                ),
                Contribution[Engine](name=name, summary="", factory=factory),
            )
            for name, factory in factories.items()
        ],
        (),
        (),
    )


def bench_results(
    *models: Model, plan: Plan = PLAN, **factories: EngineFactory
) -> list[BenchResult]:
    """Measure these engines on these models."""
    engines = registry(**factories)
    plans = [(model, plan) for model in models or (TINY,)]
    return climb(engines, engines.catalog().of("engine"), plans, lambda *_: None)


@pytest.fixture
def watched() -> tuple[type[Watched], type[Watched]]:
    """A fast engine and a slow one, which share their notes."""
    notes: list[tuple[str, tuple[int, ...]]] = []
    fast = type("Fast", (Watched,), {"notes": notes, "name": "fast"})
    slow = type("Slow", (Watched,), {"notes": notes, "name": "slow", "cost": 2e-3})
    return fast, slow


def test_in_each_round_all_engines_train_the_very_same_documents(
    watched: tuple[type[Watched], type[Watched]],
) -> None:
    fast, slow = watched
    bench_results(fast=fast, slow=slow)
    turns = [list(turn) for _, turn in groupby(fast.notes, key=lambda note: note[0])]
    assert [turn[0][0] for turn in turns] == ["fast", "slow"] * PLAN.rounds
    assert len(turns[0]) > len(turns[1])
    for ours, theirs in zip(turns[::2], turns[1::2], strict=True):
        repeated = len(ours) // len(theirs)
        once = Counter(document for _, document in theirs)
        often = Counter(document for _, document in ours)
        assert often == {document: count * repeated for document, count in once.items()}
    assert {document for _, document in turns[1]} != {document for _, document in turns[3]}


def test_all_engines_are_timed_from_the_weights_of_a_run_under_way_and_stay_there() -> None:
    made: list[tuple[array[float], Timed]] = []

    def factory(config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]) -> Timed:
        made.append((weights, Timed(config, optimizer, weights)))
        return made[-1][1]

    bench_results(a=factory, b=factory)
    (first, a), (_, b) = made
    here, there = a.read("weights"), b.read("weights")
    assert max(abs(x - y) for x, y in zip(here, there, strict=True)) < 1e-4
    assert max(abs(x - y) for x, y in zip(here, first, strict=True)) > 1e-2


def test_an_engine_with_a_bulk_method_takes_a_round_in_one_call() -> None:
    calls: list[int] = []

    class Bulk(Watched):
        notes = []  # noqa: RUF012

        def train(
            self, documents: Sequence[Sequence[int]], learning_rates: Sequence[float], step: int
        ) -> Steps:
            if learning_rates[0] < 1e-6:
                calls.append(len(learning_rates))
            losses = array("d")
            for at, rate in enumerate(learning_rates):
                token_losses = self.loss_and_gradients([documents[at]])
                self.adam_step(rate, step + at)
                losses.append(sum(token_losses[0]) / len(token_losses[0]))
            return Steps(losses, token_losses, 4 * len(losses))

    (done,) = bench_results(bulk=Bulk)
    assert [result.engine for result in done.rungs] == ["bulk"]
    assert len(calls) == PLAN.rounds and min(calls) > 1


def test_ratios_are_to_the_scalar_engine_else_to_the_vector_engine_else_to_the_slowest(
    watched: tuple[type[Watched], type[Watched]],
) -> None:
    fast, slow = watched
    every = bench_results(vector=fast, mine=fast, scalar=slow)[0]
    assert (every.base, every.rungs[0].engine, every.rungs[0].ratio) == ("scalar", "scalar", 1)
    assert [result.ratio for result in every.rungs[1:]] == pytest.approx([20, 20], rel=0.05)
    assert every.rungs[0].difference is None and every.rungs[0].compared == 0
    compared = {result.engine: result.compared for result in every.rungs}
    assert 3 <= compared["vector"] < compared["mine"] == 6  # the scalar engine made fewer steps
    without = bench_results(slow=slow, vector=fast)[0]
    assert (without.base, without.rungs[0].engine) == ("vector", "slow")
    assert without.rungs[0].ratio == pytest.approx(1 / 20, rel=0.05)
    neither = bench_results(fast=fast, slow=slow)[0]
    assert (neither.base, neither.rungs[0].ratio) == ("slow", 1)
    # Without these two engines, differences are to the vector engine's losses.
    assert [result.difference for result in neither.rungs] == [0, 0]


def test_microgpts_own_loop_is_the_scalar_engine_with_the_collector_left_alone() -> None:
    as_python_sets_it, seen = (701, 11, 9), set()

    class Scalar(Timed):
        def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
            seen.add((gc.isenabled(), gc.get_threshold()))
            if gc.get_threshold() == as_python_sets_it:
                CLOCK.now += self.cost  # as long again for the collector
            return super().loss_and_gradients(documents)

    before = gc.get_threshold()
    gc.set_threshold(*as_python_sets_it)
    try:
        (done,) = bench_results(scalar=Scalar, mine=Timed)
        assert gc.get_threshold() == as_python_sets_it
    finally:
        gc.set_threshold(*before)
    assert {(False, SELDOM), (True, as_python_sets_it)} <= seen
    assert (False, as_python_sets_it) not in seen
    assert [rung.ratio for rung in done.rungs] == pytest.approx([1, 1], rel=0.05)
    assert [rung.microgpt_ratio for rung in done.rungs] == pytest.approx([2, 2], rel=0.05)
    (without,) = bench_results(mine=Timed)
    assert without.rungs[0].microgpt_ratio is None


def test_an_engine_that_computes_something_else_is_wrong() -> None:
    class Hasty(Timed):
        def adam_step(self, learning_rate: float, step: int) -> None:
            super().adam_step(learning_rate * (1 + 1e-6), step)

    class Lost(Timed):
        def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
            found = super().loss_and_gradients(documents)
            return [[math.nan for _ in losses] for losses in found] if self.lost else found

        lost = False

        def adam_step(self, learning_rate: float, step: int) -> None:
            super().adam_step(learning_rate, step)
            self.lost = step == 0 and learning_rate > 1e-6

        def write(self, *arguments: object) -> None:
            self.lost = False
            super().write(*arguments)  # type: ignore[arg-type]

    (done,) = bench_results(vector=Timed, hasty=Hasty, lost=Lost)
    found = {result.engine: result for result in done.rungs}
    assert not found["vector"].wrong
    assert found["hasty"].wrong and 1e-9 < (found["hasty"].difference or 0) < 1e-3
    assert found["lost"].wrong and found["lost"].difference == math.inf
    assert found["lost"].compared == 2


def test_an_engine_that_cannot_be_made_leaves_the_others_to_be_measured() -> None:
    def no_gpu(*_: object) -> Engine:
        raise RuntimeError("no GPU here")

    (done,) = bench_results(mine=Timed, wide=no_gpu, other=Timed, deep=no_gpu)
    assert sorted(rung.engine for rung in done.rungs) == ["mine", "other"]
    assert [left.reason for left in done.left_out] == ["RuntimeError: no GPU here"] * 2


def test_an_engine_that_fails_is_left_out_from_there_on() -> None:
    class Narrow(Timed):
        made = 0

        def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
            if self.config.n_embd > 4:
                raise SystemExit("[too] wide")
            return super().loss_and_gradients(documents)

    tiny, wider, again = bench_results(TINY, WIDER, TINY, vector=Timed, narrow=Narrow)
    assert {result.engine for result in tiny.rungs} == {"vector", "narrow"}
    assert [result.engine for result in wider.rungs] == ["vector"]
    (left,) = wider.left_out
    assert (left.engine, left.failed) == ("narrow", True)
    assert "it tried to end the program ([too] wide)" in left.reason
    assert ([result.engine for result in again.rungs], again.left_out) == (["vector"], ())


def test_an_engine_that_fails_in_the_middle_of_the_rounds_takes_nobody_with_it() -> None:
    class Tired(Watched):
        notes = []  # noqa: RUF012
        limit = 3

        def adam_step(self, learning_rate: float, step: int) -> None:
            super().adam_step(learning_rate, step)
            if len(self.notes) > self.limit:
                raise RuntimeError("tired")

    (done,) = bench_results(scalar=Tired, vector=Timed)
    assert (done.base, [len(result.ratios) for result in done.rungs]) == ("vector", [PLAN.rounds])
    assert [left.reason for left in done.left_out] == ["RuntimeError: tired"]


def test_a_step_that_would_take_too_long_is_not_tried() -> None:
    plan = replace(PLAN, slowest_step=0.0)
    tiny, wider = bench_results(TINY, WIDER, plan=plan, vector=Timed)
    assert tiny.rungs and not wider.rungs and wider.base == ""
    (left,) = wider.left_out
    assert not left.failed and left.reason.startswith("a step would take about ")


def test_getting_ready_is_timed_apart_and_said() -> None:
    said: list[tuple[str, int, int]] = []

    class Compiled(Timed):
        ready = False

        def prepare(self, progress: Progress) -> None:
            progress("compiling", 1, 2)
            self.ready = True

        def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
            assert self.ready
            return super().loss_and_gradients(documents)

    engines = registry(compiled=Compiled, vector=Timed)
    (done,) = climb(
        engines, engines.catalog().of("engine"), [(TINY, PLAN)], lambda *words: said.append(words)
    )
    ready = {result.engine: result.prepare_seconds > 0 for result in done.rungs}
    assert ready == {"compiled": True, "vector": False}
    assert said[0] == ("compiled: compiling", 1, 2)
    assert ("tiny: compiled", 0, 2 * PLAN.rounds) in said


def test_a_bench_leaves_the_garbage_collector_as_it_was() -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    seen = []

    class Curious(Timed):
        def adam_step(self, learning_rate: float, step: int) -> None:
            seen.append(gc.get_threshold()[0])
            super().adam_step(learning_rate, step)

    bench_results(curious=Curious)
    assert set(seen) == {200_000}
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
