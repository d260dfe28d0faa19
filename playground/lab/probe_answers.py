"""Answers to a run's probes, kept by step and compared; and prompts as text.

The screen, the race and the command line use this module, so it imports little. `Prober` asks.
"""

from __future__ import annotations

import json
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from playground.lab.timeline import RECENT

if TYPE_CHECKING:
    from playground.lab.protocol.probes import ProbeAnswers

KEPT = 2_000
"""The most steps whose answers are held in memory; the record has all answers."""


class Answers:
    """Answers of at most `most` steps: dense over the last thousand steps, and ever farther apart
    before these. The first and the newest always stay."""

    def __init__(self, known: Iterable[ProbeAnswers] = (), most: int = KEPT) -> None:
        self._most = max(2, most)
        self._by_step: dict[int, ProbeAnswers] = {}
        self._steps: list[int] = []
        for answers in known:
            self.keep(answers)

    def __len__(self) -> int:
        return len(self._steps)

    def __contains__(self, step: object) -> bool:
        return step in self._by_step

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that have answers, in order."""
        return tuple(self._steps)

    def keep(self, answers: ProbeAnswers) -> None:
        """Keep the answers of a step, in the place of earlier ones of that step."""
        if answers.step not in self._by_step:
            insort(self._steps, answers.step)
        self._by_step[answers.step] = answers
        while len(self._steps) > self._most:
            self._drop_one()

    def _drop_one(self) -> None:
        """Drop the least useful step, by the rule of `least_missed` for keyframes."""
        steps, newest = self._steps, self._steps[-1]
        _, place = min(
            ((after - before) / (newest - step + RECENT), place)
            for place, (before, step, after) in enumerate(
                zip(steps, steps[1:], steps[2:], strict=False), 1
            )
        )
        del self._by_step[steps.pop(place)]

    def at(self, step: int) -> ProbeAnswers | None:
        """The latest answers at or before `step`."""
        place = bisect_right(self._steps, step)
        return self._by_step[self._steps[place - 1]] if place else None

    def between(self, first: int, last: int) -> tuple[ProbeAnswers, ...]:
        """The answers from step `first` to `last`, both included, in order."""
        return tuple(self._by_step[step] for step in self._steps if first <= step <= last)

    def forget_after(self, step: int) -> None:
        """Drop the answers after `step`."""
        place = bisect_right(self._steps, step)
        for gone in self._steps[place:]:
            del self._by_step[gone]
        del self._steps[place:]

    def clear(self) -> None:
        """Drop all answers."""
        self._by_step.clear()
        self._steps.clear()


# ---------------------------------------------------------------- what changed


@dataclass(frozen=True, slots=True)
class ProbeChange:
    """One prompt, and its answers on two occasions."""

    number: int
    """The place in the probe set, from 1."""
    prompt: str
    before: tuple[str, ...]
    """The texts, prompt included; empty if the prompt was not asked (see SkippedPrompt)."""
    after: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """True if the prompt was asked both times."""
        return bool(self.before and self.after)

    @property
    def changed(self) -> bool:
        """True if the prompt was asked both times, and the answers differ."""
        return self.comparable and self.before != self.after

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(text before, text after) pairs with the same random numbers; "" where one is missing."""
        return tuple(zip_longest(self.before, self.after, fillvalue=""))


def compare(
    before: ProbeAnswers, after: ProbeAnswers, prompts: Sequence[str]
) -> tuple[ProbeChange, ...]:
    """Each prompt with its answers on two occasions: two steps of a run, or two runs with the same
    questions (`ProbeSet.same_questions`)."""
    return tuple(
        ProbeChange(place + 1, prompt, _answer(before, place), _answer(after, place))
        for place, prompt in enumerate(prompts)
    )


def _answer(answers: ProbeAnswers, place: int) -> tuple[str, ...]:
    return answers.answers[place] if place < len(answers.answers) else ()


def summary(changes: Sequence[ProbeChange]) -> str:
    """How many answers changed, in words: "3 of 5 answers changed"."""
    asked = [change for change in changes if change.comparable]
    if not asked:
        return "nothing was asked both times"
    count = sum(change.changed for change in asked)
    if count == 0:
        return "the answer is the same" if len(asked) == 1 else f"all {len(asked)} are the same"
    return "the answer changed" if len(asked) == 1 else f"{count} of {len(asked)} answers changed"


# ---------------------------------------------------------------- prompts as text


def read_lines(text: str) -> tuple[tuple[int, str], ...]:
    """(line number from 1, prompt) pairs of a text with one prompt a line.

    Blank lines are skipped, and spaces count. A line in double quotes that is a JSON string stands
    for that string: "" is the empty prompt, and "a\\nb" has a line break.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return tuple((number, _prompt(line)) for number, line in enumerate(lines, 1) if line.strip())


def _prompt(line: str) -> str:
    if len(line) >= 2 and line[0] == line[-1] == '"':
        try:
            value = json.loads(line)
        except ValueError:
            return line
        return value if isinstance(value, str) else line
    return line


def write_lines(prompts: Sequence[str]) -> str:
    """The text, one prompt a line, from which `read_lines` reads these prompts."""
    return "\n".join(_line(prompt) for prompt in prompts)


def _line(prompt: str) -> str:
    plain = prompt.strip() and prompt.isprintable()
    return prompt if plain and _prompt(prompt) == prompt else json.dumps(prompt)
