"""Deterministic, quiet, and careful with what belongs to others."""

from __future__ import annotations

import random
import threading
import warnings
from array import array
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import STATE_KINDS, BulkEngine, Engine, PreparedEngine, ThreadedEngine
from microgpt.parameters import initial_weights
from playground.testing.contract import ContractError
from playground.testing.engines.comparing import check_numbers, check_rows
from playground.testing.engines.nonfinite import huge_weights, possible_and_impossible
from playground.testing.engines.subject import BATCH, SMALL, Subject, clause, state_of
from playground.testing.watching import captured, numpy_state


def _use(engine: Engine, batch: Sequence[Sequence[int]] = BATCH) -> list[list[float]]:
    """Call every method; returns all the numbers that come back."""
    numbers: list[list[float]] = []
    for step in range(4):
        numbers += engine.loss_and_gradients(batch)
        engine.adam_step(0.02, step)
    if isinstance(engine, BulkEngine):
        numbers.append(list(engine.train([*batch, *batch], [0.02, 0.01], 4).losses))
    numbers += engine.losses(batch)
    decoder = engine.decoder()
    numbers += [decoder.push(4), decoder.push(1)]
    for kind in STATE_KINDS:
        engine.write(kind, engine.read(kind))
        numbers.append(engine.read(kind).tolist())
    return numbers


@clause("same-run-same-bits", "the same run twice gives the same bits")
def same_run_same_bits(subject: Subject) -> None:
    """Seeds the global random stream differently for the second run."""
    kept = random.getstate()
    try:
        runs = []
        for seed in (1, 2):
            random.seed(seed)
            runs.append(_use(subject.make()))
    finally:
        random.setstate(kept)
    first, second = runs
    advice = "take sums in a fixed order (no parallel reduction), and draw no random numbers"
    check_rows("what the second of two runs gives", second, first, advice, 0, 0)


@clause(
    "global-random-state",
    "the global random streams (random's, and numpy.random's if it is loaded) stay as they are",
)
def global_random_state(subject: Subject) -> None:
    """Calls the factory and every method."""
    advice = "an engine needs no random numbers: its first weights are given to it"
    state = random.getstate()
    engine = subject.make()
    numpy_before = numpy_state()  # not earlier: the factory may be the first to import NumPy
    try:
        _use(engine)
        _use(subject.make())
        if random.getstate() != state:
            raise ContractError("the state of the random module has changed", advice)
    finally:
        random.setstate(state)
    if numpy_state() != numpy_before:
        raise ContractError("the state of numpy.random has changed", advice)


@clause("quiet", "nothing is written to standard output or standard error")
def quiet(subject: Subject) -> None:
    """Calls every method, prepare included, with ordinary numbers and with huge ones."""
    with warnings.catch_warnings(), captured() as written:
        warnings.simplefilter("ignore")  # another check tells of warnings
        _use(subject.make())
        _use_with_huge(subject)
    for text in written:
        if text:
            beginning = text.strip()[:80]
            raise ContractError(
                f"{beginning!r} was printed",
                "print nothing: the screen belongs to the playground; prepare has its progress",
            )


def _use_with_huge(subject: Subject) -> None:
    for i, (_, weights) in enumerate(huge_weights(subject)):
        if i % 4 == 0:
            with suppress(Exception):  # the check huge-weights tells of it
                engine = subject.make(weights=weights)
                engine.loss_and_gradients(BATCH)
                engine.adam_step(0.01, 0)
                engine.decoder().push(4)
    with suppress(Exception):
        possible_and_impossible(subject).loss_and_gradients([[2, 1]])


