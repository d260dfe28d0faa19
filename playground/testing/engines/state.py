"""Weights, gradients and moments: reading, writing, moving, and evaluation, which changes none."""

from __future__ import annotations

import random
from array import array
from functools import lru_cache

from microgpt.engine import STATE_KINDS, BulkEngine, Engine, StateKind
from microgpt.parameters import parameter_count
from microgpt.scalar_engine import ScalarEngine
from microgpt.vector_engine import VectorEngine
from playground.testing.contract import ContractError
from playground.testing.engines.comparing import check_numbers, check_rows
from playground.testing.engines.subject import (
    BATCH,
    SMALL,
    Subject,
    clause,
    move,
    state_of,
    take_steps,
)

_COUNT = parameter_count(SMALL)
_BATCHES = tuple((document,) for document in BATCH) * 5


def _random_state(kind: StateKind, seed: int, precision: str) -> array[float]:
    """Random numbers of all sizes that a number can have; none below 0 for a second moment."""
    rng = random.Random(seed)
    most = 300 if precision == "float64" else 36
    values = array("d", [rng.gauss(0, 1) * 10 ** rng.randint(-most, most) for _ in range(_COUNT)])
    return array("d", map(abs, values)) if kind == "second_moment" else values


@clause(
    "state-is-read-as-it-was-written",
    "read returns an array('d') of parameter_count numbers, bit for bit as written; each kind of"
    " state is written for itself",
)
def state_is_read_as_it_was_written(subject: Subject) -> None:
    """Writes and reads each of the four kinds, and compares the three others."""
    engine = subject.make()
    take_steps(engine, _BATCHES[:2], 0)
    for seed, kind in enumerate(STATE_KINDS):
        before = state_of(engine)
        values = _random_state(kind, seed, subject.precision)
        engine.write(kind, values)
        out = engine.read(kind)
        if not isinstance(out, array) or out.typecode != "d":
            raise ContractError(
                f"read({kind!r}) gave a {type(out).__name__}", "return an array('d')"
            )
        advice = "keep the precision that is declared, in the order of parameter_layout"
        given = subject.rounded(values)
        check_numbers(f"{kind} after being written", out, given, advice, 0, 0)
        after = state_of(engine)
        for other in STATE_KINDS:
            if other != kind and after[other] != before[other]:
                raise ContractError(
                    f"write({kind!r}, ...) has changed the {other.replace('_', ' ')}",
                    "let write change the one kind only",
                )


@clause(
    "state-is-copied",
    "arrays are copied on the way in and on the way out: nobody shares memory with the engine",
)
def state_is_copied(subject: Subject) -> None:
    """Changes the array of first weights, and arrays after write and read of each kind."""
    first = array("d", [0.5] * _COUNT)
    engine = subject.make(weights=first)
    first[0] = -1.0
    if engine.read("weights")[0] != 0.5:
        raise ContractError(
            "the engine's weights follow the array that the factory was given", "copy it"
        )
    for kind in STATE_KINDS:
        mine = array("d", [0.5] * _COUNT)
        engine.write(kind, mine)
        mine[3] = 7.0
        if engine.read(kind)[3] != 0.5:
            raise ContractError(f"the {kind} follow the array that was written", "copy it in write")
        out = engine.read(kind)
        out[4] = 7.0
        if engine.read(kind)[4] != 0.5:
            raise ContractError(f"the {kind} follow the array that was read", "copy it in read")
        # An array that was read must not follow the engine either, even if the kind is read again.
        out = engine.read(kind)
        engine.write(kind, array("d", [0.25] * _COUNT))
        engine.read(kind)
        if out[5] != 0.5:
            raise ContractError(f"the {kind} that were read follow the engine", "copy them in read")
    before = engine.read("weights")
    kept = array("d", before)
    take_steps(engine, _BATCHES[:1], 0)
    check_numbers("weights read before a step, looked at after it", before, kept, "copy", 0, 0)


@clause(
    "what-follows-depends-on-the-state-alone",
    "after write, losses, gradients and updates are those of an engine that began in that state",
)
def what_follows_depends_on_the_state_alone(subject: Subject) -> None:
    """Puts an engine into the state of another of the same factory, and compares bit for bit."""
    engine = subject.make()
    take_steps(engine, _BATCHES[:5], 0)
    copy = subject.make(seed=7)
    take_steps(copy, _BATCHES[3:5], 0, 0.1)  # so that the copy has something to forget
    move(engine, copy)
    advice = "compute nothing ahead that write does not compute anew"
    check_rows("losses()", copy.losses(BATCH), engine.losses(BATCH), advice, 0, 0)
    copy.adam_step(0.02, 5)  # uses the gradients, moments and weights that were written
    engine.adam_step(0.02, 5)
    losses, others = take_steps(copy, _BATCHES[6:12], 6), take_steps(engine, _BATCHES[6:12], 6)
    check_numbers("the losses of the steps that follow", losses, others, advice, 0, 0)
    if state_of(copy) != state_of(engine):
        raise ContractError("another state after the steps that follow", advice)


