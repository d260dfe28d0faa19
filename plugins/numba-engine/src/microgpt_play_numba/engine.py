"""The engine: checks its input, lays it out for the compiled functions, and calls them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain

import numpy as np

from microgpt.checks import (
    check_length,
    check_second_moment,
    check_token,
    documents_a_step,
    inputs_and_targets,
)
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import STATE_KINDS, Progress, StateKind, Steps
from microgpt.parameters import MatrixSpec, parameter_layout
from microgpt_play_numba.buffers import MEMORIES, Buffer, Numbers
from microgpt_play_numba.compiled import Compiled, compiled, compiled_parts
from microgpt_play_numba.parts import UPDATE, Parts
from microgpt_play_numba.shape import (
    WIDTHS,
    cache_room,
    padded,
    push_room,
    room_for,
    shape_of,
)

_EVALUATED_AT_ONCE = 16
"""Documents that `losses` takes through the model together: enough, without filling memory."""


_MANY = 200
"""Tokens from which on NumPy finds the least and the most of them sooner than Python."""


def _range_of(tokens: array[int]) -> tuple[int, int]:
    """The least and the most of one token or more; (0, 0) of none."""
    if len(tokens) < _MANY:
        return min(tokens, default=0), max(tokens, default=0)
    numbers = np.frombuffer(tokens, dtype=np.int64)
    return int(numbers.min()), int(numbers.max())


class Batches:
    """Documents end to end, each cut to block_size predictions, and checked.

    Raises ValueError as `microgpt.checks.inputs_and_targets` does.
    """

    def __init__(self, documents: Sequence[Sequence[int]], config: ModelConfig) -> None:
        most = config.block_size + 1
        lengths = list(map(len, documents))
        if max(lengths, default=0) > most:
            documents = [d if len(d) <= most else d[:most] for d in documents]
            lengths = list(map(len, documents))
        try:
            self.tokens = array("q", chain.from_iterable(documents))
        except (OverflowError, TypeError):
            self._refuse(documents, config)
            raise
        if lengths:
            least, most = _range_of(self.tokens)
            if min(lengths) < 2 or least < 0 or most >= config.vocab_size:
                self._refuse(documents, config)
        self.starts = array("q", accumulate(lengths, initial=0))
        self.lengths = [length - 1 for length in lengths]
        """Tokens to predict, document by document."""

    @staticmethod
    def _refuse(documents: Sequence[Sequence[int]], config: ModelConfig) -> None:
        for document in documents:
            inputs_and_targets(document, config)

    @property
    def addresses(self) -> tuple[int, int]:
        """Addresses of the tokens, and of the index of each document's first token."""
        return self.tokens.buffer_info()[0], self.starts.buffer_info()[0]


