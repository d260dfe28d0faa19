"""Runs moved from one engine to another in mid-run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from microgpt.engine import EngineFactory
from playground.testing.contract import Check
from playground.testing.engines.subject import BATCH, Subject, move, take_steps

_BEFORE = tuple((document,) for document in BATCH) * 2
_AFTER = (BATCH, *_BEFORE)

_PROMISE = "a run moved from one engine to another in mid-run has the losses that it would have had"


def move_checks(
    factories: Mapping[str, EngineFactory], precisions: Mapping[str, str] | None = None
) -> tuple[Check, ...]:
    """A check for every ordered pair of engines, under the names they have in `factories`.

    precisions: what an engine computes in, by its name, unless it is float64.
    """
    subjects = {
        name: Subject(factory, precision=(precisions or {}).get(name, "float64"))
        for name, factory in factories.items()
    }
    return tuple(
        Check(
            f"moved-to-{target}",
            _PROMISE,
            partial(_moved, subjects[source], subjects[target]),
            source,
        )
        for source in subjects
        for target in subjects
        if source != target
    )


def check_moves(
    factories: Mapping[str, EngineFactory], precisions: Mapping[str, str] | None = None
) -> None:
    """Run all of `move_checks`; raises the first ContractError, which names the pair."""
    for check in move_checks(factories, precisions):
        check()


def _moved(source: Subject, target: Subject) -> None:
    """Compare losses after the move, by the lower precision; the first step uses the gradients that
    were moved."""
    subject = source if source.precision == "float32" else target
    stays, goes = source.make(), target.make(seed=99)
    take_steps(stays, _BEFORE, 0)
    stays.loss_and_gradients(BATCH)
    move(stays, goes)
    for engine in (stays, goes):
        engine.adam_step(0.01, len(_BEFORE))
    first = len(_BEFORE) + 1
    mine, expected = take_steps(goes, _AFTER, first), take_steps(stays, _AFTER, first)
    subject.check_numbers(
        "the losses after the move",
        mine,
        expected,
        "run engine_checks on both: the one that fails state-is-read-as-it-was-written or"
        " moved-in-mid-run is at fault",
    )
