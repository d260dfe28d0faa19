"""The ladder of engines: how many times as fast as the scalar engine each of them trains, and
whether it computes the same.

What makes the ratios honest, on a machine that does other things too:

- Names differ in length, and so steps in cost: in each round every engine trains the very same
  documents. What the slowest does once, a fast one repeats, whole times over.
- Rounds alternate the engines, each at work for about the same time. A ratio is the median of
  those within one round, so that a slow moment of the machine slows both of its sides.
- How many neurons are at rest depends on the weights, and an engine may skip those: all are
  timed from the same state, that of a run under way, at a learning rate that keeps them there.
"""

from __future__ import annotations

import contextlib
import gc
import math
import statistics
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from microgpt.engine import Progress, StateKind
from microgpt.parameters import parameter_count
from playground.catalog import BUILTIN, Catalog, Entry
from playground.hooks.registry import Registry
from playground.lab.course import TIMED, Course, EngineFailed, Model, Plan, Runner

TOLERANCE = 1e-9
"""Relative difference of a loss, above which an engine computes something else."""
_STATE: tuple[StateKind, ...] = ("weights", "first_moment", "second_moment")

DEFAULT = Model("the default model")
LARGER = (
    Model("batches of 8", batch_size=8),
    Model("n_embd 32", n_embd=32),
    Model("n_embd 64, 2 layers, block_size 32", n_embd=64, n_layer=2, block_size=32),
    Model("n_embd 128, 2 layers, block_size 64", n_embd=128, n_layer=2, block_size=64),
)


