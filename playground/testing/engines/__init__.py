"""The contract of an engine: what `microgpt.engine.Engine` promises, put to the test.

The reference is the scalar engine, which is microgpt.py line by line; where it would take too
long (larger models, 200 steps), the vector engine, which is held to it by this same contract.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from microgpt.collector import collector_paused
from microgpt.engine import EngineFactory
from playground.testing.contract import Check
from playground.testing.engines.arithmetic import CLAUSES as ARITHMETIC
from playground.testing.engines.arithmetic import LONG_CLAUSES
from playground.testing.engines.bulk import CLAUSES as BULK
from playground.testing.engines.decoding import CLAUSES as DECODING
from playground.testing.engines.making import CLAUSES as MAKING
from playground.testing.engines.manners import CLAUSES as MANNERS
from playground.testing.engines.moves import check_moves, move_checks
from playground.testing.engines.nonfinite import CLAUSES as NONFINITE
from playground.testing.engines.parts import CLAUSES as PARTS
from playground.testing.engines.refusals import CLAUSES as REFUSALS
from playground.testing.engines.state import CLAUSES as STATE
from playground.testing.engines.subject import Clause, Subject

__all__ = ["CLAUSES", "check_moves", "engine_checks", "move_checks"]

CLAUSES: tuple[Clause, ...] = (
    *MAKING,
    *ARITHMETIC,
    *DECODING,
    *STATE,
    *REFUSALS,
    *NONFINITE,
    *MANNERS,
    *BULK,
    *PARTS,
    *LONG_CLAUSES,
)
"""The most telling checks come first and the slowest last, since a run may have little time."""


def engine_checks(
    factory: EngineFactory,
    name: str = "",
    small: bool | None = None,
    knows: Sequence[str] = (),
    precision: str = "float64",
) -> tuple[Check, ...]:
    """The checks of one engine, which is not made before a check is called.

    name: stands before the names of the checks. small: use fewer and smaller models and shorter
    runs, for an engine that needs tens of milliseconds a step; None times a step to decide. knows:
    what the engine declares to know beside the whole model and Adam, as `Contribution.knows` has
    it; the engine is held to that. precision: what it declares to compute in; in float32, its
    numbers may be further from the reference (`subject.FLOAT32_REL`).
    """
    subject = Subject(factory, name, small, knows, precision)
    return tuple(
        Check(
            clause.name,
            clause.description,
            partial(_run, clause.test, subject),
            name,
            clause.essential,
        )
        for clause in CLAUSES
    )


def _run(test: Callable[[Subject], str | None], subject: Subject) -> str | None:
    with collector_paused():  # as in a run
        return test(subject)