@lru_cache(maxsize=1)
def _whole_run() -> list[float]:
    """The losses of a run that stays in the scalar engine. The list is cached: do not change it."""
    return take_steps(Subject(ScalarEngine).make(), _BATCHES, 0)


@clause(
    "moved-in-mid-run",
    "a run moved to the vector engine, back, to the scalar engine and back goes on to 1e-9 as if"
    " nothing had happened",
)
def moved_in_mid_run(subject: Subject) -> None:
    """Compares three steps in each of five engines with fifteen in the scalar engine."""
    whole = _whole_run()
    here, vector, scalar = subject, Subject(VectorEngine), Subject(ScalarEngine)
    engine = here.make()
    done = 0
    for stop, place in enumerate((here, vector, here, scalar, here)):
        if stop:
            moved = place.make(seed=99)
            move(engine, moved)
            engine = moved
        step = 3 * stop
        losses = take_steps(engine, _BATCHES[step : step + 3], step)
        subject.check_numbers(
            f"the losses from step {step} on, after {stop} moves",
            losses,
            whole[done : done + len(losses)],
            "read and write each kind in the order of parameter_layout, gradients and both"
            " moments too",
        )
        done += len(losses)


_SET = range(0, _COUNT, 7)
"""The places of the weights that are set by hand."""


def _run_by_hand(engine: Engine) -> tuple[list[float], array[float]]:
    """(losses, weights) of twelve steps, of which each third is followed by weights set by hand:
    made by the two calls of a step, and every other one by `train` if the engine has it."""
    first = engine.read("weights")
    losses: list[float] = []
    for step, batch in enumerate(_BATCHES[:12]):
        if step % 2 and isinstance(engine, BulkEngine):
            losses += engine.train(batch, [0.01], step).token_losses[0]
        else:
            losses += take_steps(engine, [batch], step)
        if step % 3 == 0:
            weights = engine.read("weights")
            for place in _SET:
                weights[place] = first[place]
            engine.write("weights", weights)
    return losses, engine.read("weights")


@lru_cache(maxsize=1)
def _whole_run_by_hand() -> tuple[list[float], array[float]]:
    """The same in the scalar engine. The result is cached: do not change it."""
    return _run_by_hand(Subject(ScalarEngine).make())


@clause(
    "weights-set-between-steps",
    "a run some of whose weights are set between steps, and nothing else, goes on to 1e-9 as in the"
    " scalar engine",
)
def weights_set_between_steps(subject: Subject) -> None:
    """Puts every seventh weight back to its first value after each third step."""
    losses, weights = _run_by_hand(subject.make())
    expected, left = _whole_run_by_hand()
    advice = "let the next step begin at the weights that write was given, moments as they are"
    subject.check_numbers("the losses of the steps", losses, expected, advice)
    subject.check_numbers("the weights afterwards", weights, left, advice)


@clause(
    "losses-touch-nothing",
    "losses() gives the losses of loss_and_gradients to 1e-12 and leaves all state as it is;"
    " losses([]) is []",
)
def losses_touch_nothing(subject: Subject) -> None:
    """Evaluates few documents and many."""
    engine = subject.make()
    take_steps(engine, _BATCHES[:3], 0)
    expected = engine.loss_and_gradients(BATCH)
    before = state_of(engine)
    many = 14
    given = engine.losses(BATCH * many)
    advice = "run the forward pass only, with the weights of now"
    subject.check_rows("losses() of 42 documents", given, expected * many, advice, 1e-12, 1e-15)
    empty = engine.losses([])
    if empty != []:
        raise ContractError(f"losses([]) is {empty!r}", "give a list for each document: none")
    after = state_of(engine)
    for kind in STATE_KINDS:
        if after[kind] != before[kind]:
            raise ContractError(
                f"losses() has changed the {kind.replace('_', ' ')}",
                "keep what the forward pass leaves behind apart from the state",
            )


CLAUSES = (
    state_is_read_as_it_was_written,
    what_follows_depends_on_the_state_alone,
    state_is_copied,
    weights_set_between_steps,
    losses_touch_nothing,
    moved_in_mid_run,
)
