"""A plugin's engine under guard: every call, and every number that comes back.

An engine that raises any exception becomes a PluginError; what an engine gives is copied into exact
lists of floats and arrays, so that no code of the plugin's runs where the numbers are used.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

from microgpt.config import ModelConfig
from microgpt.engine import BulkEngine, Decoder, Engine, PreparedEngine, Progress, StateKind, Steps
from microgpt.parameters import parameter_count
from playground.catalog import Entry
from playground.hooks import plain
from playground.hooks.errors import KIND_WORDS, PluginError, plugin_call


def guarded(engine: Any, entry: Entry, config: ModelConfig) -> Engine:
    """The engine under guard. config: what the engine was made with. Raises PluginError."""
    with plugin_call(entry, "making"):
        bulk = isinstance(engine, BulkEngine)
        prepared = isinstance(engine, PreparedEngine)
    kind = _KINDS[bulk, prepared]
    return kind(engine, entry, config)


class GuardedEngine:
    """The engine `inner` of a plugin, as an Engine."""

    def __init__(self, inner: Any, entry: Entry, config: ModelConfig) -> None:
        self.inner = inner
        self.config = config
        self._entry = entry
        self._size = parameter_count(config)

    def _at(self, method: str) -> plugin_call:
        return plugin_call(self._entry, f"in {method}")

    def _broken(self, method: str, wrong: str) -> PluginError:
        entry = self._entry
        place = f"in {method} ({KIND_WORDS[entry.kind]} {entry.name!r})"
        error = PluginError(entry.plugin, place, wrong)
        error.contribution = f"{entry.kind}:{entry.qualified}"
        return error

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """As Engine has it. Raises PluginError, as every method here."""
        with self._at("loss_and_gradients"):
            losses = _rows(self.inner.loss_and_gradients(documents))
        self._check(losses, documents, "loss_and_gradients")
        return losses

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """As Engine has it."""
        with self._at("losses"):
            losses = _rows(self.inner.losses(documents))
        self._check(losses, documents, "losses")
        return losses

    def _check(
        self, losses: list[list[float]], documents: Sequence[Sequence[int]], method: str
    ) -> None:
        if len(losses) != len(documents) or not all(losses):
            raise self._broken(
                method, f"it gave losses of {len(losses)} documents for {len(documents)}"
            )

    def adam_step(self, learning_rate: float, step: int) -> None:
        """As Engine has it."""
        with self._at("adam_step"):
            self.inner.adam_step(learning_rate, step)

    def decoder(self) -> Decoder:
        """As Engine has it."""
        with self._at("decoder"):
            return _GuardedDecoder(self.inner.decoder(), self._at("push"))

    def read(self, kind: StateKind) -> array[float]:
        """As Engine has it."""
        with self._at("read"):
            values: Any = self.inner.read(kind)
            if type(values) is not array or values.typecode != "d":
                values = array("d", values)
        if len(values) != self._size:
            raise self._broken(
                "read", f"it gave {len(values):,} {kind}; the model has {self._size:,}"
            )
        return values  # type: ignore[no-any-return]

    def write(self, kind: StateKind, values: array[float]) -> None:
        """As Engine has it."""
        with self._at("write"):
            self.inner.write(kind, values)


class _Bulk(GuardedEngine):
    def train(
        self, documents: Sequence[Sequence[int]], learning_rates: Sequence[float], step: int
    ) -> Steps:
        """As BulkEngine has it."""
        with self._at("train"):
            done: Any = self.inner.train(documents, learning_rates, step)
            losses: Any = done.losses
            if type(losses) is not array or losses.typecode != "d":
                losses = array("d", losses)
            rows, tokens = _rows(done.token_losses), int(done.tokens)
        if len(losses) > len(learning_rates):
            wrong = f"it gave {len(losses)} losses for {len(learning_rates)} steps"
            raise self._broken("train", wrong)
        return Steps(losses, rows, tokens)


class _Prepared(GuardedEngine):
    def prepare(self, progress: Progress) -> None:
        """As PreparedEngine has it."""
        with plugin_call(self._entry, "in prepare"):
            self.inner.prepare(progress)


class _BulkPrepared(_Bulk, _Prepared):
    pass


_KINDS: dict[tuple[bool, bool], type[GuardedEngine]] = {
    (False, False): GuardedEngine,
    (True, False): _Bulk,
    (False, True): _Prepared,
    (True, True): _BulkPrepared,
}


class _GuardedDecoder:
    __slots__ = ("_call", "_inner")

    def __init__(self, inner: Any, call: plugin_call) -> None:
        self._inner = inner
        self._call = call

    def push(self, token: int) -> list[float]:
        """As Decoder has it."""
        with self._call:
            return _floats(self._inner.push(token))


def _rows(given: Any) -> list[list[float]]:
    rows = [*map(list, given)]
    if set(map(type, chain.from_iterable(rows))) <= {float}:
        return rows
    return [_floats(row) for row in rows]


def _floats(given: Any) -> list[float]:
    values: list[Any] = list(given)
    if set(map(type, values)) <= {float}:
        return values
    if any(plain.is_a(value, (bool, str, bytes)) for value in values):
        raise TypeError("numbers are expected")
    return [float(value) for value in values]
