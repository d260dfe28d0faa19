"""The ladder of engines: how many times as fast as the scalar engine each of them trains, and
whether it computes the same.

What makes the ratios honest, on a machine that does other things too:

- Names differ in length, and so steps in cost: in each round every engine trains the very same
  documents. What the slowest does once, a fast one repeats, whole times over.
- Rounds alternate the engines, each at work for about the same time. A ratio is the median of
  those within one round, so that a slow moment of the machine slows both of its sides.
- How many neurons are at rest depends on the weights, and an engine may skip those: all are
  timed from the same state, that of a run under way, at a learning rate that keeps them there.

What the engines train for `playground.lab.bench`, and one of them on its way through it.
"""

from __future__ import annotations

import contextlib
import gc
import math
import statistics
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.documents import load_names
from microgpt.engine import Engine, PreparedEngine, Progress, StateKind
from microgpt.parameters import parameter_count
from microgpt.tokenizer import CharTokenizer
from microgpt.trainer import Trainer, shuffle_and_init
from microgpt.vector_engine import VectorEngine
from playground.catalog import BUILTIN, Catalog, Entry
from playground.hooks.errors import PluginError, describe
from playground.hooks.registry import Registry

_SEED = 42
_NAMES_JOINED = 12
"""Names in one document for a context longer than a name; enough to fill 64 tokens."""
TIMED = 60
"""Steps' worth of documents that the rounds go through."""
DOCUMENTS = 1000
"""Steps' worth of documents that the losses are compared on."""
_PATIENCE = 30
"""Times Plan.check_seconds, after which even `least_checked` losses are not waited for."""
_RESTING_RATE = 1e-9
"""Learning rate while the clock runs: all the work of an update, but thousands of rounds on the
same few names do not drive the model to a place where no run ever is."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is trained, on the embedded names."""

    name: str
    n_embd: int = 16
    n_layer: int = 1
    block_size: int = 16
    batch_size: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure, and how long to compare losses."""

    rounds: int
    seconds: float
    """That each engine is at work in a round; one step at least, however long it takes."""
    least_checked: int
    """Losses compared of every engine, be it slow."""
    most_checked: int = DOCUMENTS
    check_seconds: float = 1.0
    """After so long no further losses are compared than `least_checked`."""
    slowest_step: float = 3.0
    """Seconds; an engine whose step would take longer is left out of a model."""


class EngineFailed(Exception):
    """An engine raised, or does not do what an engine does. args[0] says it in one line."""


class BenchModel:
    """A model's first weights and its documents: those of the run that `train` makes."""

    def __init__(self, model: Model) -> None:
        self.model = model
        names = load_names()
        tokenizer = CharTokenizer()
        tokenizer.train(names if model.block_size <= 16 else [*names, " "])
        self.config = ModelConfig(
            tokenizer.vocab_size,
            n_embd=model.n_embd,
            n_layer=model.n_layer,
            block_size=model.block_size,
        )
        self.weights, _ = shuffle_and_init(names, self.config, _SEED)
        if model.block_size > 16:
            ends = range(0, len(names), _NAMES_JOINED)
            names = [" ".join(names[end : end + _NAMES_JOINED]) for end in ends]
        bos = tokenizer.bos_id
        self.documents = [
            [bos, *tokenizer.encode(name), bos] for name in names[: DOCUMENTS * model.batch_size]
        ]
        self.timed = self.documents[: TIMED * model.batch_size]

    @property
    def work(self) -> float:
        """About the multiplications of one forward pass over a batch."""
        c = self.config
        seen = [min(len(document) - 1, c.block_size) for document in self.timed]
        rows = 12 * c.n_layer * c.n_embd**2 + c.vocab_size * c.n_embd
        products = sum(tokens * rows + c.n_layer * c.n_embd * tokens**2 for tokens in seen)
        return products * self.model.batch_size / len(seen)


