"""Impossible batches and states are refused with ValueError, before anything has changed."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from microgpt.config import OptimizerConfig
from microgpt.engine import STATE_KINDS, Engine
from microgpt.parameters import parameter_count
from playground.testing.contract import ContractError
from playground.testing.engines.subject import BATCH, SMALL, Subject, clause, state_of, take_steps

IMPOSSIBLE: dict[str, list[list[int]]] = {
    "a document without tokens": [[4, 0, 4], []],
    "a document of one token": [[4], [4, 0, 4]],
    "an id as large as the vocabulary": [[4, 0, 4], [4, 5, 4]],
    "a last id as large as the vocabulary": [[4, 0, 5]],
    "a negative id": [[4, -1, 4]],
    "a huge id": [[2**70, 1]],
}
"""Batches for SMALL that no engine can compute."""


def refuse(engine: Engine, what: str, call: Callable[[], object], advice: str) -> None:
    """Raise ContractError unless `call` raises ValueError and leaves the state as it is."""
    before = state_of(engine)
    try:
        call()
    except ValueError:
        pass
    else:
        raise ContractError(f"no ValueError for {what}", advice)
    after = state_of(engine)
    for kind in STATE_KINDS:
        if after[kind] != before[kind]:
            raise ContractError(
                f"ValueError for {what}, but the {kind.replace('_', ' ')} have changed",
                "check all that is given before anything is changed",
            )


@clause(
    "impossible-batches-are-refused",
    "no documents, a document of fewer than two tokens, or an id out of range: ValueError, and"
    " nothing has changed",
)
def impossible_batches_are_refused(subject: Subject) -> None:
    """Tries training and evaluation."""
    engine = subject.make()
    take_steps(engine, [BATCH], 0)
    advice = "call microgpt.checks.inputs_and_targets for every document first"
    refuse(engine, "a batch of no documents", lambda: engine.loss_and_gradients([]), advice)
    for what, batch in IMPOSSIBLE.items():

        def train(batch: list[list[int]] = batch) -> object:
            return engine.loss_and_gradients(batch)

        def evaluate(batch: list[list[int]] = batch) -> object:
            return engine.losses(batch)

        refuse(engine, f"{what} in loss_and_gradients", train, advice)
        refuse(engine, f"{what} in losses", evaluate, advice)


@clause(
    "impossible-states-are-refused",
    "write refuses another length and a negative second moment with ValueError, and nothing has"
    " changed; so does the factory another length",
)
def impossible_states_are_refused(subject: Subject) -> None:
    """Writes arrays that are too short, too long or empty, and one with a negative number."""
    engine = subject.make()
    take_steps(engine, [BATCH], 0)
    count = parameter_count(SMALL)
    advice = "call microgpt.checks.check_length and check_second_moment first"
    for length in (0, 1, count - 1, count + 1, 2 * count):
        values = array("d", bytes(8 * length))
        for kind in STATE_KINDS:

            def write(kind: str = kind, values: array[float] = values) -> object:
                return engine.write(kind, values)  # type: ignore[arg-type,func-returns-value]

            what = f"an array of {length} numbers as {kind}, where there are {count}"
            refuse(engine, what, write, advice)
        what = f"an array of {length} first weights, where there are {count}"
        refuse(
            engine,
            what,
            lambda values=values: subject.factory(SMALL, OptimizerConfig(), values),  # type: ignore[misc]
            advice,
        )
    negative = array("d", [1.0] * count)
    negative[-1] = -1e-9
    refuse(
        engine,
        "a negative second moment",
        lambda: engine.write("second_moment", negative),
        advice,
    )


CLAUSES = (impossible_batches_are_refused, impossible_states_are_refused)