@dataclass(frozen=True, slots=True)
class Rung:
    """One engine at work on one model."""

    engine: str
    """As it is said on the command line."""
    plugin: str
    origin: str
    ratio: float
    """How many times as fast as the base: the median over the rounds."""
    ratios: tuple[float, ...]
    """The ratio in each round."""
    seconds_per_step: float
    """This and the next two: medians over the rounds."""
    steps_per_second: float
    tokens_per_second: float
    """Predicted tokens."""
    prepare_seconds: float
    """What it took to get ready, before any step; 0 if it has nothing to prepare."""
    difference: float | None
    """The largest relative one among the losses compared; inf for one that is not finite; None
    for the reference itself."""
    compared: int
    """How many losses were compared."""

    @property
    def wrong(self) -> bool:
        """It computes something else than the reference."""
        return self.difference is not None and not self.difference <= TOLERANCE


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An engine without figures, and why."""

    engine: str
    reason: str
    """One line."""
    failed: bool
    """It could not be used; otherwise it was only too slow."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """All engines on one model, the slowest first."""

    model: Model
    parameters: int
    base: str
    """The engine that the ratios are to; "" if there are no rungs."""
    rungs: tuple[Rung, ...]
    left_out: tuple[LeftOut, ...]


def label(catalog: Catalog, entry: Entry) -> str:
    """The shortest name that means this engine."""
    if catalog.find("engine", entry.name) == entry:
        return entry.name
    alone = [one.name for one in catalog.listed("engine")].count(entry.name) == 1
    return entry.name if alone else entry.qualified


def climb(
    registry: Registry,
    entries: Sequence[Entry],
    plans: Sequence[tuple[Model, Plan]],
    progress: Progress,
) -> list[Ladder]:
    """Measure these engines on these models, one model after the other.

    An engine that fails is left out from there on, and the others are not: nothing that an
    engine raises leaves, save KeyboardInterrupt. What `progress` raises does.
    """
    ladders: list[Ladder] = []
    rates: dict[str, float] = {}
    failed: set[str] = set()
    for model, plan in plans:
        course = Course(model)
        left_out: list[LeftOut] = []
        runners: list[Runner] = []
        for entry in entries:
            name = label(registry.catalog(), entry)
            expected = rates.get(name, 0.0) * course.work
            if name in failed:
                continue
            if entry.missing:
                left_out.append(LeftOut(name, entry.missing, True))
            elif expected > plan.slowest_step:
                reason = f"a step would take about {expected:.0f} s"
                left_out.append(LeftOut(name, reason, False))
            else:
                runners.append(Runner(name, entry))
        with _collecting_seldom():
            left_out += _run(registry, course, runners, plan, progress)
        ladder = _ladder(course, runners, left_out)
        for runner in runners:  # the best round: what others do to this machine passes
            rates[runner.name] = min(runner.seconds) / course.work
        failed |= {one.engine for one in left_out if one.failed}
        ladders.append(ladder)
    return ladders


def _run(
    registry: Registry, course: Course, runners: list[Runner], plan: Plan, progress: Progress
) -> list[LeftOut]:
    """Prepare, compare, measure; those that fail are taken out of `runners` and given back."""
    failed: list[LeftOut] = []
    title = course.model.name

    def drop(runner: Runner, error: EngineFailed) -> None:
        failed.append(LeftOut(runner.name, str(error), True))
        runners.remove(runner)

    for runner in list(runners):
        label = runner.name

        def prepared(what: str, done: int, total: int, label: str = label) -> None:
            progress(f"{label}: {what}", done, total)

        try:
            runner.make(registry, course, prepared)
        except EngineFailed as error:
            drop(runner, error)
    if not runners:
        return failed

    # The vector engine tells the others what the losses are, and where a run then stands.
    reference = next((r for r in runners if _is(r, "vector")), None)
    hidden = Runner("vector", None)
    if reference is None:
        hidden.make(registry, course, progress)
    state: dict[StateKind, array[float]] = {}
    for runner in [reference or hidden, *(r for r in runners if r is not reference)]:
        try:
            for done in runner.first_losses(plan):  # how many it will be, its speed decides
                progress(f"{title}: losses of {runner.name}", done, 0)
            state = state or {kind: runner.engine.read(kind) for kind in _STATE}
            runner.rest_at(state)
        except EngineFailed as error:
            drop(runner, error)
    _compare(runners, reference or hidden)
    if not runners:
        return failed

    slowest = max(runner.step_seconds for runner in runners)
    lap = min(max(1, int(plan.seconds / max(slowest, 1e-9))), TIMED)
    for runner in runners:
        runner.steps = lap * max(1, round(plan.seconds / (lap * max(runner.step_seconds, 1e-9))))
    size = lap * course.model.batch_size
    gc.collect()
    gc.freeze()  # else each collection between two turns would walk through every module
    for number in range(plan.rounds):
        documents = [course.timed[(number * size + i) % len(course.timed)] for i in range(size)]
        for place, runner in enumerate(list(runners)):
            at = number * len(runners) + place
            progress(f"{title}: {runner.name}", at, plan.rounds * len(runners))
            try:
                runner.round(documents)
            except EngineFailed as error:
                drop(runner, error)
    return failed


def _is(runner: Runner, builtin: str) -> bool:
    return runner.entry is not None and runner.entry.qualified == f"{BUILTIN}:{builtin}"


def _compare(runners: Sequence[Runner], vector: Runner) -> None:
    """Note how far the losses of each are from the scalar engine's; after the last of those,
    from the vector engine's, which are held to the scalar engine's themselves."""
    scalar = next((runner for runner in runners if _is(runner, "scalar")), None)
    exact = scalar.losses if scalar is not None else array("d")
    for runner in runners:
        expected = exact if runner is vector else exact + vector.losses[len(exact) :]
        if runner is scalar or not expected:
            continue
        pairs = list(zip(runner.losses, expected, strict=False))
        runner.compared = len(pairs)
        runner.difference = max(_relative(loss, right) for loss, right in pairs)


def _relative(loss: float, right: float) -> float:
    difference = abs(loss - right) / max(abs(right), 1e-300)
    return difference if math.isfinite(difference) else math.inf


def _ladder(course: Course, runners: Sequence[Runner], left_out: Sequence[LeftOut]) -> Ladder:
    """The figures, the slowest engine first."""
    slowest = max(runners, key=lambda r: statistics.median(r.seconds), default=None)
    bases = [r for name in ("scalar", "vector") for r in runners if _is(r, name)]
    base = bases[0] if bases else slowest
    rungs = []
    for runner in runners:
        assert base is not None and runner.entry is not None
        ratios = [b / own for b, own in zip(base.seconds, runner.seconds, strict=True)]
        seconds = statistics.median(runner.seconds)
        rungs.append(
            Rung(
                engine=runner.name,
                plugin=runner.entry.plugin,
                origin=runner.entry.origin,
                ratio=statistics.median(ratios),
                ratios=tuple(ratios),
                seconds_per_step=seconds,
                steps_per_second=1 / seconds,
                tokens_per_second=statistics.median(runner.speeds),
                prepare_seconds=runner.prepare_seconds,
                difference=runner.difference,
                compared=runner.compared,
            )
        )
    return Ladder(
        model=course.model,
        parameters=parameter_count(course.config),
        base=base.name if base is not None else "",
        rungs=tuple(sorted(rungs, key=lambda rung: rung.ratio)),
        left_out=tuple(left_out),
    )


@contextlib.contextmanager
def _collecting_seldom() -> Iterator[None]:
    """As in the worker: the scalar engine's graphs die young, and looking for them halves its
    speed. The same for every engine."""
    threshold = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
