"""The engines of one run: made when they are first wanted, and kept.

A run may change its engine between two steps, and going back in time changes the engine again, so
every engine that was at work is kept. Only the engine at work holds the run's state. Each engine
comes with a `ForwardOnly` for samples and held-out losses, which must not cost what training costs.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import STATE_KINDS, Decoder, Engine, PreparedEngine, ThreadedEngine
from microgpt.scalar_engine import ScalarEngine
from microgpt.vector_engine import VectorEngine
from playground.catalog import BUILTIN, Entry
from playground.hooks import plain
from playground.hooks.errors import plugin_call
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Progress
from playground.lab.run.guard import Activity, Doing, Guard
from playground.lab.run.threads import threads

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class ReadyEngine:
    """An engine ready for work."""

    entry: Entry
    engine: Engine
    guard: Guard
    forward: ForwardOnly
    """Reads the engine's weights without training: losses and samples."""


class Engines:
    """Makes engines for one model. Raises what `Registry.make_engine` raises."""

    def __init__(
        self,
        registry: Registry,
        config: ModelConfig,
        optimizer: OptimizerConfig,
        initial: array[float],
        activity: Activity,
    ) -> None:
        self._registry = registry
        self._config = config
        self._optimizer = optimizer
        self._initial = initial
        self._activity = activity
        self._made: dict[str, ReadyEngine] = {}

    def apart(self) -> Engines:
        """Makes engines for the same model that share no state with these."""
        return Engines(self._registry, self._config, self._optimizer, self._initial, self._activity)

    def entry(self, name: str) -> Entry:
        """The catalog's entry of an engine. Raises UnknownNameError."""
        return self._registry.entry("engine", name)

    def full_name(self, name: str) -> str:
        """The name in the record of a run: bare for a built-in engine, else with its plugin."""
        entry = self.entry(name)
        return entry.name if entry.plugin == BUILTIN else entry.qualified

    def forget(self, made: ReadyEngine) -> None:
        """Drop a broken engine; `get` makes another."""
        self._made.pop(made.entry.qualified, None)

    def known(self, name: str) -> ReadyEngine | None:
        """The engine, or None if it has not been made. Raises UnknownNameError."""
        return self._made.get(self.entry(name).qualified)

    def get(self, name: str, report: Report) -> ReadyEngine:
        """The engine, made now if need be. Main thread only, because it tells the watchdog."""
        made = self.known(name)
        if made is None:
            guard = self.guard(name)

            def progress(what: str, done: int, total: int) -> None:
                guard.doing("prepare", "engine").alive()
                report(_progress(name, what, done, total))

            with guard.doing("__init__", "engine"):
                made = self.make(name, progress)
            self.keep(made)
        return made

    def guard(self, name: str) -> Guard:
        """A guard for the engine's calls. Raises UnknownNameError."""
        return Guard(self.entry(name), self._activity)

    def make(self, name: str, progress: Callable[[str, int, int], None]) -> ReadyEngine:
        """A new, prepared engine. Any thread may call this: it changes nothing of this object."""
        guard = self.guard(name)
        engine = self._registry.make_engine(name, self._config, self._optimizer, self._initial)
        count = threads()
        if count > 1 and isinstance(engine, ThreadedEngine):
            with plugin_call(guard.entry, "in use_threads"):
                engine.use_threads(count)
        if isinstance(engine, PreparedEngine):
            with plugin_call(guard.entry, "in prepare"):
                engine.prepare(progress)
        return ReadyEngine(guard.entry, engine, guard, forward_only(engine))

    def keep(self, made: ReadyEngine) -> None:
        """Return this engine from `get` and `known` from now on."""
        self._made[made.entry.qualified] = made


def _progress(name: str, what: str, done: int, total: int) -> Progress:
    return Progress(f"{name}: {plain.shown(what)}", int(done), int(total))


def move(source: Engine, target: Engine) -> None:
    """Copy the state of `source` into `target`: weights, gradients, both moments."""
    for kind in STATE_KINDS:
        target.write(kind, source.read(kind))


