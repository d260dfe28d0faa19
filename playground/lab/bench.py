"""The benchmark of engines: how many times as fast as the scalar engine each engine trains, and
whether it computes the same losses.

What makes the ratios fair on a machine that does other things too:

- Names differ in length, so steps differ in cost. In each round every engine trains the same
  documents; a fast engine repeats them a whole number of times.
- Each round lets every engine train for about the same time. A ratio compares two engines within
  one round, so that a slow moment of the machine slows both; the median over the rounds counts.
- An engine may skip neurons at rest, and their number depends on the weights. All engines are timed
  from the same state of a run under way, at a learning rate that keeps the weights there.

microgpt.py's own loop stands beside the engines: it is the scalar engine once more in each round,
with Python's garbage collector as Python sets it. microgpt.py leaves the collector alone, and it
walks through the graph of each step many times; the engines train without it. What else lives in
the process is frozen, so that the collector visits no more than it would in microgpt.py.
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

from microgpt.collector import SELDOM, collector_paused
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.documents import load_names
from microgpt.engine import Engine, PreparedEngine, Progress, StateKind
from microgpt.parameters import parameter_count
from microgpt.tokenizer import CharTokenizer
from microgpt.trainer import Trainer, shuffle_and_init
from microgpt.vector_engine import VectorEngine
from playground.catalog import BUILTIN, Entry
from playground.hooks.errors import PluginError, describe
from playground.hooks.isolation import by_keyboard
from playground.hooks.registry import Registry

_SEED = 42
_NAMES_JOINED = 12
"""Names in one document for a context longer than a name; enough to fill 64 tokens."""
TIMED = 60
"""Steps whose documents the rounds train on."""
DOCUMENTS = 1000
"""Steps whose documents the losses are compared on."""
_PATIENCE = 30
"""The comparison ends after this many times Plan.check_seconds, even before `least_checked`."""
_RESTING_RATE = 1e-9
"""The learning rate while an engine is timed. An update costs the same work, but thousands of
rounds on the same few names do not drive the weights where no run ever comes."""


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of a model to train on the embedded names."""

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
    """How long each engine trains in a round; at least one step, however long that takes."""
    least_checked: int
    """The fewest losses to compare, also of a slow engine."""
    most_checked: int = DOCUMENTS
    check_seconds: float = 1.0
    """Seconds after which no losses beyond `least_checked` are compared."""
    slowest_step: float = 3.0
    """Seconds; an engine whose step would take longer is left out of a model."""


class EngineFailed(Exception):
    """An engine raised an exception or broke its contract. args[0] says how, in one line."""


class BenchModel:
    """A model's first weights and its documents, the same as in a run of `train`."""

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
        """The multiplications of one forward pass over a batch, roughly."""
        c = self.config
        seen = [min(len(document) - 1, c.block_size) for document in self.timed]
        rows = 12 * c.n_layer * c.n_embd**2 + c.vocab_size * c.n_embd
        products = sum(tokens * rows + c.n_layer * c.n_embd * tokens**2 for tokens in seen)
        return products * self.model.batch_size / len(seen)


