"""What a sweep is to train, read from the words of its command line."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from playground.cli.failures import printable, say, warn
from playground.cli.loading import load
from playground.cli.options import CHOICES, SETTINGS, chosen_in, spec_of, texts_of
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.spec import OPTIMIZER_FIELD, RATE_FIELD, RATES, RunSpec
from playground.lab.sweep.plan import (
    MOST_RUNS,
    Axis,
    Plan,
    Range,
    Search,
    Setting,
    Values,
    combinations,
    draws,
    in_words,
    on_log_scale,
)
from playground.lab.sweep.search import check_optuna
from playground.lab.sweep.unit import text_sha256
from playground.words import many, read_number

MOST_NAMED = 5
"""Refused combinations that are named at most."""
TRIES = 100
"""How often a combination is drawn again, in the mean, until one can be and is new."""
SEED = 42
Varied = list[str] | Range
"""What a setting is varied over: values in a list, or a range to draw from."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new sweep is to train, as the command line says it."""

    said: Mapping[str, Any]
    """The settings of all runs, by dotted field; choices are still text."""
    vary: tuple[str, ...]
    """Each "NAME=V,V" or "NAME=LOW..HIGH"."""
    seeds: int
    draws: int | None
    """How many combinations are drawn at random; None for all of them, or for a search."""
    trials: int | None = None
    """How many combinations a search tries; None for no search."""


def made(wanted: Wanted, sources: PluginSources) -> Plan:
    """The plan of a new sweep; that of a search has no settings yet. Raises click.UsageError for
    what cannot be, and LabError if there is nothing to search with."""
    if wanted.trials is not None and wanted.draws is not None:
        raise click.UsageError("--trials searches and --random draws: leave one of them out.")
    vary = varied(wanted.vary, wanted.said)
    _check_size(vary, wanted)
    seed = int(wanted.said.get("seed", SEED))
    most = RunSpec.model_fields["seed"].metadata[-1].le
    if seed + wanted.seeds - 1 > most:
        raise click.UsageError(f"--seed and those after it must be at most {most:,}.")
    seeds = tuple(range(seed, seed + wanted.seeds))
    look_up = _LookUp(sources)
    if wanted.trials is not None:
        if not vary:
            raise click.UsageError(
                "--trials searches among values: say which, as in "
                "--vary learning_rate=0.003..0.03 --vary n_embd=8,16,32."
            )
        check_optuna()
        search = _search(vary, wanted.trials, wanted.said, look_up, seed)
        return Plan((), seeds, text_sha256(RunSpec.parse(search.base)), sources, search)
    lists = {name: one for name, one in vary.items() if not isinstance(one, Range)}
    if len(lists) == len(vary):
        settings = _listed(combinations(lists, wanted.draws, seed), wanted.said, look_up)
    else:
        settings = _drawn(vary, wanted, look_up, seed)
    return Plan(tuple(settings), seeds, text_sha256(RunSpec.parse(settings[0].spec)), sources)


def _check_size(vary: Mapping[str, Varied], wanted: Wanted) -> None:
    """Raise click.UsageError for more runs than a sweep has, and for a range without a number of
    settings to draw."""
    number = wanted.draws or wanted.trials
    ranges = [name for name, one in vary.items() if isinstance(one, Range)]
    if ranges and number is None:
        raise click.UsageError(
            f"{ranges[0]} is varied over a range, and a grid has lists: search in the range with "
            "--trials N, draw from it with --random N, or list values, as in NAME=VALUE,VALUE."
        )
    size = math.prod(len(one) for one in vary.values() if not isinstance(one, Range))
    count = (number or size) if ranges or wanted.trials else min(size, number or size)
    if count * wanted.seeds > MOST_RUNS:
        less = "a smaller number" if number else "fewer values"
        draw = "" if number else ", or draw some of the combinations with --random N"
        raise click.UsageError(
            f"These are {count * wanted.seeds:,} runs, and a sweep has at most {MOST_RUNS:,}: give "
            f"{less} or fewer seeds{draw}."
        )


def _listed(given: Sequence[Values], said: Mapping[str, Any], look_up: _LookUp) -> list[Setting]:
    """The settings of these combinations. Raises click.UsageError if one of them cannot be."""
    settings, refused = [], []
    for values in given:
        try:
            settings.append(_setting(values, said, look_up))
        except click.UsageError as error:
            refused.append(_refusal(values, error))
    if refused:
        raise click.UsageError(
            f"Nothing was started, because these combinations cannot be: {_named(refused)}. "
            "Leave out the values that do not go together."
        )
    return settings


def _drawn(
    vary: Mapping[str, Varied], wanted: Wanted, look_up: _LookUp, seed: int
) -> list[Setting]:
    """As many different settings as are wanted, or are found within TRIES draws for each. Raises
    click.UsageError if there is none."""
    count = wanted.draws or 1
    settings: list[Setting] = []
    refused: list[str] = []
    known = set()
    for values in itertools.islice(draws(vary, seed), TRIES * count):
        if len(settings) == count:
            break
        if values in known:
            continue
        known.add(values)
        try:
            settings.append(_setting(values, wanted.said, look_up))
        except click.UsageError as error:
            refused.append(_refusal(values, error))
    if not settings:
        raise click.UsageError(f"No combination that was drawn can be: {_named(refused)}.")
    if refused:
        say(f"{many(len(refused), 'draw')} cannot be and are left out: {_named(refused)}.")
    if len(settings) < count:
        say(f"Only {many(len(settings), 'different setting')} of {count:,} could be drawn.")
    return settings