class CurrentEngine:
    """The ForwardOnly of whichever engine is at work, guarded."""

    def __init__(self, made: ReadyEngine) -> None:
        self.made = made

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """As Engine has it. Raises PluginError."""
        with self.made.guard.at("losses", kind="engine"):
            return self.made.forward.losses(documents)

    def decoder(self) -> Decoder:
        """As Engine has it. Raises PluginError."""
        guard = self.made.guard
        with guard.at("decoder", kind="engine"):
            decoder = self.made.forward.decoder()
        return decoder if guard.trusted else _WatchedDecoder(decoder, guard.doing("push", "engine"))

    @contextmanager
    def holding(self, other: Callable[[array[float]], array[float]]) -> Iterator[Engine]:
        """The engine with other weights for a while, and then with its own again, to the bit.

        other: gives the weights to hold from those that the engine has. Raises PluginError if the
        engine does not give or take weights; what it holds is then unknown.
        """
        made = self.made

        def write(weights: array[float]) -> None:
            with made.guard.at("write", kind="engine"):
                made.engine.write("weights", weights)

        with made.guard.at("read", kind="engine"):
            own = made.engine.read("weights")
        held = other(own)
        try:
            write(held)
            yield made.engine
        finally:
            write(own)


class _WatchedDecoder:
    """A decoder of a plugin's engine, which tells the watchdog when the decoder is at work."""

    __slots__ = ("_decoder", "_doing")

    def __init__(self, decoder: Decoder, doing: Doing) -> None:
        self._decoder = decoder
        self._doing = doing

    def push(self, token: int) -> list[float]:
        """As Decoder has it. Raises PluginError."""
        with self._doing:
            return self._decoder.push(token)


class EngineBuild:
    """Makes an engine in a thread of its own, so that the run goes on with its present engine
    while a compiler works."""

    def __init__(
        self,
        engines: Engines,
        name: str,
        tell: Callable[[Progress], None],
        done: Callable[[EngineBuild], None],
    ) -> None:
        """tell, done: called in the new thread, and not after `cancel`."""
        self.name = name
        self.entry = engines.entry(name)
        self.made: ReadyEngine | None = None
        self.error: BaseException | None = None
        """The exception that making the engine raised."""
        self._engines = engines
        self._tell = tell
        self._done = done
        self._cancelled = threading.Event()
        threading.Thread(target=self._work, name=f"making {name}", daemon=True).start()

    def cancel(self) -> None:
        """Drop the engine when it is made, and stop telling of it."""
        self._cancelled.set()

    def _progress(self, what: str, done: int, total: int) -> None:
        if self._cancelled.is_set():
            raise _Unwanted
        self._tell(_progress(self.name, what, done, total))

    def _work(self) -> None:
        try:
            self.made = self._engines.make(self.name, self._progress)
        except BaseException as error:  # no caller is there to catch it
            self.error = error
        if not self._cancelled.is_set():
            self._done(self)


class _Unwanted(BaseException):
    """Ends the `prepare` of a cancelled build; it is never reported."""


class ForwardOnly(Protocol):
    """The part of an Engine that changes nothing."""

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """As Engine has it."""

    def decoder(self) -> Decoder:
        """As Engine has it."""


class _VectorTwin:
    """Runs the vector engine on the scalar engine's weights.

    The scalar engine builds a graph even where no backward pass follows: at larger sizes a held-out
    loss or a sample would stop training, and every answer to the screen, for minutes. The two
    engines agree to 1e-9.
    """

    def __init__(self, engine: ScalarEngine) -> None:
        self._engine = engine
        self._twin: VectorEngine | None = None

    def _fresh(self) -> VectorEngine:
        weights = self._engine.read("weights")
        if self._twin is None:
            self._twin = VectorEngine(self._engine.config, OptimizerConfig(), weights)
        else:
            self._twin.write("weights", weights)
        return self._twin

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        return self._fresh().losses(documents)

    def decoder(self) -> Decoder:
        return self._fresh().decoder()


def forward_only(engine: Engine) -> ForwardOnly:
    """The engine itself; for the scalar engine, a vector engine with its weights."""
    return _VectorTwin(engine) if type(engine) is ScalarEngine else engine