@clause(
    "no-runtime-warnings",
    "no RuntimeWarning is given, not even for numbers that overflow or are undefined",
)
def no_runtime_warnings(subject: Subject) -> None:
    """Computes also with huge numbers, which are part of training: see the check huge-weights."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _use(subject.make())
        _use_with_huge(subject)
    for warning in caught:
        if issubclass(warning.category, RuntimeWarning):
            raise ContractError(
                f"{warning.category.__name__}: {warning.message} ({warning.filename},"
                f" line {warning.lineno})",
                "compute within numpy.errstate(all='ignore'), or without what warns",
            )


@clause(
    "arguments-stay-as-they-are",
    "documents, learning rates and arrays that are given are not changed",
)
def arguments_stay_as_they_are(subject: Subject) -> None:
    """Looks at the lists and arrays after each call."""
    advice = "work on a copy"
    weights = initial_weights(SMALL, random.Random(1))
    kept = array("d", weights)
    engine = subject.make(weights=weights)
    batch = [list(document) for document in BATCH] + [[4, 0, 1, 2, 3, 0, 1, 2, 3, 4]]
    as_given = [list(document) for document in batch]
    rates = [0.02, 0.01]

    def same(what: str) -> None:
        if batch != as_given:
            raise ContractError(f"{what} has changed the documents", advice)
        if weights != kept:
            raise ContractError(f"{what} has changed the array of first weights", advice)

    engine.loss_and_gradients(batch)
    same("loss_and_gradients")
    engine.losses(batch)
    same("losses")
    engine.adam_step(0.1, 0)
    same("adam_step")
    if isinstance(engine, BulkEngine):
        engine.train(batch, rates, 1)
        same("train")
        if rates != [0.02, 0.01]:
            raise ContractError("train has changed the learning rates", advice)
    for kind in STATE_KINDS:
        values = array("d", map(abs, kept))
        engine.write(kind, values)
        engine.loss_and_gradients(batch)
        engine.adam_step(0.1, 3)
        what = f"an array that was written as {kind}, two calls later"
        check_numbers(what, values, array("d", map(abs, kept)), advice, 0, 0)


@clause(
    "losses-are-new-lists",
    "losses come as lists of floats, one a document, that no later call changes",
)
def losses_are_new_lists(subject: Subject) -> None:
    """Gives documents as lists, tuples and arrays."""
    engine = subject.make()
    for method in (engine.loss_and_gradients, engine.losses):
        first = method([list(document) for document in BATCH])
        name = method.__name__
        for row in (first, *first):
            if type(row) is not list:
                raise ContractError(
                    f"{name} gives a {type(row).__name__}",
                    "give lists of floats; arrays have tolist() for it",
                )
        for number in (number for row in first for number in row):
            if not isinstance(number, float):
                raise ContractError(f"{name} gives a {type(number).__name__}", "give floats")
        before = [list(row) for row in first]
        method([[4, 2, 2, 1], [4, 4, 4, 4, 4, 4], [2, 3]])
        advice = "return a copy, not the buffer itself"
        check_rows(f"losses of {name}, looked at after its next call", first, before, advice, 0, 0)
        advice = "take any sequence of ids: lists, tuples, arrays"
        for given in (BATCH, [array("q", document) for document in BATCH]):
            what = f"{name} of documents that are of type {type(given[0]).__name__}"
            check_rows(what, method(given), before, advice, 0, 0)


@clause("other-threads", "an engine made and used in another thread gives the same bits")
def other_threads(subject: Subject) -> None:
    """Makes and uses an engine in one thread that is not the main one."""
    results: list[tuple[list[list[float]], dict[Any, bytes]]] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            engine = subject.make()
            results.append((_use(engine), state_of(engine)))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="contract of an engine")
    thread.start()
    thread.join()
    if errors:
        raise ContractError(
            f"{type(errors[0]).__name__}: {errors[0]}",
            "keep nothing that belongs to one thread (locals, signal handlers, event loops)",
        ) from errors[0]
    engine = subject.make()
    here = _use(engine)
    advice = "keep nothing that belongs to one thread"
    check_rows("what the other thread gives", results[0][0], here, advice, 0, 0)


_THREADS = 3


@clause(
    "several-threads-same-bits",
    "an engine that can use several threads gives the bits that it gives on one",
)
def several_threads_same_bits(subject: Subject) -> str | None:
    """Takes a batch that is worth sharing, of documents of any length."""
    config = subject.size(
        ModelConfig(27, n_embd=64, n_head=4, n_layer=2, block_size=48),
        ModelConfig(27, n_embd=8, n_head=2, n_layer=1, block_size=8),
    )
    if not isinstance(subject.factory(SMALL, OptimizerConfig(), _first(SMALL)), ThreadedEngine):
        return "the engine has no use_threads"
    rng = random.Random(12)
    count = subject.size(23, 5)
    batch = [[rng.randrange(27) for _ in range(rng.randint(2, 60))] for _ in range(count)]
    results = []
    for count in (1, _THREADS):
        engine = subject.factory(config, OptimizerConfig(), _first(config))
        assert isinstance(engine, ThreadedEngine)
        if count > 1:
            engine.use_threads(count)
        if isinstance(engine, PreparedEngine):
            engine.prepare(lambda *_: None)
        results.append((_use(engine, batch), state_of(engine)))
    advice = "take each sum in one order, whichever thread takes it"
    (one, state), (several, other) = results
    check_rows(f"with {_THREADS} threads", several, one, advice, 0, 0)
    if other != state:
        raise ContractError(f"another state with {_THREADS} threads", advice)
    return None


def _first(config: ModelConfig) -> array[float]:
    return initial_weights(config, random.Random(1))


CLAUSES = (
    same_run_same_bits,
    several_threads_same_bits,
    arguments_stay_as_they_are,
    losses_are_new_lists,
    global_random_state,
    quiet,
    no_runtime_warnings,
    other_threads,
)
