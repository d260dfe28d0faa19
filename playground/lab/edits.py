"""Edits: what was set by hand while a run trained, and after which steps.

Training follows from the RunSpec and the edits alone: a replay with the same edits makes the same
steps, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from playground.strict import Refusal, name_of, number

EditedField = Literal["learning_rate", "engine"]
_MAX_RATE = 1e12
_LONG = 10_000


@dataclass(frozen=True, slots=True)
class Edit:
    """A setting that was changed by hand after `step` steps."""

    step: int
    field: EditedField
    value: float | str
    """A base learning rate, or the name of an engine."""


@dataclass(frozen=True, slots=True)
class Edits:
    """The edits of one run, in the order of their steps; at most one of a field after a step."""

    made: tuple[Edit, ...] = ()

    @classmethod
    def of(cls, edits: Iterable[Edit]) -> Edits:
        """edits: in any order; of two of one field after the same step the later one counts."""
        last = {(one.step, one.field): one for one in edits}
        return cls(tuple(sorted(last.values(), key=lambda one: (one.step, one.field))))

    @classmethod
    def pairs(
        cls,
        rates: Iterable[tuple[int, float]] = (),
        engines: Iterable[tuple[int, str]] = (),
    ) -> Edits:
        """Edits from (step, base learning rate) and (step, engine) pairs."""
        return cls.of(
            [
                *(Edit(step, "learning_rate", rate) for step, rate in rates),
                *(Edit(step, "engine", name) for step, name in engines),
            ]
        )

    def __iter__(self) -> Iterator[Edit]:
        return iter(self.made)

    def __contains__(self, edit: Edit) -> bool:
        return edit in self.made

    @property
    def rates(self) -> tuple[tuple[int, float], ...]:
        """(step, base learning rate) pairs, in order."""
        return tuple(
            (one.step, float(one.value)) for one in self.made if one.field == "learning_rate"
        )

    @property
    def engines(self) -> tuple[tuple[int, str], ...]:
        """(step, engine) pairs, in order."""
        return tuple((one.step, str(one.value)) for one in self.made if one.field == "engine")

    # ------------------------------------------------------------ what is in force

    def rate_at(self, step: int, first: float) -> float:
        """The base learning rate after `step` steps and the edits made there. first: the rate at
        the run's start."""
        return float(self._latest("learning_rate", step, first))

    def engine_at(self, step: int, first: str) -> str:
        """The engine after `step` steps and the edits made there. first: the engine at the run's
        start."""
        return str(self._latest("engine", step, first))

    def _latest(self, field: EditedField, step: int, first: float | str) -> float | str:
        for one in reversed(self.made):
            if one.field == field and one.step <= step:
                return one.value
        return first

    def next_after(self, step: int) -> float:
        """The step of the first edit after `step`; inf if there is none."""
        return next((one.step for one in self.made if one.step > step), float("inf"))

    # ------------------------------------------------------------ other edits

    def until(self, step: int) -> Edits:
        """The edits made after `step` or fewer steps."""
        return Edits(tuple(one for one in self.made if one.step <= step))

    def having(self, *edits: Edit) -> Edits:
        """The same with `edits`, which replace those of the same field after the same step."""
        return Edits.of((*self.made, *edits))

    def told(self) -> tuple[tuple[int, str], ...]:
        """(step, edit in words) pairs, in order."""
        return tuple(sorted((one.step, _words(one)) for one in self.made))


def rate_of(value: object) -> float:
    """The value, a base learning rate. Raises Refusal."""
    return number(value, "a learning rate", 0, _MAX_RATE)


def edit_of(step: int, field: object, value: object) -> Edit:
    """The edit that somebody else may have written. Raises Refusal."""
    if field == "learning_rate":
        rate_of(value)
        assert isinstance(value, int | float)
        return Edit(step, "learning_rate", value)  # as it was written
    if field == "engine":
        return Edit(step, "engine", name_of(value, "an engine", _LONG))
    raise Refusal("something was set that cannot be")


def _words(edit: Edit) -> str:
    if edit.field == "engine":
        return f"{edit.value} engine"
    return f"learning rate {float(edit.value):g}"