@dataclass(slots=True)
class BenchEngine:
    """An engine on its way through one model."""

    name: str
    entry: Entry | None
    """None for the reference, when nobody asked for its figures."""
    engine: Engine = field(init=False)
    trainer: Trainer = field(init=False)
    losses: array[float] = field(default_factory=lambda: array("d"))
    prepare_seconds: float = 0.0
    step_seconds: float = 0.0
    """The latest measured, before the rounds."""
    steps: int = 1
    """Of one round."""
    seconds: list[float] = field(default_factory=list)
    """A step, in each round."""
    speeds: list[float] = field(default_factory=list)
    """Tokens a second, in each round."""
    difference: float | None = None
    compared: int = 0

    def make(self, registry: Registry, course: BenchModel, progress: Progress) -> None:
        """Make the engine and let it prepare itself."""
        optimizer = OptimizerConfig()
        with guard():
            if self.entry is None:
                self.engine = VectorEngine(course.config, optimizer, course.weights)
            else:
                self.engine = registry.make_engine(
                    self.entry.qualified, course.config, optimizer, course.weights
                )
            if isinstance(self.engine, PreparedEngine):
                began = time.perf_counter()
                self.engine.prepare(progress)
                self.prepare_seconds = time.perf_counter() - began
        self.trainer = Trainer(
            self.engine, course.documents, optimizer, DOCUMENTS, course.model.batch_size
        )

    def first_losses(self, plan: Plan) -> Iterator[int]:
        """Train from the first step on, for the losses; this is the warm-up as well.

        Goes on in ever longer stretches, and yields how many losses there are after each.
        """
        began, steps = time.perf_counter(), 1
        while True:
            self.step_seconds = self._train(steps)
            done = len(self.losses)
            yield done
            spent = time.perf_counter() - began
            if done < plan.least_checked and spent < _PATIENCE * plan.check_seconds:
                steps = min(2 * steps, plan.least_checked - done)
            else:
                fits = int((plan.check_seconds - spent) / max(self.step_seconds, 1e-9))
                steps = min(2 * steps, plan.most_checked - done, fits)
            if steps < 1 or not math.isfinite(self.losses[-1]):
                return

    def _train(self, steps: int) -> float:
        """So many steps, their losses noted; the seconds of one."""
        began = time.perf_counter()
        with guard():
            done = self.trainer.train(steps)
            took = time.perf_counter() - began
            self.losses.extend(done.losses)
        if done.diverged is not None:
            self.losses.append(done.diverged.loss)
        elif len(done.losses) != steps:
            raise EngineFailed(f"it was asked for {steps} steps and did {len(done.losses)}")
        return took / max(len(done.losses), 1)

    def rest_at(self, state: dict[StateKind, array[float]]) -> None:
        """Take over a state, to be timed in it."""
        with guard():
            for kind, values in state.items():
                self.engine.write(kind, values)
        self.trainer.learning_rate = _RESTING_RATE
        self.trainer.steps = 10**12
        self.trainer.step = 0

    def round(self, documents: list[list[int]]) -> None:
        """Train these documents over and over, on the clock."""
        # A whole number of times, ever since the first round: so each begins with the first.
        self.trainer.documents = documents
        gc.collect()  # nobody clears up after another
        began = time.perf_counter()
        with guard():
            done = self.trainer.train(self.steps)
        took = time.perf_counter() - began
        if done.diverged is not None:
            raise EngineFailed(str(done.diverged))
        if len(done.losses) != self.steps:
            raise EngineFailed(f"it was asked for {self.steps} steps and did {len(done.losses)}")
        self.seconds.append(took / self.steps)
        self.speeds.append(done.tokens / took)


@contextlib.contextmanager
def guard() -> Iterator[None]:
    """Whatever an engine raises leaves as EngineFailed, the user's Ctrl+C excepted."""
    try:
        yield
    except PluginError as error:
        raise EngineFailed(error.reason) from error
    except (Exception, SystemExit) as error:
        raise EngineFailed(describe(error)) from error


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
class EngineResult:
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
class BenchResult:
    """All engines on one model, the slowest first."""

    model: Model
    parameters: int
    base: str
    """The engine that the ratios are to; "" if there are no rungs."""
    rungs: tuple[EngineResult, ...]
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
) -> list[BenchResult]:
    """Measure these engines on these models, one model after the other.

    An engine that fails is left out from there on, and the others are not: nothing that an
    engine raises leaves, save KeyboardInterrupt. What `progress` raises does.
    """
    ladders: list[BenchResult] = []
    rates: dict[str, float] = {}
    failed: set[str] = set()
    for model, plan in plans:
        course = BenchModel(model)
        left_out: list[LeftOut] = []
        runners: list[BenchEngine] = []
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
                runners.append(BenchEngine(name, entry))
        with _collecting_seldom():
            left_out += _run(registry, course, runners, plan, progress)
        ladder = _ladder(course, runners, left_out)
        for runner in runners:  # the best round: what others do to this machine passes
            rates[runner.name] = min(runner.seconds) / course.work
        failed |= {one.engine for one in left_out if one.failed}
        ladders.append(ladder)
    return ladders


def _run(
    registry: Registry,
    course: BenchModel,
    runners: list[BenchEngine],
    plan: Plan,
    progress: Progress,
) -> list[LeftOut]:
    """Prepare, compare, measure; those that fail are taken out of `runners` and given back."""
    failed: list[LeftOut] = []
    title = course.model.name

    def drop(runner: BenchEngine, error: EngineFailed) -> None:
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
    hidden = BenchEngine("vector", None)
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


def _is(runner: BenchEngine, builtin: str) -> bool:
    return runner.entry is not None and runner.entry.qualified == f"{BUILTIN}:{builtin}"


def _compare(runners: Sequence[BenchEngine], vector: BenchEngine) -> None:
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


def _ladder(
    course: BenchModel, runners: Sequence[BenchEngine], left_out: Sequence[LeftOut]
) -> BenchResult:
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
            EngineResult(
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
    return BenchResult(
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
