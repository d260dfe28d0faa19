"""Edits: what was set by hand while a run trained, and after which steps.

Training follows from the RunSpec and the edits alone: a replay with the same edits makes the same
steps, bit for bit.

An edit of the field "surgery" says what is done to the weights after its step, and an edit of the
field "hold" which of them keep their values from then on, until a later edit of that field. All
that is done after one step is one text, and an empty text is how it is taken back: the record of an
edit is never removed, so that a process that dies in the middle of it leaves the one or the other.
The numbers stand in the text with all their digits. A replay needs nothing else, not the step or
the run that something was put in from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from microgpt.surgery import Operation, done, held, named, operations_of, words_of, written
from playground.strict import Refusal, name_of, number
from playground.strict import text_of as bounded

EditedField = Literal["learning_rate", "engine", "surgery", "hold"]
WEIGHTS: tuple[EditedField, EditedField] = ("surgery", "hold")
"""The fields of edits that change weights."""
_MAX_RATE = 1e12
_LONG = 10_000
_LISTED = 3
"""Steps that are named one by one in words."""
LONGEST = 1_000_000
"""Characters of the longest text of operations: about 50,000 weights that are put in with all their
digits."""
MOST = 8_000_000
"""Characters of all such texts of one run."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A setting that was changed by hand after `step` steps."""

    step: int
    field: EditedField
    value: float | str
    """A base learning rate, the name of an engine, or operations as `text_of` writes
    them."""


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
        return self.of_field("engine")

    def of_field(self, field: EditedField) -> tuple[tuple[int, str], ...]:
        """(step, value) pairs of a field whose values are texts, in order."""
        return tuple((one.step, str(one.value)) for one in self.made if one.field == field)

    # ------------------------------------------------------------ what is in force

    def rate_at(self, step: int, first: float) -> float:
        """The base learning rate after `step` steps and the edits made there. first: the rate at
        the run's start."""
        return float(self._latest("learning_rate", step, first))

    def engine_at(self, step: int, first: str) -> str:
        """The engine after `step` steps and the edits made there. first: the engine at the run's
        start."""
        return str(self._latest("engine", step, first))

    def held_at(self, step: int) -> str:
        """What is held from `step` on, as the text of an edit; "" if nothing is."""
        return str(self._latest("hold", step, ""))

    def surgery_at(self, step: int) -> str:
        """What is done to the weights after exactly `step` steps, as the text of an edit; "" if
        nothing is."""
        return next(
            (str(one.value) for one in self.made if one.step == step and one.field == "surgery"), ""
        )

    @property
    def surgical(self) -> bool:
        """True if anything was done to the weights, or held."""
        return any(one.value for one in self.made if one.field in WEIGHTS)

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
        """(step, edit in words) pairs, in order. What was taken back, and so changes nothing, is
        left out."""
        return tuple(sorted((one.step, words) for one in self.made if (words := self.words(one))))

    def told_at(self, step: int, fields: Iterable[EditedField] = WEIGHTS) -> tuple[str, ...]:
        """The edits of these fields that were made after exactly `step` steps, in words."""
        here = (one for one in self.made if one.step == step and one.field in fields)
        return tuple(words for one in here if (words := self.words(one)))

    def operated(self, step: int) -> str:
        """What was done to the weights after `step` or fewer steps, in words; "" if nothing was."""
        done = [
            f"{words} at step {one.step:,}"
            for one in self.made
            if one.field == "surgery" and one.step <= step and (words := self.words(one))
        ]
        more = f" and {len(done) - _LISTED:,} more" if len(done) > _LISTED else ""
        return "; ".join(done[:_LISTED]) + more

    def held_words(self, step: int) -> str:
        """What is held from `step` on, in words; "" if nothing is."""
        return named(operations_in(self.held_at(step)))

    def taken_back(self, now: Edits, step: int) -> str:
        """What was done to the weights at a step by these edits and is not done by the edits
        `now`, which begin alike, in words."""
        kept = len(operations_in(now.surgery_at(step)))
        gone = operations_in(self.surgery_at(step))[kept:]
        told = [done(gone)] if gone else []
        was, again = self.held_at(step), now.held_at(step)
        if was != again:
            told.append(_held_words(was, again))
        return ", ".join(told)

    def words(self, edit: Edit) -> str:
        """One of these edits in words; "" if nothing follows from it."""
        match edit.field:
            case "engine":
                return f"{edit.value} engine"
            case "learning_rate":
                return f"learning rate {float(edit.value):g}"
            case "surgery":
                return done(operations_in(str(edit.value)))
            case "hold":
                before, now = self.held_at(edit.step - 1), str(edit.value)
                return "" if now == before else _held_words(now, before)


def _held_words(now: str, before: str) -> str:
    """That this is held from here on, and no more what was held before. Both: texts of edits."""
    if now:
        return f"held: {held(operations_in(now))}"
    return f"released: {named(operations_in(before))}"


def text_of(operations: Sequence[Operation]) -> str:
    """The operations as the text of an edit. ValueError, in words, for a number that is not finite,
    and if the text is too long."""
    exact = [replace(one, values=tuple(map(float, one.values))) for one in operations]
    for one in exact:
        if not all(map(math.isfinite, one.values)):
            raise ValueError(f"{words_of(one.component)} cannot be set to nan or inf")
    text = written(exact)
    if len(text) > LONGEST:
        count = sum(len(one.values) for one in operations)
        raise ValueError(
            f"what is done after one step takes {len(text):,} characters to write down with all "
            f"digits of its {count:,} numbers; {LONGEST:,} are the most"
        )
    return text


def checked(text: object, name: str) -> str:
    """The text that somebody else may have written, if `text_of` writes such a text. Raises
    Refusal."""
    found = bounded(text, name, LONGEST)
    try:
        fine = written(operations_of(found)) == found
    except ValueError as error:
        raise Refusal(f"{name} cannot be: {error}") from None
    if not fine:
        raise Refusal(f"{name} is not as this program writes it")
    return found


@lru_cache(maxsize=64)
def operations_in(text: str) -> tuple[Operation, ...]:
    """The operations of an edit's text."""
    return operations_of(text)


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
    if field == "surgery" or field == "hold":
        return Edit(step, field, checked(value, "what was done to the weights"))
    raise Refusal("something was set that cannot be")
