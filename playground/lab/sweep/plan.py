"""What a sweep trains: settings, each with every seed."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec

MOST_RUNS = 10_000
"""Runs of the largest sweep."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One run of a sweep, as plain data that travels to a worker."""

    setting: int
    """Which setting of the plan, counted from 0."""
    seed: int
    spec: str
    """The RunSpec as JSON, this seed included."""
    sha256: str
    """The SHA-256 of the text file that the spec names; "" if it names none."""
    sources: PluginSources

    @property
    def key(self) -> tuple[int, int]:
        """What tells the run from the others of its sweep: (setting, seed)."""
        return self.setting, self.seed


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of the values that a sweep varies."""

    values: tuple[tuple[str, str], ...]
    """(name, value) pairs as a person gave them."""
    spec: str
    """The RunSpec as JSON, with the first seed."""

    @property
    def words(self) -> str:
        """The values in words: "learning_rate=0.01 n_embd=16"."""
        return " ".join(f"{name}={value}" for name, value in self.values)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a sweep trains, in the order of its results."""

    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]
    sha256: str
    """As Unit has it."""
    sources: PluginSources

    def units(self) -> Iterator[Unit]:
        """Every run, by setting and seed."""
        for number, setting in enumerate(self.settings):
            spec = RunSpec.parse(setting.spec)
            for seed in self.seeds:
                yield Unit(
                    number, seed, spec.replace({"seed": seed}).to_json(), self.sha256, self.sources
                )

    def to_json(self) -> str:
        """JSON that `parse` takes back to an equal Plan."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Plan:
        """From `to_json`. Raises ValueError, KeyError or TypeError for anything else."""
        found = json.loads(text)
        settings = tuple(
            Setting(
                tuple((str(name), str(value)) for name, value in one["values"]),
                RunSpec.recorded(one["spec"]).to_json(),
            )
            for one in found["settings"]
        )
        lists: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in found["sources"].items()
        }
        seeds = tuple(int(seed) for seed in found["seeds"])
        return cls(settings, seeds, str(found["sha256"]), PluginSources(**lists))


def on_log_scale(name: str, low: float, high: float) -> bool:
    """True if values between these two are taken on a logarithmic scale: learning rates always, any
    other setting where the end is at least ten times the beginning; both must be above 0."""
    return low > 0 and (name == "learning_rate" or 10 * low <= high * (1 + 1e-9))


def combinations(
    vary: Mapping[str, Sequence[str]], draws: int | None, seed: int
) -> list[tuple[tuple[str, str], ...]]:
    """Every combination of one value of each name, the last name varying fastest; or, with `draws`,
    so many different ones drawn at random, in the same order. seed: the same seed draws the same.
    """
    names = list(vary)
    count = 1
    for name in names:
        count *= len(vary[name])
    if draws is None or draws >= count:
        return [
            tuple(zip(names, values, strict=True)) for values in itertools.product(*vary.values())
        ]
    return [_at(vary, index) for index in sorted(random.Random(seed).sample(range(count), draws))]


def _at(vary: Mapping[str, Sequence[str]], index: int) -> tuple[tuple[str, str], ...]:
    """The combination with this number."""
    found = []
    for name in reversed(list(vary)):
        index, place = divmod(index, len(vary[name]))
        found.append((name, vary[name][place]))
    return tuple(reversed(found))