class NumbaEngine:
    """Compiled engine. Fulfils `BulkEngine`, `PreparedEngine` and `ThreadedEngine` of
    `microgpt.engine`.

    weights: parameter_count float64 in parameter order; copied. ValueError for another length.
    precision: of all that is kept and computed, "float64" or "float32"; losses are float64.
    """

    def __init__(
        self,
        config: ModelConfig,
        optimizer: OptimizerConfig,
        weights: array[float],
        precision: str = "float64",
    ) -> None:
        self._precision = precision
        self._width = WIDTHS[precision]
        self.config = config
        self.optimizer = optimizer
        self._shape = shape_of(config, self._width)
        self._state: dict[StateKind, Buffer] = {
            kind: Buffer(self._shape.size, precision) for kind in STATE_KINDS
        }
        self._turned = Buffer(self._shape.size, precision)
        self._stale = array("q", [1])
        self._code: Compiled | None = None
        self._threads = 1
        self._parts: Parts | None = None
        self._losses = Buffer(1)
        self._holds = (0, 0, 0)
        """The room: for how many tokens, documents, and tokens of the longest document."""
        self._make_room(1, 1, 1)
        self.write("weights", weights)

    def prepare(self, progress: Progress) -> None:
        """See PreparedEngine. Compiles once for all models and engines of this precision."""
        self._code = compiled(self._precision, progress)
        if self._threads > 1:
            code = compiled_parts(self._precision, progress)
            self._parts = Parts(self._shape, self._precision, code, self._threads)

    def use_threads(self, count: int) -> None:
        """See ThreadedEngine."""
        self._threads = count

    @property
    def _ready(self) -> Compiled:
        if self._code is None:
            self._code = compiled(self._precision, lambda *_: None)
        return self._code

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine."""
        batch = Batches(documents, self.config)
        if not batch.lengths:
            raise ValueError("a batch needs at least one document")
        return self._pass(batch, 0, len(batch.lengths), derive=1)

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine."""
        losses: list[list[float]] = []
        for first in range(0, len(documents), _EVALUATED_AT_ONCE):
            batch = Batches(documents[first : first + _EVALUATED_AT_ONCE], self.config)
            losses += self._pass(batch, 0, len(batch.lengths), derive=0)
        return losses

    def adam_step(self, learning_rate: float, step: int) -> None:
        """See Engine."""
        optimizer = self.optimizer
        if self._parts is not None and self._parts.worth_sharing(UPDATE):
            self._parts.update(self._memory, learning_rate, step, optimizer)
            return
        self._ready.update(
            self._shape, self._memory, learning_rate, step,
            optimizer.beta1, optimizer.beta2, optimizer.eps,
        )  # fmt: skip

    def train(
        self, documents: Sequence[Sequence[int]], learning_rates: Sequence[float], step: int
    ) -> Steps:
        """See BulkEngine."""
        steps = len(learning_rates)
        each = documents_a_step(len(documents), steps)
        if not steps:
            return Steps(array("d"), [], 0)
        batch = Batches(documents, self.config)
        lengths = batch.lengths
        if each == 1:
            tokens = max(lengths)
        else:
            tokens = max(sum(lengths[i : i + each]) for i in range(0, len(lengths), each))
        if self._edges(lengths[:each]):
            return self._train_in_parts(batch, each, learning_rates, step)
        optimizer = self.optimizer
        self._make_room(tokens, each, max(lengths))
        rates, means = array("d", learning_rates), array("d", bytes(8 * steps))
        done = self._ready.train(
            self._shape, self._room, self._memory, *batch.addresses, each,
            rates.buffer_info()[0], steps, step,
            optimizer.beta1, optimizer.beta2, optimizer.eps,
            means.buffer_info()[0], self._losses.address, self._sums.address,
        )  # fmt: skip
        last = lengths[(done - 1) * each : done * each]
        return Steps(means[:done], self._by_document(last), sum(lengths[: done * each]))

    def _train_in_parts(
        self, batch: Batches, each: int, learning_rates: Sequence[float], step: int
    ) -> Steps:
        """As `train`, for steps so long that a call for each of them costs nothing."""
        means = array("d")
        rows: list[list[float]] = []
        tokens = 0
        for i, rate in enumerate(learning_rates):
            rows = self._pass(batch, i * each, (i + 1) * each, derive=1)
            count = sum(map(len, rows))
            tokens += count
            means.append(sum(map(sum, rows)) / count)
            if not math.isfinite(means[-1]):
                break
            self.adam_step(rate, step + i)
        return Steps(means, rows, tokens)

    def decoder(self) -> NumbaDecoder:
        """See Engine. It sees the weights as they are at each push."""
        return NumbaDecoder(
            self.config,
            self._ready,
            self._precision,
            self._state["weights"],
            self._turned,
            self._stale,
        )

    def read(self, kind: StateKind) -> array[float]:
        """See Engine."""
        numbers = self._state[kind].numbers
        flat = array("d")
        for _, matrix in self._matrices(numbers):
            flat.frombytes(matrix.astype(np.float64).tobytes())
        return flat

    def write(self, kind: StateKind, values: array[float]) -> None:
        """See Engine."""
        check_length(values, self.config)
        if kind == "second_moment":
            check_second_moment(values)
        numbers = self._state[kind].numbers
        numbers[:] = 0.0  # the padding too, in which a diverged run may have left numbers
        given = np.array(values, dtype=np.float64)
        with np.errstate(over="ignore"):  # what float32 cannot hold is inf
            for spec, matrix in self._matrices(numbers):
                matrix[:] = given[spec.slice].reshape(spec.rows, spec.columns)
        if kind == "weights":
            self._stale[0] = 1

    def _matrices(self, numbers: Numbers) -> Iterator[tuple[MatrixSpec, Numbers]]:
        """Each matrix, as a view (rows, columns) of a padded buffer, in parameter order."""
        start = 0
        for spec in parameter_layout(self.config):
            rows, columns = padded(spec.rows, self._width), padded(spec.columns, self._width)
            whole = numbers[start : start + rows * columns].reshape(rows, columns)
            yield spec, whole[: spec.rows, : spec.columns]
            start += rows * columns

    def _edges(self, lengths: Sequence[int]) -> array[int] | None:
        """Where several threads divide such a batch; None if one thread takes it."""
        return None if self._parts is None else self._parts.edges(lengths)

    def _pass(self, batch: Batches, first: int, last: int, derive: int) -> list[list[float]]:
        """Documents from `first` to before `last` forward, and backward if derive is 1; returns
        their losses."""
        lengths = batch.lengths[first:last]
        tokens, starts = batch.addresses
        starts += 8 * first
        edges = self._edges(lengths)
        if edges and self._parts:
            self._make_room_for_losses(sum(lengths))
            self._parts.batch_pass(
                self._memory, tokens, starts, lengths, edges, self._losses.address, derive
            )
        else:
            self._make_room(sum(lengths), len(lengths), max(lengths))
            self._ready.batch_pass(
                self._shape, self._room, self._memory, tokens, starts, len(lengths),
                self._losses.address, derive,
            )  # fmt: skip
        return self._by_document(lengths)

    def _by_document(self, lengths: Sequence[int]) -> list[list[float]]:
        """The token losses of the last batch, one list a document."""
        losses: list[float] = self._losses.numbers[: sum(lengths)].tolist()
        if len(lengths) == 1:
            return [losses]
        ends = list(accumulate(lengths))
        return [losses[end - n : end] for n, end in zip(lengths, ends, strict=True)]

    def _make_room(self, tokens: int, documents: int, longest: int) -> None:
        """Make room for a batch of these measures, unless there is enough already."""
        need = (tokens, documents, longest)
        if all(n <= h for n, h in zip(need, self._holds, strict=True)):
            return
        self._holds = tokens, documents, longest = (
            max(tokens, self._holds[0]), max(documents, self._holds[1]),
            max(longest, self._holds[2]),
        )  # fmt: skip
        self._room = room_for(self._shape, tokens, documents, longest)
        self._space = Buffer(self._room.size, self._precision)
        self._make_room_for_losses(tokens)
        self._sums = Buffer(documents)
        self._memory = MEMORIES[self._precision](
            **{kind: buffer.address for kind, buffer in self._state.items()},
            turned=self._turned.address,
            stale=self._stale.buffer_info()[0],
            space=self._space.address,
        )

    def _make_room_for_losses(self, tokens: int) -> None:
        if len(self._losses.numbers) < tokens:
            self._losses = Buffer(tokens)


class NumbaDecoder:
    """One text being continued. Fulfils `microgpt.engine.Decoder`."""

    def __init__(
        self,
        config: ModelConfig,
        code: Compiled,
        precision: str,
        weights: Buffer,
        turned: Buffer,
        stale: array[int],
    ) -> None:
        self._config = config
        self._shape = shape_of(config, WIDTHS[precision])
        self._push = code.push
        self._position = 0
        self._model = (weights, turned, stale)
        """They are not let go of while the decoder has their addresses."""
        self._memory = MEMORIES[precision](
            weights=weights.address, turned=turned.address, stale=stale.buffer_info()[0]
        )
        sizes = (cache_room(self._shape), cache_room(self._shape), push_room(self._shape))
        self._buffers = [Buffer(size, precision) for size in sizes]
        self._addresses = [buffer.address for buffer in self._buffers]
        self._logits = self._buffers[-1].numbers[: config.vocab_size]

    def push(self, token: int) -> list[float]:
        """See Decoder."""
        check_token(token, self._position, self._config)
        self._push(self._shape, self._memory, *self._addresses, token, self._position)
        self._position += 1
        logits: list[float] = self._logits.tolist()
        return logits