def _search(
    vary: Mapping[str, Varied], trials: int, said: Mapping[str, Any], look_up: _LookUp, seed: int
) -> Search:
    """A search that has not begun. Raises click.UsageError if no combination can be."""
    usual = {str(optimizer): rate for optimizer, rate in RATES.items()}
    rate_follows = RATE_FIELD not in said and "learning_rate" not in vary
    axes = []
    for name, one in vary.items():
        field = SETTINGS[name][0]
        if isinstance(one, Range):
            axes.append(Axis(name, field, between=one))
            continue
        choices = []
        for text in one:
            fields = {field: look_up({field: typed(name, text)})[field]}
            if field == OPTIMIZER_FIELD and rate_follows and text in usual:
                fields[RATE_FIELD] = usual[text]
            choices.append((text, json.dumps(fields)))
        axes.append(Axis(name, field, tuple(choices)))
    refused: list[str] = []
    for values in itertools.islice(draws(vary, seed), TRIES):
        try:
            return Search(tuple(axes), _setting(values, said, look_up).spec, trials)
        except click.UsageError as error:
            refused.append(_refusal(values, error))
    raise click.UsageError(f"No combination that was drawn can be: {_named(refused)}.")


def _setting(values: Values, said: Mapping[str, Any], look_up: _LookUp) -> Setting:
    """The setting with these values. Raises click.UsageError if they cannot be."""
    changed = {SETTINGS[name][0]: typed(name, text) for name, text in values}
    return Setting(values, spec_of(look_up(dict(said) | changed)).to_json())


def _refusal(values: Values, error: click.UsageError) -> str:
    return f"{in_words(values)}: {error.format_message()}"


def _named(refused: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(refused) - MOST_NAMED
    return "; ".join([*refused[:MOST_NAMED], *([f"and {more:,} more"] if more > 0 else [])])


def varied(given: Sequence[str], said: Mapping[str, Any]) -> dict[str, Varied]:
    """What each setting is varied over, by its name. said: the settings of all runs. Raises
    click.BadParameter for what is no setting, no value, or given twice."""
    found: dict[str, Varied] = {}
    for text in given:
        name, equals, listed = text.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if name == "seed":
            raise _bad("the seed is not varied so: --seeds N trains with N of them")
        if name not in SETTINGS:
            known = ", ".join(name for name in SETTINGS if name != "seed")
            raise _bad(f"there is no setting {name!r} that can be varied. There are: {known}")
        if not equals or not listed.strip():
            raise _bad(f"{text!r} gives no values. Write {name}=VALUE,VALUE")
        if name in found:
            raise _bad(f"{name} is given twice. Write all of its values into one --vary")
        if SETTINGS[name][0] in said:
            raise _bad(f"{name} is also given as an option of its own: leave one of them out")
        if ".." in listed and SETTINGS[name][1] is not str:
            found[name] = _range(name, listed)
            continue
        values = [value.strip() for value in listed.split(",")]
        meant = [typed(name, value) for value in values]
        for place, value in enumerate(meant):
            if value in meant[:place]:
                raise _bad(f"{name} has the value {values[place]} twice: leave one of them out")
        found[name] = values
    return found


def _range(name: str, text: str) -> Range:
    """The range of "LOW..HIGH". Raises click.BadParameter."""
    ends = [end.strip() for end in text.split("..")]
    if len(ends) != 2 or "," in text or not all(ends):
        raise _bad(f"{name}={text} is no range. Write {name}=LOW..HIGH, or a list of values")
    low, high = (typed(name, end) for end in ends)
    whole = SETTINGS[name][1] is int
    if whole and not (isinstance(low, int) and isinstance(high, int)):
        raise _bad(f"{name} must be a whole number, and {text} is not a range of these")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise _bad(f"{name}={text} has no end. Write {name}=LOW..HIGH with two numbers")
    if low >= high:
        raise _bad(f"{name}={text} ends where it begins, or before. Write the smaller number first")
    return Range(low, high, whole, on_log_scale(name, low, high))


def typed(name: str, text: str) -> Any:
    """The value of a setting. Raises click.BadParameter."""
    kind = SETTINGS[name][1]
    if kind is str:
        if not text:
            raise _bad(f"{name} has an empty value: write {name}=VALUE,VALUE")
        return text
    try:
        value = read_number(text, whole=kind is int)
    except ValueError as error:
        wanted = "whole number" if kind is int else "number"
        raise _bad(f"{name} must be a {wanted}, not {text!r}{error}") from None
    return value if kind is int else float(value)


def _bad(message: str) -> click.BadParameter:
    return click.BadParameter(f"{printable(message)}.", param_hint="--vary")


class _LookUp:
    """Looks up the choices among settings; plugins are loaded once, and only if there are any."""

    def __init__(self, sources: PluginSources) -> None:
        self._sources = sources
        self._registry: Registry | None = None
        self._known: dict[tuple[str, str], Any] = {}

    def __call__(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with every choice looked up. Raises click.BadParameter."""
        found = dict(said)
        for field, text in texts_of(said).items():
            if (field, text) not in self._known:
                if self._registry is None:
                    self._registry = load(self._sources)
                    warn(self._registry.problems)
                self._known[field, text] = chosen_in(self._registry, field, text)
            found[field] = self._known[field, text]
        assert not any(isinstance(found.get(field), str) for field in CHOICES if field != "engine")
        return found
