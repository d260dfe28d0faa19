"""Before all else: the factory makes something that is an engine."""

from __future__ import annotations

import random
import time
from array import array

from microgpt.config import OptimizerConfig
from microgpt.engine import STATE_KINDS, Engine, PreparedEngine
from microgpt.parameters import initial_weights, parameter_count
from playground.testing.contract import ContractError
from playground.testing.engines.comparing import check_numbers
from playground.testing.engines.subject import SMALL, Subject, clause

_METHODS = ("loss_and_gradients", "losses", "adam_step", "decoder", "read", "write")

SILENT = 1.0
"""Seconds that `prepare` may take without a call of progress."""


@clause(
    "is-an-engine",
    "the factory, called with (config, optimizer, weights), makes an engine with every method",
    essential=True,
)
def is_an_engine(subject: Subject) -> None:
    """Tests what all other checks need."""
    try:
        engine = subject.make()
    except ImportError as error:
        raise ContractError(
            f"{type(error).__name__}: {error}",
            "install what the engine imports, to have it tested",
        ) from error
    for method in _METHODS:
        if not callable(getattr(engine, method, None)):
            raise ContractError(
                f"a {type(engine).__name__} without the method {method!r}",
                "write it as microgpt.engine.Engine describes",
            )
    if getattr(engine, "config", None) != SMALL:
        raise ContractError(
            f"its config is {getattr(engine, 'config', None)!r}",
            "keep the ModelConfig that the factory is given as the attribute config",
        )


@clause(
    "begins-with-the-weights-given",
    "a new engine has the weights it was given, and gradients and moments of 0",
)
def begins_with_the_weights_given(subject: Subject) -> None:
    """Reads the state before the first step."""
    weights = initial_weights(SMALL, random.Random(3))
    engine = subject.make(weights=weights)
    advice = "take them over in the precision that is declared, in the order of parameter_layout"
    mine = engine.read("weights")
    check_numbers("the weights", mine, subject.rounded(weights), advice, 0, 0)
    zeros = array("d", bytes(8 * parameter_count(SMALL)))
    advice = "begin with as many zeros as weights"
    for kind in STATE_KINDS[1:]:
        check_numbers(f"the {kind.replace('_', ' ')}", engine.read(kind), zeros, advice, 0, 0)


class _Cancelled(Exception):
    """Raised by progress, as when a person cancels."""


@clause(
    "prepare-says-how-far-it-is",
    "prepare calls progress(what, done, total) with words and two counts while it works, and lets"
    " through what progress raises",
)
def prepare_says_how_far_it_is(subject: Subject) -> str | None:
    """Prepares a PreparedEngine. Work of less than a second may call progress never."""

    def made() -> Engine:
        return subject.factory(SMALL, OptimizerConfig(), initial_weights(SMALL, random.Random(1)))

    engine = made()
    if not isinstance(engine, PreparedEngine):
        return "the engine has no prepare"
    calls: list[tuple[object, object, object]] = []
    began = time.perf_counter()
    engine.prepare(lambda what, done, total: calls.append((what, done, total)))
    seconds = time.perf_counter() - began
    if not calls and seconds > SILENT:
        raise ContractError(
            f"{seconds:.1f} seconds without a call", "call progress at the start of each part"
        )
    for what, done, total in calls:
        if not (
            isinstance(what, str)
            and isinstance(done, int)
            and isinstance(total, int)
            and done >= 0
            and (done <= total or total == 0)
        ):
            raise ContractError(
                f"progress({what!r}, {done!r}, {total!r})",
                "say in a few words what is being done; total is 0 if it is not known",
            )
    if not calls:
        return None

    said: list[object] = []

    def cancel(*call: object) -> None:
        said.append(call)
        raise _Cancelled

    engine = made()
    assert isinstance(engine, PreparedEngine)
    try:
        engine.prepare(cancel)
    except _Cancelled:
        return None
    if said:
        raise ContractError(
            "prepare went on after progress had raised",
            "let the exception through, for the person has cancelled",
        )
    return None


CLAUSES = (is_an_engine, begins_with_the_weights_given, prepare_says_how_far_it_is)
