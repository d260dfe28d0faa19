"""What the engines train for `playground.lab.ladder`, and one of them on its way through it."""

from __future__ import annotations

import contextlib
import gc
import math
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.documents import load_names
from microgpt.engine import Engine, PreparedEngine, Progress, StateKind
from microgpt.tokenizer import CharTokenizer
from microgpt.trainer import Trainer, shuffle_and_init
from microgpt.vector_engine import VectorEngine
from playground.catalog import Entry
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


class Course:
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
class Runner:
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

    def make(self, registry: Registry, course: Course, progress: Progress) -> None:
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
