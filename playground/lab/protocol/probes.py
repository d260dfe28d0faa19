"""Probes: prompts that a run is asked again and again while it learns, and its answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_PROMPTS = 100
MAX_TEXTS = 500
"""The most texts of all prompts together, because training waits for them."""
MAX_LENGTH = 2_000
"""The most characters of one prompt."""
MAX_EVERY = 10_000_000


class ProbeError(ValueError):
    """A probe set that is not valid. problems: what is wrong, by field; "prompt 3" stands for the
    third prompt."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field} {text}" for field, text in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """Prompts that are answered every `every` steps, always with the same random numbers: answers
    differ between two steps, or two runs, by the model alone. Training does not depend on them."""

    prompts: tuple[str, ...] = ()
    """If empty, nothing is asked. The prompt "" lets the model begin by itself."""
    seed: int = 0
    every: int = 100
    """Steps between two probings; the first and the last step are probed too."""
    count: int = 1
    """Texts for each prompt."""

    def check(self) -> None:
        """Raises ProbeError naming all that is wrong, if anything is."""
        problems: dict[str, str] = {}
        if len(self.prompts) > MAX_PROMPTS:
            problems["prompts"] = f"are {len(self.prompts):,}; at most {MAX_PROMPTS} can be asked"
        for number, prompt in enumerate(self.prompts[:MAX_PROMPTS], 1):
            if len(prompt) > MAX_LENGTH:
                problems[f"prompt {number}"] = (
                    f"has {len(prompt):,} characters; at most {MAX_LENGTH:,} are taken"
                )
        if not 1 <= self.every <= MAX_EVERY:
            problems["every"] = f"must be between 1 and {MAX_EVERY:,} steps, not {self.every}"
        most = max(1, MAX_TEXTS // max(1, len(self.prompts)))
        if not 1 <= self.count <= most:
            asked = f"{len(self.prompts)} prompt{'' if len(self.prompts) == 1 else 's'}"
            problems["count"] = f"must be between 1 and {most} for {asked}, not {self.count}"
        if problems:
            raise ProbeError(problems)

    def same_questions(self, other: ProbeSet) -> bool:
        """True if the answers to this set and to the other can be compared. `every` does not
        matter."""
        return self.questions == other.questions

    @property
    def questions(self) -> str:
        """A hash of all that the answers depend on besides the model: 16 hexadecimal digits."""
        text = json.dumps([self.prompts, self.seed, self.count])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """The set as JSON values."""
        return {
            "prompts": list(self.prompts),
            "seed": self.seed,
            "every": self.every,
            "count": self.count,
        }

    @classmethod
    def from_dict(cls, values: object) -> ProbeSet:
        """The set of JSON values: those of `to_dict`, or a bare list of prompts. Missing fields
        have their defaults. Raises ProbeError."""
        if isinstance(values, list):
            values = {"prompts": values}
        if not isinstance(values, dict):
            wanted = "must be a list of prompts, or an object with prompts, seed, every and count"
            raise ProbeError({"the probe set": wanted})
        problems: dict[str, str] = {}
        for field in values:
            if field not in ("prompts", "seed", "every", "count"):
                known = "there are prompts, seed, every and count"
                problems[repr(field)[:80]] = f"is no field of a probe set; {known}"
        prompts = values.get("prompts", [])
        if not isinstance(prompts, list):
            problems["prompts"] = "must be a list of texts"
            prompts = []
        for number, prompt in enumerate(prompts, 1):
            if not isinstance(prompt, str):
                problems[f"prompt {number}"] = f"must be text, not {repr(prompt)[:40]}"
        numbers: dict[str, int] = {}
        for field in ("seed", "every", "count"):
            value = values.get(field, getattr(_NONE, field))
            if isinstance(value, bool) or not isinstance(value, int):
                problems[field] = f"must be a whole number, not {repr(value)[:40]}"
            else:
                numbers[field] = value
        if problems:
            raise ProbeError(problems)
        made = cls(tuple(prompts), **numbers)
        made.check()
        return made


_NONE = ProbeSet()


@dataclass(frozen=True, slots=True)
class SkippedPrompt:
    """A prompt that the open model cannot be asked; the other prompts are asked."""

    number: int
    """The prompt's number in the probe set, from 1: its line where prompts stand one a line."""
    prompt: str
    reason: str
    """A clause, as "the model does not know 'é'"."""

    def __str__(self) -> str:
        shown = self.prompt if len(self.prompt) <= 40 else self.prompt[:40] + "…"
        return f"prompt {self.number}, {shown!r}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ProbeAnswers:
    """The model's answers to a run's probe set after `step` steps."""

    step: int
    answers: tuple[tuple[str, ...], ...]
    """For each prompt, the texts sampled, prompt included."""
    questions: str = ""
    """`ProbeSet.questions` of the probe set that these answer."""