@dataclass(slots=True, eq=False)
class BenchEngine:
    """An engine as it is compared and timed on one model."""

    name: str
    entry: Entry | None
    """None for a vector engine that only gives the reference losses."""
    engine: Engine = field(init=False)
    trainer: Trainer = field(init=False)
    losses: array[float] = field(default_factory=lambda: array("d"))
    prepare_seconds: float = 0.0
    step_seconds: float = 0.0
    """Seconds a step before the rounds, as last measured."""
    steps: int = 1
    """Steps in one round."""
    seconds: list[float] = field(default_factory=list)
    """Seconds a step, in each round."""
    speeds: list[float] = field(default_factory=list)
    """Tokens a second, in each round."""
    collecting_seconds: list[float] = field(default_factory=list)
    """Seconds a step with the garbage collector as Python sets it; only of the scalar engine."""
    difference: float | None = None
    compared: int = 0

    @property
    def precision(self) -> str:
        """What the engine computes in."""
        return "float64" if self.entry is None else self.entry.precision

    def make(self, registry: Registry, course: BenchModel, progress: Progress) -> None:
        """Make the engine, and let it prepare itself. Raises EngineFailed."""
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
        """Train from step 1 on to collect losses, which warms the engine up as well.

        Trains in ever longer stretches, and yields the number of losses after each. Raises
        EngineFailed.
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
        """Do `steps` steps, and collect their losses; returns the seconds of one step."""
        began = time.perf_counter()
        with collector_paused(), guard():
            done = self.trainer.train(steps)
            took = time.perf_counter() - began
            self.losses.extend(done.losses)
        if done.diverged is not None:
            self.losses.append(done.diverged.loss)
        elif len(done.losses) != steps:
            raise EngineFailed(f"it was asked for {steps} steps and did {len(done.losses)}")
        return took / max(len(done.losses), 1)

    def rest_at(self, state: dict[StateKind, array[float]]) -> None:
        """Load the state in which the engine is timed. Raises EngineFailed."""
        with guard():
            for kind, values in state.items():
                self.engine.write(kind, values)
        self.trainer.learning_rate = _RESTING_RATE
        self.trainer.steps = 10**12
        self.trainer.step = 0

    def round(self, documents: list[list[int]], thresholds: Thresholds | None = None) -> None:
        """Time `steps` steps over these documents, again and again, without garbage collection, as
        a run makes them. With thresholds, as gc.set_threshold takes them, there is collection by
        these, and the time goes to `collecting_seconds`. Raises EngineFailed."""
        # A round makes whole passes over its documents, so that the next begins with the first.
        self.trainer.documents = documents
        gc.collect()  # so that no engine pays for the garbage of another
        collection = _thresholds(thresholds) if thresholds else collector_paused()
        with collection, guard():
            began = time.perf_counter()
            done = self.trainer.train(self.steps)
            took = time.perf_counter() - began
        if done.diverged is not None:
            raise EngineFailed(str(done.diverged))
        if len(done.losses) != self.steps:
            raise EngineFailed(f"it was asked for {self.steps} steps and did {len(done.losses)}")
        if thresholds is not None:
            self.collecting_seconds.append(took / self.steps)
            return
        self.seconds.append(took / self.steps)
        self.speeds.append(done.tokens / took)


Thresholds = tuple[int, int, int]
"""As gc.set_threshold takes them."""


@contextlib.contextmanager
def _thresholds(values: Thresholds) -> Iterator[None]:
    """Sets the garbage collector's thresholds for the block."""
    before = gc.get_threshold()
    gc.set_threshold(*values)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextlib.contextmanager
def guard() -> Iterator[None]:
    """Turns whatever an engine raises into EngineFailed, except the user's Ctrl+C."""
    try:
        yield
    except PluginError as error:
        raise EngineFailed(error.reason) from error
    except BaseException as error:
        if by_keyboard(type(error)):
            raise
        raise EngineFailed(describe(error)) from error


TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
"""The relative difference of a loss above which an engine is wrong, by its precision."""
_COMPARED_IN_FLOAT32 = 20
"""The most losses that are compared of an engine in float32. Training makes each difference larger,
with the wider models of the benchmark twice as large in five steps."""
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
    """The figures of one engine on one model."""

    engine: str
    """The engine's name, as the command line takes it."""
    plugin: str
    origin: str
    ratio: float
    """How many times as fast as the base: the median over the rounds."""
    ratios: tuple[float, ...]
    """The ratio in each round."""
    seconds_per_step: float
    """The median over the rounds; so are the next two figures."""
    steps_per_second: float
    tokens_per_second: float
    """Predicted tokens a second."""
    prepare_seconds: float
    """Seconds that the engine took to prepare itself; 0 if it has nothing to prepare."""
    difference: float | None
    """The largest relative difference of a compared loss; inf if a loss is not finite; None for the
    reference itself."""
    compared: int
    """The number of losses compared."""
    tolerance: float = TOLERANCES["float64"]
    """The largest difference that the engine's precision explains."""
    microgpt_ratio: float | None = None
    """How many times as fast as microgpt.py's own loop: the median over the rounds. None where the
    scalar engine was not timed."""

    @property
    def wrong(self) -> bool:
        """True if a loss differs from the reference by more than `tolerance`."""
        return self.difference is not None and not self.difference <= self.tolerance


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An engine without figures, and why."""

    engine: str
    reason: str
    """Why, in one line."""
    failed: bool
    """True if the engine could not be used; False if it was only too slow."""


@dataclass(frozen=True, slots=True)
class BenchResult:
    """The figures of all engines on one model, the slowest first."""

    model: Model
    parameters: int
    base: str
    """The engine that the ratios compare with; "" if there are no rungs."""
    rungs: tuple[EngineResult, ...]
    left_out: tuple[LeftOut, ...]


def climb(
    registry: Registry,
    entries: Sequence[Entry],
    plans: Sequence[tuple[Model, Plan]],
    progress: Progress,
) -> list[BenchResult]:
    """Measure these engines on these models, one model after the other.

    An engine that fails is left out from that model on; the others are not. Raises nothing that an
    engine raises, except KeyboardInterrupt; raises what `progress` raises.
    """
    ladders: list[BenchResult] = []
    rates: dict[str, float] = {}
    failed: set[str] = set()
    for model, plan in plans:
        course = BenchModel(model)
        left_out: list[LeftOut] = []
        runners: list[BenchEngine] = []
        for entry in entries:
            name = registry.catalog().shortest(entry)
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
        with _collecting_seldom() as as_python_sets_it:
            left_out += _run(registry, course, runners, plan, progress, as_python_sets_it)
        ladder = _ladder(course, runners, left_out)
        for runner in runners:  # the best round is the one that other programs disturbed least
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
    as_python_sets_it: Thresholds,
) -> list[LeftOut]:
    """Prepare, compare and time the engines. Those that fail are removed from `runners` and
    returned. as_python_sets_it: the collector's thresholds for microgpt.py's own loop."""
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

    # The vector engine gives the reference losses, and the state in which all are timed.
    reference = next((r for r in runners if _is(r, "vector")), None)
    hidden = BenchEngine("vector", None)
    if reference is None:
        hidden.make(registry, course, progress)
    state: dict[StateKind, array[float]] = {}
    for runner in [reference or hidden, *(r for r in runners if r is not reference)]:
        try:
            for done in runner.first_losses(plan):  # the engine's speed decides how many
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
    gc.freeze()  # or else each collection between two timings walks through every module
    for number in range(plan.rounds):
        documents = [course.timed[(number * size + i) % len(course.timed)] for i in range(size)]
        for place, runner in enumerate(list(runners)):
            at = number * len(runners) + place
            progress(f"{title}: {runner.name}", at, plan.rounds * len(runners))
            try:
                runner.round(documents)
                if _is(runner, "scalar"):
                    runner.round(documents, as_python_sets_it)
            except EngineFailed as error:
                drop(runner, error)
    return failed


def _is(runner: BenchEngine, builtin: str) -> bool:
    return runner.entry is not None and runner.entry.qualified == f"{BUILTIN}:{builtin}"


def _compare(runners: Sequence[BenchEngine], vector: BenchEngine) -> None:
    """Set how far each engine's losses are from the scalar engine's; beyond the last of those, from
    the vector engine's, which are themselves compared with the scalar engine's."""
    scalar = next((runner for runner in runners if _is(runner, "scalar")), None)
    exact = scalar.losses if scalar is not None else array("d")
    for runner in runners:
        expected = exact if runner is vector else exact + vector.losses[len(exact) :]
        if runner is scalar or not expected:
            continue
        most = len(expected) if runner.precision == "float64" else _COMPARED_IN_FLOAT32
        pairs = list(zip(runner.losses[:most], expected, strict=False))
        runner.compared = len(pairs)
        runner.difference = max(_relative(loss, right) for loss, right in pairs)


def _relative(loss: float, right: float) -> float:
    difference = abs(loss - right) / max(abs(right), 1e-300)
    return difference if math.isfinite(difference) else math.inf


def _ladder(
    course: BenchModel, runners: Sequence[BenchEngine], left_out: Sequence[LeftOut]
) -> BenchResult:
    """The figures of the engines that were timed, the slowest first."""
    slowest = max(runners, key=lambda r: statistics.median(r.seconds), default=None)
    bases = [r for name in ("scalar", "vector") for r in runners if _is(r, name)]
    base = bases[0] if bases else slowest
    own = next((r.collecting_seconds for r in runners if _is(r, "scalar")), None)
    rungs = []
    for runner in runners:
        assert base is not None and runner.entry is not None
        ratios = _ratios(base.seconds, runner.seconds)
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
                tolerance=TOLERANCES[runner.precision],
                microgpt_ratio=statistics.median(_ratios(own, runner.seconds)) if own else None,
            )
        )
    return BenchResult(
        model=course.model,
        parameters=parameter_count(course.config),
        base=base.name if base is not None else "",
        rungs=tuple(sorted(rungs, key=lambda rung: rung.ratio)),
        left_out=tuple(left_out),
    )


def _ratios(base: Sequence[float], own: Sequence[float]) -> list[float]:
    """How many times as fast as the base, in each round."""
    return [b / one for b, one in zip(base, own, strict=True)]


@contextlib.contextmanager
def _collecting_seldom() -> Iterator[Thresholds]:
    """Collects garbage as seldom as the worker does, and gives the thresholds from before. The
    graphs of the scalar engine die young, and searching them for cycles takes a good part of its
    time. The setting is the same for every engine."""
    before = gc.get_threshold()
    try:
        with _thresholds(SELDOM):
            yield before
    finally:
        gc.unfreeze()
