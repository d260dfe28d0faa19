"""What a sweep trains: settings, each with every seed."""

from __future__ import annotations

import itertools
import json
import math
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


Values = tuple[tuple[str, str], ...]
"""(name, value) pairs, one for each setting that a sweep varies."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of the values that a sweep varies."""

    values: Values
    """(name, value) pairs as a person gave them."""
    spec: str
    """The RunSpec as JSON, with the first seed."""

    @property
    def words(self) -> str:
        """The values in words: "learning_rate=0.01 n_embd=16"."""
        return in_words(self.values)


def in_words(values: Values) -> str:
    """Values as they are typed: "learning_rate=0.01 n_embd=16"."""
    return " ".join(f"{name}={value}" for name, value in values)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two, both included, from which the values of a setting are drawn."""

    low: float
    high: float
    whole: bool
    """True for whole numbers alone."""
    log: bool
    """True if their logarithms are drawn evenly, and not they."""

    def text(self, value: float) -> str:
        """The value as a person would give it, and as it is used: to four digits, or to a
        thousandth of the range if that is finer."""
        if self.whole:
            return str(min(max(round(value), int(self.low)), int(self.high)))
        sizes = [size for size in (abs(value), self.high - self.low) if size > 0]
        digits = max(3 - math.floor(math.log10(size)) for size in sizes)
        return repr(min(max(round(float(value), digits), float(self.low)), float(self.high)))

    def draw(self, source: random.Random) -> str:
        """A value drawn evenly, or with even logarithms."""
        half = 0.5 if self.whole else 0.0  # each whole number is the middle of its share
        low, high = self.low - half, self.high + half
        if self.log:
            return self.text(math.exp(source.uniform(math.log(low), math.log(high))))
        return self.text(source.uniform(low, high))


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting that a search varies: the values in a list, or those of a range."""

    name: str
    field: str
    """The dotted field of RunSpec."""
    choices: tuple[tuple[str, str], ...] = ()
    """For a list: each value as it was given, and the fields of RunSpec that it sets, as JSON."""
    between: Range | None = None
    """For a range."""


@dataclass(frozen=True, slots=True)
class Search:
    """Where a search looks for settings, and how far it is. Its settings are those of the plan."""

    axes: tuple[Axis, ...]
    base: str
    """A RunSpec as JSON, some of whose fields each setting replaces."""
    trials: int
    """How many settings it is to try."""
    rounds: int = 0
    """Rounds of settings that were asked for so far."""
    refused: tuple[Values, ...] = ()
    """What was suggested, and cannot be."""
    over: bool = False
    """True if it has no new setting to suggest, though it tried fewer than `trials`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a sweep trains, in the order of its results."""

    settings: tuple[Setting, ...]
    """Of a search: those that it has asked for so far."""
    seeds: tuple[int, ...]
    sha256: str
    """As Unit has it."""
    sources: PluginSources
    search: Search | None = None
    """None for a sweep whose settings are known from the start."""

    @property
    def count(self) -> int:
        """How many settings it is to have in the end."""
        search = self.search
        return len(self.settings) if search is None or search.over else search.trials

    @property
    def grows(self) -> bool:
        """True for a search that has yet to ask for some of its settings."""
        return len(self.settings) < self.count

    @property
    def names(self) -> tuple[str, ...]:
        """The settings that it varies, in their order."""
        if self.search is not None:
            return tuple(axis.name for axis in self.search.axes)
        return tuple(dict.fromkeys(name for one in self.settings for name, _ in one.values))

    @property
    def base(self) -> RunSpec:
        """What all runs have in common; the fields that the plan varies have some value."""
        search = self.search
        return RunSpec.parse(self.settings[0].spec if search is None else search.base)

    def units(self, first: int = 0) -> Iterator[Unit]:
        """Every run, by setting and seed. first: the number of the setting to begin with."""
        for number, setting in enumerate(self.settings[first:], first):
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
        search = found.get("search")  # plans of earlier versions have none
        return cls(
            settings,
            seeds,
            str(found["sha256"]),
            PluginSources(**lists),
            None if search is None else _search_of(search),
        )


def _search_of(found: Mapping[str, Any]) -> Search:
    """A search from its JSON. Raises ValueError, KeyError or TypeError for anything else."""
    axes = tuple(
        Axis(
            str(axis["name"]),
            str(axis["field"]),
            tuple((str(text), str(fields)) for text, fields in axis["choices"]),
            None if axis["between"] is None else Range(**axis["between"]),
        )
        for axis in found["axes"]
    )
    refused = tuple(
        tuple((str(name), str(value)) for name, value in values) for values in found["refused"]
    )
    base = RunSpec.recorded(found["base"]).to_json()
    return Search(
        axes, base, int(found["trials"]), int(found["rounds"]), refused, bool(found["over"])
    )


def draws(vary: Mapping[str, Sequence[str] | Range], seed: int) -> Iterator[Values]:
    """Combinations drawn at random, without end, some of them more than once. seed: the same seed
    draws the same."""
    source = random.Random(seed)
    while True:
        yield tuple(
            (name, one.draw(source) if isinstance(one, Range) else source.choice(one))
            for name, one in vary.items()
        )


def on_log_scale(name: str, low: float, high: float) -> bool:
    """True if values between these two are taken on a logarithmic scale: learning rates always, any
    other setting where the end is at least ten times the beginning; both must be above 0."""
    return low > 0 and (name == "learning_rate" or 10 * low <= high * (1 + 1e-9))


def combinations(vary: Mapping[str, Sequence[str]], draws: int | None, seed: int) -> list[Values]:
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


def _at(vary: Mapping[str, Sequence[str]], index: int) -> Values:
    """The combination with this number."""
    found = []
    for name in reversed(list(vary)):
        index, place = divmod(index, len(vary[name]))
        found.append((name, vary[name][place]))
    return tuple(reversed(found))
