"""View 6: the source of the scalar engine's `gpt`, run line by line at one position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any

from microgpt.anatomy import Anatomy
from microgpt.autograd import Value
from microgpt.scalar_engine import ScalarEngine
from microgpt.trace import Made as TracedName
from microgpt.trace import full_name, names_of, run_lines, source_of
from playground.lab.protocol.inside import LinesReading, Made, RunLine

SHOWN = 256
"""Numbers of one name that are sent."""
_WORDS = 60
"""Characters about what is no number."""


def lines(anatomy: Anatomy, position: int) -> LinesReading:
    """Each statement in the order in which it was run, with what it made. TooLargeError, a
    ValueError, for a model of which even one position has too many numbers."""
    runs = run_lines(anatomy, position)
    return LinesReading(
        source_of(ScalarEngine.gpt).lines,
        tuple(
            RunLine(run.first, run.last, run.words, tuple(map(_made, run.made, names)))
            for run, names in zip(runs, names_of(runs, position), strict=True)
        ),
    )


def _made(made: TracedName, name: str) -> Made:
    shape = made.shape
    if shape is None or isinstance(made.value, int):
        return Made(made.name, "", words=_words(made.value))
    size = f"({', '.join(map(str, shape))})" if shape else ""
    numbers = made.numbers()
    values = tuple(float(n.data if isinstance(n, Value) else n) for n in numbers[:SHOWN])
    return Made(made.name, size, values, full_name(name, [0] * len(shape)) if name else "")


def _words(value: Any) -> str:
    """What it is, without the addresses that differ from run to run."""
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return f"slice({', '.join(str(part) for part in parts if part is not None)})"
    if isinstance(value, Mapping):
        return f"{len(value)} by name: {', '.join(map(str, value))}"[:_WORDS]
    if isinstance(value, FunctionType):
        return f"the function {value.__name__}"[:_WORDS]
    if isinstance(value, Sequence) and not isinstance(value, str):
        if value and all(isinstance(one, str) for one in value):
            return ", ".join(value)[:_WORDS]
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, str | int) or value is None:
        return repr(value)[:_WORDS]
    return type(value).__name__
