"""Does to the weights of a run what its edits say: at a step, and at the end of each held step."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from microgpt.config import ModelConfig
from microgpt.surgery import Operation, weights_of, words_of
from playground.lab.edits import MOST, WEIGHTS, Edits, operations_in
from playground.lab.run.engines import ReadyEngine

_KNOWN = 32
"""Texts of edits that are kept as numbers in their places."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the weights in some places become; the order of the places does not matter."""

    parts: tuple[tuple[slice, array[float]], ...]
    """Places next to each other, in the flat order, and their numbers."""

    @classmethod
    def of(cls, operations: Sequence[Operation], config: ModelConfig) -> Assignment:
        """What the operations do, one after the other. ValueError, in words, for those that cannot
        be done to this model."""
        numbers: dict[int, float] = {}
        for operation in operations:
            places, values = weights_of(operation.component, config), operation.values
            if len(values) == 1:
                values = values * len(places)
            if len(values) != len(places):
                raise ValueError(
                    f"{words_of(operation.component)} has {len(places):,} weights, and not "
                    f"{len(values):,}"
                )
            numbers.update(zip(places, values, strict=True))
        parts: list[tuple[int, array[float]]] = []
        for place, value in sorted(numbers.items()):
            if not parts or parts[-1][0] + len(parts[-1][1]) != place:
                parts.append((place, array("d")))
            parts[-1][1].append(value)
        return cls(tuple((slice(at, at + len(row)), row) for at, row in parts))

    def do(self, weights: array[float]) -> None:
        """Change the flat weights, in place."""
        for where, numbers in self.parts:
            weights[where] = numbers


class Surgery:
    """The operations of one run. An engine that does not take the weights raises PluginError."""

    def __init__(self, config: ModelConfig) -> None:
        self.left: array[float] | None = None
        """The weights as the last step left them, while the engine has those on which the
        operations of this step were done; None where nothing was done."""
        self._config = config
        self._known: dict[tuple[str, str], Assignment] = {}

    def check(self, edits: Edits) -> None:
        """ValueError, in words, if there is an edit that cannot be done to this model."""
        texts = [str(one.value) for one in edits if one.field in WEIGHTS]
        if sum(map(len, texts)) > MOST:
            raise ValueError(
                f"what was done to the weights of this run takes {sum(map(len, texts)):,} "
                f"characters to write down; {MOST:,} are the most"
            )
        for text in texts:
            self._assignment(text)

    def take_up(self, made: ReadyEngine, edits: Edits, step: int) -> None:
        """Do what is to be done at this step, and what is held from here on, if `left` does not say
        that it is done."""
        held = edits.held_at(step)
        done = edits.surgery_at(step)
        if self.left is not None or not (done or (held and held != edits.held_at(step - 1))):
            return
        left = self._read(made)
        self._write(made, left[:], self._assignment(done, held))
        self.left = left

    def undone(self, edits: Edits, step: int) -> dict[int, int]:
        """The weights that were set up to `step`, each by its place in the flat order, and the last
        step after which that was done: what moved such a weight before has no effect any more."""
        found: dict[int, int] = {}

        def until(text: str, last: int) -> None:
            for where, _ in self._assignment(text).parts:
                for place in range(where.start, where.stop):
                    found[place] = max(last, found.get(place, 0))

        for at, text in edits.of_field("surgery"):
            if at <= step:
                until(text, at)
        holds = [(at, text) for at, text in edits.of_field("hold") if at <= step]
        for number, (_, text) in enumerate(holds):
            until(text, holds[number + 1][0] if number + 1 < len(holds) else step)
        return found

    def held_to(self, edits: Edits, step: int, place: int) -> float | None:
        """The value at which the weight in this place of the flat order is held by a step that
        begins after `step` steps; None where it is not held."""
        for where, numbers in self._assignment(edits.held_at(step)).parts:
            if where.start <= place < where.stop:
                value: float = numbers[place - where.start]
                return value
        return None

    def put_down(self, made: ReadyEngine) -> None:
        """Put back the weights that the last step left, if something was done to them."""
        if self.left is not None:
            with made.guard.at("write", kind="engine"):
                made.engine.write("weights", self.left)
            self.left = None

    def hold(self, made: ReadyEngine, held: str) -> None:
        """Put the weights that are held back to their values. held: the text of an edit."""
        self._write(made, self._read(made), self._assignment(held))

    def _read(self, made: ReadyEngine) -> array[float]:
        with made.guard.at("read", kind="engine"):
            return made.engine.read("weights")

    @staticmethod
    def _write(made: ReadyEngine, weights: array[float], assignment: Assignment) -> None:
        assignment.do(weights)
        with made.guard.at("write", kind="engine"):
            made.engine.write("weights", weights)

    def _assignment(self, done: str, held: str = "") -> Assignment:
        """What the first text does, and after it the second. ValueError as of `Assignment.of`."""
        known = self._known.get((done, held))
        if known is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            operations = [*operations_in(done), *operations_in(held)]
            known = self._known[done, held] = Assignment.of(operations, self._config)
        return known
